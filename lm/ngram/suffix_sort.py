"""Suffixes sorted by their first N symbols, bucket by bucket.

In: the sequence S (ids; sentences `<s> ... </s>`, then one 0).  A suffix is read up to its sentence's end, or N
symbols.  First all positions go into buckets by their first m symbols, in the order of the text; then each bucket is
sorted by itself with multikey radix sort (McIlroy, Bostic & McIlroy 1993), a key being as many symbols as fit into 64
bits.  Out: the positions in order, equal suffixes in the order of the text, and the common prefixes of neighbours.

Nothing depends on how long the repeats of a text are, and no bucket on another: buckets can be sorted in any order,
in parallel, or a few at a time.  Time O(n N / symbols per key), memory 24 bytes per suffix of the largest bucket.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.lm.special import END, EOS

Symbols = NDArray[Any]
_INSERTION = 24
_MERGE = 512


class Plan(NamedTuple):
    """How suffixes are bucketed and compared."""

    order: int  # N
    bits: int  # of a symbol
    prefix: int  # m: symbols that choose the bucket
    width: int  # symbols per key

    @property
    def n_buckets(self) -> int:
        """How many buckets there can be."""
        return 1 << (self.bits * self.prefix)


class Scratch(NamedTuple):
    """Room for the keys of one bucket, and for moving them."""

    keys: NDArray[np.uint64]
    other_keys: NDArray[np.uint64]
    other_positions: NDArray[Any]
    runs: NDArray[np.int64]  # (2, N + 2): where each level of the stack resumes, and where it ends
    digits: NDArray[np.int64]  # (3, 2048)


def plan_of(n_ids: int, order: int) -> Plan:
    """The plan for ids below `n_ids`: buckets by as many symbols as 16 bits hold, but at least one."""
    bits = max(int(n_ids - 1).bit_length(), 2)
    return Plan(order, bits, max(1, min(16 // bits, order)), 64 // bits)


def scratch_of(size: int, order: int, dtype: Any) -> Scratch:
    """Scratch for buckets of at most `size` suffixes with positions of that type."""
    keys, other_keys = np.empty(size, np.uint64), np.empty(size, np.uint64)
    runs, digits = np.empty((2, order + 2), np.int64), np.empty((3, 2048), np.int64)
    return Scratch(keys, other_keys, np.empty(size, dtype), runs, digits)


@inlined
def bucket_of(symbols, p, plan):
    """The first m symbols at p as one number; zeros after the sentence's end."""
    # numbers compare as prefixes do: each symbol takes `plan.bits`, and in a suffix nothing follows a sentence's end
    code = 0
    for t in range(plan.prefix):
        symbol = np.int64(symbols[p + t])
        code = (code << plan.bits) | symbol
        if symbol in (EOS, END):
            return code << (plan.bits * (plan.prefix - 1 - t))
    return code


@tight
def count_buckets(symbols, first, last, plan, counts):
    """Add the number of positions first..last-1 in each bucket to `counts`."""
    for p in range(first, last):
        counts[bucket_of(symbols, p, plan)] += 1


@tight
def fill_buckets(symbols, span, plan, buckets, cursors, positions):
    """Put positions span[0]..span[1]-1 that lie in buckets[0]..buckets[1]-1 where the buckets' cursors stand.

    cursors[b - buckets[0]]: the next free place of bucket b in `positions`.
    """
    for p in range(span[0], span[1]):
        b = bucket_of(symbols, p, plan)
        if buckets[0] <= b < buckets[1]:
            place = cursors[b - buckets[0]]
            positions[place] = p
            cursors[b - buckets[0]] = place + 1


@inlined
def _key(symbols, p, n_symbols, plan):
    """`n_symbols` symbols from p on, the first in the highest bits; zeros after the sentence's end."""
    bits = np.uint64(plan.bits)
    key = np.uint64(0)
    t = 0
    while t < n_symbols:
        symbol = np.uint64(symbols[p + t])
        key = (key << bits) | symbol
        t += 1
        if symbol in (np.uint64(EOS), np.uint64(END)):
            break
    return key << np.uint64(plan.bits * (plan.width - t))


@inlined
def _n_shared(a, b, plan):
    """How many leading symbols two different keys share."""
    difference = a ^ b
    n = 0
    while difference >> np.uint64(plan.bits * (plan.width - 1 - n)) == np.uint64(0):
        n += 1
    return n


@inlined
def _n_symbols(key, limit, plan):
    """How many of a key's first `limit` symbols there are up to and with the sentence's end."""
    mask = np.uint64((1 << plan.bits) - 1)
    for t in range(limit):
        symbol = (key >> np.uint64(plan.bits * (plan.width - 1 - t))) & mask
        if symbol in (np.uint64(EOS), np.uint64(END)):
            return t + 1
    return limit


