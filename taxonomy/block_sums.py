"""Sufficient statistics of a peel: sums over the units that are resampled, from which all else is re-summed.

One row per unit (a document, stream or block of symbols, see `units`), one column per quantity: counts, bits, excess
and recoverable bits by layer and slice, fair, unique and solo counts by layer, and totals.  Units of several peels of a
text stand side by side.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.taxonomy.attribution import claims_of, fair_parts, players_of, unique_parts
from errtax.taxonomy.bootstrap import Resampling
from errtax.taxonomy.layers.registry import find_layer
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.units import BLOCKS, Units, UnitTables

Floats = NDArray[np.float64]
LOG2 = float(np.log(2))


class Quantity(NamedTuple):
    """What a column sums.

    `what`: `count` of errors; `bits`, their surprisal; `excess`, bits above the one that a right symbol may cost;
    `recoverable`, bits that the n-gram model of the slice would have saved; `fair`, `unique`, `solo` errors of a layer,
    and `fair_bits`; `positions`, `errors` and `surprisal` of all, and the surprisal of `correct` symbols.
    """

    what: str
    layer: str = ""
    slice: str = ""


@dataclass(frozen=True, eq=False)
class BlockSums:
    """`sums[b, q]`: quantity q over unit b.  `units`: what these are."""

    quantities: tuple[Quantity, ...]
    sums: Floats
    units: Units = BLOCKS

    def column(self, *quantity: str) -> Floats:
        """One quantity by unit; zeros where there is none of it."""
        key = Quantity(*quantity)
        if key not in self.quantities:
            return np.zeros(len(self.sums))
        column: Floats = self.sums[:, self.quantities.index(key)]
        return column

    def total(self, *quantity: str) -> float:
        """One quantity of the whole text."""
        return float(self.column(*quantity).sum())


def block_sums(parts: Iterable[Peel], resampling: Resampling) -> BlockSums:
    """The sums of a peel that comes in pieces, by the units that are drawn.

    Time O(rows x slices), memory O(rows of a piece + units).
    """
    quantities: tuple[Quantity, ...] = ()
    tables = UnitTables(resampling)
    for peel in parts:
        columns = _columns(peel)
        if quantities and quantities != tuple(columns):
            raise BadInput("the parts of this peel were not made in the same way; peel the log again.")
        quantities = tuple(columns)
        tables.add(_sum_by(tables.cut(peel.log), columns))
    units, sums = tables.result()
    return BlockSums(quantities, sums.reshape(-1, len(quantities)), units)


class _Cells(NamedTuple):
    """Values at some rows of a peel; `values` 1-dimensional, for each of `rows`."""

    rows: NDArray[np.int64]
    values: Floats


def _sum_by(numbers: NDArray[np.int64], columns: dict[Quantity, _Cells]) -> Floats:
    size = int(numbers[-1]) + 1 if len(numbers) else 0
    sums = [np.bincount(numbers[cells.rows], cells.values, minlength=size) for cells in columns.values()]
    return np.stack(sums, axis=1) if sums else np.zeros((size, 0))


def _columns(peel: Peel) -> dict[Quantity, _Cells]:
    """What to sum of each quantity; the same keys for all pieces of a peel."""
    predicted, errors = np.flatnonzero(peel.predicted), np.flatnonzero(peel.error)
    correct = np.flatnonzero(peel.predicted & ~peel.error)
    surprisal = -peel.log.logprobs / LOG2
    bits = surprisal[errors]
    columns = {
        Quantity("positions"): _Cells(predicted, np.ones(len(predicted))),
        Quantity("errors"): _Cells(errors, np.ones(len(errors))),
        Quantity("surprisal"): _Cells(predicted, surprisal[predicted]),
        Quantity("correct"): _Cells(correct, surprisal[correct]),
    }
    columns |= _by_slice(peel, errors, bits)
    return columns | _by_player(peel, errors, bits)


def _by_slice(peel: Peel, errors: NDArray[np.int64], bits: Floats) -> dict[Quantity, _Cells]:
    columns = {}
    layer, part = peel.layer[errors], peel.slice[errors]
    excess = np.maximum(bits - 1, 0)
    for number, name in enumerate(peel.layer_names):
        logprob = find_layer(name, peel.settings).logprob
        by_oracle = getattr(peel.evidence, logprob) if logprob else None
        for k, slice_name in enumerate(peel.slice_names(name)):
            chosen = np.flatnonzero((layer == number) & (part == k))
            rows = errors[chosen]
            columns[Quantity("count", name, slice_name)] = _Cells(rows, np.ones(len(rows)))
            columns[Quantity("bits", name, slice_name)] = _Cells(rows, bits[chosen])
            columns[Quantity("excess", name, slice_name)] = _Cells(rows, excess[chosen])
            if by_oracle is not None:
                saved = bits[chosen] + by_oracle[rows].astype(np.float64) / LOG2
                columns[Quantity("recoverable", name, slice_name)] = _Cells(rows, np.maximum(saved, 0))
    return columns


def _by_player(peel: Peel, errors: NDArray[np.int64], bits: Floats) -> dict[Quantity, _Cells]:
    claimed = claims_of(peel.claims[errors], peel.settings)
    fair, unique = fair_parts(claimed), unique_parts(claimed)
    columns = {}
    for k, name in enumerate(players_of(peel.settings.layers)):
        rows = errors[claimed[:, k]]
        columns[Quantity("fair", name)] = _Cells(rows, fair[claimed[:, k], k])
        columns[Quantity("fair_bits", name)] = _Cells(rows, fair[claimed[:, k], k] * bits[claimed[:, k]])
        columns[Quantity("unique", name)] = _Cells(rows, unique[claimed[:, k], k].astype(np.float64))
        columns[Quantity("solo", name)] = _Cells(rows, np.ones(len(rows)))
    return columns
