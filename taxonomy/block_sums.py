"""Sufficient statistics of a peel: sums over the units that are resampled, from which all else is re-summed.

One row per unit (a document, stream or block of symbols, see `units`), one column per quantity: counts, bits, excess
and recoverable bits by layer and slice, fair, unique and solo counts by layer, and totals.  All are integers
(`fixed_point`), so that a peel has the same sums in whatever blocks it is read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.taxonomy.aligned import Aligned, Blocks
from errtax.taxonomy.attribution import players_of
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.correlation import ErrorCells
from errtax.taxonomy.fixed_point import BIT, FAIR, Halves, joined, totals_of
from errtax.taxonomy.layers.registry import claim_bits, find_layer
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.sum_kernels import HEAD, PLAYER, SLICE, Plan, Rows, sum_rows
from errtax.taxonomy.units import BLOCKS, Units, UnitTables, even_units

Floats = NDArray[np.float64]


class Quantity(NamedTuple):
    """What a column sums.

    `what`: `count` of errors; `bits`, their surprisal; `excess`, bits above the one that a right symbol may cost;
    `recoverable`, bits that the n-gram model of the slice would have saved; `fair`, `unique`, `solo` errors of a layer,
    and `fair_bits`; `positions`, `errors` and `surprisal` of all, and the surprisal of `correct` symbols.  `infinite`
    counts the symbols of infinite surprisal in each of these sums of bits.
    """

    what: str
    layer: str = ""
    slice: str = ""

    @property
    def scale(self) -> int:
        """How many units of the sum are one error, position or bit."""
        return _SCALES.get(self.what, 1)

    @property
    def infinite(self) -> "Quantity | None":
        """What counts the symbols that make this sum infinite; None for counts."""
        if self.scale != BIT:
            return None
        if self.what in ("surprisal", "correct"):
            return Quantity("infinite" if self.what == "surprisal" else "infinite_correct")
        return Quantity("infinite", self.layer, self.slice)


_SCALES = {"fair": FAIR} | dict.fromkeys(
    ("bits", "excess", "recoverable", "fair_bits", "surprisal", "correct"),
    BIT,
)


@dataclass(frozen=True, eq=False)
class BlockSums:
    """`sums[b, q]`: quantity q over unit b, its two halves, in units of 1 / scale.  `units`: what these are."""

    quantities: tuple[Quantity, ...]
    sums: Halves
    units: Units = BLOCKS

    def column(self, *quantity: str) -> Floats:
        """One quantity by unit; zeros where there is none of it, infinite where a symbol of the unit is."""
        key = Quantity(*quantity)
        if key not in self.places:
            return np.zeros(len(self.sums))
        numbers = self.sums[:, self.places[key]]
        found = joined(numbers[:, 0], numbers[:, 1]) / key.scale
        if key.infinite in self.places:
            found[self.column(*key.infinite) > 0] = np.inf
        return found

    def by_unit(self, quantities: Iterable[Quantity]) -> Floats:
        """The sum of quantities of one scale over each unit; see `column`."""
        found = np.zeros(len(self.sums))
        for each in quantities:
            found += self.column(*each)
        return found

    @cached_property
    def places(self) -> dict[Quantity, int]:
        """The column of each quantity."""
        return {quantity: q for q, quantity in enumerate(self.quantities)}

    @cached_property
    def _totals(self) -> list[int]:
        return totals_of(self.sums)

    def exactly(self, quantities: Iterable[Quantity]) -> int:
        """The sum over the text of quantities of one scale, in its units, but for what is infinite."""
        return sum(self._totals[self.places[each]] for each in quantities if each in self.places)

    def is_infinite(self, quantities: Iterable[Quantity]) -> bool:
        """Whether symbols of infinite surprisal are among them."""
        return self.exactly({each.infinite for each in quantities if each.infinite is not None}) > 0

    def total(self, *quantity: str) -> float:
        """One quantity of the whole text."""
        return self.sum_of([Quantity(*quantity)])

    def sum_of(self, quantities: Sequence[Quantity]) -> float:
        """Quantities of one scale, of the whole text."""
        if self.is_infinite(quantities):
            return float("inf")
        return self.exactly(quantities) / quantities[0].scale if quantities else 0.0

    def count(self, *quantity: str) -> int:
        """A quantity that is counted, of the whole text."""
        return self.exactly([Quantity(*quantity)])

    @property
    def bits_of_error(self) -> float:
        """What an error costs in the mean, but for what is infinite; 1 where none costs anything."""
        spent = self.exactly([Quantity("surprisal")]) - self.exactly([Quantity("correct")])
        return spent / BIT / self.count("errors") if spent and self.count("errors") else 1.0


@dataclass(frozen=True, eq=False)
class PeelSums:
    """All that is summed of a peel.  `rows`: how many it has; `head`: the peel without them.

    `correlation`: the correlation time of its errors, in symbols; None where it is less than 100 (`correlation`).

    `claimed[bits]`: how many errors exactly these layers claim, of those that share errors.  `left_out`: predicted
    positions of the peel that are not summed, since another peel beside it does not predict them.
    """

    head: Peel
    rows: int
    blocks: BlockSums
    claimed: Mapping[int, int]
    left_out: int = 0
    correlation: float | None = None


def block_sums(source: PeelSource, resampling: Resampling) -> BlockSums:
    """The sums of a peel by the units that are drawn."""
    return sum_peels([source], resampling)[0].blocks


def sum_peels(
    sources: Sequence[PeelSource],
    resampling: Resampling = STANDARD,
    watch: Callable[[Blocks], None] = lambda blocks: None,
) -> list[PeelSums]:
    """The sums of peels of one text on their common positions, by the same units; `watch` sees each block, too.

    What any of them knows of the text's streams holds for all.  Time O(rows x layers), memory of a block of each and of
    the units.  Raises `BadInput` where they cannot be compared (`Aligned.blocks`).
    """
    aligned = Aligned(sources, aloud=True)
    return results_of(running_sums(aligned, resampling, watch), aligned)


def running_sums(
    aligned: Aligned,
    resampling: Resampling,
    watch: Callable[[Blocks], None] = lambda blocks: None,
    first: int = 0,
) -> "list[RunningSums]":
    """The sums of peels on the common rows of their blocks.  `first`: as in `UnitTables`."""
    running: list[RunningSums] = []
    for blocks in aligned.blocks():
        running = running or _begin(blocks, resampling, first)
        watch(blocks)
        for each, block in zip(running, blocks, strict=True):
            each.add(block)
    return running or _begin(aligned.heads, resampling, first)


def results_of(running: "Sequence[RunningSums]", aligned: Aligned) -> list[PeelSums]:
    """The sums of all rows of peels; `aligned` has counted them."""
    rows = zip(running, aligned.heads, aligned.left_out, strict=True)
    return [each.result(head, left_out) for each, head, left_out in rows]


def _begin(peels: Sequence[Peel], resampling: Resampling, first: int) -> "list[RunningSums]":
    even = even_units([peel.log for peel in peels], resampling)
    return [RunningSums(peel.head, UnitTables(even, resampling.block is None, first)) for peel in peels]


class RunningSums:
    """The sums of a peel so far, or of some of its rows.  `tables`: by unit."""

    def __init__(self, head: Peel, tables: UnitTables) -> None:
        self._head, self.tables, self._rows = head, tables, 0
        self._quantities, self._plan = _columns(head)
        self._claimed: Counter[int] = Counter()
        self._cells = ErrorCells()
        self._mask = np.uint32(self._plan.players.sum())

    def add(self, peel: Peel) -> None:
        """The next rows.  Raises `BadInput` where they were made in another way."""
        if peel.settings != self._head.settings:
            raise BadInput("the parts of this peel were not made in the same way; peel the log again.")
        self._rows += len(peel.log)
        rows = _rows_of(peel)

        def sum_cells(bounds: NDArray[np.int64]) -> Halves:
            table = np.zeros((len(bounds) - 1, len(self._quantities), 2), np.int64)
            sum_rows(rows, self._plan, bounds, table)
            return table

        self.tables.add(peel.log, sum_cells)
        self._cells.add(peel.log, peel.error)
        bits, counts = np.unique(peel.claims[peel.error] & self._mask, return_counts=True)
        self._claimed.update(dict(zip(bits.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: "RunningSums") -> None:
        """Add the sums of other rows of the same peel, their documents numbered with these."""
        self._rows += other._rows
        self.tables.merge(other.tables)
        self._claimed.update(other._claimed)
        self._cells.merge(other._cells)

    def result(self, head: Peel, left_out: int) -> PeelSums:
        """The sums.  `head`: of the whole peel; `left_out`: predicted positions that are not among them."""
        units, sums = self.tables.result()
        table = sums.reshape(-1, len(self._quantities), 2)
        blocks = BlockSums(self._quantities, table, units)
        return PeelSums(head, self._rows, blocks, dict(self._claimed), left_out, self._cells.correlation())


def _columns(head: Peel) -> tuple[tuple[Quantity, ...], Plan]:
    """The quantities of a peel, and where the kernel finds the columns of each slice and player."""
    quantities = [Quantity(what) for what in HEAD]
    players = players_of(head.settings.layers)
    oracles = _oracles(head)
    places = np.zeros((len(head.layer_names), 128), np.int64)
    for number, name in enumerate(head.layer_names):
        kinds = SLICE if oracles[number] >= 0 else SLICE[:-1]
        for k, part in enumerate(head.slice_names(name)):
            places[number, k] = len(quantities)
            quantities += [Quantity(what, name, part) for what in kinds]
    first = np.array([len(quantities)])
    quantities += [Quantity(what, name) for name in players for what in PLAYER]
    known = claim_bits(head.settings)
    bits = np.array([known[name] for name in players], np.int64)
    return tuple(quantities), Plan(places, np.array(oracles), bits, first)


def _oracle_names(peel: Peel) -> list[str]:
    """The columns of evidence with probabilities, each once."""
    names = (find_layer(name, peel.settings).logprob for name in peel.layer_names)
    return [name for name in dict.fromkeys(names) if name and getattr(peel.evidence, name) is not None]


def _oracles(peel: Peel) -> list[int]:
    known = _oracle_names(peel)
    names = [find_layer(name, peel.settings).logprob for name in peel.layer_names]
    return [known.index(name) if name in known else -1 for name in names]


def _rows_of(peel: Peel) -> Rows:
    names, n = _oracle_names(peel), len(peel.log)
    columns = [getattr(peel.evidence, name) for name in names]
    by_oracle = columns[0][None] if len(columns) == 1 else np.array(columns, np.float32).reshape(len(columns), n)
    return Rows(peel.log.logprobs, peel.error, peel.layer, peel.slice, peel.claims, by_oracle)
