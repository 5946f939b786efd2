"""The panes of a page as they open: table and controls, which the script then moves (`table.js`, `controls.js`)."""

from collections.abc import Sequence
from html import escape
from typing import Any

from errtax.reports.numbers import count, p_value, percent, with_ends
from errtax.reports.page_data import STEPS
from errtax.reports.page_layers import controls_of, layers_of
from errtax.reports.palette import COLOURS, LETTERS
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.difference import Difference
from errtax.taxonomy.intervals import Interval
from errtax.taxonomy.layers.registry import TOKENS
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.statistics import LayerStatistics, PartStatistics, Statistics
from errtax.taxonomy.summary import Summary

_LAYER = ("layer", "Click one to see its errors in the text")
_ALONE = (
    _LAYER,
    ("errors", "Errors that this layer takes: those that no earlier one took"),
    ("% of the errors [95 %]", "With its 95 % interval"),
    ("bits / symbol [95 %]", "Surprisal of these errors, per symbol of the whole text"),
    ("fair %", "Share of the errors if each is divided among the layers that claim it, whatever their order"),
)
_AGAINST = (
    _LAYER,
    ("before", "Errors of the model that it is compared with; click a number to see them"),
    ("after", "Errors of the model; click a number to see them"),
    ("fixed", "Errors that only the other model makes; click a number to see them"),
    ("new", "Errors that only this model makes; click a number to see them"),
    ("saved [95 %]", "Errors before − after, with the 95 % interval"),
    ("p", "Of a difference like this by chance, adjusted for all layers; tied: 0.05 or more"),
)
HEADS = {"alone": _ALONE, "against": _AGAINST}
"""The heads of the table's columns, and what they mean, of one model and of two."""


# --- the table -------------------------------------------------------------------------------------------------------


def statistics_rows(statistics: Statistics, summary: Summary) -> str:
    """The rows of one model: its layers with their slices below them, and all errors."""
    rows, largest = [], max(statistics.layers, key=lambda layer: layer.count.value, default=None)
    for layer in statistics.layers:
        unfolds, is_open = len(layer.slices) > 1, layer is largest
        rows.append(_layer_row(layer.name, layer.title, unfolds, is_open, _share_cells(layer, layer.fair)))
        for k, part in enumerate(layer.slices if unfolds else ()):
            rows.append(_slice_row(layer.name, k, part.name, is_open, _share_cells(part, None, layer)))
    rate = _quiet_ends(percent(statistics.error_rate).removesuffix(" %"), " of all")
    bits = sum(layer.bits for layer in summary.layers)
    rows.append(_total("all errors", [count(summary.errors), rate, f"{bits:.3f}", ""]))
    return "".join(rows)


def comparison_rows(comparison: Comparison) -> str:
    """The rows of two models: what became of the errors of each layer and slice, and of all."""
    rows, largest = [], max(comparison.layers, key=lambda layer: abs(layer.saved), default=None)
    for layer in comparison.layers:
        unfolds, is_open = len(layer.slices) > 1, layer is largest
        title = comparison.titles[layer.name]
        rows.append(_layer_row(layer.name, title, unfolds, is_open, _difference_cells(layer)))
        for k, part in enumerate(layer.slices if unfolds else ()):
            rows.append(_slice_row(layer.name, k, part.name, is_open, _difference_cells(part)))
    rows.append(_total("all errors", _difference_cells(comparison.total)))
    return "".join(rows)


def _share_cells(part: PartStatistics, fair: Interval | None, layer: LayerStatistics | None = None) -> list[str]:
    shares = percent(part.share).removesuffix(" %")
    colour = COLOURS[(layer or part).name]
    bar = (
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * part.share.value:.2f}" height="4" fill="{colour}"/></svg>'
    )
    return [
        count(part.count.value),
        _quiet_ends(shares) + bar,
        _quiet_ends(with_ends(part.bits, ".3f")),
        "" if fair is None else f"{100 * fair.value:.2f}",
    ]


def _difference_cells(item: Difference) -> list[str]:
    low, high = item.net.low, item.net.high
    ends = "" if low is None or high is None else f" [{round(low):,}, {round(high):,}]"
    saved = _quiet_ends(f"{item.saved:+,}{ends}")
    numbers = [count(value) for value in (item.before, item.after, item.fixed, item.new)]
    return [*numbers, saved, p_value((item.adjusted, item.tied))]


def _quiet_ends(number: str, more: str = "") -> str:
    """A number whose interval is less loud."""
    value, bracket, ends = number.partition(" [")
    return f'{value}<span class="ends">{bracket}{ends}{more}</span>' if bracket else value + more


