"""One plain HTML file: pictures, tables, examples of every layer, definitions, signature.

The text under test is untrusted: all of it passes through `html.escape`, and the page's policy forbids scripts,
requests and any style but its own.  The page names no path and needs no network.
"""

import base64
from collections.abc import Sequence
from html import escape

from matplotlib.figure import Figure

from errtax.reports.bars import bars_figure, difference_figure
from errtax.reports.document import STYLE, document, table
from errtax.reports.excerpts import Excerpt, excerpt, sample_rows
from errtax.reports.figure import svg_of
from errtax.reports.palette import COLOURS, LETTERS
from errtax.reports.pie import pie_figure
from errtax.reports.wording import DIFFERENCE_HEADS, HYPOTHESIS, difference_cells, findings, headline
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.layers import find_layer
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.settings import Criterion, Settings
from errtax.taxonomy.summary import Summary, summarise


def _style(peels: Sequence[Settings]) -> str:
    names = dict.fromkeys([*COLOURS, *(name for settings in peels for name in settings.layers)])
    return STYLE + "".join(f".k-{name}{{border-left:.5rem solid {COLOURS[name]};padding-left:.5rem}}" for name in names)


def report_page(peels: Sequence[Peel]) -> str:
    """The report on one or more peels, as HTML."""
    summaries = [summarise(peel) for peel in peels]
    body = [f"<h1>{escape(' · '.join(headline(summary) for summary in summaries))}</h1>"]
    body += [f"<p>{escape(' '.join(findings(summary)))}</p>" for summary in summaries]
    names = ", ".join(summary.model for summary in summaries)
    body += [
        "<h2>Breakdown</h2>",
        _picture(pie_figure(summaries), f"Errors of {names} by layer and slice, as rings"),
    ]
    body += [summary_html(summary) for summary in summaries]
    body += [_picture(bars_figure(summaries), f"Errors of {names} by slice, as bars")]
    body.append(
        "<h2>Examples</h2><p>Errors evenly spaced over the text; the symbol in the box is the one the model missed.</p>"
    )
    body += [_examples(peel, len(peels) > 1) for peel in peels]
    body += [_definitions(peels[0].settings), _signatures(summaries)]
    machine = {"schema": "errtax.report/1", "summaries": [summary.to_json() for summary in summaries]}
    return document(f"Errors of {names}", body, machine, _style([peel.settings for peel in peels]))


def comparison_page(comparisons: Sequence[Comparison], settings: Settings) -> str:
    """The comparison of one or more models with the first, as HTML."""
    baseline = comparisons[0].baseline
    summaries = [baseline, *(comparison.other for comparison in comparisons)]
    body = [f"<h1>{escape(f'Against {baseline.model}')}</h1>"]
    body += [f"<p>{escape(comparison.finding())}</p>" for comparison in comparisons]
    body += [
        "<h2>Errors saved</h2>",
        _picture(difference_figure(comparisons), "Errors saved by layer and slice"),
    ]
    body += [comparison_html(comparison) for comparison in comparisons]
    body += [
        "<h2>Breakdown of each model</h2>",
        _picture(bars_figure(summaries), "Errors of each model by slice"),
    ]
    body += [_definitions(settings), _signatures(summaries)]
    machine = {
        "schema": "errtax.compare/1",
        "comparisons": [comparison.to_json() for comparison in comparisons],
    }
    return document(f"Errors against {baseline.model}", body, machine, _style([settings]))


def _picture(figure: Figure, description: str) -> str:
    data = base64.b64encode(svg_of(figure)).decode()
    alt = escape(f"{description}; the numbers stand in the tables")
    return f'<p><img alt="{alt}" src="data:image/svg+xml;base64,{data}"></p>'


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    return table(head, rows, texts=("slice", "context", "evidence"))


def _row(kind: str, label: str, layer: str | None, values: Sequence[str]) -> str:
    first = f"<td{f' class=k-{layer}' if layer else ''}>{escape(label)}</td>"
    return f'<tr class="{kind}">{first}{"".join(f"<td>{escape(value)}</td>" for value in values)}</tr>'


