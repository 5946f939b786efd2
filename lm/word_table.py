"""A table of words with their counts, filled by kernels from the bytes of a text; sorted runs of words, merged."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.lm.word_counts import Bytes, Offsets, compare_words

DONE, FULL = -1, -2
UNKNOWN = 2
"""The class of a character that was not looked at yet; 1 is that of the characters of words, 0 that of others."""
_PRIME = 1099511628211  # of FNV-1a, 64 bits
_EXACT = 7  # a digest of at most so many bytes is these bytes and their number
_LONG = -(1 << 63)


class Table(NamedTuple):
    """Words in the order of their appearance, found by open addressing in slots of which at most half are taken.

    `state`: words, bytes of content, and the bytes that the word which did not fit would have made.
    """

    digests: NDArray[np.int64]  # by slot, 0 where it is free
    numbers: NDArray[np.int64]  # by slot: the number of its word
    offsets: Offsets  # by word, where it begins; and where the last ends
    counts: NDArray[np.int64]  # by word
    content: Bytes
    state: NDArray[np.int64]


def new_table(n_slots: int, n_bytes: int) -> Table:
    """An empty table; `n_slots`: a power of 2; `n_bytes`: of its words."""
    digests, numbers = np.zeros(n_slots, np.int64), np.empty(n_slots, np.int64)
    offsets, counts = np.zeros(n_slots // 2 + 1, np.int64), np.zeros(n_slots // 2, np.int64)
    return Table(digests, numbers, offsets, counts, np.empty(n_bytes, np.uint8), np.zeros(3, np.int64))


@inlined
def _copy(source, first, stop, target, to):
    for k in range(stop - first):
        target[to + k] = source[first + k]


@inlined
def _extended(digest, byte, k):
    """The digest of a word, 0 at first, with its byte k."""
    return digest | (np.int64(byte) << (8 * k)) if k < _EXACT else (digest ^ np.int64(byte)) * _PRIME


@inlined
def _finished(digest, length):
    """Never 0; equal ones of at least 0 are of equal words."""
    return digest | (length << (8 * _EXACT)) if length <= _EXACT else digest | _LONG


@inlined
def _slot_of(digest, mask):
    mixed = digest * np.int64(-7046029254386353131)  # the golden ratio: its high bits depend on all of the digest
    return (mixed >> 32) & mask


@inlined
def _add(table, data, start, stop, digest, count):
    """Add to the count of the word data[start:stop]; False where the table has no room for a new one."""
    mask = len(table.digests) - 1
    slot = _slot_of(digest, mask)
    while table.digests[slot] != 0:
        if table.digests[slot] == digest:
            k = table.numbers[slot]
            if digest >= 0 or (
                compare_words(table.content, table.offsets[k], table.offsets[k + 1], data, start, stop) == 0
            ):
                table.counts[k] += count
                return True
        slot = (slot + 1) & mask
    n, end = table.state[0], table.state[1] + stop - start
    table.state[2] = end
    if 2 * n == len(table.digests) or end > len(table.content):
        return False
    _copy(data, start, stop, table.content, table.state[1])
    table.digests[slot], table.numbers[slot], table.counts[n], table.offsets[n + 1] = digest, n, count, end
    table.state[0], table.state[1] = n + 1, end
    return True


@inlined
def _decode(data, i):
    """The character that begins at byte i and its length: -1, 1 for an invalid byte; -1, 0 where it is cut."""
    lead, low, high = np.int64(data[i]), np.int64(0x80), np.int64(0xBF)
    if lead < 0x80:
        return lead, np.int64(1)
    if lead < 0xC2 or lead > 0xF4:
        return np.int64(-1), np.int64(1)
    more = np.int64(1) if lead < 0xE0 else np.int64(2) if lead < 0xF0 else np.int64(3)
    point = lead & (0x3F >> more)
    # neither longer than need be, nor surrogates, nor beyond the last code point (Unicode, table 3-7)
    if lead == 0xE0:
        low = np.int64(0xA0)
    elif lead == 0xED:
        high = np.int64(0x9F)
    elif lead == 0xF0:
        low = np.int64(0x90)
    elif lead == 0xF4:
        high = np.int64(0x8F)
    for k in range(1, more + 1):
        if i + k == len(data):
            return np.int64(-1), np.int64(0)
        byte = np.int64(data[i + k])
        if byte < low or byte > high:
            return np.int64(-1), np.int64(1)
        point, low, high = (point << 6) | (byte & 0x3F), np.int64(0x80), np.int64(0xBF)
    return point, more + 1


@tight
def count_matches(data, last, classes, table):
    """Count the words of a piece that begins at the border of a character, outside a word.

    Returns the bytes done, up to the end of a word or before the next one, and why: `DONE`, `FULL`, or a character
    of which the class is not known.  What stands at the end is left where it may go on in the next piece.
    """
    i, n, start, digest = np.int64(0), np.int64(len(data)), np.int64(-1), np.int64(0)
    while i < n or start >= 0:
        point, width = _decode(data, i) if i < n else (np.int64(-1), np.int64(0))
        kind = classes[point] if point >= 0 else np.uint8(0)
        if kind == UNKNOWN or (width == 0 and not last):
            return (start if start >= 0 else i), (point if kind == UNKNOWN else np.int64(DONE))
        if kind == 1:
            if start < 0:
                start, digest = i, np.int64(0)
            stop = i + width
            while i < stop or (i < n and data[i] < 0x80 and classes[data[i]] == 1):
                digest = _extended(digest, data[i], i - start)
                i += 1
            continue
        if start >= 0:
            if not _add(table, data, start, i, _finished(digest, i - start), 1):
                return start, np.int64(FULL)
            start = np.int64(-1)
        i += max(width, 1)
    return n, np.int64(DONE)


@tight
def add_counted(data, offsets, counts, first, table):
    """Add words from the one with number `first` on; the number of the first one for which there is no room."""
    for k in range(first, len(counts)):
        start, stop, digest = offsets[k], offsets[k + 1], np.int64(0)
        for i in range(start, stop):
            digest = _extended(digest, data[i], i - start)
        if not _add(table, data, start, stop, _finished(digest, stop - start), counts[k]):
            return np.int64(k)
    return np.int64(len(counts))


@tight
def move(old, new):
    """Copy a table into a larger, empty one."""
    n, n_bytes = old.state[0], old.state[1]
    new.state[0], new.state[1] = n, n_bytes
    _copy(old.counts, 0, n, new.counts, 0)
    _copy(old.offsets, 0, n + 1, new.offsets, 0)
    _copy(old.content, 0, n_bytes, new.content, 0)
    mask = len(new.digests) - 1
    for old_slot in range(len(old.digests)):
        digest = old.digests[old_slot]
        if digest != 0:
            slot = _slot_of(digest, mask)
            while new.digests[slot] != 0:
                slot = (slot + 1) & mask
            new.digests[slot], new.numbers[slot] = digest, old.numbers[old_slot]


@tight
def merge_sorted(a, b, out):
    """Merge two sorted runs into one; its numbers of words and of bytes."""
    i, j, n, end = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    a_start, b_start = np.int64(0), np.int64(0)
    while i < len(a.ends) or j < len(b.ends):
        if j == len(b.ends):
            difference = np.int64(-1)
        elif i == len(a.ends):
            difference = np.int64(1)
        else:
            difference = compare_words(a.content, a_start, a.ends[i], b.content, b_start, b.ends[j])
        count = np.int64(0)
        if difference <= 0:
            length = a.ends[i] - a_start
            _copy(a.content, a_start, a.ends[i], out.content, end)
            count, a_start, i = a.counts[i], a.ends[i], i + 1
        if difference >= 0:
            length = b.ends[j] - b_start
            _copy(b.content, b_start, b.ends[j], out.content, end)
            count, b_start, j = count + b.counts[j], b.ends[j], j + 1
        end += length
        out.ends[n], out.counts[n] = end, count
        n += 1
    return n, end