def _layer_row(layer: str, title: str, unfolds: bool, is_open: bool, cells: Sequence[str]) -> str:
    name, fold = escape(title), '<i class="fold"></i>'
    if unfolds:
        expanded = f'aria-expanded="{"true" if is_open else "false"}" aria-label="slices of {name}"'
        fold = f'<button type="button" class="fold" {expanded}>▸</button>'
    chip = f'<b class="chip k-{layer}">{escape(LETTERS[layer])}</b>'
    head = f'<th scope="row">{fold}<button type="button" class="pick">{chip}{name}</button></th>'
    return f'<tr class="layer" data-layer="{layer}">{head}{_cells(cells)}</tr>'


def _slice_row(layer: str, k: int, title: str, is_open: bool, cells: Sequence[str]) -> str:
    head = f'<th scope="row"><i class="fold"></i><button type="button" class="pick">{escape(title)}</button></th>'
    kind = "slice open" if is_open else "slice"
    return f'<tr class="{kind}" data-layer="{layer}" data-slice="{k}">{head}{_cells(cells)}</tr>'


def _cells(cells: Sequence[str]) -> str:
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _total(title: str, cells: Sequence[str]) -> str:
    return f'<tr class="total"><th scope="row">{title}</th>{_cells(cells)}</tr>'


def bench_table(rows: str, compared: bool) -> str:
    """The table of the page."""
    kind = "against" if compared else "alone"
    heads = "".join(f'<th scope="col" title="{escape(meaning)}">{escape(head)}</th>' for head, meaning in HEADS[kind])
    region = '<div class="scroll" id="numbers" tabindex="0" role="region" aria-label="Errors by layer and slice">'
    return (
        f'{region}<table id="table" class="{kind}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


# --- the controls ----------------------------------------------------------------------------------------------------


def controls(peels: Sequence[Peel]) -> list[str]:
    """Sliders with the settings of the peel in words, the layers in their order, and the way back."""
    settings = peels[0].settings
    positions: list[Any] = sorted({*STEPS, *([t] if (t := settings.criterion.threshold) else [])})
    if all(_names_best(peel) for peel in peels):
        positions.append(None)
    if settings.made_for == TOKENS:  # what the n-grams claim depends on what an error is
        sliders = [_said("An error is a symbol with", _words("p < {}", settings.criterion.threshold))]
    else:
        sliders = [_slider("threshold", "An error is a symbol with", "p < {}", positions, settings.criterion.threshold)]
    for control in controls_of(peels[0]):
        value = control.pop("value")
        sliders.append(_slider(value=value, **control))
    return [
        '<div id="controls">',
        *sliders,
        '</div><h2 id="order-name">Layers, first to last</h2><ol id="order" aria-labelledby="order-name">',
        *_order(peels[0]),
        '</ol><button type="button" id="reset" disabled>Reset to the peel’s own</button>',
    ]


def _names_best(peel: Peel) -> bool:
    """Whether it is known which symbols were ranked first."""
    named = peel.log.argmax_codes is not None and (peel.log.surface is None or peel.log.argmax_surface is not None)
    return named or peel.settings.criterion.threshold is None


def _words(words: str, value: Any) -> str:
    return "another ranked first" if value is None else words.replace("{}", _number(value))


def _said(label: str, said: str) -> str:
    return f'<div class="control"><span>{escape(label)}</span><output>{escape(said)}</output></div>'


def _slider(name: str, label: str, words: str, positions: Sequence[Any], value: Any) -> str:
    said = escape(_words(words, value))
    return (
        f'<div class="control"><label for="set-{name}">{escape(label)}</label><output for="set-{name}">{said}</output>'
        f'<input type="range" id="set-{name}" min="0" max="{len(positions) - 1}" step="1" '
        f'value="{positions.index(value)}" aria-valuetext="{said}" disabled></div>'
    )


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.12g}"


def _order(peel: Peel) -> list[str]:
    """All layers whose evidence there is; those chosen first, in their order."""
    chosen, found = peel.settings.layers, []
    for layer in layers_of(peel):
        on = layer.name in chosen
        moves = "".join(
            f'<button type="button" data-key="{word}{layer.name}" aria-label="{escape(layer.title)} {word}" disabled>'
            f"{arrow}</button>"
            for word, arrow in (("earlier", "↑"), ("later", "↓"))
        )
        found.append(
            f'<li data-layer="{layer.name}"{"" if on else " class=off"}><input type="checkbox" id="on-{layer.name}" '
            f'data-key="on-{layer.name}"{" checked" if on else ""} disabled>'
            f'<label for="on-{layer.name}"><b class="chip k-{layer.name}">{escape(layer.letter)}</b>'
            f"{escape(layer.title)}</label>{moves}</li>"
        )
    return found
