"""`errtax merge`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import force_option, jobs_option, slices_option
from errtax.cli.paths import LOG, OUTPUT
from errtax.cli.peels import PARTS, emit_peel


@declare("merge", "errtax merge preds.parts -o preds.peel.parquet")
@click.argument("folder", type=LOG, metavar="PARTS")
@click.option("-o", "--output", type=OUTPUT, help="File to write [default: PARTS.peel.parquet, without its .parts].")
@click.option("--parts", type=PARTS, default=1, help="Write a folder of so many files [default: one file].")
@jobs_option
@slices_option
@force_option
def command(folder: Path, output: Path | None, parts: int, slices: bool | None, force: bool) -> None:
    """Make one result of the parts that tasks have written with --part, and show it as the command itself would.

    PARTS is their folder.  A part that is missing is named; the folder stays as it is.
    """
    from errtax.taxonomy.peel_file import require_output
    from errtax.taxonomy.peel_parts import MergedPeel

    output = output or Path(folder.name.removesuffix(".parts") + (".peel" if parts > 1 else ".peel.parquet"))
    require_output(output, force, parts)
    emit_peel(MergedPeel(folder), output, slices, force, parts)
