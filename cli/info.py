"""`errtax info`."""

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, notice, progress


@declare("info", "errtax info --json")
@click.option("--compile", "compile_all", is_flag=True, help="Compile all kernels now, not at their first use.")
def command(compile_all: bool) -> None:
    """Versions, and which optional parts are installed."""
    if compile_all:
        from errtax.taxonomy.studies.compilation import compile_kernels

        with progress("compiling") as update:
            seconds = compile_kernels(update)
        notice(f"All kernels are compiled; it took {seconds:.1f} s.")
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import errtax

    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    core = ("numpy", "numba", "pyarrow", "pandas", "click", "rich", "pydivsufsort", "matplotlib")
    extras = {"torch": "lm", "scikit-learn": "lm", "kenlm": "kenlm"}
    versions = {name: installed(name) for name in (*core, *extras)}
    document = {
        "schema": "errtax.info/1",
        "errtax": errtax.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": versions,
    }
    lines = [f"errtax {errtax.__version__}, Python {platform.python_version()}, {os.cpu_count()} processors"]
    for name, found in versions.items():
        hint = f"not installed: pip install 'errtax[{extras[name]}]'" if name in extras else "missing"
        lines.append(f"  {name:13} {found or hint}")
    emit(document, *lines)
