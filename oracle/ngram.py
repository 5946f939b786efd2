"""The n-gram oracle: the least context from which an n-gram model would have known the symbol."""

import numpy as np
from numpy.typing import NDArray

from errtax.lm.ngram.model import NgramModel
from errtax.oracle.text_view import TextView


def smallest_context(model: NgramModel, view: TextView) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The smallest n >= 1 such that the model with n symbols of context gives the symbol p > 0.5, and log p by it.

    0 and NaN where none does.  Karpathy et al. 2015, section 4.3: "n-gram error".  n symbols of context are order
    n + 1.  Shapes (len(view),).
    """
    contexts, found_logprobs = np.empty(len(view), np.uint8), np.empty(len(view), np.float32)
    half = np.float32(np.log(0.5))
    start = 0
    for logprobs in model.score_blocks(view.codes, unknown=view.gaps):
        knows = logprobs[:, 1:] > half
        found = knows.argmax(axis=1) + 1 if knows.shape[1] else np.zeros(len(knows), np.int64)
        stop, any_knows = start + len(knows), knows.any(axis=1)
        contexts[start:stop] = np.where(any_knows, found, 0)
        found_logprobs[start:stop] = np.where(any_knows, logprobs[np.arange(len(found)), found * any_knows], np.nan)
        start = stop
    return contexts, found_logprobs
