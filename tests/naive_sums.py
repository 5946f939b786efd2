"""Slow, obvious twins of the sums over units and of the draws, in Python's own integers."""

import math
from collections.abc import Sequence
from fractions import Fraction

MASK = 0xFFFFFFFF


def philox(counter: Sequence[int], key: Sequence[int]) -> tuple[int, int, int, int]:
    """Philox 4x32-10 as Salmon et al. 2011 describe it: ten rounds of two multiplications, the key bumped between."""
    a, b, c, d = counter
    left, right = key
    for _ in range(10):
        first, second = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (second >> 32) ^ b ^ left, second & MASK, (first >> 32) ^ d ^ right, first & MASK
        left, right = (left + 0x9E3779B9) & MASK, (right + 0xBB67AE85) & MASK
    return a, b, c, d


def drawn(units: int, replicate: int, seed: int) -> list[int]:
    """How often each unit is drawn in a replicate."""
    counts = [0] * units
    for i in range(units):
        word = philox((i // 4, replicate, 0, 0), (seed & MASK, seed >> 32))[i % 4]
        counts[word * units >> 32] += 1
    return counts


def signs(units: int, replicate: int, seed: int) -> list[int]:
    """The sign of each unit in a replicate of the paired test."""
    words = [philox((b // 128, replicate, 1, 0), (seed & MASK, seed >> 32))[b // 32 % 4] for b in range(units)]
    return [1 if words[b] >> b % 32 & 1 else -1 for b in range(units)]


def in_units(bits: float) -> int:
    """A number of bits in units of 2^-32, rounded half to even."""
    return round(Fraction(bits) * 2**32)


def surprisal(logprob: float) -> float:
    """In bits; infinite above 2^20."""
    bits = -logprob / math.log(2)
    return bits if bits <= 2**20 else math.inf


def merged(numbers: Sequence[int], most: int) -> tuple[int, list[list[int]]]:
    """How often neighbours are merged in pairs until at most so many units are left, and the rows of each unit.

    `numbers[row]`: the unit of a row, before any is merged.
    """
    level = 0
    while len({number >> level for number in numbers}) > most:
        level += 1
    units: dict[int, list[int]] = {}
    for row, number in enumerate(numbers):
        units.setdefault(number >> level, []).append(row)
    return level, [units[number] for number in sorted(units)]
