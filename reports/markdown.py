"""A report in a few lines of Markdown, for a pull request."""

from collections.abc import Sequence

from errtax.lm.visible import visible
from errtax.reports.palette import LETTERS
from errtax.reports.results import Results
from errtax.reports.statistics import percent
from errtax.reports.wording import DIFFERENCE_HEADS, difference_cells, findings, headline

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>|#~!&$@"})

MARKDOWN_START = "<!-- errtax report -->"
"""The first line, which no page shows: by it a file is known as an earlier report."""


def report_markdown(results: Results) -> str:
    """The finding, and a table of the layers, of each model; and what each saves against the first."""
    summaries, found = results.summaries, results.statistics
    lines = [MARKDOWN_START, f"## {plain(' · '.join(headline(summary) for summary in summaries))}", ""]
    lines += [f"{plain(text)}\n" for text in [" ".join(findings(each)) for each in summaries]]
    for each in found:
        lines += [f"### {plain(each.model)}", ""] if len(found) > 1 else []
        lines += _table(
            ["layer", "errors", "share [95 %]", "fair share", "bits a symbol"],
            [
                [
                    f"{LETTERS[layer.name]} {plain(layer.title)}",
                    f"{layer.count.value:,.0f}",
                    percent(layer.share),
                    percent(layer.fair),
                    f"{layer.bits.value:.4f}",
                ]
                for layer in each.layers
            ],
        )
    for comparison in results.comparisons:
        rows = [[plain(comparison.titles[layer.name]), *difference_cells(layer)] for layer in comparison.layers]
        rows.append(["**all errors**", *difference_cells(comparison.total)])
        lines += [f"### {plain(comparison.finding())}", "", *_table(["layer", *DIFFERENCE_HEADS], rows)]
    return "\n".join([*lines, *(f"`{visible(each.signature).replace('`', '')}`\n" for each in found)])


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return " ".join(visible(text).translate(_SPECIAL).split())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    bars = "|".join(["---", *["---:"] * (len(head) - 1)])
    return [f"| {' | '.join(head)} |", f"|{bars}|", *(f"| {' | '.join(row)} |" for row in rows), ""]
