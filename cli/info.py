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
    from errtax.lm.installation import installation

    installed = installation()
    emit(installed.to_json(), *installed.lines)
