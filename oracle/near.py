"""Passages that stand nearly verbatim in the training text: exact ones, extended on both sides by a few edits.

An edit inserts, deletes or replaces one symbol (Levenshtein 1966).  An exact passage is extended where the training
text has it first, as far as at most k edits on its two sides together allow, up to symbols that are equal.  By dynamic
programming within k diagonals (Ukkonen 1985): time O(k) for each symbol of the extension.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.lm.text import Alphabet
from errtax.oracle.verbatim import Passages, SourceText

SEED = 20
"""Symbols that the exact passage within has at least."""


class NearPassages(NamedTuple):
    """Passages of which none is part of another, in order, and how they differ from the training text."""

    passages: Passages  # `times`: of the exact passage within
    edits: NDArray[np.int64]
    there: NDArray[np.int64]  # symbols that the training text has for them


def near_passages(exact: Passages, text: SourceText, training: SourceText, edits: int) -> NearPassages:
    """Exact passages, each extended by at most so many edits; those within a longer one are left out."""
    if not edits:
        return NearPassages(exact, np.zeros_like(exact.length), exact.length)
    found, costs = np.empty((len(exact.begin), 5), np.int64), np.empty(2 * edits + 1, np.int64)
    reaches = np.empty((2, edits + 1, 3), np.int64)
    _extend_all(_alike(text, training), training.symbols, exact, costs, reaches, found)
    begin, length, place, there, used = found.T
    order = np.lexsort((used, -length, begin))
    ends = (begin + length)[order]
    kept = order[ends > np.maximum.accumulate(np.append(-1, ends))[:-1]]
    return NearPassages(Passages(begin[kept], length[kept], exact.times[kept], place[kept]), used[kept], there[kept])


def _alike(text: SourceText, training: SourceText) -> NDArray[Any]:
    """The symbols of a text as the training text has them; -1 for others."""
    if training.names is None:
        return text.symbols
    return Alphabet(training.names).encode(text.codes(0, len(text)), np.int32)


@tight
def _extend_all(text, training, exact, costs, reaches, found):
    """found[t]: first symbol, length, first symbol there, length there and edits of passage t, extended.

    Of equally long ones the one with fewest edits, then with fewest on the left.  costs, reaches: room to work in.
    """
    k = reaches.shape[1] - 1
    for t in range(len(found)):
        i, j, length = exact.begin[t], exact.place[t], exact.length[t]
        _reach(text, i - 1, training, j - 1, -1, costs, reaches[0])
        _reach(text, i + length, training, j + length, 1, costs, reaches[1])
        most, fewest = np.int64(-1), np.int64(0)
        for before in range(k + 1):
            left, right = reaches[0, before], reaches[1, k - before]
            total, edits = left[0] + right[0], left[2] + right[2]
            if total > most or (total == most and edits < fewest):
                most, fewest = total, edits
                found[t, 0], found[t, 1] = i - left[0], length + total
                found[t, 2], found[t, 3] = j - left[1], length + left[1] + right[1]
                found[t, 4] = edits


@inlined
def _reach(text, i, training, j, step, costs, reach):
    """reach[e]: how far one gets with at most e edits, in symbols of the text and of the training text, and the edits.

    From text[i] and training[j] on, forwards or backwards, up to equal symbols.  costs[d]: the fewest edits between the
    first s symbols of the one and the first s + d - k of the other; k + 1 where more.
    """
    k = len(reach) - 1
    n = len(text) - i if step > 0 else i + 1
    m = len(training) - j if step > 0 else j + 1
    for d in range(2 * k + 1):
        costs[d] = d - k if k <= d <= k + m else k + 1
    for e in range(k + 1):
        reach[e, 0] = reach[e, 1] = reach[e, 2] = 0
    s, least = np.int64(0), np.int64(0)
    while s < n and least <= k:
        s += 1
        least = np.int64(k + 1)
        for d in range(2 * k + 1):
            there, cost = s + d - k, np.int64(k + 1)
            equal = 0 < there <= m and text[i + step * (s - 1)] == training[j + step * (there - 1)]
            if 0 <= there <= m:
                cost = min(cost, costs[d] + (0 if equal else 1) if there > 0 else s)
                if d < 2 * k:
                    cost = min(cost, costs[d + 1] + 1)
                if d > 0:
                    cost = min(cost, costs[d - 1] + 1)
            if equal and cost <= k and reach[cost, 0] < s:
                reach[cost, 0], reach[cost, 1], reach[cost, 2] = s, there, cost
            costs[d] = cost
            least = min(least, cost)
    for e in range(1, k + 1):
        if reach[e, 0] <= reach[e - 1, 0]:
            for column in range(3):
                reach[e, column] = reach[e - 1, column]
