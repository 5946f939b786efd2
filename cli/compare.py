"""`errtax compare`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option
from errtax.cli.paths import FILE, OUTPUT


@declare("compare", "errtax compare small.peel.parquet large.peel.parquet -o compare.html")
@click.argument("baseline", type=FILE)
@click.argument("others", type=FILE, nargs=-1, required=True, metavar="OTHER...")
@click.option("--by", type=click.Choice(["layer", "slice"]), default="layer", show_default=True, help="Rows shown.")
@click.option("-o", "--output", type=OUTPUT, help="Also an HTML page.")
@click.option("--bars", type=OUTPUT, help="Also the difference bars, as .png, .svg or .pdf.")
@force_option
def command(
    baseline: Path, others: tuple[Path, ...], by: str, output: Path | None, bars: Path | None, force: bool
) -> None:
    """Compare peels of the same text with BASELINE: which errors are gone, layer by layer, and might it be chance.

    fixed: errors of the baseline that are right now; kept: wrong in both; new: right before.  In brackets: 95 %
    intervals by bootstrap.  tied: a paired test over documents, streams or blocks of symbols is not significant.
    """
    from errtax.lm.files import require_absent, write_text
    from errtax.reports.bars import difference_figure
    from errtax.reports.figure import require_format, save_figure
    from errtax.reports.page import comparison_page
    from errtax.reports.terminal import bits_table, comparison_table, overview_table
    from errtax.reports.wording import HYPOTHESIS
    from errtax.taxonomy.comparison import SCHEMA, compare
    from errtax.taxonomy.peel_file import read_peel

    for path in filter(None, (output, bars and require_format(bars))):
        require_absent(path, force)
    first = read_peel(baseline)
    comparisons = [compare(first, read_peel(other)) for other in others]
    if bars:
        save_figure(difference_figure(comparisons), bars, force)
    if output:
        write_text(output, comparison_page(comparisons, first.settings), force)
    overview = [overview_table(comparisons), ""] if len(comparisons) > 1 else []
    tables = [
        part
        for each in comparisons
        for part in (comparison_table(each, by == "slice"), bits_table(each), each.finding(), "")
    ]
    emit(
        {"schema": SCHEMA, "comparisons": [each.to_json() for each in comparisons]},
        *overview,
        *tables,
        HYPOTHESIS,
        comparisons[0].signature,
        *(str(path) for path in (output, bars) if path),
    )
