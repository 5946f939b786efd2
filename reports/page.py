"""One HTML file, a workbench on one screen: finding, definitions, breakdown, and the text with its errors.

What is written here is the start state of the elements that the script (`assets/*.js`) then moves, and stands as it is
without it.  The text under test is untrusted: here it passes through `html.escape`, in the script it becomes text
nodes, and the page's policy forbids all requests and any script and style but its own.  The page names no path.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from errtax.lm.visible import visible
from errtax.reports.bars import bars_figure
from errtax.reports.document import document, script_of, style_of
from errtax.reports.excerpts import Examples, Excerpt, WorstErrors
from errtax.reports.numbers import percent, with_ends
from errtax.reports.page_bench import HEADS, bench_table, comparison_rows, controls, statistics_rows
from errtax.reports.page_data import LIMIT, page_data
from errtax.reports.page_figure import figure_of
from errtax.reports.page_tables import (
    comparison_html,
    comparison_section,
    layer_style,
    overlaps_section,
    picture,
    statistics_html,
)
from errtax.reports.page_text import still_examples, text_pane
from errtax.reports.results import Results
from errtax.reports.windows import PASSAGE_ROWS, WorstPassages
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.intervals import finite
from errtax.taxonomy.layers.registry import find_layer
from errtax.taxonomy.peel import Peel, PeelSource, whole_peel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.statistics import Statistics
from errtax.taxonomy.summary import Summary
from errtax.taxonomy.surroundings import Reader, read_through

_CAVEATS = (
    "The layers are rules of thumb about the text. A layer holds errors that its oracle could have explained; it does "
    "not prove why the model made them. A layer's size depends on the layers before it: the fair share and “any order” "
    "say by how much. Intervals are 95 % percentiles of the bootstrap over documents, streams of a split, or "
    "blocks of 1,000 symbols (the signature says which); they tell how much another text of the same kind would change "
    "the numbers, not another training of the model."
)
_PANES = (("breakdown", "Breakdown"), ("reading", 'Text<span id="in-text"></span>'), ("settings", "Definitions"))
_CITE = (
    "errtax: why is your language model wrong? Version and settings stand in the signature. The method: Andrej "
    "Karpathy, Justin Johnson, Li Fei-Fei: Visualizing and Understanding Recurrent Networks, 2015, section 4.3 "
    "(arXiv:1506.02078)."
)


def report_page(results: Results) -> str:
    """The report as HTML."""
    whole = len(results.peels[0]) <= LIMIT
    held = [whole_peel(each) for each in results.peels] if whole else []
    peels: Sequence[PeelSource] = held or results.peels
    heads, shown = [each.head for each in peels], min(1, len(peels) - 1)
    read = _Read(peels, results.summaries, shown, not whole)
    text = text_pane(held, shown, read.example, read.examples) if whole else _passages(heads, read)
    body = [
        *_header(results, shown, whole),
        '<nav class="tabs" aria-label="Panes" data-live>',
        *(
            f'<button type="button" data-pane="{name}" aria-pressed="{"true" if name == "breakdown" else "false"}">'
            f"{title}</button>"
            for name, title in _PANES
        ),
        '</nav><main class="bench"><section id="settings" aria-label="Definitions">',
        *controls(held if whole else heads),
        '</section><section id="breakdown" aria-label="Breakdown">',
        *_breakdown(results, shown),
        '</section><section id="reading" aria-label="Text">',
        *text,
        "</section></main>",
        *_below(results, heads[0].settings),
    ]
    style = style_of("base.css", "bench.css") + layer_style([heads[0].settings])
    example = read.example and read.example.position
    script, data = (script_of(), _data(held, results) | {"example": example}) if whole else ("", None)
    return document(f"Errors of {results.names}", body, results.machine(), style, script, data)


def _data(peels: Sequence[Peel], results: Results) -> dict[str, Any]:
    """What the script reads, with the bits of each model, and the models' places along a trend."""
    first = results.statistics[0]
    data = page_data(peels, first.units) | {"drawn": first.units.counted(first.blocks), "heads": HEADS}
    for model, each in zip(data["models"], results.statistics, strict=True):
        ends = [each.bits.low, each.bits.high]
        model |= {"bits": finite(each.bits.value), "bits_ends": None if None in ends else ends}
    if results.trend:
        scale = dict(zip(results.trend.models, results.trend.scale, strict=True))
        data["trend"] = {"by": results.trend.by, "scale": [scale[each.model] for each in results.statistics]}
    return data


