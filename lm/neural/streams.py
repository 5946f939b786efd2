"""A text as equal rows that a model reads side by side, and what it reads before them.

A plain text is one row.  Training lays its text out as B rows.  A test part made by `errtax split --scheme streams` is
the end of each of 100 streams, not one text: there each stream is a row, and the model first reads the validation part
of that stream.  So every test symbol, the first one of each stream included, is predicted from what stood before it in
the book, as a reader would have it; from a clean state the first symbols would count errors that are not the
model's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from errtax.lm.errors import BadInput
from errtax.lm.files import release
from errtax.lm.split import Scheme, read_split
from errtax.lm.text import Codes, Text, Unit, read_text

_KEPT = 64  # windows


@dataclass(frozen=True, eq=False)
class Streams:
    """`rows`: (B, length) codes; `before`: (B, width) codes, width = 0 where nothing comes before.

    Columns are counted over both: column `width` is the first of `rows`.
    """

    rows: Codes
    before: Codes

    @property
    def width(self) -> int:
        """The columns that are read before the rows."""
        return int(self.before.shape[1])

    @property
    def n_columns(self) -> int:
        """All columns."""
        return self.width + int(self.rows.shape[1])

    def columns(self, start: int, stop: int) -> Codes:
        """The codes of some columns; shape (B, stop - start)."""
        if start >= self.width:
            return self.rows[:, start - self.width : stop - self.width]
        joined: Codes = np.concatenate([self.before[:, start:stop], self.rows[:, : max(stop - self.width, 0)]], axis=1)
        return joined

    def windows(self, size: int, stop: int) -> Iterator[tuple[int, int]]:
        """Where windows of `size` columns begin and end, up to column `stop`.

        The text's pages are let go of now and then, so that memory does not grow with it.
        """
        for k, start in enumerate(range(0, stop, size)):
            yield start, min(start + size, stop)
            if k % _KEPT == _KEPT - 1:
                release(self.rows)
                release(self.before)

    def select(self, rows: Sequence[int]) -> "Streams":
        """Some of the rows on their own; without a copy where they follow each other."""
        chosen: Any = list(rows)
        if chosen == list(range(chosen[0], chosen[-1] + 1)):
            chosen = slice(chosen[0], chosen[-1] + 1)
        return Streams(self.rows[chosen], self.before[chosen])


class Span(NamedTuple):
    """Some columns of some rows; what stands before them in these rows is read, but not looked into."""

    rows: tuple[int, ...]
    start: int
    stop: int


def lay_out(codes: Codes, batch: int, unroll: int) -> Streams:
    """A training text as B equal rows; a text too short for B rows of one window gets fewer.

    What does not fill a row is dropped: fewer than B symbols.
    """
    rows = max(1, min(batch, len(codes) // (unroll + 1)))
    length = len(codes) // rows
    if length < 2:
        raise BadInput(f"a text of {len(codes)} symbols is too short to train on; at least 2 are needed.")
    return Streams(codes[: rows * length].reshape(rows, length), codes[:0].reshape(1, 0).repeat(rows, axis=0))


def streams_of(path: Path, text: Text) -> Streams:
    """How to read the text at `path`: by the `split.json` beside it, if it is its test part, else as one row."""
    split = read_split(path.parent)
    is_test = split is not None and split.scheme == Scheme.STREAMS and split.is_part("test", text.sha256)
    if split and is_test and text.unit is Unit.BYTE:
        before = path.parent / "val.txt"
        if before.is_file():
            val = read_text(before, text.unit)
            if split.is_part("val", val.sha256):
                return Streams(split.rows_of(text.codes), split.rows_of(val.codes))
    return Streams(text.codes.reshape(1, -1), text.codes[:0].reshape(1, 0))
