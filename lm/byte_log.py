"""The byte log of a model of subword tokens: from its distributions over tokens to a distribution over each next byte.

t_1 … t_n is the tokenizer's own tokenization of the text, p_k the model's distribution for t_k, renormalised over the
tokens that are not special and have bytes; S_k(u) is the mass of all tokens whose bytes begin with u; and
e_k = p_k(t_k) / S_k(bytes of t_k) is the share of "the token ends here" (where several ids have the same bytes, the id
t_k alone counts).

- Inside a token, after its bytes u: p(b) = S_k(u b) / S_k(u).
- First byte of t_{k+1}: p(b) = e_k S_{k+1}(b).  A token that was not predicted leaves its bytes without a prediction,
  and its e is 1.

Hence, over each run of predicted tokens, Σ log p of its bytes + log e of its last token = Σ log p_k: bits are
conserved, and models with different tokenizers have comparable bits per byte.  It is the probability of one
tokenization of the text, a lower bound on that of the text (Vieira et al. 2024, "From language models over tokens to
language models over characters").

The best byte at a token's first byte is that with the largest e_k S_{k+1}(b) + S_k(t_k b) / S_k(t_k), which adds what
would have continued the token before; its log-probability and the rank follow this sum, so the best byte can be the
right one at p < .5.  Ties go to the lowest byte.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.kernels import n_threads, parallel_map
from errtax.lm.projection_kernels import (
    N_BYTES,
    Borders,
    Tokens,
    Trie,
    grow_trie,
    join_tokens,
    project_tokens,
    unpredicted_columns,
)
from errtax.lm.token_masses import empty_masses
from errtax.lm.vocabulary import Vocabulary


class ByteRows(NamedTuple):
    """Rows of a byte log, one per byte; arrays of one length.

    `logprob`: float64, natural log, NaN = not predicted.  `argmax`: uint8, the best byte.  `argmax_logprob`: float64,
    its natural log-probability.  `rank`: int32, of the right byte, from 1, which is the best byte's.  Where nothing is
    predicted the last three are the right byte, NaN and 0.  The distribution after a byte of probability 0 is not
    defined: the rest of its token is not predicted.
    """

    logprob: NDArray[np.float64]
    argmax: NDArray[np.uint8]
    argmax_logprob: NDArray[np.float64]
    rank: NDArray[np.int32]


class ByteProjector:
    """Turns a text's tokens and a model's distributions for them into rows of its byte log, piece by piece.

    >>> projector = ByteProjector(Vocabulary.of([b"a", b"ab", b"b"]))
    >>> rows = projector.add([1, 0], np.log([[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]]))
    >>> np.exp(rows.logprob).round(4).tolist()  # S(a), S(ab) / S(a), S(a)
    [0.75, 0.6667, 0.75]
    """

    def __init__(self, vocabulary: Vocabulary, prefix: bytes = b"") -> None:
        """`prefix`: bytes that the tokenizer puts before the text, such as an invented leading space.

        The first tokens must begin with them; they are conditioned on, and have no rows.
        """
        self.vocabulary = vocabulary
        self._prefix = prefix
        self._trie = trie_of(vocabulary)
        self._share, self._continuation = np.nan, np.zeros(N_BYTES)

    def add(self, ids: ArrayLike, scores: Any, predicted: ArrayLike | None = None) -> ByteRows:
        """The rows of the bytes of the text's next tokens.

        `ids`: (n,).  `scores`: (n, V or more), float32 or float64; row k has the logits or the log-probabilities of
        all tokens, given those before token k; what is beyond the vocabulary (padded logits) is special.  `predicted`:
        (n,) of bool, default all; the rows of other tokens are not looked at.  However a text's tokens are cut into
        calls, the rows are the same; memory is 4 kB per token of a call beyond the scores.

        Raises `BadInput` for ids that are special or not in the vocabulary, and for scores that are no distribution;
        `UsageError` for shapes that do not fit.
        """
        tokens, values = self._checked(ids, scores, predicted)
        text = np.frombuffer(self.vocabulary.bytes_of(tokens.ids), np.uint8)
        columns = unpredicted_columns(text)
        n = len(tokens.ids)
        borders = Borders(np.empty(n), np.empty((n, N_BYTES)), np.empty((n, N_BYTES)))

        def project(part: slice) -> int:
            masses = empty_masses(len(self._trie.order))
            return int(project_tokens(values, tokens, self._trie, masses, borders, columns, part.start, part.stop))

        bad = max(parallel_map(project, _parts(n)), default=-1)
        if bad >= 0:
            raise BadInput(
                f"the scores of token {bad:,} of these {n:,} are no distribution (NaN, infinite, or none for tokens "
                "of texts); give the model's logits or log-probabilities."
            )
        join_tokens(self._share, self._continuation, text[tokens.offsets[:-1]], tokens, borders, columns)
        if n:
            self._share, self._continuation = borders.shares[-1], borders.continuations[-1].copy()
        return self._without_prefix(ByteRows(*columns), text)

    @property
    def log_share(self) -> float:
        """log e of the last token, natural; 0 where it was not predicted."""
        with np.errstate(divide="ignore"):
            return 0.0 if np.isnan(self._share) else float(np.log(self._share))

    def _checked(self, ids: ArrayLike, scores: Any, predicted: ArrayLike | None) -> tuple[Tokens, NDArray[Any]]:
        tokens = _integers(ids)
        values = np.asarray(scores)
        known = np.ones(len(tokens), bool) if predicted is None else np.asarray(predicted, bool)
        if values.ndim != 2 or tokens.shape != values.shape[:1] or known.shape != tokens.shape:
            raise UsageError(
                f"each token needs a row of scores: ids {tokens.shape}, scores {values.shape}, predicted {known.shape}."
            )
        if values.shape[1] < len(self.vocabulary):
            raise UsageError(
                f"the scores have {values.shape[1]:,} columns for a vocabulary of {len(self.vocabulary):,} tokens."
            )
        self.vocabulary.require(tokens)
        special = self.vocabulary.special[tokens]
        if special.any():
            raise BadInput(
                f"token {tokens[np.argmax(special)]} is special or has no bytes, so it is no part of a text."
            )
        if not known.any():
            values = values[:0]
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float32 if values.dtype.itemsize < 4 else np.float64)
        offsets = np.concatenate([[0], np.cumsum(self.vocabulary.lengths[tokens])])
        return Tokens(tokens, known, offsets), np.ascontiguousarray(values)

    def _without_prefix(self, rows: ByteRows, text: NDArray[np.uint8]) -> ByteRows:
        """The rows without those of the bytes that the tokenizer put before the text."""
        if not self._prefix:
            return rows
        skipped = min(len(self._prefix), len(text))
        if text[:skipped].tobytes() != self._prefix[:skipped]:
            raise BadInput(f"the tokens begin with {text[:skipped].tobytes()!r}, not with the prefix {self._prefix!r}.")
        self._prefix = self._prefix[skipped:]
        return ByteRows(
            rows.logprob[skipped:], rows.argmax[skipped:], rows.argmax_logprob[skipped:], rows.rank[skipped:]
        )


def trie_of(vocabulary: Vocabulary) -> Trie:
    """The trie of the tokens that are not special.  Raises `UsageError` where there are none."""
    kept = np.flatnonzero(~vocabulary.special)
    if not len(kept):
        raise UsageError("all tokens of this vocabulary are special or without bytes; a text needs others.")
    order = np.array(sorted(kept.tolist(), key=vocabulary.piece), np.int64)
    first, lows, highs, labels, parents, nodes = grow_trie(
        vocabulary.data, vocabulary.ends[order], vocabulary.lengths[order]
    )
    node_of, places = np.full(len(vocabulary), -1, np.int32), np.full(len(vocabulary), -1, np.int32)
    node_of[order], places[order] = nodes, np.arange(len(order))
    return Trie(order.astype(np.int32), first, lows, highs, labels, parents, node_of, places)


def _integers(ids: ArrayLike) -> NDArray[np.int64]:
    tokens = np.asarray(ids)
    if tokens.size and tokens.dtype.kind not in "iu":
        raise UsageError(f"token ids are whole numbers; got an array of {tokens.dtype}.")
    return tokens.astype(np.int64)


def _parts(n: int) -> list[slice]:
    """The tokens 0 .. n - 1 in pieces of about equal size, a few per thread."""
    count = min(n, 1 if n_threads() == 1 else 2 * n_threads())
    ends = [n * k // count for k in range(count + 1)] if count else []
    return [slice(start, stop) for start, stop in pairwise(ends)]
