"""The n-gram oracle: the least context from which an n-gram model would have known the symbol."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import tight
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.model import NgramModel
from errtax.lm.ngram.totals import NgramAlone, NgramTotals, totals_of_scores
from errtax.oracle.text_view import TextView

_HALF = np.float32(np.log(0.5))


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
        self.totals += totals_of_scores(logprobs, counted)

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


def smallest_best_context(
    index: NgramIndex, view: TextView, span: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The smallest n >= 1 such that a symbol is the most probable after n symbols of context, and log p by that model.

    0 and NaN where it never is.  `span`: the symbols that are asked about; shapes (their number,).
    """
    first, stop = span
    begin = max(first - index.order + 1, 0)
    gaps = view.gaps[(view.gaps >= begin) & (view.gaps < stop)] - begin
    return index.smallest_best(view.codes[begin:stop], gaps, first - begin)


def knows_best(model: NgramModel | None) -> bool:
    """Whether a model can say which symbols are the most probable ones: only an index of one stream can."""
    return isinstance(model, NgramIndex) and model.end_of_line is None


@tight
def _find_smallest(logprobs: Any, half: Any, contexts: Any, found: Any) -> None:
    for i in range(len(logprobs)):
        contexts[i], found[i] = 0, np.nan
        for n in range(1, logprobs.shape[1]):
            if logprobs[i, n] > half:
                contexts[i], found[i] = n, logprobs[i, n]
                break
