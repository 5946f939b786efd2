"""A sweep in pictures and tables: losses beside the paper's, error classes by size, and who agrees with whom."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from errtax.lm.files import write_text
from errtax.reports.figure import new_figure, save_figure
from errtax.reports.numbers import bits, count, share
from errtax.reports.palette import COLOURS, LETTERS
from errtax.reports.table import Column, Row, Table
from errtax.reports.wording import short_number, wrap_signature
from errtax.taxonomy.layers.registry import LAYER_BY_NAME, LAYER_NAMES
from errtax.taxonomy.studies.sweep_file import write_results
from errtax.taxonomy.studies.sweep_record import Result, SweepResults, model_of
from errtax.taxonomy.studies.sweep_seeds import over_seeds

_KINDS = {
    "LSTM": ("#0072B2", "o"),
    "GRU": ("#009E73", "s"),
    "RNN": ("#D55E00", "^"),
    "n-NN": ("#CC79A7", "D"),
    "n-gram": ("#555555", "X"),
}
_STYLES = {"1": ":", "2": "--", "3": "-"}


def _style(family: str) -> tuple[str, str, str]:
    """Colour, marker and line style: a colour and a mark per kind of model, a style per depth."""
    return (*_KINDS[_kind(family)], _STYLES.get(family.removeprefix(_kind(family) + "-"), "-"))


def _kind(family: str) -> str:
    return next(kind for kind in _KINDS if family.startswith(kind))


def classes_figure(sweep: SweepResults) -> Figure:
    """Errors of each class against parameters: one panel per layer, one line per kind and depth of model.

    Lines run through the means of seeds; a dash is one of several.
    """
    results = [result for result in sweep.results if result.parameters is not None]
    families = list(dict.fromkeys(result.family for result in results))
    figure = new_figure(13.2, 7.4)
    grid = figure.add_gridspec(2, 4, left=0.055, right=0.99, top=0.88, bottom=0.13, wspace=0.24, hspace=0.34)
    panels: list[tuple[str, str, Callable[[Result], int]]] = [("all errors", "#222222", lambda result: result.errors)]
    for name in LAYER_NAMES:
        title = f"{LETTERS[name]}  {LAYER_BY_NAME[name].title}"
        panels.append((title, COLOURS[name], partial(_errors_of, name)))
    for k, (title, colour, counted) in enumerate(panels):
        axes = figure.add_subplot(grid[k // 4, k % 4])
        _class_panel(axes, results, families, counted)
        axes.set_title(title, color=colour, weight="bold", size=10)
        axes.set_ylabel("errors, thousands" if k % 4 == 0 else "")
    legend = figure.add_subplot(grid[1, 3])
    legend.axis("off")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    legend.legend(handles, labels, frameon=False, loc="center", ncols=2, fontsize=9)
    positions = results[0].positions if results else 0
    figure.suptitle(
        f"Errors of each class by the size of the model, n = {positions:,} positions", size=13, weight="bold"
    )
    figure.text(0.5, 0.015, wrap_signature(sweep.signature, 180), ha="center", size=6, color="#555555")
    return figure


def _errors_of(layer: str, result: Result) -> int:
    return result.classes[layer]


def _class_panel(
    axes: Axes, results: Sequence[Result], families: Sequence[str], counted: Callable[[Result], int]
) -> None:
    for family in families:
        seeds: dict[int, list[float]] = {}  # of each size
        for result in results:
            if result.family == family:
                seeds.setdefault(result.parameters or 0, []).append(counted(result) / 1000)
        colour, marker, line = _style(family)
        sizes = sorted(seeds)
        means = [fmean(seeds[size]) for size in sizes]
        axes.plot(sizes, means, color=colour, marker=marker, ls=line, ms=4.5, lw=1.3, label=family)
        each = [(size, value) for size in sizes for value in seeds[size] if len(seeds[size]) > 1]
        x, y = np.array(each).reshape(-1, 2).T
        axes.scatter(x, y, color=colour, marker="_", s=25, lw=0.8)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.08 * max(axes.dataLim.y1, 1e-3))  # so that the highest marks are whole
    for ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        ticks(FuncFormatter(short_number))
    axes.tick_params(axis="x", which="both", labelsize=7)
    axes.set_xlabel("parameters")


def agreement_figure(sweep: SweepResults) -> Figure:
    """A map on which models lie near each other whose first-ranked symbols are mostly the same (t-SNE)."""
    figure = new_figure(8.6, 7.2)
    axes = figure.add_axes((0.03, 0.12, 0.94, 0.77))
    sizes = [result.parameters or 1 for result in sweep.results]
    for (x, y), result, size in zip(sweep.places, sweep.results, sizes, strict=True):
        colour, marker, _ = _style(result.family)
        area = 30 + 45 * max(np.log10(size) - 4.5, 0) ** 2
        axes.scatter(x, y, s=area, color=colour, marker=marker, alpha=0.75, linewidths=0)
        axes.annotate(result.name, (x, y), xytext=(0, 7), textcoords="offset points", ha="center", size=7)
    for kind in dict.fromkeys(_kind(result.family) for result in sweep.results):
        colour, marker = _KINDS[kind]
        axes.scatter([], [], color=colour, marker=marker, label=kind, linewidths=0)
    axes.legend(frameon=False, fontsize=8, loc="best")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("t-SNE of the share of positions on which the first-ranked symbols differ (axes have no unit)")
    axes.margins(0.08)
    n = sweep.results[0].positions if sweep.results else 0
    figure.suptitle(
        f"Who predicts alike, n = {n:,} positions; the larger the mark, the more parameters", size=11, weight="bold"
    )
    figure.text(0.5, 0.015, wrap_signature(sweep.signature, 130), ha="center", size=6, color="#555555")
    return figure


def sweep_tables(sweep: SweepResults) -> list[Table]:
    """That of the runs, and that of the models with several seeds where there are any."""
    return [table for table in (sweep_table(sweep), seeds_table(sweep)) if table is not None]


def sweep_table(sweep: SweepResults) -> Table:
    """One row per run: size, epochs, losses, the paper's loss and the difference."""
    columns = [Column(head, count) for head in ("parameters", "epochs", "best")]
    columns += [Column("validation", bits, rank=1), Column("test ± sd", str)]
    if any(result.paper is not None for result in sweep.results):
        columns += [Column("paper", lambda value: f"{value:.3f}"), Column("difference", lambda value: f"{value:+.4f}")]
    columns.append(Column("errors", share))
    rows = []
    for result in sweep.results:
        test = bits(result.test_loss) + ("" if result.deviation is None else f" ± {result.deviation:.4f}")
        paper = (result.paper, result.difference)[: len(columns) - 6]
        cells = (result.parameters, result.epochs, result.best_epoch, result.val_loss, test, *paper)
        rows.append(Row(result.name, (*cells, result.errors / result.positions), name=result.name))
    return Table("", "run", tuple(columns), tuple(rows))


