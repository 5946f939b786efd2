"""Bytes from a model of tokens, summed over the text's tokenizations: a beam of them.

A text x has the probability of all sequences of tokens whose bytes begin with it and would not without their last
token; p(b | x) is that of x b over that of x (Vieira et al. 2024, "From language models over tokens to language models
over characters"; Phan et al. 2024, "Exact byte-level probabilities from tokenized language models").

A *hypothesis* is a sequence of tokens that ends within x, the model's distribution for the next token, and the bytes u
of x since then, with which that token begins: it has mass w S(u), w the probability of its tokens.  Each token with
just the bytes u begins a hypothesis of its own.  A beam keeps the K hypotheses of the largest mass after each byte, so
that a byte costs up to about K runs of the model, and the masses that are kept are taken for all.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from errtax.lm.byte_log import ByteRows, trie_of
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.projection_kernels import N_BYTES, ByteColumns, Trie, split_node, unpredicted_columns, write_row
from errtax.lm.token_masses import Masses, empty_masses, weigh
from errtax.lm.vocabulary import Vocabulary

NextLogprobs = Callable[[tuple[int, ...]], ArrayLike]
"""From the tokens read so far to the logits or log-probabilities of the next, (V,) or more."""
NEGLIGIBLE = 1e-8
"""The share of the beam's mass below which no hypothesis begins: each costs a run of the model."""


def beam_rows(
    next_logprobs: NextLogprobs,
    vocabulary: Vocabulary,
    text: bytes,
    beam: int | None,
    *,
    start: Sequence[int] = (),
    ids: ArrayLike | None = None,
) -> ByteRows:
    """The rows of a text's bytes, each predicted given the bytes before it, whatever their tokens.

    `next_logprobs`: called with all tokens that are read, `start` among them.  `beam`: how many hypotheses are kept;
    None: all of them, whose number grows exponentially with the text.  `start`: tokens before the text, such as a
    prefix, or a first token without a prediction, whose bytes are then not in `text`.  `ids`: the tokenizer's own
    tokens of the text, whose hypothesis is always kept: with them no beam loses the text.  Best byte and rank are those
    of the same distribution as `logprob`.  Memory: 8 V bytes per hypothesis.

    Raises `BadInput` where the text is lost or scores are no distribution, `UsageError` for arguments that do not fit.

    >>> rows = beam_rows(lambda ids: np.log([0.25, 0.5, 0.25]), Vocabulary.of([b"a", b"ab", b"b"]), b"ab", None)
    >>> np.exp(rows.logprob).round(4).tolist()  # a, ab; then b of "ab", or of "a" and "b": (.5 + .25 * .25) / .75
    [0.75, 0.75]
    """
    if beam is not None and beam < 1:
        raise UsageError(f"a beam has at least one hypothesis, got {beam}.")
    own = None if ids is None else np.asarray(ids, np.int64)
    if own is not None and vocabulary.bytes_of(own) != text:
        raise UsageError("the tokens in ids do not spell the text.")
    symbols = np.frombuffer(text, np.uint8)
    columns = unpredicted_columns(symbols)
    search = _Search(next_logprobs, vocabulary, beam, own)
    hypotheses = [search.begin(tuple(start), 1.0, 0 if own is not None else -1)]
    for row, byte in enumerate(symbols.tolist()):
        _predict(columns, row, byte, hypotheses)
        if row + 1 < len(symbols):
            hypotheses = search.read(hypotheses, row, byte)
    return ByteRows(*columns)


@dataclass(eq=False)
class _Hypothesis:
    """Tokens that end within the text, and the node of the text's bytes since then.

    `weight`: the probability of the tokens, relative to that of the text.  `masses`, whose sum is `total`: of the next
    token.  `own`: of how many of the tokenizer's own tokens it consists, -1 where it has others.  `by_byte`: the weight
    times the mass of each child of the node, of the tokens that go on with this byte.
    """

    ids: tuple[int, ...]
    weight: float
    masses: Masses
    total: float
    own: int
    node: int = 0
    by_byte: NDArray[np.float64] = field(default_factory=lambda: np.empty(N_BYTES))

    def split(self, trie: Trie) -> float:
        """Fill `by_byte`; returns the weight times the mass of the node, of tokens that end there, too."""
        scale = self.weight / self.total
        mass = float(split_node(trie, self.masses, self.node, self.by_byte))
        self.by_byte *= scale
        return mass * scale


