"""Reliability diagrams and the table of calibration errors."""

from matplotlib.figure import Figure

from errtax.reports.figure import new_figure
from errtax.reports.numbers import count, percent, share
from errtax.reports.palette import COLOURS, LETTERS
from errtax.reports.table import Column, Row, Table
from errtax.reports.wording import wrap_signature
from errtax.taxonomy.calibration import Calibration


def calibration_figure(calibration: Calibration) -> Figure:
    """One panel per class: share of right first-ranked symbols by confidence; grey columns are numbers of positions."""
    columns = min(len(calibration.classes), 4)
    rows = -(-len(calibration.classes) // columns)
    height = 2.9 * rows + 1.4
    figure = new_figure(3.1 * columns + 0.5, height)
    margins = {"left": 0.07, "right": 0.985, "top": 1 - 0.8 / height, "bottom": 0.85 / height}
    grid = figure.add_gridspec(rows, columns, wspace=0.22, hspace=0.45, **margins)
    for k, each in enumerate(calibration.classes):
        axes = figure.add_subplot(grid[k // columns, k % columns])
        colour = "#222222" if each.name == "all" else COLOURS[each.name]
        shown = [part for part in each.bins if part.n]
        largest = max(part.n for part in shown)
        heights = [0.3 * part.n / largest for part in each.bins]
        axes.bar([part.low for part in each.bins], heights, 0.1, align="edge", color="#DDDDDD", lw=0)
        axes.plot([0, 1], [0, 1], color="#777777", lw=0.8, ls="--", label="right as often as it says")
        x, y = ([getattr(part, name) for part in shown] for name in ("confidence", "accuracy"))
        axes.plot(x, y, color=colour, marker="o", ms=4)
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.set_xlabel("probability of the first-ranked symbol", size=8)
        axes.set_ylabel("share that is right" if k % columns == 0 else "", size=8)
        axes.set_title(
            f"{'' if each.name == 'all' else LETTERS[each.name]}  {each.title}".strip(),
            size=10,
            color=colour,
            weight="bold",
        )
        said = f"n = {each.n:,}\nerror {100 * each.error.value:.2f} %"
        said += "" if each.critical is None else f"\nby chance below {100 * each.critical:.2f} %"
        axes.text(0.04, 0.96, said, transform=axes.transAxes, va="top", size=7.5)
        if k == 0:
            axes.legend(frameon=False, fontsize=7, loc="lower right")
    figure.suptitle(f"Calibration of {calibration.model}", size=12, weight="bold")
    figure.text(0.5, 0.012, wrap_signature(calibration.signature, 150), ha="center", size=5.5, color="#555555")
    return figure


def calibration_table(calibration: Calibration) -> Table:
    """One row per class of positions; 95 % intervals in brackets."""
    heads = {"confidence": "confidence", "accuracy": "right", "error": "calibration error"}
    shares = (Column(head, percent, names=(name, f"{name}_low", f"{name}_high")) for name, head in heads.items())
    chance = (
        Column("by chance", share, names=("error_by_chance",)),
        Column("critical value", share, names=("error_critical",)),
    )
    rows = (
        Row(
            each.title,
            (each.n, each.confidence, each.accuracy, each.error, each.by_chance, each.critical),
            name=each.name,
        )
        for each in calibration.classes
    )
    return Table(calibration.model, "positions", (Column("n", count, names=("n",)), *shares, *chance), tuple(rows))
