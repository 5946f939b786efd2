"""The n-gram index: modified Kneser-Ney models of all orders 1..N in one memory-mapped file, equal to KenLM's.

`order` has KenLM's meaning everywhere: an n-gram model of order n has n - 1 symbols of context.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.kernels import even_spans, n_threads, parallel_map
from errtax.lm.locations import location
from errtax.lm.ngram import build as build_index
from errtax.lm.ngram.best_symbols import Piece, find_expected, map_pieces, read_best
from errtax.lm.ngram.container import damaged_arrays
from errtax.lm.ngram.index_file import (
    KIND,
    MAX_ORDER,
    SCHEMA,
    IndexArrays,
    IndexInfo,
    index_problem,
    read_index,
    write_index,
)
from errtax.lm.ngram.model import NgramModel
from errtax.lm.ngram.partitions import tell_nobody
from errtax.lm.ngram.query import (
    NOWHERE,
    Smoothing,
    continuations_of,
    count_strings,
    distribution_of,
    find_occurrences,
    prepare_smoothing,
)
from errtax.lm.ngram.sequence import as_codes, encode
from errtax.lm.ngram.smoothing import FALLBACK
from errtax.lm.ngram.sorted_scores import score_span
from errtax.lm.ngram.suffix_sort import plan_of
from errtax.lm.special import BOS, END, EOS, SPECIAL, SPECIAL_NAMES, UNK
from errtax.lm.text import END_OF_LINE, UNKNOWN, Codes, Sentences, Text, Unit, recode, symbol_name
from errtax.lm.word_counting import DEFAULT, WordRule
from errtax.lm.word_counts import WordCounts

__all__ = ["MAX_ORDER", "SCHEMA", "NgramIndex"]
_PIECE = 1 << 12
"""Fewer positions are not split between threads: the longer a piece, the more its walks have in common."""


def require_tokenizer(model: NgramModel, sha256: str, name: str) -> None:
    """Raise `BadInput` when a model's text and a log, which says that of its own, have tokens of two tokenizers."""
    known = model.info.tokenizer_sha256 if isinstance(model, NgramIndex) else ""
    if known and sha256 and known != sha256:
        raise BadInput(
            f"{name} has tokens of another tokenizer ({sha256:.8}) than the model ({known:.8}); "
            "build an index of tokens by the same one."
        )


