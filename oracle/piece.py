"""What a token is of a word: its beginning or a later piece; and whether it is white space alone."""

import numpy as np
from numpy.typing import NDArray

from errtax.oracle.characters import CARRIAGE_RETURN, LINE_FEED, SPACE, kinds_of
from errtax.oracle.text_view import TextView


def starts_inside_word(offsets: NDArray[np.int32], splits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which symbols begin after the first byte of their word.

    `offsets[i]`: characters from its start to the one that judges symbol i, negative outside words.  `splits[i]`:
    whether the symbol begins inside that character, and so after the word's first byte in any case.
    """
    inside: NDArray[np.bool_] = (offsets > 0) | ((offsets == 0) & splits)
    return inside


def is_white_space(view: TextView) -> NDArray[np.bool_]:
    """Which symbols are white space alone, line ends included; shape (len(view),)."""
    white: NDArray[np.bool_] = (kinds_of(view.points) & (SPACE | LINE_FEED | CARRIAGE_RETURN)) > 0
    return view.spread(white)
