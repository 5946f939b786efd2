"""Random words that anybody can compute again: Philox 4x32-10 (Salmon et al. 2011, section 3.3), made from a counter.

A call turns a counter of four words of 32 bits and a key of two into four random words.  Word j of replicate r is word
j mod 4 of the counter (j div 4, r, stream, 0); the key is the seed, its low word first.  So draws depend on nothing
that was drawn before, and a script on a page can repeat them.
"""

import numpy as np

from errtax.lm.kernels import inlined, tight

DRAWS, SIGNS = 0, 1
"""The streams: units drawn with replacement, and signs of the paired test."""

_MASK, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@inlined
def _philox(c0, c1, c2, c3, k0, k1):
    """Four words from a counter and a key; all are uint64 that hold 32 bits."""
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _MASK, (p0 >> _HALF) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@tight
def fill_words(counter, key, words):
    """words[0..3]: those of one counter under one key, as the generator's published test vectors have them."""
    found = _philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1])
    words[0], words[1], words[2], words[3] = found


@tight
def count_draws(first, key, drawn):
    """drawn[r, b]: how often unit b is drawn in replicate first + r, in as many draws as there are units.

    Draw i takes the unit (word i * units) div 2^32.
    """
    n, zero = drawn.shape[1], np.uint64(0)
    units = np.uint64(n)
    for r in range(len(drawn)):
        for b in range(n):
            drawn[r, b] = 0
        for i in range(0, n, 4):
            words = _philox(np.uint64(i // 4), np.uint64(first + r), zero, zero, key[0], key[1])
            drawn[r, np.int64((words[0] * units) >> _HALF)] += 1
            if i + 1 < n:
                drawn[r, np.int64((words[1] * units) >> _HALF)] += 1
            if i + 2 < n:
                drawn[r, np.int64((words[2] * units) >> _HALF)] += 1
            if i + 3 < n:
                drawn[r, np.int64((words[3] * units) >> _HALF)] += 1


@tight
def toss_signs(first, key, signs):
    """signs[r, b]: 1 where bit b mod 32 of word b div 32 of replicate first + r is set, else -1."""
    n, zero, one = signs.shape[1], np.uint64(0), np.uint64(1)
    for r in range(len(signs)):
        for i in range(0, n, 128):
            words = _philox(np.uint64(i // 128), np.uint64(first + r), one, zero, key[0], key[1])
            for b in range(i, min(i + 128, n)):
                part = (b - i) // 32
                word = words[0] if part == 0 else words[1] if part == 1 else words[2] if part == 2 else words[3]
                signs[r, b] = 1 if (word >> np.uint64(b % 32)) & one else -1
