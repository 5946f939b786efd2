"""Where another text can have a long string of a text at all: a filter before its automaton.

A string of L symbols holds one of the blocks of w symbols that begin at the multiples of s, if w + s - 1 <= L.  So only
every s-th block of the other text is looked up among all strings of w symbols of this one, which are kept as two bits
each (Bloom 1970, "Space/time trade-offs in hash coding with allowable errors"): blocks that are there are always found,
and one in some hundred that is not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight

LEAST = 16
"""Shorter strings are everywhere, and need no filter."""
_BITS_A_STRING = 32


class Seeds(NamedTuple):
    """The strings of `width` symbols of a text; with width 0, what lets all through."""

    width: int
    step: int
    bits: NDArray[np.uint64]


def seeds_of(ids: NDArray[np.int32], least: int) -> Seeds:
    """A filter for strings of at least so many symbols of a text; time O(n · least), memory 4 to 8 bytes per symbol."""
    if least < LEAST or len(ids) < least:
        return Seeds(0, 1, np.zeros(1, np.uint64))
    width = (least + 2) // 2
    words = max(_BITS_A_STRING * len(ids) // 64, 1)
    seeds = Seeds(width, least + 1 - width, np.zeros(1 << (words - 1).bit_length(), np.uint64))
    _add_all(seeds, ids)
    return seeds


@inlined
def _digest(ids, start, width):
    """Of a string, odd; 0 if it has a symbol below 0."""
    digest = np.uint64(0)
    for k in range(start, start + width):
        if ids[k] < 0:
            return np.uint64(0)
        digest = digest * np.uint64(0x9E3779B97F4A7C15) + np.uint64(ids[k] + 1)
    digest ^= digest >> np.uint64(32)
    digest *= np.uint64(0xFF51AFD7ED558CCD)
    digest ^= digest >> np.uint64(29)
    return digest | np.uint64(1)


@inlined
def _bit(seeds, digest, shift):
    """The word and the bit that stand for a digest, by 32 of its bits from `shift` on."""
    place = (digest >> np.uint64(shift)) & np.uint64(0xFFFFFFFF)
    word = np.int64((place >> np.uint64(6)) & np.uint64(len(seeds.bits) - 1))
    return word, np.uint64(1) << (place & np.uint64(63))


@tight
def _add_all(seeds, ids):
    for k in range(len(ids) - seeds.width + 1):
        digest = _digest(ids, k, seeds.width)
        if digest != 0:
            for shift in (1, 32):
                word, bit = _bit(seeds, digest, shift)
                seeds.bits[word] |= bit


@inlined
def is_seed(seeds, ids, start):
    """Whether the block from ids[start] on may stand in the text; False where it has an end before its width."""
    if start + seeds.width > len(ids):
        return False
    digest = _digest(ids, start, seeds.width)
    if digest == 0:
        return False
    word, bit = _bit(seeds, digest, 1)
    if seeds.bits[word] & bit == 0:
        return False
    word, bit = _bit(seeds, digest, 32)
    return seeds.bits[word] & bit != 0
