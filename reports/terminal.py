"""Tables for the terminal."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from errtax.reports.excerpts import Excerpt
from errtax.reports.palette import COLOURS, LETTERS
from errtax.reports.wording import BITS_HEADS, DIFFERENCE_HEADS, bits_cells, difference_cells, headline, ngram_line
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.statistics import Interval, Statistics
from errtax.taxonomy.summary import Summary


def summary_table(summary: Summary, found: Statistics | None = None) -> Table:
    """Layers and slices of one model; with statistics also the intervals of the shares, and fair shares."""
    intervals = {} if found is None else {layer.name: layer for layer in found.layers}
    title = Text(headline(summary), "bold")  # names are text, not markup
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.caption, table.caption_justify = ngram_line(summary), "left"
    table.add_column("")
    table.add_column("layer / slice", no_wrap=True)
    for name in ("errors", "share", "bits/symbol", *(("95 % of the share", "fair share") if found else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in summary.layers:
        known = intervals.get(layer.name)
        style = f"bold {COLOURS[layer.name]}"
        table.add_row(
            Text(LETTERS[layer.name], style),
            Text(layer.title, style),
            f"[bold]{layer.count:,}[/]",
            f"[bold]{100 * layer.share:.2f} %[/]",
            f"[bold]{layer.bits:.4f}[/]",
            *(() if known is None else (_ends(known.share), _percent(known.fair))),
        )
        if len(layer.slices) > 1:
            for part in layer.slices:
                table.add_row("", f"  {part.name}", f"{part.count:,}", f"{100 * part.share:.2f} %", f"{part.bits:.4f}")
    correct = summary.positions - summary.errors
    table.add_row(
        "",
        "errors",
        f"{summary.errors:,}",
        "100.00 %",
        f"{summary.bits - summary.correct_bits:.4f}",
        style="bold",
    )
    table.add_row("", "correct symbols", f"{correct:,}", "", f"{summary.correct_bits:.4f}")
    return table


def _ends(share: Interval) -> str:
    return "" if share.low is None or share.high is None else f"{100 * share.low:.2f} – {100 * share.high:.2f} %"


def _percent(share: Interval | None) -> str:
    return "" if share is None else f"{100 * share.value:.2f} %"


def comparison_table(comparison: Comparison, slices: bool = False) -> Table:
    """Layers of two models, and what the other saves against the baseline; with `slices` those, too."""
    title = Text(f"{comparison.other.model} against {comparison.baseline.model} (baseline)", "bold")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("", "layer / slice" if slices else "layer"):
        table.add_column(name, no_wrap=True)
    for name in DIFFERENCE_HEADS:
        table.add_column(name, justify="right", no_wrap=True)
    for layer in comparison.layers:
        table.add_row(LETTERS[layer.name], comparison.titles[layer.name], *difference_cells(layer), style="bold")
        for part in layer.slices if slices and len(layer.slices) > 1 else ():
            table.add_row("", f"  {part.name}", *difference_cells(part))
    table.add_row("", "all errors", *difference_cells(comparison.total), style="bold")
    return table


def bits_table(comparison: Comparison) -> Table:
    """Bits per symbol of two models on the errors of each layer, on correct symbols, and in all: they sum up."""
    table = Table(title=Text("bits per symbol", "bold"), title_justify="left", box=None, pad_edge=False)
    for name in ("", "on the errors of"):
        table.add_column(name, no_wrap=True)
    for name in BITS_HEADS:
        table.add_column(name, justify="right", no_wrap=True)
    for layer in comparison.layers:
        table.add_row(LETTERS[layer.name], comparison.titles[layer.name], *bits_cells(layer.bits))
    table.add_row("", "(correct symbols)", *bits_cells(comparison.correct))
    table.add_row("", "all symbols", *bits_cells(comparison.total.bits), style="bold")
    return table


def overview_table(comparisons: Sequence[Comparison]) -> Table:
    """Several models against one baseline: all errors, a row a model."""
    title = Text(f"against {comparisons[0].baseline.model} (baseline)", "bold")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for name in DIFFERENCE_HEADS[:-2]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    for comparison in comparisons:
        cells = difference_cells(comparison.total)
        table.add_row(Text(comparison.other.model), *cells[:-2], cells[-1])
    return table


def excerpt_table(excerpts: Sequence[Excerpt]) -> Table:
    """Errors in their context: what stood before, the symbol, what came after."""
    table = Table(box=None, pad_edge=False)
    for name in ("position", "p", "layer", "slice"):
        table.add_column(name, justify="right" if name in ("position", "p") else "left", no_wrap=True)
    table.add_column("context", overflow="fold")
    table.add_column("evidence", overflow="fold")
    for item in excerpts:
        context = Text(item.before) + Text(f"‹{item.symbol}›", f"bold {COLOURS[item.layer]}") + Text(item.after)
        table.add_row(f"{item.position:,}", f"{item.p:.3g}", item.layer, item.slice, context, item.evidence)
    return table
