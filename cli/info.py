"""`errtax info`."""

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit


@declare("info", "errtax info --json")
def command() -> None:
    """Versions, and which optional parts are installed."""
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
