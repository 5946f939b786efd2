"""The bootstrap: how much a mean over a text would vary with another text of the same kind.

Errors come in clusters, so whole units are drawn, not single symbols (Efron & Tibshirani 1993, section 8.6); what a
unit is: `units`.  What is drawn follows from seed, replicate and number of units alone (`philox`), and sums of
replicates are sums of integers: the same on every machine and by any number of threads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.fixed_point import Halves, joined
from errtax.taxonomy.philox import count_draws, toss_signs

Floats = NDArray[np.float64]
Fill = Callable[[int, NDArray[np.uint64], Floats], None]
"""`fill(first, key, weights)`: the weight of each unit in the replicates from `first` on."""
_AT_A_TIME = 200  # replicates: their weights of 8,192 units are 13 MB


@dataclass(frozen=True)
class Resampling:
    """How intervals and tests are made.

    `block`: draw blocks of so many symbols; None: the units that the text has.  `replicates`: of the bootstrap;
    `flips`: of the signs in a paired test.
    """

    block: int | None = None
    replicates: int = 2000
    seed: int = 1
    flips: int = 20_000

    @property
    def description(self) -> str:
        """What a signature says of the draws: `replicates=2000,seed=1`."""
        return f"replicates={self.replicates},seed={self.seed}"

    @property
    def key(self) -> NDArray[np.uint64]:
        """The generator's key: the seed's low and high 32 bits."""
        return np.array([self.seed & 0xFFFFFFFF, self.seed >> 32 & 0xFFFFFFFF], np.uint64)


STANDARD = Resampling()


@dataclass(frozen=True, eq=False)
class Replicates:
    """Sums of each replicate in halves, (replicates, quantities): whole numbers below 2^53, hence exact."""

    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.low)

    def of(self, columns: Sequence[int] | NDArray[np.int64]) -> Floats:
        """The sum of some quantities in each replicate; the only rounding is the last."""
        columns = np.array(columns, np.int64)
        return joined(self.low[:, columns].sum(axis=1), self.high[:, columns].sum(axis=1))


def draw_sums(sums: Halves, resampling: Resampling) -> Replicates:
    """The sums over the units drawn in each replicate; no replicates of fewer than two units.

    Time O(replicates x units x quantities): a matrix product, whose terms and sums are integers below 2^53 and so
    exact in any order.  (A unit would need 2^20 rows of 2^20 bits each for larger ones.)
    """
    drawn = resampling.replicates if len(sums) > 1 else 0
    return _weighted(sums, drawn, count_draws, resampling.key)


def flip_sums(sums: Halves, resampling: Resampling) -> Replicates:
    """The sums over all units in each replicate, the sign of each unit tossed."""
    return _weighted(sums, resampling.flips, toss_signs, resampling.key)


def _weighted(sums: Halves, replicates: int, fill: Fill, key: NDArray[np.uint64]) -> Replicates:
    n, quantities, _ = sums.shape
    flat = np.ascontiguousarray(np.moveaxis(sums, 2, 1)).reshape(n, 2 * quantities)  # all low halves, all high ones
    used = np.flatnonzero(flat.any(axis=0))  # the high halves of counts are 0
    values, found = flat[:, used].astype(np.float64), np.zeros((replicates, 2 * quantities))
    for start in range(0, replicates, _AT_A_TIME):
        weights = np.empty((min(_AT_A_TIME, replicates - start), n))
        fill(start, key, weights)
        found[start : start + len(weights), used] = weights @ values
    return Replicates(found[:, :quantities], found[:, quantities:])
