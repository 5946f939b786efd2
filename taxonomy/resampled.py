"""The intervals of a peel's sums: what its units say of another text of the same kind."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.block_sums import BlockSums, Quantity
from errtax.taxonomy.bootstrap import Replicates, Resampling, draw_sums
from errtax.taxonomy.fixed_point import BIT
from errtax.taxonomy.intervals import Ends, Interval, interval, is_few, percentiles, ratio_ends

Floats = NDArray[np.float64]
_NUMBER_OF = {"bits": "count", "excess": "count", "recoverable": "count", "fair_bits": "fair"}
"""What counts the errors whose bits a quantity sums."""


class Resampled:
    """Sums over units, and the same sums of each replicate where an interval needs them."""

    def __init__(self, blocks: BlockSums, resampling: Resampling) -> None:
        self.blocks, self._resampling = blocks, resampling

    @cached_property
    def _replicates(self) -> Replicates:
        return draw_sums(self.blocks.sums, self._resampling)

    def of(self, quantities: Sequence[Quantity], per: Quantity) -> Interval:
        """The sum of some quantities of one scale, divided by another, with its interval."""
        size = self.blocks.total(*per)
        value = self.blocks.sum_of(quantities) / size if size else 0.0
        if self.blocks.is_infinite(quantities):
            return Interval(value, None, None)
        return interval(value, self._ends(quantities, per))

    def count(self, quantities: Sequence[Quantity]) -> Interval:
        """How many errors there are in a text of this size: so many times the rate."""
        rate = self.of(quantities, Quantity("positions")).times(self.blocks.total("positions"))
        return rate._replace(value=self.blocks.sum_of(quantities))

    def occupied(self, quantities: Sequence[Quantity]) -> int:
        """How many units have any of it."""
        return int(np.count_nonzero(self.blocks.by_unit(quantities)))

    def _ends(self, quantities: Sequence[Quantity], per: Quantity) -> Ends | None:
        part, whole = self.blocks.by_unit(quantities), self.blocks.by_unit([per])
        within = quantities[0].scale != BIT
        if is_few(part, whole) or (within and is_few(whole - part, whole)):
            return ratio_ends(part, whole, 1.0 if within else self._bits_of_one(quantities), within)
        return percentiles(self._drawn(quantities) / np.maximum(self._drawn([per]), 1e-300))

    def _drawn(self, quantities: Sequence[Quantity]) -> Floats:
        places = self.blocks.places
        return self._replicates.of([places[each] for each in quantities if each in places]) / quantities[0].scale

    def _bits_of_one(self, quantities: Sequence[Quantity]) -> float:
        """What an error costs in the mean: of these, else of all."""
        counted = [each._replace(what=_NUMBER_OF[each.what]) for each in quantities if each.what in _NUMBER_OF]
        bits, number = self.blocks.sum_of(quantities), self.blocks.sum_of(counted)
        return bits / number if bits and number else self.blocks.bits_of_error
