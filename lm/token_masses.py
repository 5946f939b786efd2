"""Masses of ranges of tokens: one pass of exponentials over a model's scores, and sums of 64 and of 4,096 neighbours.

A range's mass is added from these sums and from single tokens at the edges, all in float64, never subtracted from
cumulative sums: near p = 1e-11 the difference would be wrong by 5e-5 in log p.

Exponentials are most of what a byte log costs.  `math.exp` took .73 ms for 49,152 tokens, the loops below .25 ms: each
works on a whole array in turn and has no branch, so that the compiler turns it into vector instructions.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import tight

_BLOCK = 64
_SUPER = _BLOCK * _BLOCK
_LEAST = -708.0
"""What lies farther below the best counts as this; from -1020.5 log 2 = -707.36 on exp is 0: it would lose digits."""
_LOG2_E = 1 / math.log(2)
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""Their sum is log 2, and products of the first with whole numbers up to 2^20 are exact (Cody & Waite 1980)."""
_ROUNDER = 1.5 * 2**52
"""Added to a small number it leaves the nearest whole one in the lowest bits."""
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1 / math.factorial(k) for k in range(2, 14))


class Masses(NamedTuple):
    """Unnormalised probabilities of n tokens, their sums by 64 and by 4,096, and scratch.

    `single`, float64, is padded by zeros to whole blocks.  `powers` and `bits`: the same memory as float64 and int64.
    """

    single: NDArray[np.float64]
    blocks: NDArray[np.float64]
    supers: NDArray[np.float64]
    lanes: NDArray[np.float64]
    powers: NDArray[np.float64]
    bits: NDArray[np.int64]


def empty_masses(n: int) -> Masses:
    """Memory for the masses of n tokens: 8 bytes each."""
    blocks = -(-n // _BLOCK)
    powers = np.empty(_SUPER)
    single, lanes = np.zeros(blocks * _BLOCK), np.empty(_BLOCK)
    return Masses(single, np.zeros(blocks), np.zeros(-(-n // _SUPER)), lanes, powers, powers.view(np.int64))


@tight
def weigh(scores, row, order, masses):
    """Fill `masses` with exp(scores[row, order[i]] - the best of them); returns their sum.

    NaN where a score is NaN or +inf, or where all are -inf.
    """
    best = _gather(scores, row, order, masses.single, masses.lanes)
    if not math.isfinite(best):
        return math.nan
    for start in range(0, len(masses.single), _SUPER):
        _exponentiate(masses.single[start : start + _SUPER], best, masses.powers, masses.bits)
    return _add_up(masses)


@tight
def _gather(scores, row, order, single, lanes):
    """The scores in the tokens' order, and the best of them; a NaN is kept, and may be passed over."""
    n = len(order)
    lanes[:] = -math.inf  # the best of each 64th
    for start in range(0, n - n % _BLOCK, _BLOCK):
        for lane in range(_BLOCK):
            single[start + lane] = scores[row, order[start + lane]]
        for lane in range(_BLOCK):
            score = single[start + lane]
            lanes[lane] = score if score > lanes[lane] else lanes[lane]
    for i in range(n - n % _BLOCK, n):
        single[i] = scores[row, order[i]]
        lanes[0] = single[i] if single[i] > lanes[0] else lanes[0]
    for i in range(n, len(single)):
        single[i] = -math.inf
    best = lanes[0]
    for lane in range(1, _BLOCK):
        best = max(best, lanes[lane])
    return best


@tight
def _exponentiate(values, best, powers, bits):
    """exp(value - best) of values up to best, in place: 2^k times a polynomial in what is left of log 2; a NaN stays.

    Relative error below 3e-16.  The loops count from 0 on: an index that might be negative would cost the vectors.
    """
    n = len(values)
    for i in range(n):
        x = values[i] - best
        x = _LEAST if x < _LEAST else x
        powers[i] = x * _LOG2_E + _ROUNDER
        k = powers[i] - _ROUNDER
        r = (x - k * _LN2_HIGH) - k * _LN2_LOW
        high = _C7 + r * (_C8 + r * (_C9 + r * (_C10 + r * (_C11 + r * (_C12 + r * _C13)))))
        values[i] = 1 + r * (1 + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * high))))))
    for i in range(n):
        exponent = (bits[i] + 1023) & 0x7FF
        bits[i] = exponent << 52 if exponent > 2 else 0  # 2: k of _LEAST
    for i in range(n):
        values[i] *= powers[i]


@tight
def _add_up(masses):
    """Fill the sums by 64 and by 4,096; returns that of all."""
    single, total = masses.single, 0.0
    for s in range(len(masses.supers)):
        of_super = 0.0
        for j in range(s * _BLOCK, min((s + 1) * _BLOCK, len(masses.blocks))):
            a, b, c, d = 0.0, 0.0, 0.0, 0.0  # four sums at a time, since each waits for its last addition
            for i in range(j * _BLOCK, (j + 1) * _BLOCK, 4):
                a += single[i]
                b += single[i + 1]
                c += single[i + 2]
                d += single[i + 3]
            masses.blocks[j] = (a + b) + (c + d)
            of_super += masses.blocks[j]
        masses.supers[s] = of_super
        total += of_super
    return total


@tight
def mass_of(masses, low, high):
    """The sum of the masses low .. high - 1."""
    total = 0.0
    i = low
    while i < high:
        if i % _SUPER == 0 and i + _SUPER <= high:
            total += masses.supers[i // _SUPER]
            i += _SUPER
        elif i % _BLOCK == 0 and i + _BLOCK <= high:
            total += masses.blocks[i // _BLOCK]
            i += _BLOCK
        else:
            stop = min(high, (i // _BLOCK + 1) * _BLOCK)
            while i < stop:
                total += masses.single[i]
                i += 1
    return total
