"""The statistics of a peel as tables for the terminal, and as cells of any table."""

from rich.table import Table
from rich.text import Text

from errtax.reports.palette import COLOURS, LETTERS
from errtax.taxonomy.statistics import Interval, LayerStatistics, PartStatistics, Statistics


def percent(interval: Interval | None, digits: int = 2) -> str:
    """A share with its interval, for example `34.03 [33.77, 34.31] %`; empty where there is none."""
    if interval is None:
        return ""
    value = f"{100 * interval.value:.{digits}f}"
    if interval.low is None or interval.high is None:
        return f"{value} %"
    return f"{value} [{100 * interval.low:.{digits}f}, {100 * interval.high:.{digits}f}] %"


def bits(interval: Interval) -> str:
    """Bits a symbol with their interval."""
    ends = "" if interval.low is None else f" [{interval.low:.4f}, {interval.high:.4f}]"
    return f"{interval.value:.4f}{ends}"


STATISTICS_HEADS = (
    "errors",
    "share of the errors",
    "fair share",
    "any order",
    "bits a symbol",
    "excess",
    "recoverable",
)


def statistics_table(found: Statistics, slices: bool = True) -> Table:
    """A row a layer and slice: errors, share, its order-free twins, bits; 95 % intervals in brackets."""
    title = Text(f"{found.model}: {percent(found.error_rate)} errors, {bits(found.bits)} bits a symbol", "bold")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("layer / slice", no_wrap=True)
    for name in STATISTICS_HEADS:
        table.add_column(name, justify="right", no_wrap=True)
    for layer in found.layers:
        style = f"bold {COLOURS[layer.name]}"
        table.add_row(Text(LETTERS[layer.name], style), Text(layer.title, style), *statistics_cells(layer, layer))
        for part in layer.slices if slices and len(layer.slices) > 1 else ():
            table.add_row("", f"  {part.name}", *statistics_cells(part, None))
    return table


def statistics_cells(part: PartStatistics, layer: LayerStatistics | None) -> list[str]:
    """A row under `STATISTICS_HEADS`; shares whatever the order only of a layer."""
    fair, reach = "", ""
    if layer is not None and layer.unique is not None and layer.solo is not None:
        fair, reach = percent(layer.fair), f"{100 * layer.unique.value:.2f} – {100 * layer.solo.value:.2f} %"
    recoverable = "" if part.recoverable is None else f"{part.recoverable.value:.4f}"
    shares = [f"{part.count.value:,.0f}", percent(part.share), fair, reach]
    return [*shares, bits(part.bits), f"{part.excess.value:.4f}", recoverable]


def claims_table(found: Statistics) -> Table:
    """Of what the layer of a row explains, the share that each other layer explains, too."""
    both = found.explained_by_both()
    titles = {layer.name: layer.title for layer in found.layers}
    title = Text("of what a layer claims, the others claim, too:", "bold")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("layer", no_wrap=True)
    for name in both:
        table.add_column(Text(titles[name]), justify="right", no_wrap=True)
    for a, row in both.items():
        table.add_row(Text(titles[a]), *("" if a == b else f"{100 * share:.1f} %" for b, share in row.items()))
    return table
