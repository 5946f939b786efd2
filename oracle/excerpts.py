"""A part of a log for a task of its own: the rows that it answers for, and those around them that oracles look at.

Neighbouring parts find the border between them for themselves, from the same rows: so no row is peeled twice or left
out, and evidence is that of the whole log (`windows`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from errtax.lm.part import Part
from errtax.lm.prediction_log import BLOCK_ROWS, PredictionLog, join_logs
from errtax.oracle.windows import CHARACTER, Reach, cut_between_words, first_needed, rows_ahead

_NEAR = 1 << 10  # rows before an even border among which a cut is looked for first


class RowSource(Protocol):
    """A log whose rows can be read from any one on: `LogFile`."""

    @property
    def head(self) -> PredictionLog:
        """Name, unit and metadata, without rows."""

    def __len__(self) -> int:
        """The number of rows."""

    def rows(self, first: int, stop: int, rows: int = BLOCK_ROWS) -> Iterator[PredictionLog]:
        """The rows first .. stop - 1 in pieces of about so many."""


@dataclass(frozen=True)
class Excerpt:
    """Rows first .. stop - 1 of a log, of which the first `before` and the last `after` are only looked at.

    A `LogSource`.  It has no rows of its own where a single word, or line, is longer than the part.
    """

    source: RowSource
    first: int
    stop: int
    before: int
    after: int

    @property
    def head(self) -> PredictionLog:
        """Name, unit and metadata, without rows."""
        return self.source.head

    def __len__(self) -> int:
        return self.stop - self.first - self.before - self.after

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[PredictionLog]:
        """All rows, looked at and own, in pieces of about so many."""
        return self.source.rows(self.first, self.stop, rows)


def excerpt_of(log: RowSource, part: Part, words: str, reach: Reach) -> Excerpt:
    """What part k of n of a log answers for: about the same number of rows each, from where no word is.

    `words`: what a word is (`word_rule`).
    """
    start, stop = (_border(log, row, words) for row in part.share(len(log)))
    first, last = _first_row(log, min(start, len(log) - 1), reach), min(stop + rows_ahead(reach), len(log))
    return Excerpt(log, first, last, start - first, last - stop)


def _border(log: RowSource, row: int, words: str) -> int:
    """The last row up to this one before which no word is."""
    size = _NEAR
    while 0 < row < len(log):
        first = max(row - size, 0)
        piece = _read(log, first, min(row + CHARACTER, len(log)))
        # the first character of the piece may be cut in two, and then would look like none of a word
        start = CHARACTER if first else 0
        if (cut := cut_between_words(piece, start, row - first, words)) > start:
            return first + cut
        if not first:
            return 0
        size *= 4
    return row


def _first_row(log: RowSource, row: int, reach: Reach) -> int:
    """The first row that oracles look at from a row on."""
    size = reach.horizon + reach.own + 2 * CHARACTER
    while True:
        begin = max(row - size, 0)
        first = first_needed(_read(log, begin, row + 1), row - begin, reach)
        if first > 0 or begin == 0:
            return begin + first
        size *= 2


def _read(log: RowSource, first: int, stop: int) -> PredictionLog:
    return reduce(join_logs, log.rows(first, stop))
