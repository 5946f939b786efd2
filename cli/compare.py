"""`errtax compare`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from errtax.cli.frame import block_option, caution, correction_option, emit, force_option, jobs_option, progress
from errtax.cli.frame import command as declare
from errtax.cli.outputs import Outputs
from errtax.cli.parts import Cluster, ray_options
from errtax.cli.paths import FILE, OUTPUT, TEXT_OUTPUT

if TYPE_CHECKING:
    from errtax.reports.table import Table
    from errtax.taxonomy.bootstrap import Resampling
    from errtax.taxonomy.comparison import Comparison
    from errtax.taxonomy.settings import Settings


@declare("compare", "errtax compare small.peel.parquet large.peel.parquet -o compare.html")
@click.argument("baseline", type=FILE)
@click.argument("others", type=FILE, nargs=-1, required=True, metavar="OTHER...")
@click.option("--by", type=click.Choice(["layer", "slice"]), default="layer", show_default=True, help="Rows shown.")
@click.option("-o", "--output", type=TEXT_OUTPUT, help="Also an HTML page.")
@click.option("--bars", type=OUTPUT, help="Also the difference bars, as .png, .svg or .pdf.")
@block_option
@correction_option
@ray_options
@jobs_option
@force_option
def command(
    baseline: Path,
    others: tuple[Path, ...],
    by: str,
    output: Path | None,
    bars: Path | None,
    block: int | None,
    correction: str,
    cluster: Cluster | None,
    force: bool,
) -> None:
    """Compare peels of the same text with BASELINE: which errors are gone, layer by layer, and whether by chance.

    fixed: errors of the baseline that are right now; kept: wrong in both; new: right before.  In brackets: 95 %
    intervals.  tied: a paired test over documents, streams or blocks of symbols is not significant.
    """
    from errtax.reports.bars import difference_figure
    from errtax.reports.page import comparison_page
    from errtax.taxonomy.bootstrap import Resampling
    from errtax.taxonomy.comparison import SCHEMA

    outputs = Outputs(force, figures=[bars], texts=[(output, "")])
    comparisons, settings = _compare([baseline, *others], Resampling(block), correction, cluster)
    for warning in dict.fromkeys(each.warning for each in comparisons):
        caution(warning)
    outputs.figure(bars, difference_figure, comparisons)
    if output:
        outputs.text(output, comparison_page(comparisons, settings))
    document = {"schema": SCHEMA, "comparisons": [each.to_json() for each in comparisons]}
    emit(document, *_tables(comparisons, by == "slice"), *outputs.written)


def _compare(
    paths: list[Path], resampling: "Resampling", correction: str, cluster: Cluster | None
) -> "tuple[list[Comparison], Settings]":
    from errtax.taxonomy.comparison import compare_all
    from errtax.taxonomy.identity import distinct_peels
    from errtax.taxonomy.peel_file import PeelFile
    from errtax.taxonomy.sum_parts import compare_on

    files = [PeelFile(path) for path in paths]
    first, *rest = peels = distinct_peels(files)
    if cluster is None:
        return compare_all(first, rest, resampling, correction)[1], first.head.settings
    with cluster.pool("Comparing") as pool, progress("comparing") as update:
        return compare_on(pool, peels, files, cluster.tasks, update, resampling, correction), first.head.settings


def _tables(comparisons: "list[Comparison]", slices: bool) -> "Iterator[str | Table]":
    """What the terminal shows: an overview of several, each, and what the test is about."""
    from errtax.reports.tables import bits_table, comparison_table, overview_table
    from errtax.reports.wording import hypothesis, power_line

    if len(comparisons) > 1:
        yield from (overview_table(comparisons), "")
    for each in comparisons:
        yield from (comparison_table(each).folded(slices), "", bits_table(each), each.finding(), power_line(each), "")
    yield from (hypothesis(comparisons[0].correction), comparisons[0].signature)