def summary_html(summary: Summary) -> str:
    """The layers and slices of one model as a table."""
    rows = []
    for layer in summary.layers:
        values = (f"{layer.count:,}", f"{100 * layer.share:.2f} %", f"{layer.bits:.4f}")
        rows.append(_row("layer", f"{LETTERS[layer.name]}  {layer.title}", layer.name, values))
        if len(layer.slices) > 1:
            for part in layer.slices:
                values = (f"{part.count:,}", f"{100 * part.share:.2f} %", f"{part.bits:.4f}")
                rows.append(_row("", f"  {part.name}", layer.name, values))
    errors = (f"{summary.errors:,}", "100 %", f"{summary.bits - summary.correct_bits:.4f}")
    correct = (f"{summary.positions - summary.errors:,}", "", f"{summary.correct_bits:.4f}")
    rows += [_row("total", "all errors", None, errors), _row("", "correct symbols", None, correct)]
    head = ("layer / slice", "errors", "share of errors", "bits per symbol")
    return f"<h3>{escape(summary.model)}</h3>" + _table(head, rows)


def comparison_html(comparison: Comparison) -> str:
    """What one model saves against the baseline, as a table."""
    rows = []
    for layer in comparison.layers:
        label = f"{LETTERS[layer.name]}  {comparison.titles[layer.name]}"
        rows.append(_row("layer", label, layer.name, difference_cells(layer)))
        if len(layer.slices) > 1:
            rows += [_row("", f"  {part.name}", layer.name, difference_cells(part)) for part in layer.slices]
    rows.append(_row("total", "all errors", None, difference_cells(comparison.total)))
    numbers = _table(("layer / slice", *DIFFERENCE_HEADS), rows)
    return f"<h3>{escape(comparison.other.model)}</h3>{numbers}<p>{escape(HYPOTHESIS)}</p>"


def _examples(peel: Peel, named: bool) -> str:
    parts = [f"<h3>{escape(peel.log.model)}</h3>"] if named else []
    for name in peel.layer_names:
        rows = [_example_row(excerpt(peel, int(row))) for row in sample_rows(peel, name, 6)]
        if rows:
            title = find_layer(name, peel.settings).title
            head = ("position", "p", "slice", "context", "evidence")
            parts.append(f'<h3 class="k-{name}">{LETTERS[name]}  {escape(title)}</h3>' + _table(head, rows))
    return "".join(parts)


def _example_row(item: Excerpt) -> str:
    context = f"{escape(item.before)}<b>{escape(item.symbol)}</b>{escape(item.after)}"
    numbers = f'<td>{item.position:,}</td><td>{item.p:.3g}</td><td class="t">{escape(item.slice)}</td>'
    return f'<tr>{numbers}<td class="x"><bdi>{context}</bdi></td><td class="e">{escape(item.evidence)}</td></tr>'


def _definitions(settings: Settings) -> str:
    error = "with a probability below 0.5" if settings.criterion is Criterion.PROBABILITY else "not ranked first"
    items = [
        f'<li class="k-{layer.name}"><b>{escape(layer.title)}</b>: {escape(layer.rule)}. '
        f"<span class=s>{escape(settings.describe(layer.name))}</span></li>"
        for layer in (find_layer(name, settings) for name in settings.layers)
    ]
    return (
        f"<h2>Definitions</h2><p>An error is a symbol {error}. The layers take errors away one after another in this "
        "order; each counts what no earlier one took, so a layer's size depends on the order. “n-gram” means n "
        "symbols of context (order n + 1 in KenLM's terms). Bits are the surprisal of the errors, per symbol of the "
        f"whole text. After Karpathy, Johnson &amp; Fei-Fei (2015), section 4.3.</p><ol>{''.join(items)}</ol>"
    )


def _signatures(summaries: Sequence[Summary]) -> str:
    lines = "".join(f'<p class="s">{escape(summary.model)}: {escape(summary.signature)}</p>' for summary in summaries)
    return f"<h2>Signature</h2>{lines}"
