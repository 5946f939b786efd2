"""The word model oracle: what stood just before, where a new word may begin."""

import numpy as np
from numpy.typing import NDArray

from errtax.oracle.text_view import NEWLINE, QUOTE, SPACE, TextView


def kinds_before(view: TextView) -> NDArray[np.uint8]:
    """What the character before is: `SPACE`, `QUOTE`, `NEWLINE`, or 0; shape (len(view),).

    All bytes of one character share the character before it.
    """
    classes = view.classes
    kinds = np.zeros(len(classes.space) + 1, np.uint8)
    kinds[1:][classes.space] = SPACE
    kinds[1:][classes.quote] = QUOTE
    kinds[1:][classes.newline] = NEWLINE
    return view.spread(kinds[:-1]).astype(np.uint8)


def newline_distances(view: TextView) -> NDArray[np.int32]:
    """1 for the first character after a newline, 2 for the second, ...; 0 before the first; shape (len(view),)."""
    newline = view.classes.newline
    m = np.arange(len(newline), dtype=np.int64)
    latest = np.concatenate([[-1], np.maximum.accumulate(np.where(newline, m, -1))])[:-1]
    distances = np.where(latest >= 0, m - latest, 0)
    return view.spread(distances).astype(np.int32)
