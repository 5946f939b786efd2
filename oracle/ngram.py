"""The n-gram oracle: the least context from which an n-gram model would have known the symbol."""

import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import tight
from errtax.lm.ngram.model import NgramModel
from errtax.oracle.text_view import TextView

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

    def best(self) -> NgramAlone | None:
        """The order of the least cross-entropy, the lowest of several; None where nothing was scored."""
        if not self.positions:
            return None
        costs = [math.inf if many else units for units, many in zip(self.units, self.infinite, strict=True)]
        k = costs.index(min(costs))
        return NgramAlone(k + 1, costs[k] / 2**_UNIT_BITS / self.positions, self.errors[k])


class NgramTally:
    """What the models of all orders score on the positions that count, summed while the oracle reads them."""

    def __init__(self, view: TextView, predicted: NDArray[np.bool_]) -> None:
        """`predicted[r]`: whether row r of the log counts, if it is asked about."""
        self._counted = np.zeros(len(view), bool)
        self._counted[view.rows] = predicted
        self.totals = NgramTotals()

    def add(self, logprobs: NDArray[np.float32], start: int) -> None:
        """A block of a text: `logprobs[i, n - 1]` of symbol start + i by order n."""
        counted = self._counted[start : start + len(logprobs)]
        sums = np.zeros((4, logprobs.shape[1]), np.int64)
        positions = _sum_nats(np.ascontiguousarray(logprobs), counted, _HALF, sums)
        if positions:
            high, low, infinite, errors = sums.tolist()
            units = tuple((above << _UNIT_BITS) + below for above, below in zip(high, low, strict=True))
            self.totals += NgramTotals(positions, units, tuple(infinite), tuple(errors))

    def best(self) -> NgramAlone | None:
        """The best order on what was added so far; see `NgramTotals.best`."""
        return self.totals.best()


def smallest_context(
    model: NgramModel, view: TextView, tally: NgramTally | None = None, span: tuple[int, int] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The smallest n >= 1 such that the model with n symbols of context gives the symbol p > 0.5, and log p by it.

    0 and NaN where none does.  Karpathy et al. 2015, section 4.3: "n-gram error".  n symbols of context are order
    n + 1.  `span`: the symbols that are asked about, by default all; the model reads as many symbols before them as its
    contexts have.  Shapes (their number,).  `tally`: gets all their scores, too.
    """
    first, stop = (0, len(view)) if span is None else span
    begin = max(first - model.order + 1, 0)
    contexts, found = np.empty(stop - first, np.uint8), np.empty(stop - first, np.float32)
    gaps = view.gaps[(view.gaps >= begin) & (view.gaps < stop)] - begin
    start = begin
    for scores in model.score_blocks(view.codes[begin:stop], unknown=gaps):
        logprobs = scores[max(first - start, 0) :]
        start += len(scores)
        if not len(logprobs):
            continue
        place = start - len(logprobs)
        if tally is not None:
            tally.add(logprobs, place)
        piece = slice(place - first, start - first)
        _find_smallest(np.ascontiguousarray(logprobs), _HALF, contexts[piece], found[piece])
    return contexts, found


@tight
def _find_smallest(logprobs: Any, half: Any, contexts: Any, found: Any) -> None:
    for i in range(len(logprobs)):
        contexts[i], found[i] = 0, np.nan
        for n in range(1, logprobs.shape[1]):
            if logprobs[i, n] > half:
                contexts[i], found[i] = n, logprobs[i, n]
                break


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
