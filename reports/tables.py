"""The tables of a peel, its statistics and comparisons, as records."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from errtax.reports.excerpts import Excerpt
from errtax.reports.numbers import between, bits, count, p_value, percent, percent_ends, percent_value, share, with_ends
from errtax.reports.table import DAGGER, Column, Depth, Kind, Marked, Row, Table
from errtax.reports.wording import headline, ngram_line, p_head, sparse_line
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.difference import BitsDifference, Difference
from errtax.taxonomy.intervals import Interval
from errtax.taxonomy.power import Power
from errtax.taxonomy.statistics import LayerStatistics, PartStatistics, Statistics
from errtax.taxonomy.summary import LayerSummary, SliceSummary, Summary


def _tree(
    layers: Iterable[Any],
    title: Callable[[Any], str],
    cells: Callable[[Any, Any], tuple[Any, ...]],
    mark: Callable[[Any], str] = lambda part: "",
) -> list[Row]:
    """One row per layer, and below it, where there are several, one row per slice; `cells(part, layer or None)`.

    `mark`: what follows the label of a layer or slice.
    """
    rows = []
    for layer in layers:
        several = layer.slices if len(layer.slices) > 1 else ()
        only = "" if several else layer.slices[0].name
        rows.append(Row(title(layer) + mark(layer), cells(layer, layer), Depth.LAYER, layer.name, layer.name, only))
        for part in several:
            numbers = cells(part, None)
            empty = not any(number for number in numbers[:2] if isinstance(number, int))
            rows.append(Row(part.name + mark(part), numbers, Depth.SLICE, layer.name, part.name, empty=empty))
    return rows


def summary_table(summary: Summary, statistics: Statistics | None = None) -> Table:
    """Layers and slices of one model; with statistics also the intervals of the shares, and fair shares."""
    known = {} if statistics is None else {layer.name: layer for layer in statistics.layers}
    columns = [Column("errors", count), Column("share", share), Column("bits/symbol", bits, rank=1)]
    more = (Column("95 %", percent_ends), Column("fair share", percent_value, rank=1)) if statistics else ()

    def cells(part: LayerSummary | SliceSummary, layer: LayerSummary | None) -> tuple[Any, ...]:
        numbers = known[layer.name] if layer and known else None
        beyond = (numbers and numbers.share, numbers and numbers.fair) if more else ()
        return (part.count, part.share, part.bits, *beyond)

    none = (None,) * len(more)
    errors = (summary.errors, 1.0, summary.bits - summary.correct_bits, *none)
    correct = (summary.positions - summary.errors, None, summary.correct_bits, *none)
    rows = [
        *_tree(summary.layers, lambda layer: layer.title, cells),
        Row("all errors", errors, Depth.TOTAL),
        Row("correct symbols", correct),
    ]
    return Table(
        headline(summary), "layer / slice", (*columns, *more), tuple(rows), tuple(filter(None, [ngram_line(summary)]))
    )


def statistics_table(statistics: Statistics) -> Table:
    """One row per layer and slice: errors, share, its order-free twins, bits; 95 % intervals in brackets."""
    columns = (
        Column("errors", count, names=("errors",)),
        Column("share of the errors", percent, names=_ends("share")),
        Column("fair share", percent, names=_ends("fair")),
        Column("any order", between, rank=1, names=("unique", "solo")),
        Column("bits per symbol", _bits_with_ends, rank=1, names=_ends("bits")),
        Column("excess", bits, rank=2, names=("excess",)),
        Column("recoverable", bits, rank=2, names=("recoverable",)),
    )

    def cells(part: PartStatistics, layer: LayerStatistics | None) -> tuple[Any, ...]:
        fair = layer and layer.fair
        reach = (layer.unique.value, layer.solo.value) if layer and layer.unique and layer.solo else None
        recoverable = part.recoverable and part.recoverable.value
        return (int(part.count.value), part.share, fair, reach, part.bits, part.excess.value, recoverable)

    def mark(part: PartStatistics) -> str:
        return f" {DAGGER}" if part.sparse and part.count.value else ""

    rate, spent = percent(statistics.error_rate), _bits_with_ends(statistics.bits)
    title = f"{statistics.model}: {rate} errors, {spent} bits per symbol"
    rows = _tree(statistics.layers, lambda layer: layer.title, cells, mark)
    marked = any(mark(part) for layer in statistics.layers for part in (layer, *layer.slices))
    notes = (sparse_line(statistics.units.plural),) if marked else ()
    return Table(title, "layer / slice", columns, tuple(rows), notes)


def _ends(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


def fair_table(statistics: Statistics) -> Table:
    """One row per layer that shares the errors: its share and its bits whatever the order of layers."""
    columns = (
        Column("fair share", percent, names=_ends("fair")),
        Column("any order", between, names=("unique", "solo")),
        Column("fair bits", bits, names=("fair_bits",)),
    )
    rows = [
        Row(
            layer.title,
            (layer.fair, (layer.unique.value, layer.solo.value), layer.fair_bits.value),
            Depth.LAYER,
            layer.name,
            layer.name,
        )
        for layer in statistics.layers
        if layer.fair and layer.fair_bits and layer.unique and layer.solo
    ]
    return Table(statistics.model, "layer", columns, tuple(rows))


def claims_table(statistics: Statistics) -> Table:
    """Of what the layer of a row explains, the share that each other layer explains, too."""
    both = statistics.explained_by_both()
    titles = {layer.name: layer.title for layer in statistics.layers}
    columns = tuple(Column(titles[name], lambda value: f"{100 * value:.1f} %") for name in both)
    rows = [
        Row(titles[a], tuple(None if a == b else value for b, value in row.items()), Depth.PLAIN, a, a)
        for a, row in both.items()
    ]
    return Table("of what a layer claims, the others also claim:", "layer", columns, tuple(rows))


def _bits_with_ends(interval: Interval) -> str:
    return with_ends(interval, ".4f")


def _saved(interval: Interval) -> str:
    return with_ends(interval, "+,.0f")


def _of_all(interval: Interval) -> str:
    return percent(interval, 1)


def _bits_saved(interval: Interval) -> str:
    return with_ends(interval, "+.4f")


_ERRORS = (
    Column("before", count, names=("before",)),
    Column("after", count, names=("after",)),
    Column("fixed", count, rank=1, names=("fixed",)),
    Column("kept", count, rank=1, names=("kept",)),
    Column("new", count, rank=1, names=("new",)),
    Column("saved [95 %]", _saved, names=_ends("saved")),
    Column("of all saved [95 %]", _of_all, rank=1),
)
_BITS = (
    Column("before", bits, names=("bits_before",)),
    Column("after", bits, names=("bits_after",)),
    Column("saved [95 %]", _bits_saved, names=_ends("bits_saved")),
)


def _errors(comparison: Comparison) -> tuple[Column, ...]:
    return (*_ERRORS, Column(p_head(comparison.correction), p_value, names=("p", "tied")))


def _bits(comparison: Comparison) -> tuple[Column, ...]:
    return (*_BITS, Column(p_head(comparison.correction), p_value, names=("bits_p", "bits_tied")))


def _error_cells(item: Difference, _: Difference | None = None) -> tuple[Any, ...]:
    """The values under `_errors`."""
    counts = (item.before, item.after, item.fixed, item.kept, item.new)
    return (*counts, item.net, item.share, (item.adjusted, item.tied))


def _bits_cells(item: BitsDifference) -> tuple[Any, ...]:
    """The values under `_bits`."""
    return (item.before, item.after, item.saved, (item.adjusted, item.tied))


def comparison_table(comparison: Comparison, bits: bool = False) -> Table:
    """Layers and slices of two models, and what the other saves against the baseline.

    With `bits` also bits per symbol, as of each slice only a frame has them; in the row of all errors those of all
    symbols.
    """

    def cells(item: Difference, _: Difference | None = None) -> tuple[Any, ...]:
        return (*_error_cells(item), *(_bits_cells(item.bits) if bits else ()))

    total = Row("all errors", cells(comparison.total), Depth.TOTAL, name="all errors")
    rows = _tree(comparison.layers, lambda layer: comparison.titles[layer.name], cells)
    title = f"{comparison.other.model} against {comparison.baseline.model} (baseline)"
    return Table(title, "layer / slice", (*_errors(comparison), *(_bits(comparison) if bits else ())), (*rows, total))


def bits_table(comparison: Comparison) -> Table:
    """Bits per symbol of two models on the errors of each layer, on correct symbols, and in all: they sum up."""
    rows = [
        Row(comparison.titles[layer.name], _bits_cells(layer.bits), Depth.LAYER, layer.name)
        for layer in comparison.layers
    ]
    correct = Row("(correct symbols)", _bits_cells(comparison.correct))
    total = Row("all symbols", _bits_cells(comparison.total.bits), Depth.TOTAL)
    return Table("bits per symbol", "on the errors of", _bits(comparison), (*rows, correct, total))


def overview_table(comparisons: Sequence[Comparison]) -> Table:
    """Several models against one baseline: all errors, one row per model."""
    rows = (Row(each.other.model, _error_cells(each.total)) for each in comparisons)
    return Table(f"against {comparisons[0].baseline.model} (baseline)", "model", _errors(comparisons[0]), tuple(rows))


def power_table(power: Power) -> Table:
    """How many errors another model must have fewer or more of, in all and by layer, to be told apart."""
    columns = (Column("errors", count), Column("of the positions", share))

    def cells(found: float | None) -> tuple[Any, ...]:
        return (None, None) if found is None else (math.ceil(found), found / max(power.positions, 1))

    rows = [Row(name, cells(found)) for name, found in power.layers.items()]
    total = Row("all errors", cells(power.errors), Depth.TOTAL)
    return Table(f"found 4 times of 5 (by {power.pilot})", "difference in", columns, (*rows, total))


def excerpt_table(excerpts: Sequence[Excerpt]) -> Table:
    """Errors in their context: what stood before, the symbol, what came after."""
    columns = (
        Column("p", lambda p: f"{p:.3g}"),
        Column("layer", kind=Kind.WORD),
        Column("slice", kind=Kind.WORD),
        Column("context", kind=Kind.TEXT),
        Column("evidence", kind=Kind.TEXT),
    )
    rows = [
        Row(
            f"{item.position:,}",
            (item.p, item.layer, item.slice, Marked(item.before, item.symbol, item.after), item.evidence),
            Depth.PLAIN,
            item.layer,
        )
        for item in excerpts
    ]
    return Table("", "position", columns, tuple(rows))
