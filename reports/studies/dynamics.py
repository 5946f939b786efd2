"""A training as a picture and a table: resemblance to simpler models, and classes of errors, by training step."""

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from errtax.reports.figure import new_figure
from errtax.reports.numbers import bits, count
from errtax.reports.palette import COLOURS, LETTERS
from errtax.reports.table import Column, Row, Table
from errtax.reports.wording import wrap_signature
from errtax.taxonomy.studies.dynamics import Dynamics

_SHOWN = 9  # contexts drawn: longer ones overlap
_MARKERS = "osD^vP*Xp"


def dynamics_figure(dynamics: Dynamics) -> Figure:
    """Divergence from each reference, difference of the losses, and the classes of errors, against training steps."""
    divergences = dynamics.divergences
    kinds = divergences.kinds
    width = 5.4 * (len(kinds) + 1)
    figure = new_figure(width, 8.4)
    margins = {"left": 0.75 / width, "right": 1 - 0.15 / width, "top": 0.9, "bottom": 0.12}
    grid = figure.add_gridspec(2, len(kinds) + 1, wspace=0.2, hspace=0.27, **margins)
    for column, kind in enumerate(kinds):
        _resemblance(figure.add_subplot(grid[0, column]), dynamics, kind)
        _difference(figure.add_subplot(grid[1, column]), dynamics, kind)
    _classes(figure.add_subplot(grid[0, len(kinds)]), dynamics, shares=False)
    _classes(figure.add_subplot(grid[1, len(kinds)]), dynamics, shares=True)
    title = f"{divergences.run.config.name} in the course of its training, n = {divergences.positions:,} positions"
    figure.suptitle(title, size=13, weight="bold")
    figure.text(0.5, 0.015, wrap_signature(dynamics.signature, 160), ha="center", size=6, color="#555555")
    return figure


def _chosen(dynamics: Dynamics, kind: str) -> list[int]:
    references = dynamics.divergences.references
    return [r for r, reference in enumerate(references) if reference.kind == kind and reference.context <= _SHOWN]


def _lines(axes: Axes, dynamics: Dynamics, kind: str, values: Callable[[int], NDArray[Any]]) -> None:
    """One line per reference: darker and with another mark the longer its context."""
    divergences, chosen = dynamics.divergences, _chosen(dynamics, kind)
    colours = mpl.colormaps["viridis"](np.linspace(0.92, 0, max(len(chosen), 2)))
    for k, r in enumerate(chosen):
        marker = _MARKERS[(divergences.references[r].context - 1) % len(_MARKERS)]
        style = {
            "color": colours[k],
            "marker": marker,
            "markersize": 4,
            "markevery": _marks(divergences.steps, k),
            "lw": 1.4,
        }
        axes.plot(divergences.steps, values(r), label=divergences.references[r].name, **style)
    axes.set_xscale("log")
    axes.set_xlabel("training step (updates of the weights)")


def _marks(steps: list[int], k: int) -> list[int]:
    """Where line k has its marks: at some eight steps, evenly on the logarithmic axis, apart from other lines'."""
    places = np.log(steps)
    wanted = np.linspace(places[0], places[-1], 9)[:-1] + (k % 8) / 64 * (places[-1] - places[0])
    return sorted({int(np.abs(places - place).argmin()) for place in wanted})


def _resemblance(axes: Axes, dynamics: Dynamics, kind: str) -> None:
    divergences = dynamics.divergences
    _lines(axes, dynamics, kind, lambda r: divergences.divergence[:, r])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.25)
    axes.legend(frameon=False, fontsize=7, ncols=3, loc="upper center")
    axes.yaxis.set_minor_formatter(FuncFormatter(_minor_label) if high < 100 * low else NullFormatter())
    axes.tick_params(axis="y", which="minor", labelsize=7)
    axes.set_ylabel("symmetric KL divergence (nats per symbol)")
    axes.set_title(f"How unlike each {kind} model")


def _minor_label(value: float, _: object) -> str:
    """Of 2, 3, 5 and 7 times a power of ten: more would touch each other.

    >>> [_minor_label(value, None) for value in (0.05, 0.09, 3.0)]
    ['0.05', '', '3']
    """
    return f"{value:g}" if f"{value:e}"[0] in "2357" else ""


def _difference(axes: Axes, dynamics: Dynamics, kind: str) -> None:
    divergences = dynamics.divergences
    _lines(axes, dynamics, kind, lambda r: divergences.losses - divergences.reference_losses[r])
    axes.axhline(0, color="#444444", lw=0.8)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.legend(frameon=False, fontsize=7, ncols=3, loc="upper center")
    axes.set_ylabel("its loss minus the reference's (nats per symbol)")
    axes.set_title(f"Behind (above 0) or ahead of each {kind} model")


def _classes(axes: Axes, dynamics: Dynamics, shares: bool) -> None:
    steps = dynamics.divergences.steps
    for k, layer in enumerate(dynamics.summaries[0].layers):
        counts = [
            {part.name: part.count for part in summary.layers}.get(layer.name, 0) for summary in dynamics.summaries
        ]
        totals = [max(summary.errors, 1) for summary in dynamics.summaries]
        values = 100 * np.array(counts) / np.array(totals) if shares else np.array(counts) / 1000
        style: dict[str, Any] = {
            "color": COLOURS[layer.name],
            "marker": f"${LETTERS[layer.name]}$",
            "markersize": 7,
            "lw": 1.4,
        }
        axes.plot(steps, values, label=layer.title, markevery=_marks(steps, k), **style)
    if not shares:
        errors = [summary.errors / 1000 for summary in dynamics.summaries]
        axes.plot(steps, errors, color="black", lw=1, ls="--", label="all errors")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.2 * axes.get_ylim()[1])  # room for the legend
    axes.set_xlabel("training step (updates of the weights)")
    axes.set_ylabel("% of the errors" if shares else "errors, thousands")
    axes.set_title("Share of each class of errors" if shares else "Errors of each class")
    axes.legend(frameon=False, fontsize=7, ncols=4, loc="upper center")


def dynamics_table(dynamics: Dynamics) -> Table:
    """One row per checkpoint, at most forty: loss, the nearest references, errors by layer."""
    divergences = dynamics.divergences
    nearest = {kind: divergences.nearest(kind) for kind in divergences.kinds}
    layers = dynamics.summaries[-1].layers
    columns = (
        Column("nats", bits),
        *(Column(f"most like ({kind})") for kind in nearest),
        Column("errors", count),
        *(Column(layer.title, count, rank=1) for layer in layers),
    )
    rows = []
    for c in sorted(
        set(np.linspace(0, len(divergences.steps) - 1, min(len(divergences.steps), 40)).round().astype(int).tolist())
    ):
        summary = dynamics.summaries[c]
        counts = {layer.name: layer.count for layer in summary.layers}
        like = (references[c].name for references in nearest.values())
        cells = (divergences.losses[c], *like, summary.errors, *(counts.get(layer.name, 0) for layer in layers))
        rows.append(Row(f"{divergences.steps[c]:,}", cells))
    return Table(divergences.run.config.name, "step", columns, tuple(rows))
