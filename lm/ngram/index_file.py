"""The file of an n-gram index (errtax.ngram/2): what is in it, and in which order.

The nodes come last, because their number is known only when all are made; everything before has its place from the
start, and can be filled partition by partition.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, get_type_hints

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, StoreError
from errtax.lm.fetched import forget_copy
from errtax.lm.files import replacing, require_input
from errtax.lm.locations import Remote
from errtax.lm.ngram.container import SMALL, ContainerWriter, read_container
from errtax.lm.ngram.sequence import id_dtype
from errtax.lm.ngram.smoothing import Discounts
from errtax.lm.ngram.suffix_tree import Tree, node_dtype
from errtax.lm.ngram.tree_check import tree_problem
from errtax.lm.special import SPECIAL
from errtax.lm.text import UNKNOWN, Alphabet, Sentences, Unit
from errtax.lm.word_counts import WordCounts

SCHEMA = "errtax.ngram/2"
MAX_ORDER = 32
KIND = "an n-gram index"
_SURFACE = ("surface_bytes", "surface_ends", "surface_counts")


def _as_ranges(numbers: list[int]) -> str:
    """Ascending numbers with runs drawn together: `1, 3-5`."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


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
    surface_words: str = ""  # the rule of the words that are counted; empty: none are
    tokenizer_sha256: str = ""  # of a unit of tokens; empty: the text does not say

    def describe_fallback(self) -> str | None:
        """One sentence on the orders that took fallback discounts, or None."""
        orders = self.fallback_adjusted
        if not orders:
            return None
        listed = _as_ranges(orders)
        return f"Fallback discounts for order {listed}: the counts of so few distinct n-grams give none."


class IndexArrays(NamedTuple):
    """What an index consists of."""

    alphabet: Alphabet
    words: Any  # of a unit of words: Arrow array of strings by code; else None
    discounts: Discounts
    tree: Tree
    surface: WordCounts | None = None  # the words of a text of bytes or characters


def begin_index(
    file: BinaryIO,
    alphabet: Alphabet,
    words: Any,
    surface: WordCounts | None,
    symbols: NDArray[Any],
    order: int,
    node: Any,
) -> ContainerWriter:
    """A writer to which all but the tree is written already, and that has room for the rest."""
    writer = ContainerWriter(file)
    writer.write("alphabet", alphabet.codes)
    content, ends = _arrays_of_words(words)
    writer.write("word_bytes", content)
    writer.write("word_ends", ends)
    if surface is not None:
        parts: tuple[NDArray[Any], ...] = (surface.content, surface.ends, surface.counts)
        for name, part in zip(_SURFACE, parts, strict=True):
            writer.write(name, part)
    for name in ("discounts_adjusted", "discounts_raw"):
        writer.reserve(name, np.float64, (order + 1) * 4)
    writer.write("symbols", symbols)
    n_leaves = len(symbols) - 1
    writer.reserve("leaf_position", node["end"], n_leaves)
    writer.reserve("leaf_label", symbols.dtype, n_leaves)
    writer.reserve("nodes", node, None)
    return writer


def finish_index(writer: ContainerWriter, info: IndexInfo, discounts: Discounts) -> None:
    """Write what is known last, and make the file whole."""
    writer.append("discounts_adjusted", discounts.adjusted.reshape(-1))
    writer.append("discounts_raw", discounts.raw.reshape(-1))
    writer.finish({"schema": SCHEMA, "info": asdict(info)})


def write_index(path: Path, info: IndexInfo, arrays: IndexArrays, force: bool) -> None:
    """Write an index that is in memory, all or nothing."""
    tree = arrays.tree
    with replacing(path, force) as temporary, temporary.open("wb") as file:
        given = arrays.alphabet, arrays.words, arrays.surface, tree.symbols
        writer = begin_index(file, *given, info.order, tree.nodes.dtype)
        writer.append("leaf_position", tree.leaf_position)
        writer.append("leaf_label", tree.leaf_label)
        writer.append("nodes", tree.nodes)
        finish_index(writer, info, arrays.discounts)


def read_index(path: Path, verify: bool | None = None) -> tuple[IndexInfo, IndexArrays]:
    """An index in a file, memory-mapped; of one in an object store, a copy, brought again where it is damaged.

    Raises `BadInput` for a file that is not an index, or is cut, damaged or of another version.

    `verify`: see `container.read_container`.  Where all checksums are compared, it is also checked that no walk can
    leave the arrays (`tree_check`): a file may have been made by somebody else.
    """
    if not isinstance(path, Remote):
        return _read(path, verify)
    try:
        return _read(path, verify is not False)
    except StoreError:
        raise
    except BadInput:
        if not forget_copy(path):
            raise
    return _read(path, verify is not False)


