"""The file of an n-gram index (errtax.ngram/2): what is in it, and in which order.

The nodes come last, because their number is known only when all are made; everything before has its place from the
start, and can be filled partition by partition.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.files import replacing
from errtax.lm.ngram.container import ContainerWriter, read_container
from errtax.lm.ngram.smoothing import Discounts
from errtax.lm.ngram.suffix_tree import Tree
from errtax.lm.text import Alphabet

SCHEMA = "errtax.ngram/2"
MAX_ORDER = 32
KIND = "an n-gram index"


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


class IndexArrays(NamedTuple):
    """What an index consists of."""

    alphabet: Alphabet
    words: Any  # of a unit of words: Arrow array of strings by code; else None
    discounts: Discounts
    tree: Tree


def begin_index(
    file: BinaryIO, alphabet: Alphabet, words: Any, symbols: NDArray[Any], order: int, node: Any
) -> ContainerWriter:
    """A writer to which `alphabet`, `words` and `symbols` are written already, and that has room for the rest."""
    writer = ContainerWriter(file)
    writer.write("alphabet", alphabet.codes)
    content, ends = _arrays_of_words(words)
    writer.write("word_bytes", content)
    writer.write("word_ends", ends)
    for name in ("discounts_adjusted", "discounts_raw"):
        writer.reserve(name, np.float64, (order + 1) * 4)
    writer.write("symbols", symbols)
    n_leaves = len(symbols) - 1
    writer.reserve("leaf_position", node["end"], n_leaves)
    writer.reserve("leaf_label", symbols.dtype, n_leaves)
    writer.reserve("nodes", node, None)
    return writer


def end_index(writer: ContainerWriter, info: IndexInfo, discounts: Discounts) -> None:
    """Write what is known last, and make the file whole."""
    writer.append("discounts_adjusted", discounts.adjusted.reshape(-1))
    writer.append("discounts_raw", discounts.raw.reshape(-1))
    writer.finish({"schema": SCHEMA, "info": asdict(info)})


def write_index(path: Path, info: IndexInfo, arrays: IndexArrays, force: bool) -> None:
    """Write an index that is in memory, all or nothing."""
    tree = arrays.tree
    with replacing(path, force) as temporary, temporary.open("wb") as file:
        writer = begin_index(file, arrays.alphabet, arrays.words, tree.symbols, info.order, tree.nodes.dtype)
        writer.append("leaf_position", tree.leaf_position)
        writer.append("leaf_label", tree.leaf_label)
        writer.append("nodes", tree.nodes)
        end_index(writer, info, arrays.discounts)


def read_index(path: Path, verify: bool | None = None) -> tuple[IndexInfo, IndexArrays]:
    """An index in a file, memory-mapped; `BadInput` for a file that is none, cut, damaged, or of another version.

    `verify`: see `container.read_container`.
    """
    header, arrays = read_container(path, KIND, verify)
    if header.get("schema") != SCHEMA:
        raise BadInput(f"{path} is not {KIND} of this version ({header.get('schema')}); build it again.")
    info = IndexInfo(**header["info"])
    adjusted, raw = (arrays[f"discounts_{name}"].reshape(-1, 4) for name in ("adjusted", "raw"))
    tree = Tree(*(arrays[name] for name in Tree._fields))
    words = _words_of_arrays(arrays["word_bytes"], arrays["word_ends"]) if info.unit == "word" else None
    discounts = Discounts(adjusted, raw, info.fallback_adjusted, info.fallback_raw)
    return info, IndexArrays(Alphabet(arrays["alphabet"]), words, discounts, tree)


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
