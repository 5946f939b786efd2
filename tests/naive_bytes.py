"""Slow twins of the byte log of a model of tokens: exact fractions, one sum over all tokens for each question."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

TIE = 1 + Fraction(1, 10**12)
Row = tuple[float, int, float, int]
"""log p, best byte, its log p, rank; NaN, the byte itself, NaN, 0 where nothing is predicted."""


def log(p: Fraction) -> float:
    if p == 0:
        return -math.inf
    shift = max(p.denominator.bit_length() - p.numerator.bit_length(), 0)
    return math.log(p * 2**shift) - shift * math.log(2)


def distribution(pieces: Sequence[bytes], special: set[int], scores: Sequence[float]) -> dict[int, Fraction]:
    """Renormalised over the tokens that are part of texts."""
    kept = [k for k, piece in enumerate(pieces) if piece and k not in special]
    best = max(scores[k] for k in kept)
    weights = {k: Fraction(math.exp(scores[k] - best)) for k in kept}
    total = sum(weights.values(), Fraction(0))
    return {k: weight / total for k, weight in weights.items()}


def mass(p: dict[int, Fraction], pieces: Sequence[bytes], prefix: bytes) -> Fraction:
    """S(u): of all tokens whose bytes begin with the prefix."""
    return sum((p[k] for k in p if pieces[k].startswith(prefix)), Fraction(0))


def row_of(probability: Fraction, by_byte: Sequence[Fraction], byte: int) -> Row:
    best = 0
    for b in range(256):
        if by_byte[b] > by_byte[best] * TIE:
            best = b
    before = sum(by_byte[b] > by_byte[byte] * TIE for b in range(256))
    ties = sum(by_byte[b] * TIE >= by_byte[byte] >= by_byte[b] / TIE for b in range(byte))
    return log(probability), best, log(by_byte[best]), 1 + before + ties


def byte_rows(
    pieces: Sequence[bytes],
    special: set[int],
    ids: Sequence[int],
    scores: Sequence[Sequence[float]],
    predicted: Sequence[bool],
) -> tuple[list[Row], list[float]]:
    """The rows of all bytes, and log e of each token."""
    rows: list[Row] = []
    shares: list[float] = []
    share, continuation = Fraction(1), [Fraction(0)] * 256
    for token, row, known in zip(ids, scores, predicted, strict=True):
        piece = pieces[token]
        if not known:
            rows += [(math.nan, byte, math.nan, 0) for byte in piece]
            share, continuation = Fraction(1), [Fraction(0)] * 256
            shares.append(0.0)
            continue
        p = distribution(pieces, special, row)
        for i, byte in enumerate(piece):
            whole = mass(p, pieces, piece[:i])
            if whole == 0:
                rows.append((math.nan, byte, math.nan, 0))
                continue
            by_byte = [mass(p, pieces, piece[:i] + bytes([b])) / whole for b in range(256)]
            if i == 0:
                sums = [share * by_byte[b] + continuation[b] for b in range(256)]
                rows.append(row_of(share * by_byte[byte], sums, byte))
            else:
                rows.append(row_of(by_byte[byte], by_byte, byte))
        whole = mass(p, pieces, piece)
        share = p[token] / whole if whole else Fraction(1)
        continuation = [mass(p, pieces, piece + bytes([b])) / (whole or 1) for b in range(256)]
        shares.append(log(share))
    return rows, shares


def prefix_probability(
    pieces: Sequence[bytes], next_p: Callable[[tuple[int, ...]], dict[int, Fraction]], ids: tuple[int, ...], rest: bytes
) -> Fraction:
    """Of all token sequences after `ids` whose bytes begin with `rest`: Vieira et al. 2024, by enumeration."""
    if not rest:
        return Fraction(1)
    total = Fraction(0)
    for token, p in next_p(ids).items():
        piece = pieces[token]
        if piece.startswith(rest):
            total += p
        elif rest.startswith(piece):
            total += p * prefix_probability(pieces, next_p, (*ids, token), rest[len(piece) :])
    return total
