"""The sequence S that models are made of: a text's symbols as ids, with `<s>` and `</s>` around each sentence."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from errtax.lm.errors import UsageError
from errtax.lm.kernels import kernel
from errtax.lm.ngram.suffix_sort import Symbols
from errtax.lm.special import BOS, END, EOS, SPECIAL, UNK
from errtax.lm.text import END_OF_LINE, Alphabet, Codes

_PIECE = 1 << 24


def id_dtype(n_ids: int) -> Any:
    """The narrowest type for ids below `n_ids`."""
    return np.uint8 if n_ids <= 1 << 8 else np.uint16 if n_ids <= 1 << 16 else np.uint32


def as_codes(values: ArrayLike, n_dimensions: int | None = None) -> Codes:
    """Codes as an array of uint8 or uint32; `UsageError` for anything else."""
    codes = np.asarray(values)
    if codes.size == 0:
        codes = codes.astype(np.uint32)
    if n_dimensions is not None and codes.ndim != n_dimensions:
        raise UsageError(f"one sequence of codes is needed here; got an array of shape {codes.shape}.")
    if codes.dtype.kind not in "ui" or codes.min(initial=0) < 0 or codes.max(initial=0) > END_OF_LINE:
        raise UsageError("codes are whole numbers from 0 to 2**32 - 1 (bytes, code points, token ids, word numbers).")
    return codes if codes.dtype == np.uint8 else codes.astype(np.uint32, copy=False)


def encode(codes: Codes, alphabet: Alphabet, end_of_line: int | None, after: tuple[int, ...] = ()) -> Symbols:
    """`<s>` and the ids of a text's symbols, then those `after`; `<unk>` for a symbol that is not in the alphabet.

    `end_of_line`: the code that stands for `</s>`; another `<s>` follows it, except at the end of the text.
    """
    dtype = id_dtype(len(alphabet) + SPECIAL)
    ends = np.empty(0, np.int64) if end_of_line is None else np.flatnonzero(codes[:-1] == end_of_line)
    ids = np.empty(1 + len(codes) + len(ends) + len(after), dtype)
    for start in range(0, len(codes), _PIECE):
        stop = min(start + _PIECE, len(codes))
        ids[1 + start : 1 + stop] = alphabet.encode(codes[start:stop], dtype, unknown=UNK, offset=SPECIAL)
        if end_of_line is not None:
            ids[1 + start : 1 + stop][codes[start:stop] == end_of_line] = EOS
    _insert_starts(ids, len(codes), ends)
    ids[len(ids) - len(after) :] = after
    return ids


def training_sequence(codes: Codes, alphabet: Alphabet, end_of_line: int | None) -> Symbols:
    """S of a training text, and the 0 that stands after it.

    A text of one sentence gets its `</s>`; with lines, a last one that has no end gets none, as lmplz has it.
    """
    return encode(codes, alphabet, end_of_line, (END,) if end_of_line is not None else (EOS, END))


@kernel
def _insert_starts(ids: Symbols, n: int, ends: NDArray[np.int64]) -> None:
    """Move ids[1 : n + 1] apart, from the right, so that `<s>` stands before them and after each of the `ends`."""
    last = n - 1
    for k in range(len(ends) - 1, -1, -1):
        for i in range(last, ends[k], -1):
            ids[i + 2 + k] = ids[i + 1]
        ids[ends[k] + 2 + k] = BOS
        last = ends[k]
    ids[0] = BOS


def occurrences(symbols: Symbols, order: int) -> NDArray[np.int64]:
    """`[k]`: how many n-grams of order k = 1..order occur in S, each as often as it does; `<s>` is none."""
    starts = np.flatnonzero(symbols == BOS)
    lengths, times = np.unique(np.diff(starts, append=len(symbols) - (symbols[-2] == EOS)), return_counts=True)
    total = np.zeros(order + 1, np.int64)
    for k in range(1, order + 1):
        total[k] = (np.maximum(lengths - k + 1, 0) * times).sum()
    total[1] -= len(starts) + (symbols[-2] != EOS)
    return total


def tail_strings(symbols: Symbols, order: int) -> list[int]:
    """The orders of the strings that end with the 0 after a last line without end; each occurs once."""
    if symbols[-2] == EOS:
        return []
    last = int(np.flatnonzero(symbols == BOS)[-1])
    return list(range(2, min(order, len(symbols) - last) + 1))


def repeat_final_flush(symbols: Symbols, adjusted: NDArray[np.int64]) -> None:
    """Let the n-grams that lmplz flushes last enter the counts of counts `[k, c]` with their raw counts.

    lm/builder/adjust_counts.cc, `stats.Add(s - streams.begin(), lower_count, ...)` after the main loop; the last
    n-gram is the one whose last symbol has the highest id, then the one before it, and so on.
    """
    s = symbols[:-1]
    ends = np.flatnonzero(s == s.max())
    for k in range(1, len(adjusted)):
        before = ends - k
        first = s[before + 1]
        if k > 1:
            largest = first.max()
            ends, before = ends[first == largest], before[first == largest]
        count = len(ends)
        is_bos = s[before[0] + 1] == BOS
        left = count if is_bos else len(np.unique(s[before]))
        if left < 5:
            adjusted[k, left] -= 1
        if count < 5:
            adjusted[k, count] += 1
        if is_bos:
            break
