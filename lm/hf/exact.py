"""Bytes summed over the tokenizations of a text (`byte_beam`), window by window.

The tokens before a window's rows are the tokenizer's own, but for the last `WARM` of them: these are spelt anew, so
that tokens of other tokenizations may reach over the border.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.byte_beam import beam_rows
from errtax.lm.hf.model import Asked, LanguageModel
from errtax.lm.hf.passages import Passages
from errtax.lm.hf.scores import BYTE, own_rows
from errtax.lm.hf.windows import Window, WindowPlan
from errtax.lm.vocabulary import Vocabulary

WARM = 8
"""Tokens before a window's rows whose bytes are read by all hypotheses."""


class ExactScores:
    """The rows of the text's bytes: row r is byte r."""

    dtype = BYTE

    def __init__(
        self, model: LanguageModel, passages: Passages, vocabulary: Vocabulary, plan: WindowPlan, beam: int
    ) -> None:
        self.n_rows = len(passages.text)
        self._model, self._passages, self._vocabulary = model, passages, vocabulary
        self._prefix, self._room, self._beam = plan.prefix, plan.room, beam

    def rows(self, k: int, window: Window) -> tuple[int, NDArray[Any]]:
        """The rows of what a window of passage k is asked about, and the number of the first of them."""
        ids = self._passages.parts[k].ids
        least = window.start + (0 if self._prefix else 1)  # without a prefix the first token is not predicted
        begin = max(window.first - WARM, least)
        read, spelt = ids[window.start : begin].tolist(), ids[begin : window.stop]
        found = beam_rows(
            self._next,
            self._vocabulary,
            self._vocabulary.bytes_of(spelt),
            self._beam,
            start=(*self._prefix, *read),
            ids=spelt,
        )
        return own_rows(found, self._passages, k, window)

    def _next(self, ids: tuple[int, ...]) -> NDArray[np.float32]:
        read = ids[len(self._prefix) :][-self._room :]  # other tokenizations may have more tokens than a window holds
        found: NDArray[np.float32] = self._model.scores([Asked([*self._prefix, *read], 1)])[0][0].cpu().numpy()
        return found
