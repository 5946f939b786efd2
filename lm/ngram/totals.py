"""What an n-gram model scores on some positions, summed so that parts add up to the whole exactly."""

import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import tight

_HALF = np.float32(np.log(0.5))
_UNIT_BITS = 32
_MOST = 2.0**20  # nats; what costs more counts as infinite, so that sums of units fit into integers


class NgramAlone(NamedTuple):
    """An n-gram model as the predictor: its order, cross-entropy in nats per position, and errors, p < 0.5."""

    order: int
    nats: float
    errors: int


@dataclass(frozen=True)
class NgramTotals:
    """What the models of all orders score on some positions, by order from 1; sums are integers and add up exactly.

    `units`: nats in units of 2^-32, each position's rounded to the nearest (half to even).  `infinite`: positions of
    infinitely many nats, or of more than 2^20, which `units` leave out.  `errors`: positions with p < 0.5.
    """

    positions: int = 0
    units: tuple[int, ...] = ()
    infinite: tuple[int, ...] = ()
    errors: tuple[int, ...] = ()

    def __add__(self, other: "NgramTotals") -> "NgramTotals":
        columns = ((self.units, other.units), (self.infinite, other.infinite), (self.errors, other.errors))
        sums = (tuple(map(sum, zip_longest(one, two, fillvalue=0))) for one, two in columns)
        return NgramTotals(self.positions + other.positions, *sums)

    @staticmethod
    def of_json(numbers: dict[str, Any]) -> "NgramTotals":
        """The totals of which these are the fields, as JSON has them."""
        return NgramTotals(numbers["positions"], *(tuple(numbers[name]) for name in ("units", "infinite", "errors")))

    @property
    def entropies(self) -> list[float]:
        """The cross-entropy of each order, in nats per position; infinite where a position is."""
        pairs = zip(self.units, self.infinite, strict=True)
        return [math.inf if many else units / 2**_UNIT_BITS / self.positions for units, many in pairs]

    def best(self) -> NgramAlone | None:
        """The order of the least cross-entropy, the lowest of several; None where nothing was scored."""
        if not self.positions:
            return None
        costs = [math.inf if many else units for units, many in zip(self.units, self.infinite, strict=True)]
        k = costs.index(min(costs))
        return NgramAlone(k + 1, self.entropies[k], self.errors[k])


def totals_of_scores(logprobs: NDArray[np.float32], counted: NDArray[np.bool_]) -> NgramTotals:
    """The totals of some positions: `logprobs[i, n - 1]` by order n, of those that are `counted`."""
    sums = np.zeros((4, logprobs.shape[1]), np.int64)
    positions = _sum_nats(np.ascontiguousarray(logprobs), counted, _HALF, sums)
    if not positions:
        return NgramTotals()
    high, low, infinite, errors = sums.tolist()
    units = tuple((above << _UNIT_BITS) + below for above, below in zip(high, low, strict=True))
    return NgramTotals(positions, units, tuple(infinite), tuple(errors))


@tight
def _sum_nats(logprobs: Any, counted: Any, half: Any, sums: Any) -> int:
    """Add to `sums` by order: units of nats, above and below bit 32, infinite ones, errors; returns the positions.

    Sums of halves fit into 64 bits where those of whole values might not.
    """
    positions = 0
    for i in range(len(logprobs)):
        if not counted[i]:
            continue
        positions += 1
        for n in range(logprobs.shape[1]):
            nats = -np.float64(logprobs[i, n])
            sums[3, n] += logprobs[i, n] < half
            if nats > _MOST:
                sums[2, n] += 1
            else:
                units = np.int64(np.rint(nats * 4294967296.0))
                sums[0, n] += units >> _UNIT_BITS
                sums[1, n] += units & 0xFFFFFFFF
    return positions
