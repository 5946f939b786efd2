"""Words as places: runs of characters, cut where they are too long, numbered by what they spell.

In: kinds of characters, or spans of them; symbols.  Out: arrays by word.  `first[m]` is the first symbol of character
m, with the number of symbols at the end.
"""

from typing import Any

import numpy as np

from errtax.lm.kernels import inlined, kernel, tight


@kernel
def find_runs(kinds: Any, bit: int) -> Any:
    """The maximal runs of characters with a bit: the first character of each and the one after its last; (runs, 2)."""
    n, inside = 0, False
    for m in range(len(kinds)):
        has = kinds[m] & bit != 0
        n += has and not inside
        inside = has
    spans = np.empty((n, 2), np.int64)
    n, inside = 0, False
    for m in range(len(kinds)):
        has = kinds[m] & bit != 0
        if has and not inside:
            spans[n, 0] = m
        elif inside and not has:
            spans[n, 1] = m
            n += 1
        inside = has
    if inside:
        spans[n, 1] = len(kinds)
    return spans


@kernel
def cut_spans(spans: Any, first: Any, longest: int) -> Any:
    """The spans, those of more than `longest` symbols in pieces of as many characters as fit, but at least one."""
    n = 0
    for w in range(len(spans)):
        m = spans[w, 0]
        while m < spans[w, 1]:
            m = _end_of_piece(m, spans[w, 1], first, longest)
            n += 1
    if n == len(spans):
        return spans
    pieces = np.empty((n, 2), np.int64)
    n = 0
    for w in range(len(spans)):
        m = spans[w, 0]
        while m < spans[w, 1]:
            pieces[n, 0] = m
            m = _end_of_piece(m, spans[w, 1], first, longest)
            pieces[n, 1] = m
            n += 1
    return pieces


@inlined
def _end_of_piece(m: int, stop: int, first: Any, longest: int) -> int:
    if first[stop] - first[m] <= longest:
        return stop
    end = m + 1
    while end < stop and first[end + 1] - first[m] <= longest:
        end += 1
    return end


@kernel
def number_words(symbols: Any, starts: Any, ends: Any) -> Any:
    """Types of words by first appearance, (words,), and the first word of each type.

    Open addressing; slots hold hash << 32 | type, or -1, and are at most half full.  Equal hashes are not equal words:
    the symbols decide.
    """
    slots = np.full(1 << 12, -1, np.int64)
    types, first_word = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    n = 0
    for w in range(len(starts)):
        digest = np.int64(0x11C9DC5)
        for i in range(starts[w], ends[w]):  # FNV-1a, cut to 31 bits
            digest = ((digest ^ np.int64(symbols[i])) * 16777619) & 0x7FFFFFFF
        digest ^= digest >> 15
        slot = digest & (len(slots) - 1)
        while slots[slot] >= 0:
            if slots[slot] >> 32 == digest:
                same = first_word[slots[slot] & 0xFFFFFFFF]
                if _equal(symbols, starts[w], ends[w], starts[same], ends[same]):
                    break
            slot = (slot + 1) & (len(slots) - 1)
        if slots[slot] < 0:
            slots[slot] = digest << 32 | n
            first_word[n] = w
            n += 1
            types[w] = n - 1
            if 2 * n >= len(slots):
                slots = _grown(slots)
        else:
            types[w] = slots[slot] & 0xFFFFFFFF
    return types, first_word[:n].copy()


@inlined
def _equal(symbols: Any, start: int, end: int, other_start: int, other_end: int) -> bool:
    if end - start != other_end - other_start:
        return False
    k = start
    while k < end and symbols[k] == symbols[other_start + k - start]:
        k += 1
    return k == end


@kernel
def _grown(slots: Any) -> Any:
    grown = np.full(2 * len(slots), -1, np.int64)
    for entry in slots:
        if entry >= 0:
            slot = (entry >> 32) & (len(grown) - 1)
            while grown[slot] >= 0:
                slot = (slot + 1) & (len(grown) - 1)
            grown[slot] = entry
    return grown


@tight
def spread_words(starts: Any, ends: Any, values: Any, out: Any) -> None:
    """Write the value of each word to its symbols, of which `out` may lack the last; that of others stays."""
    for w in range(len(starts)):
        for i in range(starts[w], min(ends[w], len(out))):
            out[i] = values[w]


@tight
def spread_offsets(spans: Any, first: Any, begin: int, out: Any) -> None:
    """Write to each symbol of a word, from `begin` on, how many characters of the word stand before its own."""
    for w in range(len(spans)):
        for m in range(spans[w, 0], spans[w, 1]):
            for i in range(first[m] - begin, min(first[m + 1] - begin, len(out))):
                out[i] = m - spans[w, 0]