class _Read:
    """What the page shows of the peels' rows, from one pass over each.

    `examples` of each peel; `example`: the worst error of the largest class of the peel `shown`; the `passages` in
    which each model fails worst, of long texts.
    """

    def __init__(self, peels: Sequence[PeelSource], summaries: Sequence[Summary], shown: int, long: bool) -> None:
        self.examples = [Examples({layer.name: layer.count for layer in summary.layers}, 6) for summary in summaries]
        self.passages = [WorstPassages(peel.head) for peel in peels] if long else []
        layers = [layer for layer in summaries[shown].layers if layer.count]
        largest = max(layers, key=lambda layer: layer.count).name if layers else None
        worst = WorstErrors(peels[shown].head, 1, largest)
        for k, peel in enumerate(peels):
            asked: list[Reader] = [self.examples[k], *self.passages[k : k + 1], *([worst] if k == shown else [])]
            read_through(peel, asked, PASSAGE_ROWS)
        self.example: Excerpt | None = next(iter(worst.excerpts), None)


# --- the first screen ------------------------------------------------------------------------------------------------


def finding(statistics: Statistics) -> str:
    """What one model's breakdown says, in a sentence; `controls.js` says it again as definitions are moved."""
    rate, layers = percent(statistics.error_rate, 1), [layer for layer in statistics.layers if layer.count.value]
    wrong = f"{statistics.model} is wrong on {rate} of {statistics.positions:,} symbols"
    if not layers:
        return f"{statistics.model} makes no error on {statistics.positions:,} symbols."
    largest = max(layers, key=lambda layer: layer.count.value)
    return f"{wrong}; the largest class is {largest.title}: {percent(largest.share, 1)} of its errors."


def _header(results: Results, shown: int, whole: bool) -> list[str]:
    statistics = results.statistics[shown]
    said = results.comparisons[shown - 1].finding() if shown else finding(statistics)
    bits = f"{with_ends(statistics.bits, '.4f')} bits per symbol"
    drawn = f"{bits}; {statistics.units.counted(statistics.blocks)} resampled"
    about = f"{statistics.model}: {drawn}" if len(results.statistics) > 1 else drawn
    cautions = dict.fromkeys(caution for each in results.statistics for caution in each.cautions)
    return [
        f'<header><div class="said"><h1 id="finding">{escape(said)}</h1><p id="about">{escape(about)}',
        *(f' · <strong class="note" title="{escape(text)}">{escape(_short(text))}</strong>' for text in cautions),
        "</p></div>",
        *(_choice(results, shown) if shown and whole else []),
        '<div class="tools" data-live><details id="export"><summary>Export</summary><div class="menu">'
        '<button type="button" data-export="svg">Figure as SVG</button>'
        '<button type="button" data-export="png">Figure as PNG</button>'
        '<button type="button" data-export="csv">Table as CSV</button>'
        '<button type="button" data-export="link">Copy link to this view</button></div></details>'
        '<button type="button" id="help-button" aria-label="Help on keys">?</button></div>'
        if whole
        else "",
        "</header>",
    ]


def _short(caution: str) -> str:
    """What a narrow line says of it: one that is long up to its colon."""
    return caution if len(caution) < 90 else caution.partition(": ")[0]


def _choice(results: Results, shown: int) -> list[str]:
    def options(chosen: int, *more: str) -> str:
        names = [
            f'<option value="{k}"{" selected" if k == chosen else ""}>{escape(each.model)}</option>'
            for k, each in enumerate(results.statistics)
        ]
        return "".join([*names, *more])

    none = '<option value="">nothing</option>'
    return [
        f'<div class="choice" data-live><label>model <select id="model" autocomplete="off">{options(shown)}</select>'
        f'</label><label>against <select id="against" autocomplete="off">{options(0, none)}</select></label></div>'
    ]


def _breakdown(results: Results, shown: int) -> list[str]:
    comparison = results.comparisons[shown - 1] if shown else None
    views = ["rings", "bars", "overlaps", *(["trend"] if results.trend else [])]
    buttons = "".join(
        f'<button type="button" data-view="{view}" aria-pressed="{"true" if view == "rings" else "false"}">'
        f"{view}</button>"
        for view in views
    )
    rows = comparison_rows(comparison) if comparison else statistics_rows(results.statistics[0], results.summaries[0])
    return [
        f'<div class="views" role="group" aria-label="Views of the figure" data-live>{buttons}</div>',
        f'<div id="figure">{figure_of(results.summaries, comparison)}</div>',
        bench_table(rows, comparison is not None),
    ]


