"""What all orders expect next, along a text: whole distributions, some positions at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.kernels import kernel, n_threads, parallel_map
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.query import distribution_of
from errtax.lm.ngram.sequence import encode
from errtax.lm.ngram.suffix_sort import Symbols
from errtax.lm.special import SPECIAL, UNK
from errtax.lm.text import Codes


class TextDistributions:
    """The models of an index on one text, over the symbols of another model's alphabet of K symbols.

    A symbol that the index does not know has an equal part of `<unk>`'s probability; what `</s>` has is left out, and
    the rest sums to 1 if `normalised`.  Time O(K order) per position; memory is the text's ids and what is asked for at
    once.  Raises `UsageError` for an index in which each line is a sentence.
    """

    def __init__(self, index: NgramIndex, codes: Codes, alphabet: NDArray[np.uint32], normalised: bool = True) -> None:
        if index.end_of_line is not None:
            raise UsageError("an index of lines has no distributions along a text; build one with --sentences stream.")
        self.index, self.normalised = index, normalised
        self.ids: Symbols = encode(codes, index.alphabet, index.end_of_line)
        known = index.alphabet.encode(alphabet)
        self._columns: NDArray[np.int64] = np.where(known >= 0, known + SPECIAL, UNK)
        self._parts = np.where(known >= 0, 1.0, 1.0 / max(int((known < 0).sum()), 1))

    def at(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """`p[i, n - 1, k]`: of symbol k at position i of the text, by order n; shape (len(positions), order, K)."""
        pieces = np.array_split(positions, min(n_threads(), max(len(positions), 1)))
        return np.concatenate(parallel_map(self._piece, pieces))

    def _piece(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        index = self.index
        n_ids = len(index.alphabet) + SPECIAL
        scratch: tuple[NDArray[Any], ...] = (np.empty((index.order, n_ids)), np.empty(n_ids, np.int64))
        out = np.empty((len(positions), index.order, len(self._columns)), np.float32)
        counts = np.empty((n_ids, 2), np.int64)
        # the text begins after one <s>
        _fill(index.tree, index.smoothing, self.ids, positions + 1, (*scratch, counts), self._columns, self._parts, out)
        return out / out.sum(axis=2, keepdims=True, dtype=np.float64).astype(np.float32) if self.normalised else out


@kernel
def _fill(tree, smoothing, ids, places, scratch, columns, parts, out):
    """out[i]: the distributions at place i of `ids`, whose columns are weighted by `parts`."""
    p, symbols, counts = scratch
    for i in range(len(places)):
        context = ids[max(places[i] - out.shape[1] + 1, 0) : places[i]]
        distribution_of(tree, smoothing, context, symbols, counts, p)
        for n in range(out.shape[1]):
            for k in range(len(columns)):
                out[i, n, k] = p[n, columns[k]] * parts[k]
