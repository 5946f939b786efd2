"""A report in a few lines of Markdown, for a pull request."""

from errtax.lm.visible import visible
from errtax.reports.results import Results
from errtax.reports.table import Depth, Kind, Row, Table
from errtax.reports.tables import comparison_table, statistics_table
from errtax.reports.wording import findings, headline

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>|#~!&$@"})

MARKDOWN_START = "<!-- errtax report -->"
"""The first line, which no page shows: by it a file is known as an earlier report."""


def report_markdown(results: Results) -> str:
    """The finding, and a table of the layers, of each model; and what each saves against the first."""
    summaries, statistics = results.summaries, results.statistics
    lines = [MARKDOWN_START, f"## {plain(' · '.join(headline(summary) for summary in summaries))}", ""]
    lines += [f"{plain(text)}\n" for text in [" ".join(findings(each)) for each in summaries]]
    for each in statistics:
        lines += [f"### {plain(each.model)}", ""] if len(statistics) > 1 else []
        lines += markdown_table(statistics_table(each).depths(Depth.LAYER))
    for comparison in results.comparisons:
        rows = comparison_table(comparison).depths(Depth.LAYER, Depth.TOTAL)
        lines += [f"### {plain(comparison.finding())}", "", *markdown_table(rows)]
    return "\n".join([*lines, *(f"`{visible(each.signature).replace('`', '')}`\n" for each in statistics)])


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return " ".join(visible(text).translate(_SPECIAL).split())


def markdown_table(table: Table) -> list[str]:
    """The lines of a table, with an empty one after it; totals are bold."""
    sides = ["---:" if column.kind is Kind.NUMBER else "---" for column in table.columns]
    heads = [plain(head) for head in (table.label, *(column.head for column in table.columns))]
    rows = [[_label(row), *map(plain_cell, table.drawn(row))] for row in table.rows]
    return [
        f"| {' | '.join(heads)} |",
        f"|{'|'.join(['---', *sides])}|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _label(row: Row) -> str:
    label = plain(f"{row.letter} {row.label}".strip())
    return f"**{label}**" if row.depth is Depth.TOTAL else label


def plain_cell(text: str) -> str:
    """A cell: numbers keep their brackets."""
    return visible(text).replace("|", "\\|")
