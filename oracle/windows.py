"""A log in windows: the rows that a block answers for, with as many rows before and after as the oracles look at.

Every oracle looks back, and a little ahead, only a bounded way.  So evidence on the own rows of a window is that on the
same rows of the whole log, whatever the blocks are.  Own rows begin and end where no word is: at a *cut*.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.prediction_log import PredictionLog, join_logs
from errtax.lm.surface import Surface
from errtax.lm.text import Unit
from errtax.oracle.characters import WORD, decode, kinds_of
from errtax.oracle.word_kernels import cut_spans, find_runs
from errtax.oracle.word_rule import ICU, PATTERN

HORIZON = 100_000
"""Positions that memory and newlines are looked for; also the longest word."""
CHARACTER = 4  # bytes of one at most: so far back a text can be decoded from, and so far ahead a cut looks
_PIECE = 256  # rows among which a cut is looked for first


class Reach(NamedTuple):
    """How far oracles look: `horizon` positions back, characters with tokens and spans; `own` rows back and ahead.

    `before`: rows back.
    """

    horizon: int = HORIZON
    own: int = 0
    before: int = 0


class Window(NamedTuple):
    """Rows of a log; `own`: those that the window answers for."""

    log: PredictionLog
    own: slice


def windows(
    blocks: Iterable[PredictionLog], words: str, reach: Reach, before: int = 0, after: int = 0
) -> Iterator[Window]:
    """The blocks of a log as windows, in order: their own rows are all rows, each once.

    `words`: what a word is (`word_rule`).  A block without a cut is joined with the next.  Memory: two blocks and a
    horizon.  `before`, `after`: of the rows, so many at the beginning and end are only looked at (see `excerpts`).
    """
    log: PredictionLog | None = None
    start = before  # of the rows that no window has answered for
    ahead = rows_ahead(reach)
    for block in blocks:
        if log is None:
            log = block
            continue
        end, log = len(log), join_logs(log, block)
        stop = last_cut(log, start, min(end, len(log) - ahead), words, reach.horizon)
        if stop > start:
            yield Window(log.part(0, stop + ahead), slice(start, stop))
            first = first_needed(log, stop, reach)
            log, start = log.part(first, len(log)), stop - first
    if log is not None and start < len(log) - after:
        yield Window(log, slice(start, len(log) - after))


def rows_ahead(reach: Reach) -> int:
    """How many rows after the last of a window are looked at."""
    return max(CHARACTER, reach.own)


def first_needed(log: PredictionLog, row: int, reach: Reach) -> int:
    """The first row that oracles look at from a row on."""
    in_reach = int(np.searchsorted(log.positions, log.positions[row] - reach.horizon - CHARACTER))
    if log.surface is not None:
        in_reach = _row_before_letters(log.surface, row, reach.horizon + CHARACTER)
    return max(min(in_reach, row - max(CHARACTER, reach.own, reach.before)), 0)


def _row_before_letters(surface: Surface, row: int, n: int) -> int:
    """The first row from which at least n characters lead up to a row: as many bytes begin one; 0 if there is none."""
    ends = surface.ends[: row + 1] - surface.ends[0]
    begins = np.flatnonzero(surface.joined[: ends[-1]] & 0xC0 != 0x80)
    return 0 if len(begins) <= n else int(np.searchsorted(ends, begins[-n], "right")) - 1


def last_cut(log: PredictionLog, start: int, stop: int, words: str, horizon: int) -> int:
    """The last row after `start`, and up to `stop`, before which a block may end; `start` where there is none.

    `start` is itself a cut, or the log's first row.
    """
    found = cut_between_words(log, start, stop, words)
    if found > start:
        return found
    return _cut_of_long_word(log, start, stop, horizon) if words == PATTERN else start


def cut_between_words(log: PredictionLog, start: int, stop: int, words: str) -> int:
    """The last row after `start`, and up to `stop`, before which no word is; `start` where there is none."""
    size, end = _PIECE, stop
    while end > start:
        begin = max(end - size, start)
        found = np.flatnonzero(_is_cut(log, begin, end, words))
        if len(found):
            return begin + 1 + int(found[-1])
        size, end = 2 * size, begin
    return start


def _cut_of_long_word(log: PredictionLog, start: int, stop: int, horizon: int) -> int:
    """Where all rows from `start` to beyond `stop` are one word: the last row up to `stop` at which it is cut."""
    if log.surface is not None:
        return _cut_of_surface(log.surface[start : stop + CHARACTER], stop - start, horizon) + start
    while start + horizon <= stop:
        end = start + horizon
        while end > start and _continues(log, slice(end, end + 1))[0]:
            end -= 1
        if end == start:
            break
        start = end
    return start


def _cut_of_surface(surface: Surface, stop: int, horizon: int) -> int:
    """The same of tokens from 0 on, in whose middle words may end: the last up to `stop` that begins a piece, or 0."""
    points, first = decode(np.array(surface.joined))
    pieces = cut_spans(find_runs(kinds_of(points), WORD), np.arange(len(first)), horizon)
    begins = first[pieces[:, 0]]
    cuts = np.flatnonzero(np.isin(surface.ends[: stop + 1] - surface.ends[0], begins))
    return int(cuts.max(initial=0))


def _is_cut(log: PredictionLog, begin: int, end: int, words: str) -> NDArray[np.bool_]:
    """Of the rows begin + 1 .. end: whether a block may end before them."""
    first, last = _kinds(log, begin, end + 1)
    before, after = last[:-1], first[1:]
    if words == PATTERN:
        between_words = (before != _LETTER) | (after != _LETTER)
    elif words == ICU:  # its rules join nothing that is no space to a space before it, but for combining marks
        between_words = (before >= _SPACE) & (after == _LETTER)
    else:
        between_words = before == _NEWLINE
    breaks = _breaks(log, slice(begin + 1, end + 1))
    cuts: NDArray[np.bool_] = (between_words & ~_continues(log, slice(begin + 1, end + 1))) | breaks
    return cuts


_OTHER, _LETTER, _SPACE, _NEWLINE = range(4)
_INVALID = 0xFF  # in no character: stands between bytes that are no neighbours


def _breaks(log: PredictionLog, rows: slice) -> NDArray[np.bool_]:
    """Which rows, from 1 on, come after a gap in the positions, or begin a document."""
    before = slice(rows.start - 1, rows.stop - 1)
    breaks: NDArray[np.bool_] = log.positions[rows] - log.positions[before] != 1
    return breaks if log.docs is None else breaks | (log.docs[rows] != log.docs[before])


def _kinds(log: PredictionLog, begin: int, end: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The kinds of the first and of the last character that each of the rows begin .. end - 1 holds or belongs to."""
    first, last = begin, end
    while first > 0 and _continues(log, slice(first, first + 1))[0]:
        first -= 1
    while last < len(log) and _continues(log, slice(last, last + 1))[0]:
        last += 1
    if log.unit is Unit.CHAR:
        of_rows = np.array([_kind(chr(code)) for code in log.codes[begin:end].tolist()], np.uint8)
        return of_rows, of_rows
    surface = None if log.surface is None else log.surface[first:last]
    codes = log.codes[first:last] if surface is None else surface.joined
    ends = np.arange(len(codes) + 1) if surface is None else surface.ends - surface.ends[0]
    inner = ends[np.flatnonzero(_breaks(log, slice(first + 1, last))) + 1]
    string = np.insert(codes, inner, _INVALID).tobytes().decode("utf-8", "surrogateescape")
    kinds = np.array([_kind(character) for character in string], np.uint8)
    kinds = np.repeat(kinds, [1 if "\udc80" <= c <= "\udcff" else len(c.encode()) for c in string])
    kinds = np.delete(kinds, inner + np.arange(len(inner)))
    return kinds[ends[begin - first : end - first]], kinds[ends[begin - first + 1 : end - first + 1] - 1]


def _kind(character: str) -> int:
    if character.isalnum() or character == "_":  # what \w matches
        return _LETTER
    return _NEWLINE if character == "\n" else _SPACE if character.isspace() else _OTHER


def _continues(log: PredictionLog, rows: slice) -> NDArray[np.bool_]:
    """Which rows begin with a byte that may belong to the character of the byte before: all others begin one."""
    if log.unit is Unit.CHAR:
        return np.zeros(len(log.codes[rows]), bool)
    surface = log.surface
    begins = log.codes[rows] if surface is None else surface.data[surface.ends[:-1][rows]]
    continues: NDArray[np.bool_] = begins & 0xC0 == 0x80
    return continues
