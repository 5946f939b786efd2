"""`errtax merge`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import force_option, jobs_option, slices_option
from errtax.cli.indexes import emit_merged_index
from errtax.cli.paths import LOG, OUTPUT
from errtax.cli.peels import PARTS, emit_peel
from errtax.cli.scores import emit_merged_scores
from errtax.cli.transformer import emit_merged_log


@declare("merge", "errtax merge preds.parts -o preds.peel.parquet")
@click.argument("folder", type=LOG, metavar="PARTS")
@click.option("-o", "--output", type=OUTPUT, help="File to write [default: named as by the command itself].")
@click.option("--parts", type=PARTS, default=1, help="Write a peel as a folder of so many files [default: one].")
@jobs_option
@slices_option
@force_option
def command(folder: Path, output: Path | None, parts: int, slices: bool | None, force: bool) -> None:
    """Make one result of the parts that tasks have written with --part, and show it as the command itself would.

    PARTS is their folder.  A part that is missing is named; the folder stays as it is.
    """
    from errtax.lm.files import require_absent
    from errtax.lm.part_files import schema_of_parts
    from errtax.lm.prediction_log import LOG
    from errtax.lm.scores import SCORES_NAME

    stem = folder.name.removesuffix(".parts").removesuffix(".parquet")
    if list(folder.glob("part-*.ngram")):
        emit_merged_index(folder, output or Path(f"{stem}.ngram"), force)
    elif (schema := schema_of_parts(folder)) == SCORES_NAME:
        emit_merged_scores(folder, require_absent(output or Path(f"{stem}.scores.parquet"), force), force)
    elif schema == LOG.name:
        emit_merged_log(folder, require_absent(output or Path(f"{stem}.parquet"), force), force)
    else:
        _merge_peel(folder, output or Path(stem + (".peel" if parts > 1 else ".peel.parquet")), slices, force, parts)


def _merge_peel(folder: Path, output: Path, slices: bool | None, force: bool, parts: int) -> None:
    from errtax.taxonomy.peel_file import require_output
    from errtax.taxonomy.peel_parts import MergedPeel

    require_output(output, force, parts)
    emit_peel(MergedPeel(folder), output, slices, force, parts)
