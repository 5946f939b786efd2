"""`errtax report`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option
from errtax.cli.paths import FILE, OUTPUT


@declare("report", "errtax report preds.peel.parquet -o report.html --pie pie.png")
@click.argument("peels", type=FILE, nargs=-1, required=True, metavar="PEEL...")
@click.option("-o", "--output", type=OUTPUT, default="report.html", show_default=True, help="HTML page to write.")
@click.option("--pie", type=OUTPUT, help="Also the pie, as .png, .svg or .pdf.")
@click.option("--bars", type=OUTPUT, help="Also the bars, as .png, .svg or .pdf.")
@click.option("--figures", type=OUTPUT, help="Also all pictures, as .svg, .png and .pdf, into this folder.")
@click.option("--markdown", type=OUTPUT, help="Also a summary in Markdown, for a pull request.")
@force_option
def command(
    peels: tuple[Path, ...],
    output: Path,
    pie: Path | None,
    bars: Path | None,
    figures: Path | None,
    markdown: Path | None,
    force: bool,
) -> None:
    """Write one HTML page on one or more peels of the same text; the first is the baseline of the others.

    The page is one file that needs no network: breakdown with intervals, definitions that can be moved, overlaps,
    comparison, and the whole text with its errors.
    """
    from errtax.lm.files import require_output_folder, require_outputs, write_text
    from errtax.reports.figure import require_format, save_figure
    from errtax.reports.markdown import report_markdown
    from errtax.reports.page import report_page
    from errtax.reports.results import results_of
    from errtax.taxonomy.peel_file import read_peel

    wanted = {path: name for path, name in ((pie, "pie"), (bars, "bars")) if path}
    if figures:
        require_output_folder(figures).mkdir(parents=True, exist_ok=True)
    require_outputs([output, markdown, *(require_format(path) for path in wanted)], force)
    results = results_of([read_peel(path) for path in peels])
    drawn = results.figures() if wanted or figures else {}
    if figures:
        wanted |= {figures / f"{name}{ending}": name for name in drawn for ending in (".svg", ".png", ".pdf")}
        require_outputs(wanted, force)
    for path, name in wanted.items():
        save_figure(drawn[name], path, force)
    write_text(output, report_page(results), force)
    if markdown:
        write_text(markdown, report_markdown(results), force)
    written = [str(path) for path in (output, markdown, *wanted) if path]
    emit(
        {"schema": "errtax.report/1", "written": written, "summaries": [each.to_json() for each in results.summaries]},
        *written,
    )
