"""A trend as small panels, one per class of errors, and as a table."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from errtax.reports.figure import new_figure
from errtax.reports.numbers import with_ends
from errtax.reports.palette import COLOURS, LETTERS
from errtax.reports.table import Column, Row, Table
from errtax.reports.wording import short_number, wrap_signature
from errtax.taxonomy.trend import Trend


def trend_figure(trend: Trend) -> Figure:
    """All errors, and one panel per layer, these on one scale: errors in % of the positions, with 95 % bands."""
    columns = min(len(trend.classes), 4)
    rows = -(-len(trend.classes) // columns)
    figure = new_figure(3.1 * columns + 0.5, 2.7 * rows + 1.4)
    height = 2.7 * rows + 1.4
    margins = {"left": 0.07, "right": 0.985, "top": 1 - 0.75 / height, "bottom": 0.85 / height}
    grid = figure.add_gridspec(rows, columns, wspace=0.2, hspace=0.42, **margins)
    first = None
    for k, each in enumerate(trend.classes):
        axes = figure.add_subplot(grid[k // columns, k % columns], sharey=first)
        first = axes if k == 1 else first  # the layers share a scale; all errors have their own
        colour = "#222222" if each.name == "errors" else COLOURS[each.name]
        values = [rate.value for rate in each.rates]
        axes.plot(trend.scale, values, color=colour, marker="o", ms=4)
        if all(rate.low is not None for rate in each.rates):
            low, high = ([getattr(rate, end) for rate in each.rates] for end in ("low", "high"))
            axes.fill_between(trend.scale, low, high, color=colour, alpha=0.25, lw=0)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(short_number))
        wide = max(trend.scale) > 30 * min(trend.scale)  # powers of ten say enough, and more would run together
        axes.xaxis.set_minor_formatter(NullFormatter() if wide else FuncFormatter(short_number))
        axes.tick_params(axis="x", which="both", labelsize=7)
        axes.margins(x=0.08, y=0.12)
        axes.set_title(
            f"{'' if each.name == 'errors' else LETTERS[each.name]}  {each.title}".strip(),
            size=10,
            color=colour,
            weight="bold",
        )
        axes.set_xlabel(f"{trend.by} (log scale)", size=8)
        if k % columns == 0:
            axes.set_ylabel("errors, % of positions", size=8)
    if first is not None:
        first.set_ylim(bottom=0)
    figure.axes[0].set_ylim(bottom=0)
    title = f"Errors by class along {trend.by}, {len(trend.models)} models, n = {trend.positions:,} positions"
    figure.suptitle(title, size=12, weight="bold")
    figure.text(0.5, 0.012, wrap_signature(trend.signature, 150), ha="center", size=5.5, color="#555555")
    return figure


_SLOPES = (
    Column(
        "tenfold: of other text [95 %]",
        lambda slope: with_ends(slope, "+.3f"),
        names=("slope", "slope_low", "slope_high"),
    ),
    Column(
        "of other models [95 %]",
        lambda ends: f"[{ends[0]:+.3f}, {ends[1]:+.3f}]",
        names=("slope_of_models_low", "slope_of_models_high"),
    ),
    Column("scatter", lambda scatter: f"{scatter:.3f}", names=("scatter",)),
)


def trend_table(trend: Trend) -> Table:
    """One row per class: its rate in each model, the slope with its two intervals, and the scatter about the line."""
    models = tuple(
        Column(f"{model} {x:,.0f}", lambda rate: f"{rate.value:.2f}", names=(model,))
        for model, x in zip(trend.models, trend.scale, strict=True)
    )
    rows = (
        Row(each.title, (each.slope, each.of_models[1:], each.scatter, *each.rates), name=each.name)
        for each in trend.classes
    )
    title = f"errors in % of {trend.positions:,} positions, by {trend.by}"
    return Table(title, "class", (*_SLOPES, *models), tuple(rows))