def _passages(heads: Sequence[Peel], read: _Read) -> list[str]:
    note = (
        f"Up to {LIMIT:,} symbols a page holds the whole text and peels it again as you change the definitions; beyond "
        "that, the numbers and the worst passages. <code>errtax repeel</code> and <code>errtax show</code> do the rest."
    )
    worst = [each.html(f"text{k or ''}") for k, each in enumerate(read.passages)]
    inside = "".join([*worst, *still_examples(heads, read.examples)])
    region = '<div class="reader"><div id="pane" tabindex="0" role="region" aria-label="Worst passages">'
    return [f'<p class="note">{note}</p>{region}<div id="still">{inside}</div></div></div>']


# --- below the first screen ------------------------------------------------------------------------------------------


def _below(results: Results, settings: Settings) -> list[str]:
    machine = (
        'All numbers stand in <code>&lt;script type="application/json" id="errtax"&gt;</code> of this file: '
        "summaries, statistics, comparisons."
    )
    named = len(results.statistics) > 1
    parts = [
        ("definitions", "Definitions", definitions(settings)),
        ("statistics", "All numbers by the settings of the peel", _numbers(results, named)),
        *([("comparison", "Comparison by the settings of the peel", _compared(results))] if named else []),
        *([("trend", f"Along the {results.trend.by}", _trend(results))] if results.trend else []),
        ("caveats", "Caveats", f"<p>{_CAVEATS}</p>"),
        ("signature", "Signature", signatures(results.statistics)),
        ("cite", "How to cite", f"<p>{_CITE}</p>"),
        ("machine", "For programs", f"<p>{machine}</p>"),
    ]
    folded = (f'<details id="{name}"><summary>{title}</summary>{body}</details>' for name, title, body in parts)
    return ['<footer class="below">', *folded, "</footer>"]


def _numbers(results: Results, named: bool) -> str:
    tables = [statistics_html(each, named) for each in results.statistics]
    return "".join([*tables, *overlaps_section(results.statistics[0])])


def _compared(results: Results) -> str:
    return "".join(comparison_html(comparison) for comparison in results.comparisons)


def _trend(results: Results) -> str:
    figure = results.figures()["trend"]
    return picture(figure, "Errors by class")


def definitions(settings: Settings) -> str:
    """What an error is, and each layer in words."""
    threshold = settings.criterion.threshold
    error = "not ranked first" if threshold is None else f"with a probability below {threshold:g}"
    items = [
        f'<li class="k-{layer.name}"><b>{escape(layer.title)}</b>: {escape(layer.rule)}. '
        f'<span class="s">{escape(layer.describe(settings))}</span></li>'
        for layer in (find_layer(name, settings) for name in settings.layers)
    ]
    return (
        f"<p>An error is a symbol {error}. The layers take errors away one after another in this order; each counts "
        "what no earlier one took, so a layer's size depends on the order. “n-gram” means n symbols of context (order "
        "n + 1 in KenLM's terms). Bits are the surprisal of the errors, per symbol of the whole text. Fair: each error "
        "divided among the layers that claim it. After Karpathy, Johnson &amp; Fei-Fei (2015), section 4.3.</p>"
        f"<ol>{''.join(items)}</ol>"
    )


def signatures(made: Sequence[Statistics] | Sequence[Summary]) -> str:
    """How the numbers were made."""
    return "".join(f'<p class="s">{escape(each.model)}: {escape(visible(each.signature))}</p>' for each in made)


# --- the page of errtax compare --------------------------------------------------------------------------------------


def comparison_page(comparisons: Sequence[Comparison], settings: Settings) -> str:
    """The comparison of one or more models with the first, as HTML."""
    baseline = comparisons[0].baseline
    summaries = [baseline, *(comparison.other for comparison in comparisons)]
    body = [
        f"<main><h1>{escape(f'Against {baseline.model}')}</h1>",
        *(f"<p>{escape(comparison.finding())}</p>" for comparison in comparisons),
        *comparison_section(comparisons),
        "<h2>Breakdown of each model</h2>",
        picture(bars_figure(summaries), "Errors of each model by slice"),
        f"<h2>Definitions</h2>{definitions(settings)}<h2>Signature</h2>{signatures(summaries)}</main>",
    ]
    machine = {"schema": "errtax.compare/1", "comparisons": [comparison.to_json() for comparison in comparisons]}
    return document(f"Errors against {baseline.model}", body, machine, style_of("base.css") + layer_style([settings]))
