"""The scatter panels of gate saturation, and the table of the most saturated gates."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from errtax.reports.figure import new_figure
from errtax.reports.numbers import share
from errtax.reports.table import Column, Depth, Kind, Row, Table
from errtax.reports.wording import wrap_signature
from errtax.taxonomy.studies.gates import Saturation, row_of

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "o^sDvP"


def saturation_figure(saturation: Saturation) -> Figure:
    """One panel per gate, one colour and mark per layer, one point per unit: x right-, y left-saturated (Figure 3)."""
    gates = saturation.gates
    figure = new_figure(4.1 * len(gates) + 0.6, 5.1)
    grid = figure.add_gridspec(1, len(gates), left=0.075, right=0.985, top=0.80, bottom=0.20, wspace=0.16)
    for g, gate in enumerate(gates):
        axes = figure.add_subplot(grid[0, g])
        axes.plot([0, 1], [1, 0], color="#999999", lw=0.8, ls="--", zorder=0)
        for k in range(len(saturation.left)):
            colour, marker = _COLOURS[k % 6], _MARKERS[k % 6]
            style: Any = {"color": colour, "marker": marker, "alpha": 0.6, "linewidths": 0, "clip_on": False}
            axes.scatter(saturation.right[k, g], saturation.left[k, g], s=26, label=f"layer {k + 1}", **style)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=f"{gate} gate")
        axes.set_xlabel(f"fraction right-saturated (> {saturation.thresholds.right:g})")
        if g == 0:
            axes.set_ylabel(f"fraction left-saturated (< {saturation.thresholds.left:g})")
            axes.legend(frameon=False, fontsize=8, loc="upper right")
    n_units = saturation.left.shape[0] * saturation.left.shape[2]
    figure.suptitle(f"Gate saturation, {saturation.config.name}", size=13, weight="bold")
    figure.text(0.5, 0.895, f"one point per unit ({n_units} units), n = {saturation.n:,} symbols", ha="center", size=9)
    figure.text(0.5, 0.02, wrap_signature(saturation.signature, 130), ha="center", size=6, color="#555555")
    return figure


def saturation_table(saturation: Saturation, count: int) -> Table:
    """The most saturated gates, then the mean over each layer."""
    mean = Column("mean", lambda value: f"{value:.3f}")
    columns = (Column("unit"), Column("gate", kind=Kind.WORD), Column("left", share), Column("right", share), mean)
    rows = []
    for place in saturation.most_saturated(count):
        row = row_of(saturation, *place)
        cells = (row["unit"], row["gate"], row["left"], row["right"], row["mean"])
        rows.append(Row(f"layer {row['layer']}", cells))
    for k, g in np.ndindex(*saturation.left.shape[:2]):
        means = (part[k, g].mean() for part in (saturation.left, saturation.right, saturation.mean))
        rows.append(Row(f"layer {k + 1}", ("all", saturation.gates[g], *means), Depth.TOTAL))
    title = f"{saturation.config.name}: the most saturated gates of {saturation.left.size}"
    return Table(title, "", columns, tuple(rows))
