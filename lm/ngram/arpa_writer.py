"""ARPA files, as lmplz writes them: the same n-grams, the sections in the same order, the same numbers.

Of every section, the n-grams stand in the order of the tree.  One section is in memory at a time: 24 bytes per n-gram
and 8 per symbol of the training text.
"""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import replacing
from errtax.lm.ngram.arpa_ngrams import Ngrams, count_ngrams, fill_lines, list_ngrams, ngram_room, stack_of
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.token_names import name_symbols
from errtax.lm.special import BOS, SPECIAL, SPECIAL_NAMES, UNK

_BATCH = 1 << 18


def write_arpa(index: NgramIndex, path: Path, order: int | None = None, force: bool = False) -> list[int]:
    """Write the model of one order (by default the highest) as an ARPA file; return the n-grams of each order.

    Bytes and characters are named as in `token_names`: `<sp>` for a space.  Raises `UsageError` for an order that the
    index does not have.
    """
    order = index.order if order is None else order
    if not 1 <= order <= index.order:
        raise UsageError(f"--arpa-order must lie in 1..{index.order}, the orders of the index; got {order}.")
    tree, n_ids = index.tree, len(index.alphabet) + SPECIAL
    counts = np.zeros(order + 1, np.int64)
    count_ngrams(tree, stack_of(tree, n_ids, order), counts)
    counts[1] += 1  # <unk>
    names = [*SPECIAL_NAMES, *name_symbols(index.alphabet.codes.tolist(), index.unit, index.words)]
    with replacing(path, force) as temporary, temporary.open("wb") as file:
        file.write(b"\\data\\\n" + b"".join(b"ngram %d=%d\n" % (k, counts[k]) for k in range(1, order + 1)))
        _write_sections(index, order, counts, _Names(names), file)
        file.write(b"\n\\end\\\n")
    found: list[int] = counts[1:].tolist()
    return found


class _Names:
    """The symbols' names, one after another."""

    def __init__(self, names: list[str]) -> None:
        encoded = [name.encode("utf-8", "surrogateescape") for name in names]
        self.content = np.frombuffer(b"".join(encoded), np.uint8)
        self.ends = np.append(0, np.cumsum([len(name) for name in encoded])).astype(np.int64)


def _write_sections(index: NgramIndex, order: int, counts: NDArray[np.int64], names: _Names, file: BinaryIO) -> None:
    tree, smoothing = index.tree, index.smoothing
    stack = stack_of(tree, len(index.alphabet) + SPECIAL, order)
    p = (smoothing.unigram_raw if order == 1 else smoothing.unigram_adjusted)[tree.symbols]
    for k in range(1, order + 1):
        ngrams = ngram_room(int(counts[k]) + 1, tree.leaf_position.dtype)
        n = list_ngrams(tree, smoothing, k, order, stack, p, ngrams)
        if n > len(ngrams.position):
            raise BadInput(
                f"{index.path or 'the index'} is damaged (its leaves are not those of its text); build it again."
            )
        file.write(b"\n\\%d-grams:\n" % k)
        symbols = tree.symbols
        if k == 1:
            ngrams, symbols = _unigrams(index, ngrams, n, order)
            n = len(ngrams.position)
        for start in range(0, n, _BATCH):
            batch = Ngrams(*(column[start : min(start + _BATCH, n)] for column in ngrams))
            file.write(_lines(batch, symbols, k, k < order, names))


def _unigrams(index: NgramIndex, found: Ngrams, n: int, order: int) -> tuple[Ngrams, NDArray[Any]]:
    """`<unk>` and the symbols that were found, by id; `</s>` is not among them where no line has an end."""
    there = np.zeros(len(index.alphabet) + SPECIAL, np.bool_)
    there[index.tree.symbols[found.position[:n]]] = there[UNK] = True
    ids = np.arange(len(there))
    p = index.smoothing.unigram_raw if order == 1 else index.smoothing.unigram_adjusted
    p = np.where(ids == BOS, 1.0, p)  # never predicted: 0 in log10, as lmplz has it
    backoff = np.ones(len(ids))
    backoff[index.tree.symbols[found.position[:n]]] = found.backoff[:n]
    return Ngrams(ids[there], p[there], backoff[there]), ids


def _lines(ngrams: Ngrams, symbols: NDArray[Any], k: int, with_backoff: bool, names: _Names) -> memoryview:
    """The lines of some n-grams: log10 p, the symbols' names, log10 of the back-off weight."""
    with np.errstate(divide="ignore"):  # 0 where a discount is 0: nothing is left for what was not seen
        p = _decimals(np.minimum(np.log10(ngrams.p.astype(np.float32)), 0))
        backoff = _decimals(np.log10(ngrams.backoff.astype(np.float32)) if with_backoff else np.zeros(0, np.float32))
    size = fill_lines(ngrams.position, symbols, k, names.content, names.ends, p, backoff, np.empty(0, np.uint8))
    out = np.empty(size, np.uint8)
    fill_lines(ngrams.position, symbols, k, names.content, names.ends, p, backoff, out)
    return out.data


def _decimals(values: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The shortest strings that read back as these float32 numbers: their characters, and where each begins."""
    column = pa.array(values + np.float32(0)).cast(pa.string())  # + 0: no -0
    _, ends, content = column.buffers()
    offsets = np.frombuffer(ends, np.int32, len(values) + 1) if len(values) else np.zeros(1, np.int32)
    return np.frombuffer(content or b"", np.uint8), offsets
