"""Two models on the same positions, unit by unit: intervals of what one saves, and a paired test of whether it does.

The test is approximate randomisation (Noreen 1989, section 2.3) over units: under the null hypothesis either model
might have made the other's errors, so the sign of each unit's difference is as good as tossed.  Whole units are
flipped, since errors come in clusters: 20,000 times, or in all ways where at most 14 units differ.
"""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.block_sums import BlockSums, Quantity
from errtax.taxonomy.bootstrap import Replicates, Resampling, draw_sums, flip_sums
from errtax.taxonomy.fixed_point import BIT, Halves
from errtax.taxonomy.intervals import Interval, difference_ends, interval, is_few, percentiles, quotient_ends
from errtax.taxonomy.power import detectable

Floats = NDArray[np.float64]
EXACT_UNITS = 14
"""Where at most so many units differ, all flips of their signs are made."""
_TESTED = ("positions", "errors", "surprisal", "correct", "count", "bits")
_ROUNDING = 1e-9


class PairedBlocks:
    """Differences between a baseline and another model over the same units, drawn and flipped."""

    def __init__(self, before: BlockSums, after: BlockSums, resampling: Resampling) -> None:
        self._before, self._after, self._resampling = before, after, resampling
        chosen = [each for each in before.quantities if each.what in _TESTED]
        self._places = {quantity: k for k, quantity in enumerate(chosen)}
        self._columns = [before.places[quantity] for quantity in chosen]

    @cached_property
    def _difference(self) -> Halves:
        """What is saved; of the positions, which are the same: themselves, to divide by."""
        difference = self._before.sums[:, self._columns] - self._after.sums[:, self._columns]
        if _POSITIONS in self._places:
            k = self._places[_POSITIONS]
            difference[:, k] = self._after.sums[:, self._columns[k]]
        return difference

    @cached_property
    def _drawn(self) -> Replicates:
        return draw_sums(self._difference, self._resampling)

    @cached_property
    def _flipped(self) -> Replicates:
        return flip_sums(self._difference, self._resampling)

    def net(self, quantities: Sequence[Quantity]) -> Interval:
        """What is saved in some classes in a text of this size: so many times what is saved per position."""
        found = self.net_per_symbol(quantities).times(self._n_positions)
        return found._replace(value=self._total(quantities))

    def net_per_symbol(self, quantities: Sequence[Quantity]) -> Interval:
        """What is saved in some classes, per position."""
        total = self._total(quantities)
        value = total / self._n_positions
        if not math.isfinite(total):
            return Interval(value, None, None)
        saved, positions = self._by_unit(quantities), self._after.by_unit([_POSITIONS])
        if is_few(saved, positions):
            return interval(value, difference_ends(saved, positions, self._least(quantities)))
        drawn = self._of(self._drawn, quantities) / np.maximum(self._of(self._drawn, [_POSITIONS]), 1)
        return interval(value, percentiles(drawn))

    def share(self, quantities: Sequence[Quantity]) -> Interval | None:
        """The part of all errors saved that is of these classes; None where none was saved in all.

        It has no interval where it may be that none is saved: a part of nothing is without bounds (Fieller 1954).
        """
        whole = [Quantity("errors")]
        if not self._total(whole):
            return None
        value, all_saved = self._total(quantities) / self._total(whole) + 0.0, self._by_unit(whole)  # no -0
        if self._may_save_nothing:
            return Interval(value, None, None)
        if is_few(all_saved, self._after.by_unit([_POSITIONS])):
            return interval(value, quotient_ends(self._by_unit(quantities), all_saved))
        errors, saved = self._of(self._drawn, whole), self._of(self._drawn, quantities)
        drawn = errors != 0
        return interval(value, percentiles(saved[drawn] / errors[drawn]))

    @cached_property
    def _may_save_nothing(self) -> bool:
        """Whether the interval of all errors saved holds 0, or there is none."""
        _, low, high = self.net([Quantity("errors")])
        return low is None or high is None or low <= 0 <= high

    def p_value(self, quantities: Sequence[Quantity]) -> float:
        """How often flipped units differ at least as much, two-sided; the observed units count as one flip."""
        observed = abs(self._total(quantities))
        if not np.isfinite(observed):  # bits without end: nothing can be said
            return 1.0
        exact = _all_flips(self._by_unit(quantities))
        if exact is not None:
            return float((np.abs(exact) >= observed - _ROUNDING * exact.max()).mean())
        flipped = np.abs(self._of(self._flipped, quantities))
        return float((1 + (flipped >= observed).sum()) / (1 + len(flipped)))

    def p_above(self, quantities: Sequence[Quantity], limit: float) -> float:
        """The p-value of "the sum over some classes rises by no more than `limit`" against "by more", one-sided.

        The limit is spread over the units by their positions: d_b = rise_b - limit n_b / N.  Where the rise is just
        the limit, their sum is 0 but for chance, and signs are as good as tossed.  Unless all flips are made, the
        standard error of counting so few is added: a gate must not close by the luck of a seed.
        """
        observed = -self._total(quantities) - limit
        if not np.isfinite(observed):
            return 1.0
        exact = _all_flips(self._above(quantities, limit))
        if exact is not None:
            return float((exact >= observed - _ROUNDING * exact.max()).mean())
        positions = self._of(self._flipped, [_POSITIONS])
        flipped = -self._of(self._flipped, quantities) - limit / self._n_positions * positions
        n, reached = len(flipped), int((flipped >= observed - 1e-9).sum())
        return min((1 + reached + math.sqrt(reached * (1 - reached / max(n, 1)))) / (1 + n), 1.0)

    def detectable(self, quantities: Sequence[Quantity], tests: int = 1) -> float | None:
        """The difference in these classes that is found in 80 % of texts like this one (`power`)."""
        return detectable(self._by_unit(quantities), tests)

    def detectable_above(self, quantities: Sequence[Quantity], limit: float, tests: int) -> float | None:
        """By how much the sum over these classes must rise above `limit` to be found by `p_above`."""
        return detectable(self._above(quantities, limit), tests)

    def _above(self, quantities: Sequence[Quantity], limit: float) -> Floats:
        """By how much each unit rises above its part of a limit."""
        positions = self._after.by_unit([_POSITIONS])
        return -self._by_unit(quantities) - limit / self._n_positions * positions

    def _by_unit(self, quantities: Sequence[Quantity]) -> Floats:
        """What is saved in each unit; of no use where bits are infinite."""
        if not np.isfinite(self._total(quantities)):
            return np.full(len(self._after.sums), np.nan)
        return self._before.by_unit(quantities) - self._after.by_unit(quantities)

    def _least(self, quantities: Sequence[Quantity]) -> float:
        """What one error more or less is: 1, or the bits that an error of the baseline costs in the mean."""
        return self._before.bits_of_error if quantities[0].scale == BIT else 1.0

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


_POSITIONS = Quantity("positions")


def _all_flips(differences: Floats) -> Floats | None:
    """The sums with every choice of signs; None where more than 14 units differ."""
    held = differences[differences != 0]
    if len(held) > EXACT_UNITS:
        return None
    bits = np.arange(1 << len(held))[:, None] >> np.arange(len(held)) & 1
    sums: Floats = (2.0 * bits - 1) @ held
    return sums
