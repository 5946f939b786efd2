"""The paper's pie (Karpathy et al. 2015, Figure 6) in two rings: layers inside, their slices outside."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Wedge

from errtax.reports.figure import new_figure
from errtax.reports.palette import COLOURS, LETTERS, shade
from errtax.reports.wording import headline, wrap_signature
from errtax.taxonomy.summary import Summary

_INNER, _MIDDLE, _OUTER = 0.36, 0.70, 1.0
_LINE = 0.098  # height of a label, in units of the outer radius


@dataclass
class _Label:
    text: str
    angle: float  # radians, counter-clockwise from the right
    y: float


def draw_pie(axes: Axes, summary: Summary) -> Axes:
    """Draw one model's errors into `axes`; shares are of all errors, beginning at the top, clockwise."""
    turned = 0.0
    labels: list[_Label] = []
    for layer in summary.layers:
        _wedge(axes, turned, layer.share, _INNER, _MIDDLE, COLOURS[layer.name])
        if layer.share > 0.02:
            middle = _angle(turned + layer.share / 2)
            radius = (_INNER + _MIDDLE) / 2
            text = LETTERS[layer.name] + (f"\n{100 * layer.share:.1f} %" if layer.share > 0.07 else "")
            x, y = radius * math.cos(middle), radius * math.sin(middle)
            axes.text(x, y, text, ha="center", va="center", color="white", weight="bold", size=8.5)
        for k, part in enumerate(layer.slices):
            colour = shade(COLOURS[layer.name], k, len(layer.slices))
            _wedge(axes, turned, part.share, _MIDDLE, _OUTER, colour)
            if part.count:
                angle = _angle(turned + part.share / 2)
                labels.append(
                    _Label(f"{part.name}  {part.count:,}  {100 * part.share:.2f} %", angle, 1.12 * math.sin(angle))
                )
            turned += part.share
    _write_labels(axes, labels)
    axes.text(0, 0.05, f"{summary.errors:,}", ha="center", va="center", size=12, weight="bold")
    axes.text(0, -0.10, f"errors of\n{summary.positions:,}", ha="center", va="center", size=8)
    axes.set(xlim=(-2.5, 2.5), ylim=(-1.36, 1.42), aspect="equal")
    axes.axis("off")
    axes.set_title(headline(summary), size=11, weight="bold")
    return axes


def pie_figure(summaries: Sequence[Summary]) -> Figure:
    """The pies of one or more models side by side, with the legend of layers and the signature at the foot."""
    n = len(summaries)
    figure = new_figure(8.2 * n, 5.8)
    for k, summary in enumerate(summaries):
        draw_pie(figure.add_axes((k / n, 0.13, 1 / n, 0.82)), summary)
    titles = {layer.name: layer.title for summary in summaries for layer in summary.layers}
    shares = {layer.name: f"  {100 * layer.share:.1f} %" for layer in summaries[0].layers} if n == 1 else {}
    handles = [Wedge((0, 0), 1, 0, 360, color=COLOURS[name]) for name in titles]
    names = [f"{LETTERS[name]}  {title}{shares.get(name, '')}" for name, title in titles.items()]
    figure.legend(
        handles,
        names,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.055),
        ncols=len(names) if n > 1 else 4,
        frameon=False,
        columnspacing=1.2,
        handlelength=1,
        fontsize=8,
    )
    figure.text(0.5, 0.015, wrap_signature(summaries[0].signature, 150), ha="center", size=5.5, color="#555555")
    return figure


def _angle(turned: float) -> float:
    return math.pi / 2 - 2 * math.pi * turned


def _wedge(axes: Axes, turned: float, share: float, inner: float, outer: float, colour: str) -> None:
    if share > 0:
        end, start = math.degrees(_angle(turned)), math.degrees(_angle(turned + share))
        axes.add_patch(
            Wedge(
                (0, 0),
                outer,
                start,
                end,
                width=outer - inner,
                facecolor=colour,
                edgecolor="white",
                linewidth=0.8,
            )
        )


def _write_labels(axes: Axes, labels: list[_Label]) -> None:
    """Labels left and right of the pie, pushed apart so that none covers another, with lines to their slices."""
    for side in (1, -1):
        column = sorted((label for label in labels if math.cos(label.angle) * side >= 0), key=lambda label: label.y)
        _spread(column)
        if column:  # a long run of small slices at the foot is moved up as one
            rise = max(-1.28 - column[0].y, 0.0)
            for label in column:
                label.y += rise
        for label in column:
            x, y = math.cos(label.angle), math.sin(label.angle)
            axes.plot([_OUTER * x, 1.06 * x, side * 1.2], [_OUTER * y, 1.06 * y, label.y], lw=0.6, color="#888888")
            axes.text(side * 1.23, label.y, label.text, ha="left" if side > 0 else "right", va="center", size=7.5)


def _spread(column: list[_Label]) -> None:
    for _ in range(200):
        moved = False
        for below, above in pairwise(column):
            overlap = _LINE - (above.y - below.y)
            if overlap > 1e-4:
                below.y -= overlap / 2
                above.y += overlap / 2
                moved = True
        if not moved:
            break
