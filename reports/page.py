"""One HTML file: pictures, tables, a peel that follows its controls, the text with its errors, definitions, signature.

All that a reader without JavaScript needs is written here; the script (`assets/report.js`) adds what moves.  The text
under test is untrusted: here it passes through `html.escape`, in the script it becomes text nodes, and the page's
policy forbids all requests and any script and style but its own.  The page names no path and needs no network.
"""

from collections.abc import Sequence
from html import escape

from errtax.lm.visible import visible
from errtax.reports.bars import bars_figure
from errtax.reports.document import STYLE, asset, document
from errtax.reports.excerpts import Examples, Excerpt
from errtax.reports.numbers import percent
from errtax.reports.page_data import LIMIT, page_data
from errtax.reports.page_tables import (
    comparison_section,
    layer_style,
    overlaps_section,
    picture,
    statistics_html,
    wide_table,
)
from errtax.reports.palette import LETTERS
from errtax.reports.results import Results
from errtax.reports.windows import PASSAGE_ROWS, WorstPassages
from errtax.reports.wording import findings, headline
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.layers.registry import find_layer
from errtax.taxonomy.peel import Peel, PeelSource, whole_peel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.statistics import Statistics
from errtax.taxonomy.summary import Summary
from errtax.taxonomy.surroundings import read_through

_CAVEATS = (
    "The layers are rules of thumb about the text. A layer holds errors that its oracle could have explained; it does "
    "not prove why the model made them. A layer's size depends on the layers before it: the fair share and “any order” "
    "say by how much. Intervals are 95 % percentiles of the bootstrap over documents, streams of a split, or "
    "blocks of 1,000 symbols (the signature says which); they tell how much another text of the same kind would change "
    "the numbers, not another training of the model."
)


def report_page(results: Results) -> str:
    """The report as HTML."""
    pictures, whole = results.figures(), len(results.peels[0]) <= LIMIT
    held = [whole_peel(each) for each in results.peels] if whole else []
    peels: Sequence[PeelSource] = held or results.peels
    heads, settings = [each.head for each in peels], peels[0].head.settings
    examples, passages = _read(peels, results.summaries, not whole)
    body = _head(results)
    body += [
        '<h2 id="breakdown">Breakdown</h2>',
        picture(pictures["pie"], f"Errors of {results.names} by layer and slice, as rings"),
        *(statistics_html(each, len(peels) > 1) for each in results.statistics),
        picture(pictures["bars"], f"Errors of {results.names} by slice, as bars"),
    ]
    body += _live(heads) if whole else _too_long(len(peels[0]))
    body += overlaps_section(results.statistics[0], whole)
    body += comparison_section(results.comparisons)
    if results.trend:
        body += [
            f'<h2 id="trend">Along the {results.trend.by}</h2>',
            picture(pictures["trend"], f"Errors by class along {results.trend.by}"),
        ]
    body += _browser(heads) if whole else [each.html(f"text{k or ''}") for k, each in enumerate(passages)]
    body.append(
        '<h2 id="examples">Examples</h2><p>Errors evenly spaced over the text; the symbol in the box is the one that '
        "the model missed.</p>"
    )
    body += [_examples(head, each, len(peels) > 1) for head, each in zip(heads, examples, strict=True)]
    body += [_definitions(settings), f'<h2 id="caveats">Caveats</h2><p>{_CAVEATS}</p>', _signatures(results.statistics)]
    style = asset("report.css") + layer_style([settings])
    script, data = (asset("report.js"), page_data(held)) if whole else ("", None)
    return document(f"Errors of {results.names}", body, results.machine(), style, script, data)


def _read(
    peels: Sequence[PeelSource], summaries: Sequence[Summary], long: bool
) -> tuple[list[Examples], list[WorstPassages]]:
    """Examples from each peel, and if they are `long` the worst passages, from one pass over it."""
    examples = [Examples({layer.name: layer.count for layer in summary.layers}, 6) for summary in summaries]
    passages = [WorstPassages(peel.head) for peel in peels] if long else []
    for k, peel in enumerate(peels):
        read_through(peel, [examples[k], *passages[k : k + 1]], PASSAGE_ROWS)
    return examples, passages


