"""The slow twin of near passages: all strings on both sides, with their edit distances from whole tables."""

from typing import NamedTuple


class Near(NamedTuple):
    begin: int
    length: int
    place: int
    there: int
    edits: int


def distances(a: list[int], b: list[int]) -> list[list[int]]:
    """Of each beginning of a to each beginning of b (Levenshtein)."""
    table = [list(range(len(b) + 1))]
    for i, symbol in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            row.append(min(table[-1][j - 1] + (symbol != other), table[-1][j] + 1, row[-1] + 1))
        table.append(row)
    return table


def reaches(a: list[int], b: list[int], k: int) -> list[tuple[int, int, int]]:
    """With at most 0 .. k edits: how far in a, how far in b, and how many edits; ends on equal symbols."""
    table, found = distances(a, b), []
    for e in range(k + 1):
        ends = [
            (-i, table[i][j], j)
            for i in range(1, len(a) + 1)
            for j in range(1, len(b) + 1)
            if a[i - 1] == b[j - 1] and table[i][j] <= e
        ]
        i, edits, j = min(ends, default=(0, 0, 0))
        found.append((-i, j, edits))
    return found


def extended(text: list[int], training: list[int], begin: int, length: int, place: int, k: int) -> Near:
    """One exact passage, extended."""
    left = reaches(text[:begin][::-1], training[:place][::-1], k)
    right = reaches(text[begin + length :], training[place + length :], k)
    options = []
    for e in range(k + 1):
        (i, j, used), (after, there, more) = left[e], right[k - e]
        options.append(
            (
                -(i + after),
                used + more,
                e,
                Near(begin - i, length + i + after, place - j, length + j + there, used + more),
            )
        )
    return min(options)[3]
