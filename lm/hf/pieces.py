"""Long texts as tokens, a piece at a time: a tokenizer takes some 200 bytes for each byte that it reads at once.

What a tokenizer makes of a place depends on what stands near it: on its word, where it reads words one by one, and on
the tokens around it, where it reads a text as a whole.  So two overlapping pieces have the same tokens in the middle of
what they share, and there the second goes on where the first ends.  Where they have not (a run of spaces longer than
that, say), the first is read on.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PIECE = 1 << 18
"""Bytes that are read at once."""
OVERLAP = 1 << 13
"""Bytes that two pieces share; the second and third quarter of them must have the same tokens in both."""

Encode = Callable[[bytes], NDArray[np.int64]]


class _Read(NamedTuple):
    """A piece's tokens: their ids, and where each ends in the text; shape (n,)."""

    ids: NDArray[np.int64]
    ends: NDArray[np.int64]

    def between(self, start: int, stop: int) -> "_Read":
        """The tokens that end after `start`, and at `stop` or before."""
        first, last = np.searchsorted(self.ends, (start, stop), "right")
        return _Read(self.ids[first:last], self.ends[first:last])


def encode_long(
    text: bytes, encode: Encode, lengths: NDArray[np.int64], piece: int = PIECE, overlap: int = OVERLAP
) -> NDArray[np.int64]:
    """The ids of a text, (n,).  `encode`: the ids of some bytes in UTF-8.  `lengths[k]`: the bytes of id k.

    Time O(size); memory 8 bytes per token, and what `encode` needs for `piece` bytes.
    """
    parts: list[NDArray[np.int64]] = []
    start, stop, done = (
        0,
        _cut(text, piece),
        -1,
    )  # of the piece at hand; the tokens that end up to `done` are in `parts`
    here = _read(text, start, stop, encode, lengths)
    while stop < len(text):
        begin = _cut(text, stop - overlap)
        end = _cut(text, begin + piece)
        there = _read(text, begin, end, encode, lengths)
        middle = begin + (stop - begin) // 4, stop - (stop - begin) // 4
        mine, other = here.between(*middle), there.between(*middle)
        if len(mine.ids) and np.array_equal(mine.ids, other.ids) and np.array_equal(mine.ends, other.ends):
            joint = int(mine.ends[len(mine.ends) // 2])
            parts.append(here.between(done, joint).ids)
            start, stop, done, here = begin, end, joint, there
        else:
            stop = _cut(text, stop + piece)
            here = _read(text, start, stop, encode, lengths)
    parts.append(here.ids[np.searchsorted(here.ends, done, "right") :])
    return np.concatenate(parts)


def _read(text: bytes, start: int, stop: int, encode: Encode, lengths: NDArray[np.int64]) -> _Read:
    ids = encode(text[start:stop])
    ends = np.cumsum(lengths[ids])
    invented = bool(len(ends)) and ends[-1] == stop - start + 1  # a space before the piece
    return _Read(ids, start + ends - invented)


def _cut(text: bytes, place: int) -> int:
    """The last beginning of a character up to this place, or the end of the text."""
    if place >= len(text):
        return len(text)
    while text[place] & 0xC0 == 0x80:
        place -= 1
    return place