def _read(path: Path, verify: bool | None) -> tuple[IndexInfo, IndexArrays]:
    header, arrays = read_container(path, KIND, verify)
    if header.get("schema") != SCHEMA:
        raise BadInput(f"{path} is not {KIND} of this version ({header.get('schema')!r:.40}); build it again.")
    try:
        info = info_of(header.get("info"))
        index = _arrays_of(info, arrays)
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path} is damaged ({error}); build it again.") from None
    verified = require_input(path).stat().st_size <= SMALL if verify is None else verify
    if verified and (problem := index_problem(info, index)):
        raise BadInput(f"{path} is damaged ({problem}); build it again.")
    return info, index


def info_of(fields: Any) -> IndexInfo:
    """What a header says of its index; `TypeError` or `ValueError` where that cannot be."""
    info = IndexInfo(**fields)
    for name, kind in get_type_hints(IndexInfo).items():
        value = getattr(info, name)
        items = value if kind == list[int] and isinstance(value, list) else [value]
        if any(type(item) is not (int if kind == list[int] else kind) for item in items):
            raise TypeError(f"{name} in its header has another type")
    Unit(info.unit), Sentences(info.sentences)
    orders = [info.order, *info.fallback_adjusted, *info.fallback_raw]
    if not all(1 <= order <= MAX_ORDER for order in orders) or info.text_symbols < 0:
        raise ValueError("its header has impossible numbers")
    return info


def _arrays_of(info: IndexInfo, arrays: Mapping[str, NDArray[Any]]) -> IndexArrays:
    """The arrays by what they mean, once they are known to have the types and lengths of an index."""
    tree = Tree(*(arrays[name] for name in Tree._fields))
    alphabet, discounts = arrays["alphabet"], [arrays[f"discounts_{name}"] for name in ("adjusted", "raw")]
    content, ends = arrays["word_bytes"], arrays["word_ends"]
    offset = tree.leaf_position.dtype
    due = {"alphabet": np.uint32, "word_bytes": np.uint8, "word_ends": np.int64, "leaf_label": tree.symbols.dtype}
    due |= {"symbols": id_dtype(len(alphabet) + SPECIAL), "nodes": node_dtype(tree.symbols.dtype, offset)}
    due |= {"discounts_adjusted": np.float64, "discounts_raw": np.float64}
    if any(arrays[name].dtype != dtype for name, dtype in due.items()) or offset not in (np.uint32, np.uint64):
        raise ValueError("its arrays have other types than those of an index")
    n_leaves = len(tree.symbols) - 1
    if n_leaves < 1 or not len(tree.nodes) or not len(tree.leaf_position) == len(tree.leaf_label) == n_leaves:
        raise ValueError("its arrays have other lengths than those of an index")
    adjusted, raw = (table.reshape(info.order + 1, 4) for table in discounts)
    words = _words_of_arrays(content, ends) if info.unit == Unit.WORD else None
    smoothing = Discounts(adjusted, raw, info.fallback_adjusted, info.fallback_raw)
    return IndexArrays(Alphabet(alphabet), words, smoothing, tree, _surface_of(info, arrays))


def _surface_of(info: IndexInfo, arrays: Mapping[str, NDArray[Any]]) -> WordCounts | None:
    """The words of the text, where the index has them: those written before there were any have not."""
    if not info.surface_words and not any(name in arrays for name in _SURFACE):
        return None
    content, ends, counts = (arrays[name] for name in _SURFACE)
    typed = content.dtype == np.uint8 and ends.dtype == counts.dtype == np.int64
    if not typed or not info.surface_words:
        raise ValueError("its words of the text are not those of an index")
    return WordCounts(info.surface_words, content, ends, counts)


def index_problem(info: IndexInfo, index: IndexArrays) -> str | None:
    """What the arrays of an index hold that no build puts there, or None: see `tree_check`; reads all of it."""
    codes, largest = index.alphabet.codes, {Unit.BYTE: 0xFF, Unit.CHAR: 0x10FFFF}
    if index.words is not None:
        try:
            index.words.validate(full=True)
        except pa.ArrowInvalid:
            return "its words are not UTF-8"
        largest[Unit.WORD] = len(index.words) - 1
    if not len(codes) or codes.max() > largest.get(Unit(info.unit), UNKNOWN - 1) or len(np.unique(codes)) < len(codes):
        return f"its alphabet does not fit units of {info.unit}"
    if index.surface is not None and (problem := index.surface.problem()):
        return problem
    for table in (index.discounts.adjusted, index.discounts.raw):
        if not ((table >= 0) & (table <= np.arange(4))).all():  # NaN is neither
            return "its discounts are not valid"
    return tree_problem(index.tree, len(codes) + SPECIAL, info.order)


def _arrays_of_words(words: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if words is None:
        return np.empty(0, np.uint8), np.empty(0, np.int64)
    column = words.cast(pa.large_string())
    _, ends, content = column.buffers()
    offsets = np.frombuffer(ends, np.int64, len(column) + 1, 8 * column.offset)
    data = np.frombuffer(content or b"", np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def _words_of_arrays(content: NDArray[np.uint8], ends: NDArray[np.int64]) -> Any:
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.large_string(), len(ends) - 1, buffers)