def seeds_table(sweep: SweepResults) -> Table | None:
    """One row per model with several seeds: mean, spread and interval; None where there is none."""
    models = over_seeds(sweep.results)
    if not models:
        return None
    columns = [Column("runs", count), Column("test, mean [95 %]", str), Column("sd", bits)]
    if any(model.paper is not None for model in models):
        columns += [Column("paper", lambda value: f"{value:.3f}"), Column("difference", lambda value: f"{value:+.4f}")]
    columns.append(Column("errors, mean ± sd", str))
    rows = []
    for model in models:
        mean = f"{bits(model.test_loss)} [{bits(model.low)}, {bits(model.high)}]"
        paper = (model.paper, model.difference)[: len(columns) - 4]
        errors = f"{model.errors:,.0f} ± {model.errors_deviation:,.0f}"
        rows.append(Row(model.name, (model.runs, mean, model.deviation, *paper, errors), name=model.name))
    return Table("Over seeds", "model", tuple(columns), tuple(rows))


def write_sweep(folder: Path, sweep: SweepResults) -> list[Path]:
    """Write what a sweep found into its folder, over what an earlier one wrote: the table twice, and two pictures."""
    written = [folder / name for name in ("results.parquet", "table.md", "classes.png", "agreement.png")]
    write_results(written[0], sweep)
    write_text(written[1], sweep_markdown(sweep))
    save_figure(classes_figure(sweep), written[2])
    save_figure(agreement_figure(sweep), written[3])
    return written


def sweep_markdown(sweep: SweepResults) -> str:
    """The paper's Table 1 with ours / the paper's in each cell, ours ± sd of seeds; baselines in a second table."""
    cells: dict[str, list[Result]] = {}
    for result in sweep.results:
        cells.setdefault(model_of(result.name), []).append(result)
    grid = [name for name in cells if name.count("-") == 2]
    families = list(dict.fromkeys(cells[name][0].family for name in grid))
    lines = [f"| budget | {' | '.join(families)} |", f"|---|{'---|' * len(families)}"] if grid else []
    for budget in dict.fromkeys(name.split("-")[2] for name in grid):
        row = [_markdown_cell(cells.get(f"{family.lower()}-{budget}", [])) for family in families]
        lines.append(f"| {budget} | {' | '.join(row)} |")
    for kind in ("nn", "gram"):
        chosen = [name for name in cells if name.endswith(f"-{kind}")]
        if chosen:
            lines += ["", f"| {' | '.join(chosen)} |", f"|{'---|' * len(chosen)}"]
            lines.append(f"| {' | '.join(_markdown_cell(cells[name]) for name in chosen)} |")
    return "\n".join(lines) + "\n"


def _markdown_cell(runs: Sequence[Result]) -> str:
    if not runs:
        return "–"
    losses, paper = [run.test_loss for run in runs], runs[0].paper
    spread = f" ± {stdev(losses):.3f}" if len(runs) > 1 and all(map(math.isfinite, losses)) else ""
    return f"{fmean(losses):.3f}{spread}" + (f" / {paper:.3f}" if paper is not None else "")
