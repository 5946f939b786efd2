"""The n-gram oracle: the least context from which an n-gram model would have known the symbol."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.ngram.model import NgramModel
from errtax.oracle.text_view import TextView

_HALF = np.float32(np.log(0.5))


class NgramAlone(NamedTuple):
    """An n-gram model as the predictor: its order, cross-entropy in nats per position, and errors, p < 0.5."""

    order: int
    nats: float
    errors: int


class NgramTally:
    """What the models of all orders score on the positions that count, summed while the oracle reads them."""

    def __init__(self, view: TextView, predicted: NDArray[np.bool_]) -> None:
        """`predicted[r]`: whether row r of the log counts."""
        self._counted = np.zeros(len(view), bool)
        self._counted[view.rows] = predicted
        self._start = 0
        self._nats: NDArray[np.float64] | None = None
        self._errors: NDArray[np.int64] | None = None

    def add(self, logprobs: NDArray[np.float32]) -> None:
        """The next block of a text: `logprobs[i, n - 1]` of symbol i by order n."""
        counted = self._counted[self._start : self._start + len(logprobs)]
        self._start += len(logprobs)
        chosen = logprobs if counted.all() else logprobs[counted]
        nats, errors = -chosen.sum(axis=0, dtype=np.float64), (chosen < _HALF).sum(axis=0)
        self._nats = nats if self._nats is None else self._nats + nats
        self._errors = errors if self._errors is None else self._errors + errors

    def best(self) -> NgramAlone | None:
        """The order of the least cross-entropy, the lowest of several; None where nothing was scored."""
        if self._nats is None or self._errors is None or not self._counted.any():
            return None
        k = int(self._nats.argmin())
        return NgramAlone(k + 1, float(self._nats[k]) / int(self._counted.sum()), int(self._errors[k]))


def smallest_context(
    model: NgramModel, view: TextView, tally: NgramTally | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The smallest n >= 1 such that the model with n symbols of context gives the symbol p > 0.5, and log p by it.

    0 and NaN where none does.  Karpathy et al. 2015, section 4.3: "n-gram error".  n symbols of context are order
    n + 1.  Shapes (len(view),).  `tally`: gets all scores, too.
    """
    contexts, found_logprobs = np.empty(len(view), np.uint8), np.empty(len(view), np.float32)
    start = 0
    for logprobs in model.score_blocks(view.codes, unknown=view.gaps):
        if tally is not None:
            tally.add(logprobs)
        knows = logprobs[:, 1:] > _HALF
        found = knows.argmax(axis=1) + 1 if knows.shape[1] else np.zeros(len(knows), np.int64)
        stop, any_knows = start + len(knows), knows.any(axis=1)
        contexts[start:stop] = np.where(any_knows, found, 0)
        found_logprobs[start:stop] = np.where(any_knows, logprobs[np.arange(len(found)), found * any_knows], np.nan)
        start = stop
    return contexts, found_logprobs
