"""`errtax overlap`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice
from errtax.cli.paths import FILE, LOG, OUTPUT
from errtax.cli.types import RANGE


@declare("overlap", "errtax overlap lstm.parquet --ngram train.ngram --orders 20 --figure overlap.png")
@click.argument("preds", type=LOG, nargs=-1, required=True, metavar="PREDS...")
@click.option("--ngram", type=FILE, help="Index made by errtax build-ngram, or a model of KenLM.")
@click.option("--orders", type=RANGE, help="Its orders that take part, in KenLM's meaning [default: none].")
@click.option(
    "--criterion",
    metavar="p<T|argmax",
    default="p<0.5",
    show_default=True,
    help="What an error is; argmax is not available for n-grams.",
)
@click.option(
    "--min-count",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="Least occurrences of a symbol that is listed among the advantages.",
)
@click.option("-o", "--output", type=OUTPUT, default="overlap.parquet", show_default=True, help="Table to write.")
@click.option("--figure", type=OUTPUT, help="Also the picture, as .png, .svg or .pdf.")
@force_option
def command(
    preds: tuple[Path, ...],
    ngram: Path | None,
    orders: tuple[int, ...] | None,
    criterion: str,
    min_count: int,
    output: Path,
    figure: Path | None,
    force: bool,
) -> None:
    """Which errors two or three models share, and which symbols the first knows better than the second."""
    from errtax.lm.files import require_outputs
    from errtax.reports.studies.analysis_tables import advantages_table, error_overlap_table
    from errtax.taxonomy.settings import Criterion
    from errtax.taxonomy.studies.overlap import overlap, require_members
    from errtax.taxonomy.studies.overlap_file import write_overlap
    from errtax.taxonomy.studies.predictors import Sources, read_predictors

    if figure:
        from errtax.reports.figure import require_format

        require_format(figure)
    require_outputs([output, figure], force)
    sources = Sources(preds, ngram, orders or ())
    if ngram and not orders:
        notice(f"No n-gram model takes part: --orders says which orders of {ngram} do, for example --orders 20.")
    require_members(len(preds), len(sources.orders), Criterion.parse(criterion))
    found = overlap(read_predictors(sources), Criterion.parse(criterion), min_count)
    write_overlap(output, found, force)
    if figure:
        from errtax.reports.figure import save_figure
        from errtax.reports.studies.overlaps import overlap_figure

        save_figure(overlap_figure(found), figure, force)
    written = [str(path) for path in (output, figure) if path]
    emit(
        {**found.to_json(), "written": written},
        error_overlap_table(found),
        advantages_table(found),
        found.signature,
        *written,
    )
