"""Two models on the same positions, block by block: intervals of what one saves, and a paired test of whether it does.

The test is approximate randomisation (Noreen 1989, section 2.3) over blocks: under the null hypothesis either model
might have made the other's errors, so the sign of each block's difference is as good as tossed.  Whole blocks are
flipped, since errors come in clusters.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.block_sums import BlockSums, Quantity
from errtax.taxonomy.bootstrap import Replicates, Resampling, draw_sums, flip_sums
from errtax.taxonomy.power import detectable
from errtax.taxonomy.statistics import Interval, interval_of

Floats = NDArray[np.float64]


class PairedBlocks:
    """Differences between a baseline and another model over the same units, drawn and flipped."""

    def __init__(self, before: BlockSums, after: BlockSums, resampling: Resampling) -> None:
        self._before, self._after, self._places = before, after, before.places
        difference = before.sums - after.sums
        self._positions = Quantity("positions")
        if self._positions in self._places:  # of the text, where the difference is 0
            difference[:, self._places[self._positions]] = after.sums[:, self._places[self._positions]]
        self._drawn, self._flipped = draw_sums(difference, resampling), flip_sums(difference, resampling)

    def net(self, quantities: Sequence[Quantity]) -> Interval:
        """The errors saved in some classes."""
        return interval_of(self._total(quantities), self._of(self._drawn, quantities))

    def net_per_symbol(self, quantities: Sequence[Quantity]) -> Interval:
        """What is saved in some classes, per position."""
        drawn = self._of(self._drawn, quantities) / np.maximum(self._of(self._drawn, [self._positions]), 1)
        return interval_of(self._total(quantities) / self._n_positions, drawn)

    def share(self, quantities: Sequence[Quantity]) -> Interval | None:
        """The part of all errors saved that is of these classes; None where none was saved in all."""
        whole = [Quantity("errors")]
        if not self._total(whole):
            return None
        errors, saved = self._of(self._drawn, whole), self._of(self._drawn, quantities)
        drawn = errors != 0
        return interval_of(self._total(quantities) / self._total(whole), saved[drawn] / errors[drawn])

    def p_value(self, quantities: Sequence[Quantity]) -> float:
        """How often flipped blocks differ at least as much, two-sided; the observed blocks count as one flip."""
        observed = abs(self._total(quantities))
        if not np.isfinite(observed):  # bits without end: nothing can be said
            return 1.0
        flipped = np.abs(self._of(self._flipped, quantities))
        return float((1 + (flipped >= observed).sum()) / (1 + len(flipped)))

    def p_above(self, quantities: Sequence[Quantity], limit: float) -> float:
        """The p-value of "the sum over some classes rises by no more than `limit`" against "by more", one-sided.

        The limit is spread over the blocks by their positions: d_b = rise_b - limit n_b / N.  Where the rise is just
        the limit, their sum is 0 but for chance, and signs are as good as tossed.  The standard error of counting so
        few flips is added: a gate must not close by the luck of a seed.
        """
        observed = -self._total(quantities) - limit
        if not np.isfinite(observed):
            return 1.0
        per_position = limit / self._n_positions
        positions = self._of(self._flipped, [self._positions])
        flipped = -self._of(self._flipped, quantities) - per_position * positions
        n, reached = len(flipped), int((flipped >= observed - 1e-9).sum())
        return min((1 + reached + math.sqrt(reached * (1 - reached / max(n, 1)))) / (1 + n), 1.0)

    def detectable(self, quantities: Sequence[Quantity], tests: int = 1) -> float | None:
        """The difference in these classes that is found in 80 % of texts like this one (`power`)."""
        return detectable(self._by_unit(quantities), tests)

    def detectable_above(self, quantities: Sequence[Quantity], limit: float, tests: int) -> float | None:
        """By how much the sum over these classes must rise above `limit` to be found by `p_above`."""
        rise = -self._by_unit(quantities) - limit / self._n_positions * self._after.by_unit([self._positions])
        return detectable(rise, tests)

    def _by_unit(self, quantities: Sequence[Quantity]) -> Floats:
        """What is saved in each unit; of no use where bits are infinite."""
        if not np.isfinite(self._total(quantities)):
            return np.full(len(self._after.sums), np.nan)
        return self._before.by_unit(quantities) - self._after.by_unit(quantities)

    @property
    def _n_positions(self) -> float:
        return max(self._after.total("positions"), 1)

    def _total(self, quantities: Sequence[Quantity]) -> float:
        """What is saved; infinite, or no number, where bits are."""
        before, after = (sums.is_infinite(quantities) for sums in (self._before, self._after))
        if before or after:
            return float("nan" if before and after else "inf" if before else "-inf")
        saved = self._before.exactly(quantities) - self._after.exactly(quantities)
        return float(saved) / quantities[0].scale

    def _of(self, replicates: Replicates, quantities: Sequence[Quantity]) -> Floats:
        """What is saved in each replicate; of no use where bits are infinite."""
        if not np.isfinite(self._total(quantities)):
            return np.full(len(replicates), np.nan)
        return replicates.of([self._places[each] for each in quantities]) / quantities[0].scale


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for testing all of them (Holm 1979); below 0.05 means significant at 5 % as a family.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(order.tolist()):
        largest = max(largest, min(1.0, p_values[k] * (len(p_values) - rank)))
        adjusted[k] = largest
    return adjusted