def _predict(columns: ByteColumns, row: int, byte: int, hypotheses: Sequence[_Hypothesis]) -> None:
    """The row of a byte; without a prediction where it follows one of probability 0."""
    by_byte = np.sum([each.by_byte for each in hypotheses], axis=0)
    total = float(by_byte.sum())
    if total > 0:
        p = by_byte[byte] / total
        write_row(columns, row, byte, min(math.log(p), 0.0) if p > 0 else -math.inf, by_byte, total)


class _Search:
    """The hypotheses of a text, from byte to byte."""

    def __init__(
        self, next_logprobs: NextLogprobs, vocabulary: Vocabulary, beam: int | None, own: NDArray[np.int64] | None
    ) -> None:
        self._next, self._beam, self._trie, self._size = next_logprobs, beam, trie_of(vocabulary), len(vocabulary)
        self._own = np.empty(0, np.int64) if own is None else own
        self._ends = np.cumsum(vocabulary.lengths[self._own])

    def begin(self, ids: tuple[int, ...], weight: float, own: int) -> _Hypothesis:
        """The hypothesis of some tokens that end where the text has been read to."""
        scores = np.asarray(self._next(ids))
        if scores.ndim != 1 or len(scores) < self._size:
            raise UsageError(f"the scores of the next token have shape {scores.shape}, not ({self._size},).")
        if scores.dtype not in (np.float32, np.float64):
            scores = scores.astype(np.float64)
        masses = empty_masses(len(self._trie.order))
        total = float(weigh(np.ascontiguousarray(scores)[None], 0, self._trie.order, masses))
        if not total > 0:
            raise BadInput(f"the scores after {len(ids):,} tokens are no distribution (NaN, infinite, or none).")
        found = _Hypothesis(ids, weight, masses, total, own)
        found.split(self._trie)
        return found

    def read(self, hypotheses: Sequence[_Hypothesis], row: int, byte: int) -> list[_Hypothesis]:
        """The hypotheses after byte `row` of the text, of weights relative to its probability."""
        found = [(self._go_on(each, byte), each) for each in hypotheses]
        found = sorted((pair for pair in found if pair[0] > 0), key=lambda pair: -pair[0])
        kept = [each for _, each in found[: self._beam]]
        own = next((each for each in hypotheses if each.own >= 0), None)
        if own is not None and own not in kept:
            kept.append(own)
        if not kept:
            raise BadInput(
                f"no tokenization in the beam goes on with byte {row:,} of the text; give the tokenizer's own tokens "
                "as ids, or take a wider beam."
            )
        ended = list(self._end_tokens(kept, row + 1, sum(mass for mass, _ in found)))
        kept = [each for each in kept if each.own >= 0 or each.by_byte.any()] + ended
        total = sum(float(each.by_byte.sum()) for each in kept)
        for each in kept:
            each.weight /= total or 1.0
            each.by_byte /= total or 1.0
        return kept

    def _go_on(self, hypothesis: _Hypothesis, byte: int) -> float:
        """Let the hypothesis read a byte; returns its mass."""
        first, stop = self._trie.first[hypothesis.node], self._trie.first[hypothesis.node + 1]
        child = first + int(np.searchsorted(self._trie.labels[first:stop], byte))
        if child == stop or self._trie.labels[child] != byte:
            return 0.0
        hypothesis.node = int(child)
        return hypothesis.split(self._trie)

    def _end_tokens(self, hypotheses: Sequence[_Hypothesis], at: int, total: float) -> Iterator[_Hypothesis]:
        """The hypotheses that begin at byte `at`, after tokens that end there; `total`: the mass of all there are."""
        least = 0.0 if self._beam is None else NEGLIGIBLE * total
        for each in hypotheses:
            first = self._trie.first[each.node]
            children = first < self._trie.first[each.node + 1]
            stop = self._trie.lows[first] if children else self._trie.highs[each.node]
            due = each.own >= 0 and self._ends[each.own] == at
            for place in range(self._trie.lows[each.node], stop):
                token = int(self._trie.order[place])
                weight = each.weight * float(each.masses.single[place]) / each.total
                is_own = due and token == self._own[each.own]
                if weight > least or is_own:
                    # After a byte of probability 0 the next token is predicted as if all before it had been certain.
                    given = weight if total > 0 else 1.0
                    yield self.begin((*each.ids, token), given, each.own + 1 if is_own else -1)
            if due:
                each.own = -1
