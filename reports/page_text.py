"""The pane of the text as it opens: filters, the beginning of the text with its errors, one error and its evidence.

`browser.js` moves it; examples of every layer stand below the text for readers without the script, and in print.
"""

from collections.abc import Sequence
from html import escape

from errtax.lm.visible import cut, direction
from errtax.reports.excerpts import Examples, Excerpt
from errtax.reports.page_tables import wide_table
from errtax.reports.palette import LETTERS
from errtax.reports.windows import marked_text
from errtax.taxonomy.layers.registry import find_layer
from errtax.taxonomy.peel import Peel

_BEGINNING = 1500
"""Symbols of the text that stand in the page's own HTML."""
_SAMPLE = 20_000
"""Symbols that tell in which direction the text is written."""
_KEYS = (
    ("n", "next marked symbol"),
    ("p", "previous marked symbol"),
    ("w", "worst errors first, and back to the text"),
    ("1 – 9", "only the errors of this layer, and all again"),
    ("Esc", "no filters"),
    ("?", "this help"),
)


def text_pane(peels: Sequence[Peel], shown: int, example: Excerpt | None, examples: Sequence[Examples]) -> list[str]:
    """The whole pane; `shown`: the number of the peel whose errors are marked."""
    peel, before = peels[shown], peels[0] if shown else None
    beginning = "".join(marked_text(peel, 0, min(_BEGINNING, len(peel)), before)).replace("↵", "↵\n")
    way = direction(peel.log.part(0, min(_SAMPLE, len(peel))).content.decode("utf-8", "ignore"))
    more = "" if len(peel) <= _BEGINNING else '<p class="still-only">… the text goes on where scripts run.</p>'
    return [
        *_filters(peels, shown),
        f'<div class="reader"><div id="pane" dir="{way}" tabindex="0" role="region" aria-label="Text with its errors">'
        f'<div id="canvas"></div><div id="still"><p class="passage">{beginning}</p>{more}',
        *still_examples(peels, examples),
        '</div></div><canvas id="strip" aria-hidden="true"></canvas></div>',
        '<div id="detail" tabindex="0" role="region" aria-live="polite" aria-label="The chosen symbol">',
        *(["<p>No errors.</p>"] if example is None else _detail(peel, example, way)),
        f"</div>{_help()}",
    ]


def _filters(peels: Sequence[Peel], shown: int) -> list[str]:
    def select(name: str, label: str, options: Sequence[tuple[str, str]], more: str = "") -> str:
        inside = "".join(f'<option value="{value}">{escape(text)}</option>' for value, text in options)
        titled = f'aria-label="{label}" title="{label}" autocomplete="off"{more}'
        return f'<select id="{name}" {titled}>{inside}</select>'

    orders = [("text", "in the text"), ("worst", "worst first")]
    return [
        '<div class="filters" data-live>',
        select("f-mark", "Which errors are marked", _marks(peels[0], peels[shown])) if shown else "",
        select("f-layer", "Errors of this layer", [("", "all layers")]),
        select("f-slice", "Errors of this slice", [("", "all slices")], " hidden"),
        select("f-claim", "Errors that this layer could take, whichever took them", [("", "claimed by any layer")]),
        '<input type="number" id="f-bits" min="0" step="1" placeholder="bits ≥" aria-label="Bits at least" '
        'title="Errors with at least so many bits">'
        '<input type="text" id="f-regex" placeholder="search (regex)" spellcheck="false" '
        'aria-label="Inside matches of this regular expression" title="Errors inside what this finds in the text">',
        select("f-order", "Order", orders),
        '<span class="steps"><button type="button" id="previous" aria-label="previous marked symbol" title="previous '
        'error (p)">←</button><button type="button" id="next" aria-label="next marked symbol" title="next error (n)">→'
        "</button></span>",
        '<span id="legend"><u class="e c-fixed">fixed</u> <u class="e">kept</u> <u class="e c-new">new</u></span>'
        if shown
        else "",
        '<button type="button" id="clear" hidden>× clear</button><span id="matches" role="status"></span></div>',
    ]


def _marks(before: Peel, after: Peel) -> list[tuple[str, str]]:
    """What may be marked of two models; `reading.js` says it again when others are chosen."""
    was, now = (cut(peel.log.model, 16) for peel in (before, after))
    return [
        ("all", "fixed, kept and new"),
        ("fixed", f"fixed: only {was} fails"),
        ("kept", "kept: both fail"),
        ("new", f"new: only {now} fails"),
        ("now", f"errors of {now}"),
        ("was", f"errors of {was}"),
    ]


def _detail(peel: Peel, example: Excerpt, way: str) -> list[str]:
    layer = find_layer(example.layer, peel.settings)
    context = f"{escape(example.before)}<b>{escape(example.symbol)}</b>{escape(example.after)}"
    return [
        f'<p class="what"><b class="chip k-{layer.name}">{escape(layer.letter)}</b>An error of the largest class: '
        f"{escape(layer.title)}, {escape(example.slice)}</p>",
        f'<p class="context" dir="{way}">{context}</p>',
        f"<p>p = {example.p:.2g} at position {example.position:,}; {escape(example.evidence)}.</p>",
    ]


def _help() -> str:
    rows = "".join(f"<p><kbd>{key}</kbd> {text}</p>" for key, text in _KEYS)
    more = (
        "<p>Under each error stands the letter of its layer. Click on a layer, a slice or a part of the figure to see "
        "its errors alone; on a symbol to see why it belongs there. The strip at the edge shows where in the text "
        "which layers fail; click it to go there. Ends of lines are ↵, carriage returns ←, tabs →.</p>"
    )
    form = '<form method="dialog"><button>Close</button></form>'
    return f'<dialog id="help" aria-label="Keys">{rows}{more}{form}</dialog>'


def still_examples(peels: Sequence[Peel], examples: Sequence[Examples]) -> list[str]:
    """Some errors of each layer in their context, of each model."""
    parts = ["<h3>Examples, evenly spaced over the text</h3>"]
    for head, each in zip(peels, examples, strict=True):
        parts += [f"<h3>{escape(head.log.model)}</h3>"] if len(peels) > 1 else []
        for name, items in each.excerpts.items():
            if items:
                title = escape(find_layer(name, head.settings).title)
                columns = ("position", "p", "slice", "context", "evidence")
                parts.append(f'<h4><b class="chip k-{name}">{escape(LETTERS[name])}</b>{title}</h4>')
                parts.append(wide_table(columns, [_example_row(item) for item in items]))
    return parts


def _example_row(item: Excerpt) -> str:
    context = f"{escape(item.before)}<b>{escape(item.symbol)}</b>{escape(item.after)}"
    numbers = f'<td>{item.position:,}</td><td>{item.p:.3g}</td><td class="t">{escape(item.slice)}</td>'
    return f'<tr>{numbers}<td class="x"><bdi>{context}</bdi></td><td class="e-words">{escape(item.evidence)}</td></tr>'
