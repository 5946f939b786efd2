"""The word model oracle: what stood just before, where a new word may begin."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import tight
from errtax.oracle.before import NEWLINE, QUOTE, SPACE
from errtax.oracle.characters import QUOTE as QUOTE_BIT
from errtax.oracle.characters import SPACE as SPACE_BIT
from errtax.oracle.text_view import NEWLINE as NEWLINE_BIT
from errtax.oracle.text_view import TextView

_FAR = np.iinfo(np.int64).max


def kinds_before(view: TextView) -> NDArray[np.uint8]:
    """What the character before is: `SPACE`, `QUOTE`, `NEWLINE`, or 0; shape (len(view),).

    All bytes of one character share the character before it.
    """
    kinds = np.empty(len(view), np.uint8)
    _kinds_before(view.marks, view.first_symbol, kinds)
    return kinds


def newline_distances(view: TextView) -> NDArray[np.int32]:
    """1 for the first character after a newline, 2 for the second, ...; shape (len(view),).

    0 before the first newline, from a gap in the log's positions to the next newline, and where the newline is more
    letters back than the view's horizon.
    """
    distances = np.empty(len(view), np.int32)
    horizon = _FAR if view.horizon is None else view.horizon
    _newline_distances(view.marks, view.first_symbol, view.first_letter, view.letters_at(view.gaps), horizon, distances)
    return distances


@tight
def _kinds_before(marks: Any, first: Any, kinds: Any) -> None:
    before = 0
    for m in range(len(marks)):
        for i in range(first[m], first[m + 1]):
            kinds[i] = before
        mark = marks[m]
        before = SPACE if mark & SPACE_BIT else 0
        before = QUOTE if mark & QUOTE_BIT else before
        before = NEWLINE if mark & NEWLINE_BIT else before


@tight
def _newline_distances(marks: Any, first: Any, letter: Any, gaps: Any, horizon: int, distances: Any) -> None:
    """first[m], letter[m]: the first symbol and letter of character m; gaps: letters.

    Between two gaps positions are as far apart as symbols.
    """
    latest, gap = -1, 0
    for m in range(len(marks)):
        distance = m - latest if latest >= 0 and letter[m] - letter[latest] <= horizon else 0
        for i in range(first[m], first[m + 1]):
            distances[i] = distance
        if marks[m] & NEWLINE_BIT:
            latest = m
        if gap < len(gaps) and gaps[gap] == letter[m]:
            latest = -1
            gap += 1
