"""Bars: the same breakdown as the pie's on a common scale, and the differences between models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from errtax.reports.figure import new_figure
from errtax.reports.palette import COLOURS, LETTERS, shade
from errtax.reports.wording import wrap_signature
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.summary import Summary

_HATCHES = ("", "///", "xxx", "\\\\\\", "+++", "---")  # dots are drawn one by one: 1.8 MB of SVG


def _style(m: int) -> dict[str, Any]:
    """What the bars of model m have in common, beside their colours."""
    return {"edgecolor": "#444444", "linewidth": 0.4, "hatch": _HATCHES[m % len(_HATCHES)]}


def bars_figure(summaries: Sequence[Summary]) -> Figure:
    """Errors by slice, one row per slice, one bar per model; all models share the scale."""
    layers = {layer.name: layer for summary in summaries for layer in summary.layers}  # `rest` may be of one only
    rows = [(layer.name, k, part.name) for layer in layers.values() for k, part in enumerate(layer.slices)]
    figure = new_figure(7.2, 1.5 + 0.21 * len(rows) * (1 + 0.45 * (len(summaries) - 1)))
    axes = figure.add_axes((0.24, 0.11, 0.72, 0.80))
    height = 0.8 / len(summaries)
    y = np.arange(len(rows))
    for m, summary in enumerate(summaries):
        counts = {(layer.name, k): part.count for layer in summary.layers for k, part in enumerate(layer.slices)}
        sizes = {layer.name: len(layer.slices) for layer in summary.layers}
        values = [counts.get((name, k), 0) for name, k, _ in rows]
        colours = [shade(COLOURS[name], k, sizes.get(name, 1)) for name, k, _ in rows]
        label = f"{summary.model}: {summary.errors:,} errors"
        places = y + (m - (len(summaries) - 1) / 2) * height
        bars = axes.barh(places, values, height, color=colours, label=label, **_style(m))
        shares = [f"{value:,}  {100 * value / max(summary.errors, 1):.1f} %" for value in values]
        axes.bar_label(bars, shares, padding=3, size=6.5)
    axes.set_yticks(y, [f"{LETTERS[name]}  {label}" for name, _, label in rows], size=8)
    axes.invert_yaxis()
    axes.margins(x=0.16, y=0.01)
    axes.set_xlabel("errors (share of the model's own errors)")
    axes.set_title(f"Errors by slice, n = {summaries[0].positions:,} positions", size=11, weight="bold")
    if len(summaries) > 1:
        axes.legend(loc="lower right", frameon=False, fontsize=8)
    figure.text(0.5, 0.012, wrap_signature(summaries[0].signature), ha="center", size=5, color="#555555")
    return figure


def difference_figure(comparisons: Sequence[Comparison]) -> Figure:
    """Errors that each model saves against the baseline, by layer (left) and by slice (right)."""
    first = comparisons[0]
    layers = [layer for layer in first.layers]
    slices = [(layer.name, k, part.name) for layer in layers for k, part in enumerate(layer.slices)]
    figure = new_figure(10.5, 1.6 + 0.2 * len(slices) * (1 + 0.35 * (len(comparisons) - 1)))
    left, right = figure.add_axes((0.145, 0.12, 0.30, 0.76)), figure.add_axes((0.62, 0.12, 0.35, 0.76))
    height = 0.8 / len(comparisons)
    for m, comparison in enumerate(comparisons):
        shift = (m - (len(comparisons) - 1) / 2) * height
        label = f"{comparison.other.model}: {comparison.saved:+,}"
        by_layer = [layer.saved for layer in comparison.layers]
        colours = [COLOURS[layer.name] for layer in layers]
        bars = left.barh(np.arange(len(layers)) + shift, by_layer, height, color=colours, label=label, **_style(m))
        share = [
            f"{value:+,}" + (f"  {100 * value / comparison.saved:.0f} %" if comparison.saved else "")
            for value in by_layer
        ]
        left.bar_label(bars, share, padding=3, size=7.5)
        by_slice = [part.saved for layer in comparison.layers for part in layer.slices]
        colours = [
            shade(COLOURS[layer.name], k, len(layer.slices))
            for layer in comparison.layers
            for k in range(len(layer.slices))
        ]
        bars = right.barh(np.arange(len(by_slice)) + shift, by_slice, height, color=colours, **_style(m))
        right.bar_label(bars, [f"{value:+,}" for value in by_slice], padding=3, size=6.5)
    left.set_yticks(
        np.arange(len(layers)),
        [f"{LETTERS[layer.name]}  {first.titles.get(layer.name, layer.name)}" for layer in layers],
    )
    right.set_yticks(np.arange(len(slices)), [f"{LETTERS[name]}  {label}" for name, _, label in slices], size=8)
    for axes, what in ((left, "layer (share of all errors saved)"), (right, "slice")):
        axes.invert_yaxis()
        axes.margins(x=0.2, y=0.02)
        axes.axvline(0, color="#444444", lw=0.8)
        axes.set_xlabel(f"errors saved, by {what}")
    if len(comparisons) > 1:
        left.legend(loc="lower right", frameon=False, fontsize=7)
    title = f"Errors saved against {first.baseline.model}, n = {first.baseline.positions:,} positions"
    figure.suptitle(title if len(comparisons) > 1 else f"{title}: {first.other.model}", size=11, weight="bold")
    figure.text(0.5, 0.012, wrap_signature(first.baseline.signature), ha="center", size=5.5, color="#555555")
    return figure
