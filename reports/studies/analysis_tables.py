"""Tables: distances of pairs, overlaps of errors."""

from collections.abc import Iterable, Iterator

from errtax.lm.text import Unit
from errtax.reports.numbers import bits, count, share
from errtax.reports.table import Column, Depth, Row, Table
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


def distance_table(pair: PairDistances) -> Table:
    """One row per bin: mean ± standard error of each model; n once where it is the same for all of them."""
    shared = same_counts(pair)
    columns: list[Column] = []
    for k, curve in enumerate(pair.curves):
        columns += [] if shared and k else [Column("n", count)]
        columns.append(Column(curve.name))
    rows = (
        Row(f"{bins[0].low}–{bins[0].high}", tuple(_cells(bins, shared)))
        for bins in zip(*(curve.bins for curve in pair.curves), strict=True)
    )
    title = f"{pair.pair}  mean probability of the closing symbol ± its standard error"
    return Table(title, "distance", tuple(columns), tuple(rows), (left_out_sentence(pair),))


def same_counts(pair: PairDistances) -> bool:
    """Whether every model predicted the same number of closing symbols in each bin."""
    return len({tuple(b.n for b in curve.bins) for curve in pair.curves}) == 1


def _cells(bins: Iterable[DistanceBin], shared: bool) -> Iterator[int | str]:
    for k, b in enumerate(bins):
        if not shared or k == 0:
            yield b.n
        mean = "" if b.mean is None else f"{b.mean:.4f}"
        yield mean if b.sem is None else f"{mean} ± {b.sem:.4f}"


def region_label(members: Iterable[str], total: int) -> str:
    """Who is wrong: `only A`, `A and B`, `all`, `none`."""
    names = list(members)
    if len(names) in (0, total):
        return {0: "none wrong", 2: "both wrong"}.get(len(names), "all wrong")
    return f"only {names[0]}" if len(names) == 1 else " and ".join(names)


def error_overlap_table(overlap: Overlap) -> Table:
    """One row per member, then one per region of the Venn diagram, in percent of the test set."""
    members = ((name, overlap.errors(k)) for k, name in enumerate(overlap.members))
    rows = [Row(name, (n, n / overlap.positions), Depth.TOTAL) for name, n in members]
    for region in sorted(overlap.regions, key=lambda region: (-len(region.members), region.members)):
        label = region_label(region.members, len(overlap.members))
        rows.append(Row(label, (region.count, region.share), Depth.SLICE))
    rows.append(Row("not predicted by all: left out", (overlap.left_out, None)))
    title = f"errors ({overlap.criterion}) in % of {overlap.positions:,} positions"
    return Table(title, "wrong", (Column("positions", count), Column("share", share)), tuple(rows))


def advantages_table(overlap: Overlap) -> Table:
    """The symbols that the first two members know most differently."""
    first, second = overlap.members[:2]
    columns = (
        Column("n", count),
        Column(first, bits),
        Column(second, bits),
        Column("difference", lambda value: f"{value:+.4f}"),
    )
    by_symbol = overlap.by_symbol
    rows = []
    for s in [*by_symbol.advantages(overlap.min_count), *by_symbol.disadvantages(overlap.min_count)[::-1]]:
        a, b = by_symbol.mean[0, s], by_symbol.mean[1, s]
        label = by_symbol.name(s, Unit(overlap.unit))
        rows.append(Row(label, (int(by_symbol.n[s]), a, b, a - b)))
    title = f"mean probability of the correct symbol, symbols with n ≥ {overlap.min_count}"
    return Table(title, "symbol", columns, tuple(rows))
