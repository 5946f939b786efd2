"""From a window's logits to the numbers of a log's rows: of each token, or of each byte."""

import copy
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from errtax.lm.byte_log import ByteProjector, ByteRows
from errtax.lm.errors import BadInput
from errtax.lm.hf.passages import Passages
from errtax.lm.hf.windows import Window
from errtax.lm.vocabulary import Vocabulary

BYTE = np.dtype([("logprob", "<f8"), ("argmax", "u1"), ("argmax_logprob", "<f4"), ("rank", "<i4")])
TOKEN = np.dtype(
    [
        ("logprob", "<f8"),
        ("argmax_token", "<u4"),
        ("argmax_logprob", "<f4"),
        ("entropy", "<f4"),
        ("rank", "<i4"),
        ("special", "<f4"),
    ]
)
"""The numbers of a row; a row of zeros, with rank 0, is one that was not predicted."""
_ROWS = 64  # of logits at a time, beside the window's


class Scores(Protocol):
    """Rows of a log, window by window in the order of the text.  `dtype`: of a row.  `n_rows`: of the whole log."""

    dtype: np.dtype[Any]
    n_rows: int

    def rows(self, k: int, window: Window, logits: Tensor) -> tuple[int, NDArray[Any]]:
        """The rows of what window `window` of passage k is asked about, and the number of the first of them.

        `logits`: float32 (stop − first, V).
        """


def fitted(vocabulary: Vocabulary, width: int) -> Vocabulary:
    """The vocabulary without the ids that a model of `width` outputs cannot predict."""
    if width >= len(vocabulary):
        return vocabulary
    ends = vocabulary.ends[: width + 1]
    return Vocabulary(vocabulary.data[: ends[-1]], ends, vocabulary.special[:width], vocabulary.sha256)


class ByteScores:
    """The rows of the text's bytes: row r is byte r."""

    dtype = BYTE

    def __init__(self, passages: Passages, vocabulary: Vocabulary) -> None:
        self.n_rows = len(passages.text)
        self._passages, self._begun = passages, -1
        self._fresh = ByteProjector(vocabulary)
        self._projector = self._fresh

    def rows(self, k: int, window: Window, logits: Tensor) -> tuple[int, NDArray[Any]]:
        """See `Scores`; the bytes before the text are predicted, too, and left out."""
        passages = self._passages
        if k != self._begun:  # nothing is carried into another document
            self._projector, self._begun = copy.copy(self._fresh), k
        found = self._projector.add(passages.parts[k].ids[window.first : window.stop], logits.cpu().numpy())
        return own_rows(found, passages, k, window)


def own_rows(found: ByteRows, passages: Passages, k: int, window: Window) -> tuple[int, NDArray[Any]]:
    """Of the rows up to a window's end, those of the text's bytes that it is asked about, and the first's number."""
    tokens = passages.rows_of(k, window.first, window.stop)
    own = int(passages.lengths[tokens].sum())
    rows = np.zeros(own, BYTE)
    for name in found._fields:
        rows[name] = getattr(found, name)[len(found.logprob) - own :]
    rows[np.isnan(rows["logprob"])] = np.zeros(1, BYTE)
    return int(passages.starts[tokens.start]) if own else 0, rows


class TokenScores:
    """The rows of the text's tokens: row r is token r of all tokens with bytes of the text."""

    dtype = TOKEN

    def __init__(self, passages: Passages, vocabulary: Vocabulary) -> None:
        self.n_rows = len(passages.ids)
        self._passages, self._vocabulary = passages, vocabulary

    def rows(self, k: int, window: Window, logits: Tensor) -> tuple[int, NDArray[Any]]:
        """See `Scores`.  A token that begins before the text is one of those that begin with the same bytes."""
        part = self._passages.parts[k]
        places = self._passages.rows_of(k, window.first, window.stop)
        first = window.stop - (places.stop - places.start)
        logits = logits[first - window.first :]
        if first == part.first and part.given and len(logits):
            others = torch.from_numpy(~beginning_with(self._vocabulary, part.given, logits.shape[1]))
            logits = logits.clone()
            logits[0, others.to(logits.device)] = -torch.inf
        ids = torch.from_numpy(part.ids[first : window.stop]).to(logits.device)
        special = torch.from_numpy(_special(self._vocabulary, logits.shape[1])).to(logits.device)
        pieces = [
            _token_rows(logits[at : at + _ROWS], ids[at : at + _ROWS], special) for at in range(0, len(ids), _ROWS)
        ]
        return places.start, np.concatenate(pieces) if pieces else np.zeros(0, TOKEN)


def beginning_with(vocabulary: Vocabulary, given: bytes, width: int) -> NDArray[np.bool_]:
    """Which of `width` ids are tokens whose bytes begin with some bytes; (width,)."""
    found = np.zeros(width, bool)
    n = min(len(vocabulary), width)
    kept = (vocabulary.lengths[:n] >= len(given)) & ~vocabulary.special[:n]
    starts = vocabulary.ends[:n]
    for k, byte in enumerate(given):
        kept[kept] = vocabulary.data[starts[kept] + k] == byte
    found[:n] = kept
    return found


def _special(vocabulary: Vocabulary, width: int) -> NDArray[np.bool_]:
    special = np.ones(width, bool)
    special[: len(vocabulary)] = vocabulary.special
    return special


def _token_rows(logits: Tensor, ids: Tensor, special: Tensor) -> NDArray[Any]:
    logprobs = logits.log_softmax(1)
    correct = logprobs.gather(1, ids.unsqueeze(1))
    best, best_id = logprobs.max(1)
    if bool(correct.isnan().any()):
        raise BadInput("the model predicts values that are not numbers; try --dtype float32, or other weights.")
    probabilities = logprobs.exp()
    rows = np.zeros(len(ids), TOKEN)
    rows["logprob"] = correct.squeeze(1).cpu().numpy()
    rows["argmax_token"] = best_id.cpu().numpy()
    rows["argmax_logprob"] = best.cpu().numpy()
    rows["entropy"] = -(probabilities * logprobs.clamp(min=-1e4)).sum(1).cpu().numpy()  # 0 log 0 = 0
    rows["rank"] = 1 + (logprobs > correct).sum(1).cpu().numpy()
    rows["special"] = (probabilities * special).sum(1).cpu().numpy()
    return rows
