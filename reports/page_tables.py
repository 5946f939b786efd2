"""The tables and pictures of a page, as HTML: statistics of a model, differences of two, overlaps of layers."""

import base64
from collections.abc import Sequence
from html import escape

from matplotlib.figure import Figure

from errtax.reports.bars import difference_figure
from errtax.reports.document import table
from errtax.reports.figure import svg_of
from errtax.reports.palette import COLOURS, LETTERS
from errtax.reports.table import Depth, Table
from errtax.reports.tables import bits_table, claims_table, comparison_table, statistics_table, summary_table
from errtax.reports.wording import hypothesis
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.statistics import Statistics
from errtax.taxonomy.summary import Summary


def layer_style(settings: Sequence[Settings]) -> str:
    """The style rules of all layers: the colour of rows, and of errors with their letter."""
    names = dict.fromkeys([*COLOURS, *(name for each in settings for name in (*each.layers, *_own(each)))])
    return "".join(
        f".k-{name}{{--c:{COLOURS[name]};--on:{_on(COLOURS[name])}}}"
        f".l-{name}{{--c:{COLOURS[name]};--t:{COLOURS[name]}48}}.l-{name}::after{{content:'{LETTERS[name]}'}}\n"
        for name in names
    )


def _on(colour: str) -> str:
    """Black or white, whichever can be read better on a colour."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#fff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000"


def _own(settings: Settings) -> list[str]:
    return [rule.name for rule in settings.custom]


def picture(figure: Figure, description: str) -> str:
    """A figure as an image within the page."""
    data = base64.b64encode(svg_of(figure)).decode()
    alt = escape(f"{description}; the numbers are in the tables")
    return f'<p><img alt="{alt}" src="data:image/svg+xml;base64,{data}"></p>'


def wide_table(head: Sequence[str], rows: Sequence[str]) -> str:
    """A table; the columns that a page fills with words are aligned as text."""
    return table(head, rows, texts=("slice", "context", "evidence"))


def table_row(kind: str, label: str, layer: str | None, values: Sequence[str]) -> str:
    """A row with its label, in the colour of a layer."""
    first = f'<th scope="row" class="t{f" k-{layer}" if layer else ""}">{escape(label)}</th>'
    return f'<tr class="{kind}">{first}{"".join(f"<td>{escape(value)}</td>" for value in values)}</tr>'


def html_table(record: Table) -> str:
    """A table of the page, without its title."""
    rows = [
        table_row(
            "" if row.depth in (Depth.SLICE, Depth.PLAIN) else row.depth,
            f"{row.letter}  {row.label}" if row.letter else f"  {row.label}" if row.depth is Depth.SLICE else row.label,
            row.layer,
            record.drawn(row),
        )
        for row in record.rows
    ]
    return wide_table((record.label, *(column.head for column in record.columns)), rows)


def statistics_html(statistics: Statistics, named: bool) -> str:
    """Layers and slices of one model with intervals and order-free shares, under its name if it is `named`."""
    heading = f"<h3>{escape(statistics.model)}</h3>" if named else ""
    note = (
        "<p>In brackets: 95 % intervals. Fair share: each error divided among the layers that claim it. Any order: the "
        "least and the most that the layer takes in any order of layers. Excess: bits above the one that a right "
        "symbol may cost. Recoverable: bits that the n-gram model would have saved.</p>"
    )
    return heading + html_table(statistics_table(statistics)) + note


def summary_html(summary: Summary) -> str:
    """The layers and slices of one model as a table."""
    return f"<h3>{escape(summary.model)}</h3>" + html_table(summary_table(summary))


def comparison_html(comparison: Comparison) -> str:
    """What one model saves against the baseline, as a table."""
    numbers = html_table(comparison_table(comparison)) + "<p>Bits per symbol:</p>" + html_table(bits_table(comparison))
    return f"<h3>{escape(comparison.other.model)}</h3>{numbers}<p>{escape(hypothesis(comparison.correction))}</p>"


def comparison_section(comparisons: Sequence[Comparison]) -> list[str]:
    """What models save against the first, with a picture; nothing where there is one model alone."""
    if not comparisons:
        return []
    return [
        f'<h2 id="comparison">Errors saved against {escape(comparisons[0].baseline.model)}</h2>',
        picture(difference_figure(comparisons), "Errors saved by layer and slice"),
        *(comparison_html(comparison) for comparison in comparisons),
    ]


def overlaps_section(statistics: Statistics) -> list[str]:
    """Which layers claim the same errors."""
    both = statistics.explained_by_both()
    titles = {layer.name: layer.title for layer in statistics.layers}
    rows = []
    for names, count in list(statistics.overlaps.items())[:20]:
        dots = "".join(f'<td class="dot">{"●" if name in names else "·"}</td>' for name in both)
        label = escape(" + ".join(titles[name] for name in names) or "none of them")
        share = f"<td>{100 * count / max(statistics.errors, 1):.2f} %</td>"
        rows.append(f'<tr><th scope="row" class="t">{label}</th>{dots}<td>{count:,}</td>{share}</tr>')
    heads = "".join(f'<th scope="col" class="dot">{LETTERS[name]}</th>' for name in both)
    head = f'<tr><th scope="col" class="t">claimed by exactly</th>{heads}<th scope="col">errors</th>'
    return [
        f"<h3>Overlaps</h3><p>How many errors of {escape(statistics.model)} exactly these layers claim; "
        "boost takes what remains, so it is left out.</p>",
        f'<div class="scroll"><table><thead>{head}<th scope="col">share</th></tr></thead>',
        f"<tbody>{''.join(rows)}</tbody></table></div>",
        "<h3>Share of a layer's claims that each other layer claims, too</h3>",
        html_table(claims_table(statistics)),
    ]
