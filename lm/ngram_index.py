"""The n-gram index: modified Kneser-Ney models of all orders 1..N in one memory-mapped file, equal to KenLM's.

`order` has KenLM's meaning everywhere: an n-gram model of order n has n - 1 symbols of context.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.container import damaged_arrays, read_container, write_container
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.kernels import parallel_map
from errtax.lm.lcp_intervals import BOS, EOS, UNK
from errtax.lm.ngram_query import Smoothing, distribution_of, prepare_smoothing, score_positions
from errtax.lm.smoothing import FALLBACK, Discounts, estimate_discounts
from errtax.lm.suffix_tree import Tree, build_tree, last_in_suffix_order
from errtax.lm.text import Alphabet, Codes, Text, Unit, symbol_name

logger = logging.getLogger("errtax")

SCHEMA = "errtax.ngram/1"
MAX_ORDER = 32
_KIND = "an n-gram index"
_SPECIAL = 3  # <unk>, <s>, </s>
_PIECE = 4096  # positions one thread scores at a time: its output (order 20: 330 kB) stays in the cache


@dataclass(frozen=True)
class IndexInfo:
    """What an index says of itself."""

    unit: str
    order: int
    kenlm_compat: bool
    sentences: str
    text: str
    text_sha256: str
    text_symbols: int
    fallback_adjusted: list[int]
    fallback_raw: list[int]


@dataclass(frozen=True, eq=False)
class NgramIndex:
    """N-gram models of orders 1..`info.order` over one text.

    >>> from errtax.lm.text import text_of_bytes
    >>> text = text_of_bytes(b"abracadabra", Unit.BYTE)
    >>> index = NgramIndex.build(text, order=3)
    >>> index.score(text.codes).shape
    (11, 3)
    """

    info: IndexInfo
    alphabet: Alphabet
    tree: Tree
    discounts: Discounts

    @classmethod
    def build(
        cls,
        text: Text,
        order: int = 20,
        fallback: tuple[float, float, float] | None = FALLBACK,
        kenlm_compat: bool = True,
    ) -> "NgramIndex":
        """The index of a text, taken as one sentence `<s> x1 ... xn </s>`.

        With `kenlm_compat` the counts of counts repeat lmplz's final flush (kpu/kenlm issues 405, 427): of each
        lower order, the n-gram that sorts last enters with its raw count.

        Raises `UsageError` for an order outside 1..32, `BadInput` where `fallback` is None and an order has no
        discounts.  Time O(n order), about 50 bytes a symbol at peak.
        """
        if not 1 <= order <= MAX_ORDER:
            raise UsageError(f"order must lie in 1..{MAX_ORDER}, got {order}.")
        alphabet = Alphabet.by_first_appearance(text.codes)
        largest = len(alphabet) + _SPECIAL - 1
        dtype = np.uint8 if largest < 2**8 else np.uint16 if largest < 2**16 else np.uint32
        symbols = np.empty(len(text) + 2, dtype)
        symbols[0], symbols[-1] = BOS, EOS
        symbols[1:-1] = alphabet.encode(text.codes, dtype, unknown=UNK, offset=_SPECIAL)
        tree, adjusted, raw = build_tree(symbols, order)
        logger.debug("Suffix tree: %s nodes, %s leaves.", f"{len(tree.depth):,}", f"{len(tree.leaf_label):,}")
        if kenlm_compat:
            _repeat_final_flush(tree, adjusted)
        discounts = estimate_discounts(adjusted, raw, fallback)
        info = IndexInfo(
            str(text.unit),
            order,
            kenlm_compat,
            "stream",
            " + ".join(Path(part).name for part in text.name.split(" + ")),
            text.sha256,
            len(text),
            discounts.fallback_adjusted,
            discounts.fallback_raw,
        )
        for column in tree:
            column.setflags(write=False)
        return cls(info, alphabet, tree, discounts)

    def save(self, path: Path, force: bool = True) -> None:
        """Write the index to one file, all or nothing."""
        arrays = {
            "alphabet": self.alphabet.codes,
            "discounts_adjusted": self.discounts.adjusted,
            "discounts_raw": self.discounts.raw,
            **self.tree._asdict(),
        }
        write_container(path, {"schema": SCHEMA, "info": asdict(self.info)}, arrays, force)

    @classmethod
    def open(cls, path: Path) -> "NgramIndex":
        """The index in a file, memory-mapped: opening takes no time, pages are read when they are needed."""
        header, arrays = read_container(path, _KIND)
        names = {"alphabet", "discounts_adjusted", "discounts_raw", *Tree._fields}
        if header.get("schema") != SCHEMA or set(arrays) != names:
            raise BadInput(f"{path} is not {_KIND} of this version ({header.get('schema')}); build it again.")
        info = IndexInfo(**header["info"])
        discounts = Discounts(
            arrays.pop("discounts_adjusted"),
            arrays.pop("discounts_raw"),
            info.fallback_adjusted,
            info.fallback_raw,
        )
        return cls(info, Alphabet(arrays.pop("alphabet")), Tree(**arrays), discounts)

    @staticmethod
    def problems(path: Path) -> list[str]:
        """What is wrong with an index file, one line per problem (reads all of it)."""
        return [f"array {name!r}: its checksum is wrong" for name in damaged_arrays(path, _KIND)]

    @cached_property
    def smoothing(self) -> Smoothing:
        """Tables for the query kernels, made at first use in milliseconds."""
        n_ids = len(self.alphabet) + _SPECIAL
        return prepare_smoothing(self.tree, n_ids, self.discounts.adjusted, self.discounts.raw)

    def encode(self, codes: Codes) -> NDArray[Any]:
        """`<s>` and the ids of a text's symbols; `<unk>` for one that the index has never seen."""
        ids = np.empty(len(codes) + 1, self.tree.symbols.dtype)
        ids[0] = BOS
        ids[1:] = self.alphabet.encode(codes, ids.dtype.type, unknown=UNK, offset=_SPECIAL)
        return ids

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """`logp[i, n - 1]`: natural log-probability of symbol i given the n - 1 before it; shape (len, order)."""
        return np.concatenate(list(self.score_blocks(codes)) or [np.empty((0, self.info.order), np.float32)])

    def score_blocks(
        self, codes: Codes, unknown: NDArray[np.int64] | None = None, block: int = 1 << 18
    ) -> Iterator[NDArray[np.float32]]:
        """`score` in blocks of at most `block` positions, computed on all cores: memory does not grow with the text.

        `unknown`: positions to take as `<unk>` whatever stands there, so that no context reaches across them.
        """
        smoothing = self.smoothing
        ids = self.encode(codes)
        if unknown is not None:
            ids[1 + unknown] = UNK
        for start in range(1, len(ids), block):
            stop = min(start + block, len(ids))
            out = np.empty((stop - start, self.info.order), np.float32)

            def score_piece(first: int, start: int = start, stop: int = stop, out: NDArray[Any] = out) -> None:
                last = min(first + _PIECE, stop)
                piece = out[first - start : last - start]
                score_positions(self.tree, smoothing, ids, first, last, piece)
                np.log(piece, out=piece)

            parallel_map(score_piece, range(start, stop, _PIECE))
            yield out

    def distribution(self, context: Codes | Sequence[int]) -> NDArray[np.float64]:
        """`p[n - 1, s]`: the probability of each next symbol by the model of order n; shape (order, K + 3).

        Columns: `<unk>`, `<s>` (always 0), `</s>`, then `alphabet`.  `context`: the codes before, from the text's
        start (`<s>` is put before them when they are fewer than order - 1).
        """
        codes = np.asarray(context, np.uint32)
        ids = self.encode(codes)
        ids = ids[max(len(ids) - self.info.order + 1, 0) :]
        out = np.empty((self.info.order, len(self.alphabet) + _SPECIAL))
        distribution_of(self.tree, self.smoothing, ids, out)
        return out

    def require_unit(self, unit: Unit, name: str) -> None:
        """Raise `BadInput` when the index counts other units than a text or log does."""
        if self.info.unit != unit:
            raise BadInput(
                f"{name} is in units of {unit}, the index in units of {self.info.unit}; "
                f"build one with errtax build-ngram --unit {unit}."
            )

    @property
    def description(self) -> str:
        """What a signature says of the index, for example `mkn,order=21,compat`."""
        return f"mkn,order={self.info.order},{'compat' if self.info.kenlm_compat else 'corrected'}"

    def describe_fallback(self) -> str | None:
        """One sentence on the orders that took fallback discounts, or None."""
        orders = self.info.fallback_adjusted
        if not orders:
            return None
        listed = ", ".join(map(str, orders))
        return f"Fallback discounts for order {listed}: the counts of so few distinct n-grams give none."

    def symbol_names(self) -> list[str]:
        """Visible names of the columns of `distribution`."""
        unit = Unit(self.info.unit)
        return ["<unk>", "<s>", "</s>", *(symbol_name(int(code), unit) for code in self.alphabet.codes)]


