"""`errtax report`."""

from pathlib import Path

import click

from errtax.cli.frame import FILE, emit, force_option
from errtax.cli.frame import command as declare


@declare("report", "errtax report preds.peel.parquet -o report.html --pie pie.png")
@click.argument("peels", type=FILE, nargs=-1, required=True, metavar="PEEL...")
@click.option("-o", "--output", type=FILE, default="report.html", show_default=True, help="HTML page to write.")
@click.option("--pie", type=FILE, help="Also the pie, as .png, .svg or .pdf.")
@click.option("--bars", type=FILE, help="Also the bars, as .png, .svg or .pdf.")
@force_option
def command(peels: tuple[Path, ...], output: Path, pie: Path | None, bars: Path | None, force: bool) -> None:
    """Write one HTML page on one or more peels: picture, tables, examples, definitions."""
    from errtax.lm.files import require_absent, write_text
    from errtax.reports.bars import bars_figure
    from errtax.reports.figure import require_format, save_figure
    from errtax.reports.page import report_page
    from errtax.reports.pie import pie_figure
    from errtax.taxonomy.peel_file import read_peel
    from errtax.taxonomy.summary import summarise

    pictures = [(path, draw) for path, draw in ((pie, pie_figure), (bars, bars_figure)) if path]
    for path in (output, *(require_format(path) for path, _ in pictures)):
        require_absent(path, force, peels)
    read = [read_peel(path) for path in peels]
    summaries = [summarise(peel) for peel in read]
    for path, draw in pictures:
        save_figure(draw(summaries), path, force)
    write_text(output, report_page(read), force)
    written = [str(output), *(str(path) for path, _ in pictures)]
    emit(
        {
            "schema": "errtax.report/1",
            "written": written,
            "summaries": [summary.to_json() for summary in summaries],
        },
        *written,
    )
