"""`errtax report`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, jobs_option
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, OUTPUT, TEXT_OUTPUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from errtax.reports.results import Results


@declare("report", "errtax report preds.peel.parquet -o report.html --pie pie.png")
@click.argument("peels", type=FILE, nargs=-1, required=True, metavar="PEEL...")
@click.option("-o", "--output", type=TEXT_OUTPUT, default="report.html", show_default=True, help="HTML page to write.")
@click.option("--pie", type=OUTPUT, help="Also the pie, as .png, .svg or .pdf.")
@click.option("--bars", type=OUTPUT, help="Also the bars, as .png, .svg or .pdf.")
@click.option("--figures", type=OUTPUT, help="Also all pictures, as .svg, .png and .pdf, into this folder.")
@click.option("--markdown", type=TEXT_OUTPUT, help="Also a summary in Markdown, for a pull request.")
@click.option("--open", "show", is_flag=True, help="Show the page in the browser.")
@jobs_option
@force_option
def command(
    peels: tuple[Path, ...],
    output: Path,
    pie: Path | None,
    bars: Path | None,
    figures: Path | None,
    markdown: Path | None,
    show: bool,
    force: bool,
) -> None:
    """Write one HTML page on one or more peels of the same text; the first is the baseline of the others.

    The page is one file that needs no network: adjustable definitions, breakdown with intervals, comparison, and the
    whole text with its errors, on one screen.
    """
    from errtax.reports.markdown import MARKDOWN_START, report_markdown
    from errtax.reports.page import report_page
    from errtax.reports.results import results_of
    from errtax.taxonomy.peel_file import PeelFile

    outputs = Outputs(force, figures=[pie, bars], texts=[(output, ""), (markdown, MARKDOWN_START)])
    results = results_of([PeelFile(path) for path in peels])
    drawn = _pictures(results, {pie: "pie", bars: "bars"}, figures, force)
    outputs.text(output, report_page(results))
    if markdown:
        outputs.text(markdown, report_markdown(results))
    for path, figure in drawn.items():
        outputs.figure(path, lambda drawn: drawn, figure)
    emit(_document(results, outputs.written), *outputs.written)
    _show(output, show)


def _document(results: "Results", written: list[str]) -> dict[str, object]:
    summaries = [each.to_json() for each in results.summaries]
    return {"schema": "errtax.report/1", "written": written, "summaries": summaries}


def _show(page: Path, wanted: bool) -> None:
    """Open a page in the browser if that is wanted, or say that there is none."""
    import webbrowser

    from errtax.cli.frame import notice

    if wanted and not webbrowser.open(page.resolve().as_uri()):
        notice(f"No browser was found; open {page} in one.")


def _pictures(
    results: "Results", named: dict[Path | None, str], folder: Path | None, force: bool
) -> "dict[Path, Figure]":
    """The pictures that are asked for by name, and all of them in a folder."""
    from errtax.lm.files import require_output_folder, require_outputs

    wanted = {path: name for path, name in named.items() if path is not None}
    drawn = results.figures() if wanted or folder else {}
    if folder:
        require_output_folder(folder).mkdir(parents=True, exist_ok=True)
        wanted |= {folder / f"{name}{ending}": name for name in drawn for ending in (".svg", ".png", ".pdf")}
        require_outputs(wanted, force)
    return {path: drawn[name] for path, name in wanted.items()}