class NgramIndex:
    """N-gram models of orders 1..`order` over one text: an `NgramModel`.

    Codes are those of `text.Text`: bytes, code points, token ids, numbers of words in `words`.  All methods take and
    give arrays; an index never changes, so threads may share it; pickled, an opened index is its path.

    >>> from errtax.lm.text import text_of_bytes
    >>> text = text_of_bytes(b"abracadabra", Unit.BYTE)
    >>> index = NgramIndex.build(text, order=3)
    >>> index.score(text.codes).shape
    (11, 3)
    >>> index.count(np.array([list(b"ab"), list(b"br"), list(b"bb")]))
    array([2, 2, 0])
    >>> index.positions(list(b"bra"))
    array([1, 8])
    >>> codes, counts = index.continuations(list(b"a"))
    >>> [(symbol_name(code, Unit.BYTE), count) for code, count in zip(codes.tolist(), counts.tolist())]
    [('</s>', 1), ('b', 2), ('c', 1), ('d', 1)]
    """

    def __init__(self, info: IndexInfo, arrays: IndexArrays, path: Path | None = None) -> None:
        self.info = info
        self.arrays = arrays
        self.path = path
        self.alphabet = arrays.alphabet
        self.words = arrays.words
        self.tree = arrays.tree
        self.discounts = arrays.discounts
        self._plan = plan_of(self._n_ids, info.order)

    # --- making, keeping ---------------------------------------------------------------------------------------------

    @classmethod
    def build(
        cls,
        text: Text,
        order: int = 20,
        fallback: tuple[float, float, float] | None = FALLBACK,
        kenlm_compat: bool = True,
        n_partitions: int = 1,
        words: WordRule = DEFAULT,
    ) -> "NgramIndex":
        """The index of a text, in memory.  `words`: what a word is, in `word_counts`.

        With `kenlm_compat` the counts of counts repeat lmplz's final flush (kpu/kenlm issues 405, 427): of each
        lower order, the n-gram that sorts last enters with its raw count.

        Raises `UsageError` for an order outside 1..32, `BadInput` where `fallback` is None and an order has no
        discounts, and for a training text with the word `<s>`, `</s>` or `<unk>`.  Time O(n order).
        """
        return cls(*build_index.build(text, int(order), fallback, kenlm_compat, max(int(n_partitions), 1), words))

    @classmethod
    def build_file(
        cls,
        text: Text,
        path: Path,
        order: int = 20,
        fallback: tuple[float, float, float] | None = FALLBACK,
        kenlm_compat: bool = True,
        memory: int | None = None,
        on_suffixes: Callable[[int, int], None] = tell_nobody,
        words: WordRule = DEFAULT,
    ) -> "NgramIndex":
        """The index of a text, built into a file in partitions that keep this process below `memory` bytes.

        None: four fifths of what is free.  The bytes do not depend on the partitions.  A build that was interrupted
        left `PATH.partial`, and is resumed; nothing unfinished ever stands at `path`.  `on_suffixes`: called with the
        suffixes that are sorted and grown, and with all of them, from any thread.  `words`: see `build`.
        """
        build_index.build_file(text, location(path), int(order), fallback, kenlm_compat, memory, on_suffixes, words)
        return cls.open(path, verify=False)

    def save(self, path: Path, force: bool = True) -> None:
        """Write the index to one file, all or nothing."""
        write_index(location(path), self.info, self.arrays, force)

    @classmethod
    def open(cls, path: Path, verify: bool | None = None) -> "NgramIndex":
        """The index in a file, memory-mapped: opening takes no time, pages are read when they are needed.

        `verify`: whether to compare all checksums first and to check that no walk can leave the arrays, which reads the
        whole file; None: if it has at most 256 MB, and of a larger file the checksums of the small arrays alone.
        What somebody else made may crash the process where it is not verified.
        Raises `BadInput` for a file that is not an index, or is cut, damaged or of another version.  One in an object
        store is fetched, and its copy verified unless `verify` is False.
        """
        path = location(path)
        return cls(*read_index(path, verify), path)

    @staticmethod
    def problems(path: Path) -> list[str]:
        """What is wrong with an index file, one line per problem (reads all of it)."""
        if damaged := damaged_arrays(path, KIND):
            return [f"array {name!r}: its checksum is wrong" for name in damaged]
        problem = index_problem(*read_index(path, verify=False))
        return [problem] if problem else []

    def __reduce__(self) -> tuple[Any, ...]:
        return (NgramIndex.open, (self.path.absolute(),)) if self.path else (NgramIndex, (self.info, self.arrays))

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def unit(self) -> Unit:
        """What one symbol is."""
        return Unit(self.info.unit)

    @property
    def sentences(self) -> Sentences:
        """Whether the text is one sentence or each of its lines is."""
        return Sentences(self.info.sentences)

    @property
    def order(self) -> int:
        """The highest order."""
        return self.info.order

    @property
    def text_sha256(self) -> str:
        """Of the training text's bytes."""
        return self.info.text_sha256

    @property
    def word_counts(self) -> WordCounts | None:
        """The words of the training text with their counts; None for words and tokens, and in files of before."""
        return self.arrays.surface

    @property
    def description(self) -> str:
        """What a signature says of the index, for example `mkn,order=21,compat`."""
        lines = ",lines" if self.sentences is Sentences.LINES else ""
        return f"mkn,order={self.info.order},{'compat' if self.info.kenlm_compat else 'corrected'}{lines}"

    @property
    def end_of_line(self) -> int | None:
        """The code that is `</s>`, where each line is a sentence."""
        if self.sentences is Sentences.STREAM:
            return None
        return ord("\n") if self.unit in (Unit.BYTE, Unit.CHAR) else END_OF_LINE

    def to_json(self) -> dict[str, Any]:
        """What kind of model this is, and how large, for programs."""
        return {
            "order": self.order,
            "unit": self.unit,
            "sentences": self.sentences,
            "alphabet": len(self.alphabet),
            "nodes": len(self.tree.nodes),
            "leaves": len(self.tree.leaf_label),
            "fallback_orders": self.info.fallback_adjusted,
        }

    def symbol_names(self) -> list[str]:
        """Visible names of the columns of `distribution`."""
        names = (symbol_name(int(code), self.unit, self.words) for code in self.alphabet.codes)
        return [*SPECIAL_NAMES, *names]

    # --- scoring -----------------------------------------------------------------------------------------------------

    def codes_of(self, text: Text) -> Codes:
        """The codes of a text in the index's own numbering; raises `BadInput` when the text has another unit."""
        if text.unit is not self.unit or text.sentences is not self.sentences:
            raise BadInput(
                f"{text.name} is read as {text.unit}, {text.sentences}, the index as {self.unit}, {self.sentences}; "
                f"build one with errtax build-ngram --unit {text.unit} --sentences {text.sentences}."
            )
        return recode(text, self.words) if self.unit is Unit.WORD else text.codes

    def knows(self, codes: ArrayLike) -> NDArray[np.bool_]:
        """Which symbols are in the alphabet, or end a line."""
        symbols: Any = as_codes(codes, 1)
        known = np.empty(len(symbols), np.bool_)
        for start in range(0, len(symbols), 1 << 22):  # ids of a piece at a time: they take more than their symbols
            piece = symbols[start : start + (1 << 22)]
            known[start : start + len(piece)] = self.alphabet.encode(piece) >= 0
        return known if self.end_of_line is None else known | (symbols == self.end_of_line)

    def score(self, codes: ArrayLike) -> NDArray[np.float32]:
        """`logp[i, n - 1]`: natural log-probability of symbol i given the n - 1 before it; shape (len, order)."""
        return np.concatenate(
            list(self.score_blocks(as_codes(codes, 1))) or [np.empty((0, self.info.order), np.float32)]
        )

    def score_blocks(
        self, codes: Codes, unknown: NDArray[np.int64] | None = None, block: int = 1 << 18
    ) -> Iterator[NDArray[np.float32]]:
        """`score` in blocks of at most `block` positions, computed on all cores: memory does not grow with the text.

        `unknown`: positions to take as `<unk>` whatever stands there, so that no context reaches across them.
        """
        ids = self._ids_along(codes, unknown)
        for start, stop in even_spans(1, len(ids) - 1, block):
            out = np.empty((stop - start, self.info.order), np.float32)

            def score_piece(span: tuple[int, int], start: int = start, out: NDArray[Any] = out) -> None:
                piece = out[span[0] - start : span[1] - start]
                score_span(self.tree, self.smoothing, self._plan, ids, span, piece)
                with np.errstate(divide="ignore"):  # 0 where a discount is 0: nothing is left for what was not seen
                    np.log(piece, out=piece)

            parallel_map(score_piece, even_spans(start, stop, max((stop - start) // n_threads(), _PIECE)))
            yield out if self.end_of_line is None else out[ids[start:stop] != BOS]

    def distribution(self, contexts: ArrayLike) -> NDArray[np.float64]:
        """`p[..., n - 1, s]`: the probability of each next symbol by the model of order n.

        contexts: the codes before, shape (L,) or (contexts, L), from the sentence's start: `<s>` is put before them
        where they are fewer than order - 1.  Columns: `<unk>`, `<s>` (always 0), `</s>`, then `alphabet`.
        """
        codes = as_codes(contexts)
        if codes.ndim > 1:
            rows = [self.distribution(row) for row in codes]
            return np.stack(rows) if rows else np.empty((*codes.shape[:-1], self.info.order, self._n_ids))
        ids = encode(codes, self.alphabet, self.end_of_line)
        starts = np.flatnonzero(ids == BOS)
        ids = ids[max(len(ids) - self.info.order + 1, int(starts[-1])) :]
        out = np.empty((self.info.order, self._n_ids))
        symbols, counts = np.empty(self._n_ids, np.int64), np.empty((self._n_ids, 2), np.int64)
        distribution_of(self.tree, self.smoothing, ids, symbols, counts, out)
        if self.smoothing.root_node[EOS] == NOWHERE:  # then `</s>` is one of the unknown symbols
            out[:, EOS] = 0
        return out

    def best(self, codes: ArrayLike) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """What each order expects along a text: the most probable symbol, and its natural log-probability.

        Both have the shape (len + 1, order): row i, column n - 1 is of the model of order n after the first i codes,
        the last row after all of them.  `</s>` has the code END_OF_LINE, `<unk>` UNKNOWN.  Equal ones, to a millionth:
        one that followed the longer context, then the first in `alphabet`.  Time O(len order).
        """
        ids = self._ids_along(np.append(as_codes(codes, 1), np.uint32(UNKNOWN)))
        symbols, logprobs = np.empty((len(ids) - 2, self.order), np.int32), np.empty((len(ids) - 2, self.order), "f4")

        def read(piece: Piece) -> None:
            rows = slice(piece.span[0] - 1, piece.span[1] - 1)
            read_best(piece, symbols[rows], logprobs[rows])

        map_pieces(self.tree, self.smoothing, self._plan, ids, (1, len(ids) - 1), read)
        names = np.concatenate([np.array([UNKNOWN, UNKNOWN, END_OF_LINE], np.uint32), self.alphabet.codes])
        predicted = ids[1:-1] != BOS
        return names[symbols[predicted]], logprobs[predicted]

    def smallest_best(
        self, codes: ArrayLike, unknown: NDArray[np.int64] | None = None, start: int = 0
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The smallest n >= 1 such that each code, from `start` on, is the most probable after n symbols of context.

        Or one of the most probable, to a millionth; 0 where there is none.  And the log-probability that this model, of
        order n + 1, gives it, or NaN.  `unknown`: see `score_blocks`; a code that the index does not know has 0.
        Raises `UsageError` for an index in which each line is a sentence.
        """
        if self.end_of_line is not None:
            raise UsageError("in an index of lines no context is looked for; build one with --sentences stream.")
        ids = self._ids_along(codes, unknown)
        span = (1 + start, len(ids) - 1)
        contexts, logprobs = np.empty(span[1] - span[0], np.uint8), np.empty(span[1] - span[0], np.float32)

        def read(piece: Piece) -> None:
            rows = slice(piece.span[0] - span[0], piece.span[1] - span[0])
            find_expected(self.tree, self.smoothing, ids, piece, contexts[rows], logprobs[rows])

        map_pieces(self.tree, self.smoothing, self._plan, ids, span, read)
        return contexts, logprobs

    def _ids_along(self, codes: ArrayLike, unknown: NDArray[np.int64] | None = None) -> NDArray[Any]:
        """The ids of a text between `<s>` and 0; `unknown`: positions to take as `<unk>`."""
        codes, gaps = as_codes(codes, 1), np.empty(0, np.int64) if unknown is None else unknown
        if len(gaps) and self.end_of_line is not None:  # what stands there may be a line's end
            codes = codes.astype(np.uint32)
            codes[gaps] = UNKNOWN
        ids = encode(codes, self.alphabet, self.end_of_line, after=(END,))
        if self.end_of_line is None:
            ids[1 + gaps] = UNK
        return ids

    # --- counts ------------------------------------------------------------------------------------------------------

    def count(self, ngrams: ArrayLike, adjusted: bool = False) -> NDArray[np.int64]:
        """How often each n-gram occurs, or after how many distinct symbols (`adjusted`: Kneser-Ney's count).

        ngrams: codes, shape (n,) or (..., n), 1 <= n <= order; returns shape (...).  `</s>` is `end_of_line`.
        """
        ids = self._ids_of(ngrams)
        flat = ids.reshape(-1, ids.shape[-1])
        counts = np.empty((len(flat), 2), np.int64)
        count_strings(self.tree, self.smoothing, flat, np.full(len(flat), flat.shape[1], np.int64), counts)
        return counts[:, int(adjusted)].reshape(ids.shape[:-1])

    def positions(self, ngram: ArrayLike) -> NDArray[np.int64]:
        """Where an n-gram begins in the training text (index of its first symbol), in ascending order."""
        first, last = find_occurrences(self.tree, self.smoothing, self._ids_of(as_codes(ngram, 1)))
        places = np.sort(self.tree.leaf_position[first:last]).astype(np.int64)
        if self.end_of_line is None:
            return places - 1
        starts = np.flatnonzero(self.tree.symbols[:-1] == BOS)
        return places - np.searchsorted(starts, places)

    def continuations(self, context: ArrayLike, adjusted: bool = False) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The codes that follow a context of 0 to order - 1 symbols in the training text, and their counts.

        In the order of the alphabet; `</s>` has the code END_OF_LINE.
        """
        codes = as_codes(context, 1)
        ids = self._ids_of(codes) if codes.size else np.empty(0, self.tree.symbols.dtype)
        symbols, counts = np.empty(self._n_ids, np.int64), np.empty((self._n_ids, 2), np.int64)
        n = continuations_of(self.tree, self.smoothing, ids, symbols, counts)
        order = np.argsort(symbols[:n])
        names = np.concatenate([np.full(SPECIAL, END_OF_LINE, np.uint32), self.alphabet.codes])
        return names[symbols[:n][order]], counts[:n][order, int(adjusted)]

    def _ids_of(self, ngrams: ArrayLike) -> NDArray[Any]:
        codes = as_codes(ngrams)
        if codes.ndim == 0 or not 1 <= codes.shape[-1] <= self.info.order:
            raise UsageError(
                f"n-grams of 1 to {self.info.order} symbols are in the index; got the shape {codes.shape}."
            )
        flat: Any = np.ascontiguousarray(codes).reshape(-1)
        ids = self.alphabet.encode(flat, self.tree.symbols.dtype.type, unknown=UNK, offset=SPECIAL)
        ids[flat == END_OF_LINE] = EOS
        if self.end_of_line is not None:
            ids[flat == self.end_of_line] = EOS
        return ids.reshape(codes.shape)

    @property
    def _n_ids(self) -> int:
        return len(self.alphabet) + SPECIAL

    @cached_property
    def smoothing(self) -> Smoothing:
        """Tables for the kernels, made at first use in milliseconds."""
        return prepare_smoothing(self.tree, self._n_ids, self.discounts)
