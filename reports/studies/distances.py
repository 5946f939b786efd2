"""How sure models are of a closing symbol, by its distance from its opener: one panel per pair, one curve per model."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from errtax.reports.figure import drawable, new_figure
from errtax.reports.palette import series
from errtax.reports.studies.analysis_tables import left_out_sentence
from errtax.reports.wording import literal, wrap_signature
from errtax.taxonomy.studies.distance import Distances, PairDistances

_PANEL, _AXES, _BELOW = 2.95, 1.95, 0.62  # inches of height: a panel, its axes, what stands below them
_HEAD, _FOOT = 0.62, 0.36


def distance_figure(distances: Distances) -> Figure:
    """One panel per pair, one under another; the legend and the signature are for all of them."""
    pairs = distances.pairs
    bins = len(pairs[0].curves[0].bins)
    names = [literal(drawable(curve.name)) for curve in pairs[0].curves]
    width = max(7.2, 1.5 + 0.68 * bins)
    columns = max(1, min(len(names), int(width * 12 / (6 + max(map(len, names))))))
    head = _HEAD + 0.2 * (math.ceil(len(names) / columns) - 1)
    height = head + _PANEL * len(pairs) + _FOOT
    figure = new_figure(width, height)
    for k, pair in enumerate(pairs):
        bottom = (_FOOT + _PANEL * (len(pairs) - 1 - k) + _BELOW) / height
        draw_distances(figure.add_axes((0.75 / width, bottom, 1 - 1.0 / width, _AXES / height)), pair)
    title = "How sure of the closing symbol, by its distance from its opener"
    figure.suptitle(title, y=1 - 0.12 / height, va="top", size=12, weight="bold")
    handles = figure.axes[0].get_legend_handles_labels()[0]
    top = 1 - 0.38 / height
    figure.legend(handles, names, loc="upper center", bbox_to_anchor=(0.5, top), ncols=columns, frameon=False)
    signature = literal(drawable(wrap_signature(distances.signature)))
    figure.text(0.5, 0.1 / height, signature, ha="center", va="bottom", size=5.5, color="#555555")
    return figure


def draw_distances(axes: Axes, pair: PairDistances) -> Axes:
    """One pair: mean and standard error in each bin, bins at equal steps; n below each."""
    bins = pair.curves[0].bins
    step = min(0.6 / len(pair.curves), 0.16)
    for k, curve in enumerate(pair.curves):
        colour, marker, line = series(k)
        shift = (k - (len(pair.curves) - 1) / 2) * step
        axes.errorbar(
            [b + shift for b in range(len(bins))],
            [math.nan if b.mean is None else b.mean for b in curve.bins],
            [math.nan if b.sem is None else b.sem for b in curve.bins],
            color=colour,
            marker=marker,
            linestyle=line,
            linewidth=1,
            elinewidth=1.2,
            markersize=5.5,
            markeredgecolor="white",
            markeredgewidth=0.6,
            capsize=2.5,
            label=literal(drawable(curve.name)),
        )
    tops = [b.mean + (b.sem or 0.0) for curve in pair.curves for b in curve.bins if b.mean is not None]
    top = min(1.02, 1.12 * max(tops, default=1.0) or 1.0)
    axes.set(ylim=(-0.03 * top, top), xlim=(-0.6, len(bins) - 0.4))  # so that a marker at 0 is whole
    axes.grid(axis="y", color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xticks(range(len(bins)), [f"{b.low}–{b.high}\nn = {n}" for b, n in zip(bins, _counts(pair), strict=True)])
    axes.tick_params(axis="x", labelsize=7.5, length=0)
    opener, closer = (literal(drawable(c)) for c in pair.pair)
    axes.set_xlabel(f"distance from {opener} to {closer}, in symbols: low ≤ distance < high")
    axes.set_ylabel(f"mean probability of {closer}  (± s.e.)")
    axes.set_title(f"{opener} … {closer}", loc="left", size=11, weight="bold")
    axes.set_title(literal(drawable(left_out_sentence(pair))), loc="right", size=6.5, color="#555555")
    return axes


def _counts(pair: PairDistances) -> list[str]:
    """n of each bin: one number, or the least and the greatest where models differ."""
    columns = [sorted({b.n for b in bins}) for bins in zip(*(curve.bins for curve in pair.curves), strict=True)]
    return [f"{n[0]:,}" if len(n) == 1 else f"{n[0]:,}\nto {n[-1]:,}" for n in columns]
