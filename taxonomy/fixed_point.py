"""Sums that come out the same in any order: integers, of bits in units of 2^-32, in two halves so that none overflows.

A number v stands as v = high 2^32 + low.  Low halves of up to 2^31 numbers are added before a carry is due; after it
they lie in 0 .. 2^32 - 1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Halves = NDArray[np.int64]
"""(..., 2): the low and the high half of each number."""
Floats = NDArray[np.float64]
BIT = 1 << 32
"""So many units are one bit."""
MOST_BITS = 1 << 20
"""Above it, a symbol's surprisal counts as infinite."""
FAIR = 12_252_240
"""So many units are one error that is shared: the least common multiple of 1 to 18, so that shares are exact."""


def halves_of(numbers: NDArray[np.int64]) -> Halves:
    """Whole numbers in halves: (...) -> (..., 2)."""
    return np.stack([numbers & (BIT - 1), numbers >> 32], axis=-1)


def carry(numbers: Halves) -> Halves:
    """The same numbers, their low halves in 0 .. 2^32 - 1; in place."""
    numbers[..., 1] += numbers[..., 0] >> 32
    numbers[..., 0] &= BIT - 1
    return numbers


def joined(low: NDArray[Any], high: NDArray[Any]) -> Floats:
    """The floats nearest to high 2^32 + low."""
    found: Floats = high.astype(np.float64) * BIT + low
    return found


def totals_of(numbers: Halves) -> list[int]:
    """Sums over the first axis: (units, quantities, 2) -> an integer per quantity."""
    return [high * BIT + low for low, high in numbers.sum(axis=0).tolist()]
