"""The n-gram index: modified Kneser-Ney models of all orders 1..N in one memory-mapped file, equal to KenLM's.

`order` has KenLM's meaning everywhere: an n-gram model of order n has n - 1 symbols of context.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.kernels import n_threads, parallel_map
from errtax.lm.ngram import build as build_index
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
from errtax.lm.ngram.sequence import encode
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


def _even_spans(first: int, last: int, size: int) -> list[tuple[int, int]]:
    """first..last cut into as few spans as can be of at most about `size`, all of the same length or nearly."""
    n = max(-(-(last - first) // size), 1)
    return list(pairwise(first + (last - first) * k // n for k in range(n + 1))) if last > first else []


def _as_ranges(numbers: list[int]) -> str:
    """Ascending numbers with runs drawn together: `1, 3-5`."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _as_codes(values: ArrayLike, n_dimensions: int | None = None) -> Codes:
    """Codes as an array of uint8 or uint32; `UsageError` for anything else."""
    codes = np.asarray(values)
    if codes.size == 0:
        codes = codes.astype(np.uint32)
    if n_dimensions is not None and codes.ndim != n_dimensions:
        raise UsageError(f"one sequence of codes is needed here; got an array of shape {codes.shape}.")
    if codes.dtype.kind not in "ui" or codes.min(initial=0) < 0 or codes.max(initial=0) > END_OF_LINE:
        raise UsageError("codes are whole numbers from 0 to 2**32 - 1 (bytes, code points, token ids, word numbers).")
    return codes if codes.dtype == np.uint8 else codes.astype(np.uint32, copy=False)


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
        build_index.build_file(text, Path(path), int(order), fallback, kenlm_compat, memory, on_suffixes, words)
        return cls.open(path, verify=False)

    def save(self, path: Path, force: bool = True) -> None:
        """Write the index to one file, all or nothing."""
        write_index(Path(path), self.info, self.arrays, force)

    @classmethod
    def open(cls, path: Path, verify: bool | None = None) -> "NgramIndex":
        """The index in a file, memory-mapped: opening takes no time, pages are read when they are needed.

        `verify`: whether to compare all checksums first and to check that no walk can leave the arrays, which reads the
        whole file; None: if it has at most 256 MB, and of a larger file the checksums of the small arrays alone.
        What somebody else made may crash the process where it is not verified.
        Raises `BadInput` for a file that is not an index, or is cut, damaged or of another version.
        """
        return cls(*read_index(Path(path), verify), Path(path))

    @staticmethod
    def problems(path: Path) -> list[str]:
        """What is wrong with an index file, one line per problem (reads all of it)."""
        if damaged := damaged_arrays(Path(path), KIND):
            return [f"array {name!r}: its checksum is wrong" for name in damaged]
        problem = index_problem(*read_index(Path(path), verify=False))
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

    def describe_fallback(self) -> str | None:
        """One sentence on the orders that took fallback discounts, or None."""
        orders = self.info.fallback_adjusted
        if not orders:
            return None
        listed = _as_ranges(orders)
        return f"Fallback discounts for order {listed}: the counts of so few distinct n-grams give none."

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
        symbols: Any = _as_codes(codes, 1)
        known = np.empty(len(symbols), np.bool_)
        for start in range(0, len(symbols), 1 << 22):  # ids of a piece at a time: they take more than their symbols
            piece = symbols[start : start + (1 << 22)]
            known[start : start + len(piece)] = self.alphabet.encode(piece) >= 0
        return known if self.end_of_line is None else known | (symbols == self.end_of_line)

    def score(self, codes: ArrayLike) -> NDArray[np.float32]:
        """`logp[i, n - 1]`: natural log-probability of symbol i given the n - 1 before it; shape (len, order)."""
        return np.concatenate(
            list(self.score_blocks(_as_codes(codes, 1))) or [np.empty((0, self.info.order), np.float32)]
        )

    def score_blocks(
        self, codes: Codes, unknown: NDArray[np.int64] | None = None, block: int = 1 << 18
    ) -> Iterator[NDArray[np.float32]]:
        """`score` in blocks of at most `block` positions, computed on all cores: memory does not grow with the text.

        `unknown`: positions to take as `<unk>` whatever stands there, so that no context reaches across them.
        """
        codes = _as_codes(codes, 1)
        gaps = np.empty(0, np.int64) if unknown is None else unknown
        if len(gaps) and self.end_of_line is not None:  # what stands there may be a line's end
            codes = codes.astype(np.uint32)
            codes[gaps] = UNKNOWN
        ids = encode(codes, self.alphabet, self.end_of_line, after=(END,))
        if self.end_of_line is None:
            ids[1 + gaps] = UNK
        for start, stop in _even_spans(1, len(ids) - 1, block):
            out = np.empty((stop - start, self.info.order), np.float32)

            def score_piece(span: tuple[int, int], start: int = start, out: NDArray[Any] = out) -> None:
                piece = out[span[0] - start : span[1] - start]
                score_span(self.tree, self.smoothing, self._plan, ids, span, piece)
                with np.errstate(divide="ignore"):  # 0 where a discount is 0: nothing is left for what was not seen
                    np.log(piece, out=piece)

            parallel_map(score_piece, _even_spans(start, stop, max((stop - start) // n_threads(), _PIECE)))
            yield out if self.end_of_line is None else out[ids[start:stop] != BOS]

    def distribution(self, contexts: ArrayLike) -> NDArray[np.float64]:
        """`p[..., n - 1, s]`: the probability of each next symbol by the model of order n.

        contexts: the codes before, shape (L,) or (contexts, L), from the sentence's start: `<s>` is put before them
        where they are fewer than order - 1.  Columns: `<unk>`, `<s>` (always 0), `</s>`, then `alphabet`.
        """
        codes = _as_codes(contexts)
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
        first, last = find_occurrences(self.tree, self.smoothing, self._ids_of(_as_codes(ngram, 1)))
        places = np.sort(self.tree.leaf_position[first:last]).astype(np.int64)
        if self.end_of_line is None:
            return places - 1
        starts = np.flatnonzero(self.tree.symbols[:-1] == BOS)
        return places - np.searchsorted(starts, places)

    def continuations(self, context: ArrayLike, adjusted: bool = False) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The codes that follow a context of 0 to order - 1 symbols in the training text, and their counts.

        In the order of the alphabet; `</s>` has the code END_OF_LINE.
        """
        codes = _as_codes(context, 1)
        ids = self._ids_of(codes) if codes.size else np.empty(0, self.tree.symbols.dtype)
        symbols, counts = np.empty(self._n_ids, np.int64), np.empty((self._n_ids, 2), np.int64)
        n = continuations_of(self.tree, self.smoothing, ids, symbols, counts)
        order = np.argsort(symbols[:n])
        names = np.concatenate([np.full(SPECIAL, END_OF_LINE, np.uint32), self.alphabet.codes])
        return names[symbols[:n][order]], counts[:n][order, int(adjusted)]

    def _ids_of(self, ngrams: ArrayLike) -> NDArray[Any]:
        codes = _as_codes(ngrams)
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