def comparison_page(comparisons: Sequence[Comparison], settings: Settings) -> str:
    """The comparison of one or more models with the first, as HTML."""
    baseline = comparisons[0].baseline
    summaries = [baseline, *(comparison.other for comparison in comparisons)]
    body = [f"<h1>{escape(f'Against {baseline.model}')}</h1>"]
    body += [f"<p>{escape(comparison.finding())}</p>" for comparison in comparisons]
    body += comparison_section(comparisons)
    body += [
        "<h2>Breakdown of each model</h2>",
        picture(bars_figure(summaries), "Errors of each model by slice"),
    ]
    body += [_definitions(settings), _signatures(summaries)]
    machine = {
        "schema": "errtax.compare/1",
        "comparisons": [comparison.to_json() for comparison in comparisons],
    }
    return document(f"Errors against {baseline.model}", body, machine, STYLE + layer_style([settings]))


# --- the head --------------------------------------------------------------------------------------------------------


def _head(results: Results) -> list[str]:
    summaries, statistics, comparisons = results.summaries, results.statistics, results.comparisons
    title = " · ".join(headline(summary) for summary in summaries)
    said = [" ".join(findings(summary)) for summary in summaries] + [each.finding() for each in comparisons]
    rates = "; ".join(
        f"{each.model}: error rate {percent(each.error_rate)} of {each.positions:,} symbols" for each in statistics
    )
    sections = [
        f'<a href="#{name}">{title}</a>'
        for name, title in (
            ("breakdown", "Breakdown"),
            ("live", "Re-peel"),
            ("overlaps", "Overlaps"),
            *((("comparison", "Comparison"),) if comparisons else ()),
            ("text", "Text"),
            ("examples", "Examples"),
            ("definitions", "Definitions"),
        )
    ]
    warnings = dict.fromkeys(each.warning for each in statistics if each.warning)
    return [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="lead">{escape(text)}</p>' for text in said),
        f"<p>{escape(rates)} (95 % intervals). Each error belongs to the first layer that explains it.</p>",
        *(f'<p class="note">{escape(text)}</p>' for text in warnings),
        f'<nav aria-label="Sections">{" ".join(sections)}</nav>',
    ]


# --- what moves ------------------------------------------------------------------------------------------------------


def _live(peels: Sequence[Peel]) -> list[str]:
    cells = ("errors", "share", "fair", *(("any order",) if len(peels) == 1 else ()), "")
    model = f'<th scope="colgroup" colspan="{len(cells)}" class="t">{{}}</th>'
    models = "".join(model.format(escape(peel.log.model)) for peel in peels)
    heads = "".join(f'<th scope="col">{name}</th>' if name else "<td></td>" for _ in peels for name in cells)
    table_head = f'<tr><td></td>{models}</tr><tr><th scope="col" class="t">layer / slice</th>{heads}</tr>'
    region = '<div class="scroll" tabindex="0" role="region" aria-label="Breakdown by the settings">'
    return [
        '<h2 id="live" class="screen">Re-peel</h2>',
        '<p class="screen no-script note">With JavaScript the definitions can be changed here, and the text can be '
        "read error by error. The rest of this page works without it.</p>",
        "<div data-live hidden><p>Change the definitions, switch layers off or drag them into another order: the "
        "numbers are what <code>errtax repeel</code> would give. The page's address keeps the view.</p>"
        '<div class="live"><div><div id="controls"></div><h3>Layers, first to last</h3>'
        '<ol id="order" aria-label="Layers in their order"></ol>'
        '<button type="button" id="reset">Reset to the settings of the peel</button></div>'
        '<div><div id="pies"></div><p id="live-said" role="status"></p>'
        f'{region}<table id="live-table"><thead>{table_head}</thead><tbody></tbody></table></div></div></div></div>',
    ]