@tight
def sort_suffixes(symbols, positions, common, depth, plan, scratch):
    """Sort `positions`, whose suffixes agree in their first `depth` symbols and do not end there.

    common[r], 0 < r < len(positions): length of the common prefix of suffixes r - 1 and r.

    Each level of the stack is a run of suffixes that agree so far, sorted by their next key; it is left for the
    level above wherever keys are equal, and resumed where that one ends.
    """
    # at[level]:stop[level] is what is left of the level's run, sorted by the keys at its depth. An inner run overwrites
    # keys[a:b] only, which the run around it has passed.
    keys = scratch.keys
    at, stop = scratch.runs[0], scratch.runs[1]
    level, at[0], stop[0] = 0, 0, len(positions)
    _sort_run(symbols, positions, 0, len(positions), depth, plan, scratch)
    while level >= 0:
        a, end = at[level], stop[level]
        if a == end:
            level -= 1
            continue
        here = depth + level * plan.width
        # the suffixes a:b have one key, so they agree in all its symbols
        key = keys[a]
        b = a + 1
        while b < end and keys[b] == key:
            b += 1
        if b < end:
            common[b] = here + _n_shared(key, keys[b], plan)
        at[level] = b
        # a run of two or more ends here if its string does; else it is sorted by the next key. Each level reads
        # `plan.width` symbols more, so that there are at most N / width of them.
        if b - a > 1:
            limit = min(plan.width, plan.order - here)
            n = _n_symbols(key, limit, plan)
            last = (key >> np.uint64(plan.bits * (plan.width - n))) & np.uint64((1 << plan.bits) - 1)
            if here + n == plan.order or last in (np.uint64(EOS), np.uint64(END)):
                for r in range(a + 1, b):
                    common[r] = here + n
            else:
                level += 1
                at[level], stop[level] = a, b
                _sort_run(symbols, positions, a, b, here + plan.width, plan, scratch)


@tight
def _sort_run(symbols, positions, first, last, depth, plan, scratch):
    """Load the keys at `depth` of positions[first:last] and sort both by them."""
    n_symbols = min(plan.width, plan.order - depth)
    keys = scratch.keys
    for r in range(first, last):
        keys[r] = _key(symbols, np.int64(positions[r]) + depth, n_symbols, plan)
    if last - first <= _MERGE:
        _sort_few(keys, positions, first, last, scratch)
        return
    _radix_sort(keys, positions, first, last, 32, scratch)  # by the upper half, then runs that agree in it
    half = np.uint64(32)
    a = first
    while a < last:
        b = a + 1
        ordered = True
        while b < last and keys[b] >> half == keys[a] >> half:
            ordered &= keys[b - 1] <= keys[b]
            b += 1
        if not ordered:
            if b - a <= _MERGE:
                _sort_few(keys, positions, a, b, scratch)
            else:
                _radix_sort(keys, positions, a, b, 0, scratch)
        a = b


@tight
def _sort_few(keys, positions, first, last, scratch):
    """Insertion sort of runs, then merges; stable."""
    for low in range(first, last, _INSERTION):
        high = min(low + _INSERTION, last)
        for r in range(low + 1, high):
            key, position = keys[r], positions[r]
            k = r
            while k > low and keys[k - 1] > key:
                keys[k], positions[k] = keys[k - 1], positions[k - 1]
                k -= 1
            keys[k], positions[k] = key, position
    # before each round keys[low:low + size] is sorted for all multiples `low` of `size`
    size = _INSERTION
    while size < last - first:
        for low in range(first, last - size, 2 * size):
            _merge(keys, positions, low, low + size, min(low + 2 * size, last), scratch)
        size *= 2


@tight
def _merge(keys, positions, low, middle, high, scratch):
    """Merge two sorted neighbours; the left one is moved out of the way first."""
    if keys[middle - 1] <= keys[middle]:
        return
    left_keys, left_positions = scratch.other_keys, scratch.other_positions
    n = middle - low
    for k in range(n):
        left_keys[k], left_positions[k] = keys[low + k], positions[low + k]
    # out = j - (n - i) < j: nothing on the right is overwritten before it is read, and what remains there when the left
    # part is used up is in place already
    i, j, out = 0, middle, low
    while i < n:
        if j < high and keys[j] < left_keys[i]:
            keys[out], positions[out] = keys[j], positions[j]
            j += 1
        else:
            keys[out], positions[out] = left_keys[i], left_positions[i]
            i += 1
        out += 1


@tight
def _radix_sort(keys, positions, first, last, shift, scratch):
    """Stable sort by the 32 bits of the keys above `shift`, in digits of 11, 11 and 10 bits."""
    # least significant digit first: each pass is stable, so it keeps the order of the digits before it
    counts = scratch.digits
    for value in range(2048):
        counts[0, value] = counts[1, value] = counts[2, value] = 0
    for r in range(first, last):
        half = np.int64((keys[r] >> np.uint64(shift)) & np.uint64(0xFFFFFFFF))
        counts[0, half & 2047] += 1
        counts[1, (half >> 11) & 2047] += 1
        counts[2, half >> 22] += 1
    for digit in range(3):
        shift_of_digit = np.uint64(shift + 11 * digit)
        mask = np.uint64(1023 if digit == 2 else 2047)
        if counts[digit, np.int64((keys[first] >> shift_of_digit) & mask)] == last - first:
            continue  # all have the same digit
        # counts of keys by digit become the places where the next key of each digit goes
        total = 0
        for value in range(2048):
            counts[digit, value], total = total, total + counts[digit, value]
        for r in range(first, last):
            value = np.int64((keys[r] >> shift_of_digit) & mask)
            place = counts[digit, value]
            counts[digit, value] = place + 1
            scratch.other_keys[place], scratch.other_positions[place] = keys[r], positions[r]
        for r in range(last - first):
            keys[first + r], positions[first + r] = scratch.other_keys[r], scratch.other_positions[r]
