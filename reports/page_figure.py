"""The figure of a page as it opens: rings of one model, or of two and what the second saves.  `figures.js` moves it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from errtax.lm.visible import cut
from errtax.reports.numbers import count, share
from errtax.reports.palette import COLOURS, LETTERS, shade
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.summary import LayerSummary, Summary

_WIDTH = 560
_GAP = 29
"""Between labels, from one to the next."""


@dataclass(frozen=True)
class _Ring:
    x: float
    y: float
    radius: float


_ALONE, _ALONE_HEIGHT = _Ring(280, 160, 130), 320
_PAIR, _PAIR_HEIGHT = (_Ring(94, 118, 92), _Ring(288, 118, 92)), 252
_ZERO, _REACH = 450, 50
"""Of the bars beside two rings: where nothing is saved, and the length of the longest."""


def figure_of(summaries: Sequence[Summary], comparison: Comparison | None) -> str:
    """The rings of a model, or of the two that are compared, as an SVG element."""
    if comparison is None:
        return _svg(_ALONE_HEIGHT, [_ring(summaries[0], _ALONE), _labels(summaries[0], _ALONE)], summaries[0].model)
    pair = (comparison.baseline, comparison.other)
    rings = [_ring(each, place) + _caption(each, place) for each, place in zip(pair, _PAIR, strict=True)]
    return _svg(_PAIR_HEIGHT, [*rings, _saved(comparison)], f"{pair[0].model} and {pair[1].model}")


def _svg(height: int, parts: Sequence[str], names: str) -> str:
    label = escape(f"Errors of {names} by layer and slice; the numbers are in the table")
    box = f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{"".join(parts)}</svg>'


def _at(ring: _Ring, part: float, radius: float) -> tuple[float, float]:
    """A point at so much of a full turn from the top, clockwise."""
    angle = 2 * math.pi * part - math.pi / 2
    return ring.x + radius * math.cos(angle), ring.y + radius * math.sin(angle)


def _wedge(ring: _Ring, start: float, part: float, ends: tuple[float, float], inside: tuple[str, str, str]) -> str:
    """`ends`: the inner and the outer end in parts of the radius; `inside`: colour, attributes, title."""
    inner, outer = (ring.radius * end for end in ends)
    stop = start + min(part, 0.99999)
    (x1, y1), (x2, y2) = _at(ring, start, outer), _at(ring, stop, outer)
    (x3, y3), (x4, y4) = _at(ring, stop, inner), _at(ring, start, inner)
    large = 1 if part > 0.5 else 0
    path = (
        f"M{x1:.2f} {y1:.2f}A{outer:.2f} {outer:.2f} 0 {large} 1 {x2:.2f} {y2:.2f}"
        f"L{x3:.2f} {y3:.2f}A{inner:.2f} {inner:.2f} 0 {large} 0 {x4:.2f} {y4:.2f}Z"
    )
    colour, attributes, title = inside
    return f'<path d="{path}" fill="{colour}" class="wedge" {attributes}><title>{escape(title)}</title></path>'


def _ring(summary: Summary, ring: _Ring) -> str:
    parts, turned = [], 0.0
    for layer in summary.layers:
        if not layer.count:
            continue
        title = f"{layer.title}: {count(layer.count)}, {share(layer.share)}"
        inside = (COLOURS[layer.name], f'data-layer="{layer.name}"', title)
        parts.append(_wedge(ring, turned, layer.share, (0.38, 0.7), inside))
        if layer.share > 0.03:
            x, y = _at(ring, turned + layer.share / 2, 0.54 * ring.radius)
            parts.append(f'<text x="{x:.2f}" y="{y + 4:.2f}" class="letter">{escape(LETTERS[layer.name])}</text>')
        for k, part in enumerate(layer.slices):
            if part.count:
                title = f"{part.name}: {count(part.count)}, {share(part.share)}"
                colour = shade(COLOURS[layer.name], k, len(layer.slices))
                inside = (colour, f'data-layer="{layer.name}" data-slice="{k}"', title)
                parts.append(_wedge(ring, turned, part.share, (0.7, 1), inside))
                turned += part.share
    if not summary.errors:
        parts.append(f'<circle cx="{ring.x:g}" cy="{ring.y:g}" r="{0.69 * ring.radius:.2f}" class="axis"/>')
    parts.append(f'<text x="{ring.x:g}" y="{ring.y:g}" class="middle">{count(summary.errors)}</text>')
    parts.append(f'<text x="{ring.x:g}" y="{ring.y + 13:g}" class="small">of {count(summary.positions)}</text>')
    return "".join(parts)


def _labels(summary: Summary, ring: _Ring) -> str:
    """The layers beside a ring, with lines to them, pushed apart so that none covers another."""
    turned = 0.0
    sides: tuple[list[tuple[float, float, LayerSummary]], ...] = ([], [])
    for layer in summary.layers:
        if layer.count:
            middle = turned + layer.share / 2
            sides[0 if middle < 0.5 else 1].append((_at(ring, middle, 1.12 * ring.radius)[1], middle, layer))
            turned += layer.share
    parts = []
    for k, side in enumerate(sides):
        side.sort(key=lambda each: each[0])
        sign, anchor = (1, "start") if k == 0 else (-1, "end")
        for y, (_, middle, layer) in zip(_spread([y for y, _, _ in side]), side, strict=True):
            (x1, y1), (x2, y2) = _at(ring, middle, 1.02 * ring.radius), _at(ring, middle, 1.1 * ring.radius)
            edge = ring.x + sign * 1.22 * ring.radius
            line = f"{x1:.2f},{y1:.2f} {x2:.2f},{y2:.2f} {edge:.2f},{y:.2f}"
            parts.append(f'<polyline points="{line}" class="leader"/>')
            x, attributes = edge + 4 * sign, f'text-anchor="{anchor}" data-layer="{layer.name}"'
            percent = f"{100 * layer.share:.1f} %"
            parts.append(f'<text x="{x:.2f}" y="{y + 1:.2f}" class="name" {attributes}>{escape(layer.title)}</text>')
            parts.append(f'<text x="{x:.2f}" y="{y + 14:.2f}" class="small" {attributes}>{percent}</text>')
    return "".join(parts)


def _spread(places: list[float]) -> list[float]:
    """Ascending places moved apart, within the figure."""
    gap = min(_GAP, (_ALONE_HEIGHT - 30) / max(len(places) - 1, 1))
    for _ in range(100):
        for k in range(len(places) - 1):
            push = max(0.0, gap - (places[k + 1] - places[k])) / 2
            places[k] -= push
            places[k + 1] += push
        places = [min(max(y, 12.0), _ALONE_HEIGHT - 18.0) for y in places]
    return places


def _caption(summary: Summary, ring: _Ring) -> str:
    rate = f"{100 * summary.error_rate:.1f} % wrong"
    return (
        f'<text x="{ring.x:g}" y="{ring.y + ring.radius + 20:g}" class="model">{escape(cut(summary.model, 26))}</text>'
        f'<text x="{ring.x:g}" y="{ring.y + ring.radius + 36:g}" class="small">{rate}</text>'
    )


def _saved(comparison: Comparison) -> str:
    """The errors that the other model saves, a bar per layer."""
    saved = {layer.name: layer.saved for layer in comparison.layers}
    most = max(1, *map(abs, saved.values())) if saved else 1
    step = min(24.0, 200 / max(len(saved), 1))
    parts = [f'<text x="{_ZERO}" y="18" class="model">errors saved</text>']
    for k, (name, value) in enumerate(saved.items()):
        y, size = 28 + k * step, _REACH * abs(value) / most
        x = _ZERO if value >= 0 else _ZERO - size
        title, middle = escape(f"{comparison.titles[name]}: {value:+,}"), f"{y + step / 2 + 1:.2f}"
        parts.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{size:.2f}" height="{step - 6:.2f}" fill="{COLOURS[name]}" '
            f'class="wedge" data-layer="{name}"><title>{title}</title></rect>'
            f'<text x="{_ZERO - _REACH - 10}" y="{middle}" class="small">{escape(LETTERS[name])}</text>'
            f'<text x="{_WIDTH - 4}" y="{middle}" class="small" text-anchor="end">{value:+,}</text>'
        )
    parts.append(f'<path d="M{_ZERO} 24V{28 + len(saved) * step:.2f}" class="leader"/>')
    return "".join(parts)
