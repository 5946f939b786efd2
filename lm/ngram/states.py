"""Sentences and states as KenLM's Python module has them, on an index or on an ARPA file.

A state is what a model remembers of the words before: the longest end of them, at most order - 1 words, that some
longer n-gram of the model begins with, or whose back-off weight is not 1 (`lm/search_hashed.hh` of KenLM).  Two texts
that end in the same state have the same continuations.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.kernels import kernel
from errtax.lm.ngram.arpa_kernels import Trie, find_child
from errtax.lm.ngram.arpa_reader import ArpaTables, read_arpa
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.query import count_strings
from errtax.lm.ngram.sorted_scores import score_span
from errtax.lm.ngram.suffix_sort import plan_of
from errtax.lm.special import BOS_NAME, END, EOS, EOS_NAME, UNK, UNK_NAME

Ids = NDArray[np.int64]


class Scores(NamedTuple):
    """Of consecutive words: log10 p, and how many words the longest n-gram has that the model knows there."""

    log10: NDArray[np.float64]
    length: NDArray[np.int64]


class Scorer(Protocol):
    """A model of the highest order over words that have numbers."""

    @property
    def order(self) -> int:
        """The words of the longest n-grams."""

    @property
    def numbers(self) -> Mapping[str, int]:
        """Of the words, `<s>`, `</s>` and `<unk>` among them."""

    def scores(self, ids: Ids, first: int) -> Scores:
        """Of ids[first:], each after all before it; nothing stands before ids[0]."""

    def kept(self, ids: Ids) -> int:
        """How many of the last ids the model remembers."""


def open_scorer(path: Path) -> Scorer:
    """The scorer of an index, or else of an ARPA file.

    Raises `UsageError` for an index of a stream, which has no sentences; `BadInput` for a file that is neither.
    """
    return IndexScorer(NgramIndex.open(path)) if path.suffix == ".ngram" else ArpaScorer(read_arpa(path))


class ArpaScorer:
    """The model of an ARPA file."""

    def __init__(self, tables: ArpaTables) -> None:
        self.order, self._trie = tables.order, tables.trie
        self.numbers = {word: number for number, word in enumerate(tables.words.to_pylist())}
        self.numbers |= {UNK_NAME: tables.unk, BOS_NAME: tables.bos, EOS_NAME: tables.eos}

    def scores(self, ids: Ids, first: int) -> Scores:
        """See `Scorer`."""
        found = Scores(np.empty(len(ids) - first), np.empty(len(ids) - first, np.int64))
        _score_along(self._trie, self.order, ids, first, *found)
        return found

    def kept(self, ids: Ids) -> int:
        """See `Scorer`."""
        return int(_longest_kept(self._trie, ids[max(len(ids) - self.order + 1, 0) :]))


@kernel
def _score_along(trie: Trie, order: int, ids: Ids, first: int, log10: Any, length: Any) -> None:
    """Fill log10 and length: back-off weights of the contexts that are longer than the n-gram that is known."""
    for i in range(first, len(ids)):
        total, known = np.float64(trie.prob[ids[i]]), 1
        for start in range(i - 1, max(i - order, -1), -1):
            row = np.int64(ids[start])
            for k in range(start + 1, i):
                row = find_child(trie, row, ids[k]) if row >= 0 else row
            if row < 0:
                break
            longer = find_child(trie, row, ids[i])
            if longer >= 0 and known == i - start:
                total, known = np.float64(trie.prob[longer]), known + 1
            else:
                total += trie.backoff[row]
        log10[i - first], length[i - first] = total, known


@kernel
def _longest_kept(trie: Trie, ids: Ids) -> int:
    kept = 0
    for start in range(len(ids) - 1, -1, -1):
        row = np.int64(ids[start])
        for k in range(start + 1, len(ids)):
            row = find_child(trie, row, ids[k]) if row >= 0 else row
        if row < 0:
            break
        if trie.child[row + 1] > trie.child[row] or trie.backoff[row] != 0:
            kept = len(ids) - start
    return kept


class IndexScorer:
    """The model of the highest order of an index whose lines are sentences."""

    def __init__(self, index: NgramIndex) -> None:
        if index.end_of_line is None:
            raise UsageError(
                "an index of one stream has no sentences; build one with --unit word, or with --sentences lines."
            )
        self.order, self._index = index.order, index
        names = index.symbol_names() if index.words is None else _words_of(index)
        self.numbers = dict(zip(names, range(len(names)), strict=True))
        self._plan = plan_of(len(names), index.order)

    def scores(self, ids: Ids, first: int) -> Scores:
        """See `Scorer`."""
        # words that no context has stand before the first, so that the highest order has a context of its length
        padded = np.concatenate([np.full(self.order, UNK), ids, [END]]).astype(self._index.tree.symbols.dtype)
        span = self.order + first, self.order + len(ids)
        by_order = np.empty((len(ids) - first, self.order), np.float32)
        score_span(self._index.tree, self._index.smoothing, self._plan, padded, span, by_order)
        with np.errstate(divide="ignore"):
            log10 = np.log10(by_order[:, -1].astype(np.float64))
        return Scores(log10, self._known(padded, np.arange(*span)))

    def kept(self, ids: Ids) -> int:
        """See `Scorer`."""
        if ids[-1] == EOS:
            return 0
        padded = np.concatenate([np.full(self.order, UNK), ids]).astype(self._index.tree.symbols.dtype)
        known = int(self._known(padded, np.array([len(padded) - 1]))[0])
        return 0 if ids[-1] == UNK else min(known, self.order - 1)

    def _known(self, ids: NDArray[Any], ends: Ids) -> NDArray[np.int64]:
        """The words of the longest n-gram that ends at each of `ends` and occurs in the training text; 1 at least."""
        order = self.order
        starts = ends[:, None] - np.arange(order)[None, :]
        rows = ids[np.minimum(starts[:, :, None] + np.arange(order), len(ids) - 1)]
        lengths = np.broadcast_to(np.arange(1, order + 1), starts.shape)
        counts = np.empty((starts.size, 2), np.int64)
        strings = np.ascontiguousarray(rows.reshape(-1, order))
        count_strings(self._index.tree, self._index.smoothing, strings, lengths.reshape(-1).copy(), counts)
        occurs = counts[:, 0].reshape(starts.shape) > 0
        known: NDArray[np.int64] = np.maximum(np.cumprod(occurs, axis=1).sum(axis=1), 1)
        return known


def _words_of(index: NgramIndex) -> list[str]:
    """The names of its symbols: of words, the words themselves."""
    special = [UNK_NAME, BOS_NAME, EOS_NAME]
    return special + [str(index.words[code]) for code in index.alphabet.codes.tolist()]
