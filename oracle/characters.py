"""What single characters are, from a table by code point; and bytes as characters, like Python's own decoding.

A class of characters is a rule of Python's (`\\w`, `str.isspace`, Unicode's categories); it is asked once per character
of a page of 256 code points, when a text first has one of that page.
"""

import re
import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.oracle.quotes import APOSTROPHES, QUOTES

WORD, SPACE, QUOTE, APOSTROPHE, PUNCTUATION, LINE_FEED, CARRIAGE_RETURN = (1 << bit for bit in range(7))
"""The bits of a character's kinds.  An apostrophe is a quote unless it stands between two characters of words."""

_PAGE = 256
_N_POINTS = 0x110000
_ESCAPE = 0xDC00  # with the byte added: a byte that is not UTF-8, as Python's `surrogateescape` has it
_WORD_CHARACTER = re.compile(r"\w")

_table = np.zeros(_N_POINTS, np.uint8)
_known = np.zeros(_N_POINTS // _PAGE, bool)  # set after its page is filled: threads may fill one twice, none reads less


def kinds_of(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The kinds of characters, whatever stands beside them, as bits; shape (m,).

    >>> [bin(kind) for kind in kinds_of(np.array([ord("é"), ord("'")], np.uint32))]
    ['0b1', '0b11000']
    """
    kinds = np.empty(len(points), np.uint8)
    done = _look_up(points, _table, _known, 0, kinds)
    while done < len(points):
        _fill_page(int(points[done]) // _PAGE)
        done = _look_up(points, _table, _known, done, kinds)
    return kinds


def decode(data: NDArray[np.uint8]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The code points of UTF-8, (m,), and the first byte of each, with n at the end, (m + 1,).

    A byte that is not UTF-8 becomes a lone surrogate, as with Python's `surrogateescape`.
    """
    if not len(data) or data.max() < 0x80:
        return data.astype(np.uint32), np.arange(len(data) + 1)
    points, first = np.empty(len(data), np.uint32), np.empty(len(data) + 1, np.int64)
    m = _decode(data, points, first)
    return points[:m], first[: m + 1]


def _fill_page(page: int) -> None:
    characters = map(chr, range(page * _PAGE, (page + 1) * _PAGE))
    _table[page * _PAGE : (page + 1) * _PAGE] = [_kinds_of_one(character) for character in characters]
    _known[page] = True


def _kinds_of_one(character: str) -> int:
    rules = (
        (WORD, _WORD_CHARACTER.match(character)),
        (SPACE, character.isspace() and character not in "\r\n"),
        (QUOTE, character in QUOTES),
        (APOSTROPHE, character in APOSTROPHES),
        (PUNCTUATION, unicodedata.category(character)[0] in "PS"),
        (LINE_FEED, character == "\n"),
        (CARRIAGE_RETURN, character == "\r"),
    )
    return sum(bit for bit, holds in rules if holds)


@tight
def _look_up(points: Any, table: Any, known: Any, start: int, kinds: Any) -> int:
    """kinds[i] of points[i] from `start` on; returns the first point whose page is not known, or how many there are."""
    for i in range(start, len(points)):
        point = points[i]
        if not known[point >> 8]:
            return i
        kinds[i] = table[point]
    return len(points)


@tight
def _decode(data: Any, points: Any, first: Any) -> int:
    """points[m]: the character that begins at byte first[m]; returns how many there are.

    Bytes that begin no character stand for themselves, one by one: of a sequence that is cut short, none of the bytes
    after its first can begin another.
    """
    i, m = 0, 0
    while i < len(data):
        first[m] = i
        byte = np.int64(data[i])
        width = 1 if byte < 0x80 else _width(data, i)
        if width == 1:
            points[m] = byte if byte < 0x80 else _ESCAPE + byte
        else:
            point = byte & (0x7F >> width)
            for k in range(1, width):
                point = point << 6 | (np.int64(data[i + k]) & 0x3F)
            points[m] = point
        i += width
        m += 1
    first[m] = i
    return m


@inlined
def _width(data: Any, i: int) -> int:
    """The bytes of the character of several that begins at i; 1 where none does (Unicode 16.0, table 3-7)."""
    lead = np.int64(data[i])
    width = 2 if 0xC2 <= lead <= 0xDF else 3 if 0xE0 <= lead <= 0xEF else 4 if 0xF0 <= lead <= 0xF4 else 1
    if i + width > len(data):
        return 1
    for k in range(1, width):
        byte = np.int64(data[i + k])
        low, high = 0x80, 0xBF
        if k == 1:
            low = 0xA0 if lead == 0xE0 else 0x90 if lead == 0xF0 else low
            high = 0x9F if lead == 0xED else 0x8F if lead == 0xF4 else high
        if not low <= byte <= high:
            return 1
    return width
