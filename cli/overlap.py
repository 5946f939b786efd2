"""`errtax overlap`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, LOG, OUTPUT
from errtax.cli.predictors import sources_of
from errtax.cli.types import RANGE


@declare("overlap", "errtax overlap lstm.parquet --ngram train.ngram --orders 20 --figure overlap.png")
@click.argument("preds", type=LOG, nargs=-1, required=True, metavar="PREDS...")
@click.option("--ngram", type=FILE, help="Index made by errtax build-ngram, or a model of KenLM.")
@click.option("--orders", type=RANGE, help="Orders of it to include, as KenLM counts them [default: none].")
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
    help="Least number of occurrences of a symbol listed among the advantages.",
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
    from errtax.reports.studies.analysis_tables import advantages_table, error_overlap_table
    from errtax.reports.studies.overlaps import overlap_figure
    from errtax.taxonomy.settings import Criterion
    from errtax.taxonomy.studies.overlap import overlap, require_members
    from errtax.taxonomy.studies.overlap_file import write_overlap
    from errtax.taxonomy.studies.predictors import read_predictors

    outputs, rule = Outputs(force, [output], [figure]), Criterion.parse(criterion)
    sources = sources_of(preds, ngram, orders)
    require_members(len(preds), len(sources.orders), rule)
    result = overlap(read_predictors(sources), rule, min_count)
    outputs.file(output, write_overlap, result)
    outputs.figure(figure, overlap_figure, result)
    document = {**result.to_json(), "written": outputs.written}
    emit(document, error_overlap_table(result), advantages_table(result), result.signature, *outputs.written)