def _repeat_final_flush(tree: Tree, adjusted: NDArray[np.int64]) -> None:
    """Let the n-grams that lmplz flushes last enter the counts of counts with their raw counts.

    lm/builder/adjust_counts.cc, `stats.Add(s - streams.begin(), lower_count, ...)` after the main loop.
    """
    last = last_in_suffix_order(tree.symbols, len(adjusted) - 1)
    for k in range(1, len(last) + 1):
        left, count = count_of(tree, last[len(last) - k :])
        if left < 5:
            adjusted[k, left] -= 1
        if count < 5:
            adjusted[k, count] += 1


def count_of(tree: Tree, ids: NDArray[Any]) -> tuple[int, int]:
    """Adjusted and raw count of an n-gram, by search for its suffixes in plain Python; (0, 0) if it is not there."""
    node, n = 0, 0
    while n < len(ids):
        c, d = int(tree.child[node]), int(tree.child[node + 1])
        k = c + int(np.searchsorted(tree.label[c:d], ids[n]))
        if k < d and tree.label[k] == ids[n]:
            node, position, n_edge = k, int(tree.position[k]), int(tree.depth[k])
        else:
            c, d = int(tree.leaf[node]), int(tree.leaf[node + 1])
            k = c + int(np.searchsorted(tree.leaf_label[c:d], ids[n]))
            if k == d or tree.leaf_label[k] != ids[n]:
                return 0, 0
            node, position, n_edge = -1, int(tree.leaf_position[k]), len(ids)
        n_next = min(n_edge, len(ids))
        if not np.array_equal(tree.symbols[position + n : position + n_next], ids[n:n_next]):
            return 0, 0
        n = n_next
    return (1, 1) if node < 0 else (int(tree.left[node]), int(tree.frequency[node]))
