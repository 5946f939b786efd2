"""Tables for the terminal: distances of pairs, overlaps of errors."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from errtax.lm.text import Unit, symbol_name
from errtax.taxonomy.studies.distance import DistanceBin, PairDistances
from errtax.taxonomy.studies.overlap import Overlap


def left_out_sentence(pair: PairDistances) -> str:
    """What a pair's bins do not hold, in words."""
    edges = pair.curves[0].bins[0].low, pair.curves[0].bins[-1].high
    said = [
        f"{pair.matched:,} pairs",
        f"left out: {pair.beyond:,} at {edges[1]:,} symbols or more",
        f"unmatched: {pair.unmatched_openers:,} opened, {pair.unmatched_closers:,} closed",
    ]
    if pair.below:
        said[1] += f", {pair.below:,} below {edges[0]:,}"
    missing = [f"{curve.unpredicted:,} by {curve.name}" for curve in pair.curves if curve.unpredicted]
    return "; ".join([*said, f"not predicted: {', '.join(missing)}"] if missing else said) + "."


def distance_parts(pair: PairDistances) -> list[Table | Text | str]:
    """A heading, the table, and what it leaves out; the heading is often wider than the table."""
    heading = Text(f"{pair.pair}  mean probability of the closing symbol ± its standard error", "bold")
    return [heading, distance_table(pair), left_out_sentence(pair), ""]


def distance_table(pair: PairDistances) -> Table:
    """One row a bin: mean ± standard error of each model; n once where it is the same for all of them."""
    table = Table(box=None, pad_edge=False)
    table.add_column("distance", justify="right", no_wrap=True)
    shared = same_counts(pair)
    for curve in pair.curves:
        if not shared or curve is pair.curves[0]:
            table.add_column("n", justify="right", no_wrap=True)
        table.add_column(Text(curve.name), justify="right", no_wrap=True)
    for bins in zip(*(curve.bins for curve in pair.curves), strict=True):
        table.add_row(f"{bins[0].low}–{bins[0].high}", *_cells(bins, shared))
    return table


def same_counts(pair: PairDistances) -> bool:
    """Whether every model predicted the same number of closing symbols in each bin."""
    return len({tuple(b.n for b in curve.bins) for curve in pair.curves}) == 1


def _cells(bins: Iterable[DistanceBin], shared: bool) -> list[str]:
    cells = []
    for k, b in enumerate(bins):
        if not shared or k == 0:
            cells.append(f"{b.n:,}")
        mean = "" if b.mean is None else f"{b.mean:.4f}"
        cells.append(mean if b.sem is None else f"{mean} ± {b.sem:.4f}")
    return cells


def region_label(members: Iterable[str], total: int) -> str:
    """Who is wrong: `only A`, `A and B`, `all`, `none`."""
    names = list(members)
    if len(names) in (0, total):
        return {0: "none wrong", 2: "both wrong"}.get(len(names), "all wrong")
    return f"only {names[0]}" if len(names) == 1 else " and ".join(names)


def error_overlap_table(overlap: Overlap) -> Table:
    """One row a member, then one a region of the Venn diagram, in percent of the test set."""
    title = Text(f"errors ({overlap.criterion}) in % of {overlap.positions:,} positions", "bold")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("wrong", no_wrap=True)
    for name in ("positions", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    for k, name in enumerate(overlap.members):
        count = overlap.errors(k)
        table.add_row(Text(name), f"{count:,}", f"{100 * count / overlap.positions:.2f} %", style="bold")
    for region in sorted(overlap.regions, key=lambda region: (-len(region.members), region.members)):
        label = region_label(region.members, len(overlap.members))
        table.add_row(Text(f"  {label}"), f"{region.count:,}", f"{100 * region.share:.2f} %")
    table.add_row("not predicted by all: left out", f"{overlap.left_out:,}", "")
    return table


def advantages_table(overlap: Overlap) -> Table:
    """The symbols that the first two members know most differently."""
    first, second = overlap.members[:2]
    title = f"mean probability of the correct symbol, symbols with n ≥ {overlap.min_count}"
    table = Table(title=Text(title, "bold"), title_justify="left", box=None, pad_edge=False)
    for name in ("symbol", "n", first, second, "difference"):
        table.add_column(Text(name), justify="left" if name == "symbol" else "right", no_wrap=True)
    by_symbol = overlap.by_symbol
    ahead = [*by_symbol.advantages(overlap.min_count), *by_symbol.disadvantages(overlap.min_count)[::-1]]
    for s in ahead:
        a, b = by_symbol.mean[0, s], by_symbol.mean[1, s]
        label = Text(symbol_name(int(by_symbol.codes[s]), Unit(overlap.unit)))
        table.add_row(label, f"{by_symbol.n[s]:,}", f"{a:.4f}", f"{b:.4f}", f"{a - b:+.4f}")
    return table
