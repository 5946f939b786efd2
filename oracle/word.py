"""The word model oracle: what stood just before, where a new word may begin."""

import numpy as np
from numpy.typing import NDArray

from errtax.oracle.before import NEWLINE, QUOTE, SPACE
from errtax.oracle.text_view import TextView


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
    """1 for the first character after a newline, 2 for the second, ...; shape (len(view),).

    0 before the first newline, and from a gap in the log's positions to the next.
    """
    newline = view.classes.newline
    event = newline.copy()
    event[view.gap_characters] = True
    m = np.arange(len(newline), dtype=np.int64)
    latest = np.append(-1, np.maximum.accumulate(np.where(event, m, -1)))[: len(m)]
    known = (latest >= 0) & newline[latest]
    return view.spread(np.where(known, m - latest, 0)).astype(np.int32)