def _browser(peels: Sequence[Peel]) -> list[str]:
    models = [(str(k), f"errors of {peel.log.model}") for k, peel in enumerate(peels)]
    if len(peels) > 1:
        models.append(("change", f"fixed, kept, new: {peels[1].log.model} against {peels[0].log.model}"))
    options = "".join(f'<option value="{value}">{escape(text)}</option>' for value, text in models)
    changes = "".join(f'<option value="{value}">{value or "any"}</option>' for value in ("", "fixed", "kept", "new"))
    change = f'<label>in the second model<br><select id="f-change">{changes}</select></label>' if len(peels) > 1 else ""
    keys = (
        ("n", "next marked symbol"),
        ("p", "previous marked symbol"),
        ("1 – 9", "only the errors of this layer, and all again"),
        ("?", "this help"),
    )
    rows = "".join(f"<p><kbd>{key}</kbd> {text}</p>" for key, text in keys)
    return [
        '<h2 id="text" class="screen">Text</h2><div data-live hidden id="browser">',
        "<p>The whole text under test. Errors are underlined in the colour of their layer, with its letter; ends of "
        "lines are ↵, carriage returns ←, tabs →.</p>"
        '<div class="filters">'
        f'<label>mark<br><select id="by">{options}</select></label>'
        '<label>of layer<br><select id="f-layer"></select></label>'
        '<label>of slice<br><select id="f-slice"></select></label>'
        '<label>claimed by<br><select id="f-claim"></select></label>'
        f"{change}"
        '<label>bits at least<br><input type="number" id="f-bits" min="0" step="1"></label>'
        '<label>inside matches of<br><input type="text" id="f-regex" placeholder="regular expression"></label>'
        '<span><button type="button" id="previous">← previous</button> <button type="button" id="next">next →</button> '
        '<button type="button" id="help-button" aria-label="Help on keys">?</button></span>'
        '<span id="matches" role="status"></span></div>'
        '<div class="browser"><div id="pane" tabindex="0" role="region" aria-label="Text with its errors">'
        '<div id="canvas"></div></div><div id="detail" tabindex="0" role="region" aria-live="polite" '
        'aria-label="The chosen symbol"></div></div>'
        f'<dialog id="help" aria-label="Keys">{rows}<form method="dialog"><button>Close</button></form></dialog></div>',
        '<p class="screen no-script">The text with its errors needs JavaScript; examples follow below.</p>',
    ]


def _too_long(rows: int) -> list[str]:
    return [
        '<h2 id="live">Re-peel</h2>',
        f'<p class="note">This text has {rows:,} symbols. Up to {LIMIT:,} a page holds '
        "the whole text and peels it again as you change the definitions; beyond that, the numbers and the worst "
        "passages. <code>errtax repeel</code> and <code>errtax show</code> do the rest.</p>",
    ]


# --- words -----------------------------------------------------------------------------------------------------------


def _examples(head: Peel, examples: Examples, named: bool) -> str:
    parts = [f"<h3>{escape(head.log.model)}</h3>"] if named else []
    for name, items in examples.excerpts.items():
        rows = [_example_row(item) for item in items]
        if rows:
            title = find_layer(name, head.settings).title
            columns = ("position", "p", "slice", "context", "evidence")
            parts.append(f'<h3 class="k-{name}">{LETTERS[name]}  {escape(title)}</h3>' + wide_table(columns, rows))
    return "".join(parts)


def _example_row(item: Excerpt) -> str:
    context = f"{escape(item.before)}<b>{escape(item.symbol)}</b>{escape(item.after)}"
    numbers = f'<td>{item.position:,}</td><td>{item.p:.3g}</td><td class="t">{escape(item.slice)}</td>'
    return f'<tr>{numbers}<td class="x"><bdi>{context}</bdi></td><td class="e-words">{escape(item.evidence)}</td></tr>'


def _definitions(settings: Settings) -> str:
    threshold = settings.criterion.threshold
    error = "not ranked first" if threshold is None else f"with a probability below {threshold:g}"
    items = [
        f'<li class="k-{layer.name}"><b>{escape(layer.title)}</b>: {escape(layer.rule)}. '
        f'<span class="s">{escape(layer.describe(settings))}</span></li>'
        for layer in (find_layer(name, settings) for name in settings.layers)
    ]
    return (
        f'<h2 id="definitions">Definitions</h2><p>An error is a symbol {error}. The layers take errors away one after '
        "another in this order; each counts what no earlier one took, so a layer's size depends on the order. “n-gram” "
        "means n symbols of context (order n + 1 in KenLM's terms). Bits are the surprisal of the errors, per symbol "
        f"of the whole text. After Karpathy, Johnson &amp; Fei-Fei (2015), section 4.3.</p><ol>{''.join(items)}</ol>"
    )


def _signatures(made: Sequence[Statistics] | Sequence[Summary]) -> str:
    lines = "".join(f'<p class="s">{escape(each.model)}: {escape(visible(each.signature))}</p>' for each in made)
    return f"<h2>Signature</h2>{lines}"
