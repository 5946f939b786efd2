"""Two models on the same positions, block by block: intervals of what one saves, and a paired test of whether it does.

The test is approximate randomisation (Noreen 1989, section 2.3) over blocks: under the null hypothesis either model
might have made the other's errors, so the sign of each block's difference is as good as tossed.  Whole blocks are
flipped, since errors come in clusters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.block_sums import BlockSums, Quantity
from errtax.taxonomy.bootstrap import Resampling, draw_blocks
from errtax.taxonomy.statistics import Interval, interval_of

Floats = NDArray[np.float64]


class PairedBlocks:
    """Differences between a baseline and another model, (blocks, quantities), drawn and flipped."""

    def __init__(self, before: BlockSums, after: BlockSums, resampling: Resampling) -> None:
        self.quantities = before.quantities
        with np.errstate(invalid="ignore"):  # bits without end: their differences are not numbers
            difference = before.sums - after.sums
            n = len(difference)
            self.total: Floats = difference.sum(axis=0)
            drawn = draw_blocks(n, resampling) if n > 1 else np.empty((0, n))
            self.drawn: Floats = drawn @ difference
            self._drawn_positions: Floats = drawn @ after.column("positions")
            signs = np.random.default_rng(resampling.seed).integers(0, 2, (resampling.replicates, n)) * 2.0 - 1
            self.flipped: Floats = signs @ difference
        positions = after.column("positions")
        self._positions = float(positions.sum())
        self._flipped_positions: Floats = signs @ positions

    def net(self, quantities: Sequence[Quantity]) -> Interval:
        """The errors saved in some classes."""
        columns = self._columns(quantities)
        return interval_of(float(self.total[columns].sum()), self.drawn[:, columns].sum(axis=1))

    def net_per_symbol(self, quantities: Sequence[Quantity]) -> Interval:
        """What is saved in some classes, per position."""
        columns = self._columns(quantities)
        drawn = self.drawn[:, columns].sum(axis=1) / np.maximum(self._drawn_positions, 1)
        return interval_of(float(self.total[columns].sum()) / max(self._positions, 1), drawn)

    def share(self, quantities: Sequence[Quantity]) -> Interval | None:
        """The part of all errors saved that is of these classes; None where none was saved in all."""
        columns, whole = self._columns(quantities), self.quantities.index(Quantity("errors"))
        if not self.total[whole]:
            return None
        value = float(self.total[columns].sum() / self.total[whole])
        drawn = self.drawn[self.drawn[:, whole] != 0]
        return interval_of(value, drawn[:, columns].sum(axis=1) / drawn[:, whole])

    def p_value(self, quantities: Sequence[Quantity]) -> float:
        """How often flipped blocks differ at least as much, two-sided; the observed blocks count as one flip."""
        columns = self._columns(quantities)
        observed = abs(self.total[columns].sum())
        if not np.isfinite(observed):  # bits without end: nothing can be said
            return 1.0
        flipped = np.abs(self.flipped[:, columns].sum(axis=1))
        return float((1 + (flipped >= observed - 1e-9).sum()) / (1 + len(flipped)))

    def p_above(self, quantities: Sequence[Quantity], limit: float) -> float:
        """The p-value of "the sum over some classes rises by no more than `limit`" against "by more", one-sided.

        The limit is spread over the blocks by their positions: d_b = rise_b - limit n_b / N.  Where the rise is just
        the limit, their sum is 0 but for chance, and signs are as good as tossed.
        """
        columns = self._columns(quantities)
        per_position = limit / max(self._positions, 1)
        observed = -self.total[columns].sum() - per_position * self._positions
        if not np.isfinite(observed):
            return 1.0
        flipped = -self.flipped[:, columns].sum(axis=1) - per_position * self._flipped_positions
        return float((1 + (flipped >= observed - 1e-9).sum()) / (1 + len(flipped)))

    def _columns(self, quantities: Sequence[Quantity]) -> list[int]:
        return [self.quantities.index(quantity) for quantity in quantities]


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
