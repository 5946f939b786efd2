"""What is drawn when a text is resampled: its documents, else the streams of a split, else blocks of symbols.

Errors come in clusters, so the bootstrap draws, and the paired test flips, whole units.  Symbols that are neighbours
know of each other over more than a block of 1,000; documents, and the 100 places of a book from which the test part of
a split by streams is cut, hardly do.

A text of any length has at most 8,192 units: as long as there are more, neighbours are merged in pairs, those of
numbers 2 k and 2 k + 1.  How often depends on the text alone, not on the pieces in which it is read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.visible import whole_number
from errtax.taxonomy.bootstrap import Resampling, draw_sums
from errtax.taxonomy.fixed_point import BIT, Halves
from errtax.taxonomy.merged_tables import MergedTables
from errtax.taxonomy.sum_kernels import sum_values

DOCUMENT, STREAM, BLOCK = "doc", "stream", "block"
BLOCK_SIZE = 1000
MOST_UNITS = 8192
_CELLS = 4096  # in a table at a time
_PLURAL = {DOCUMENT: "documents", STREAM: "streams", BLOCK: "blocks"}
_STREAM_KEYS = ("streams", "symbols")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SumCells = Callable[[Integers], Halves]
"""`sum_cells(bounds)`: the table, (cells, ..., 2), of the cells that hold the rows bounds[c] to bounds[c + 1] - 1."""


@dataclass(frozen=True)
class Units:
    """`kind`: `doc`, `stream` or `block`.  `size`: positions of each stream or block; None for documents.

    `merged`: how many times neighbours were merged in pairs.
    """

    kind: str = BLOCK
    size: int | None = BLOCK_SIZE
    merged: int = 0

    @property
    def plural(self) -> str:
        """What several of them are called: `documents`, `streams` or `blocks`."""
        return _PLURAL[self.kind]

    @property
    def singular(self) -> str:
        """What one of them is called."""
        return self.plural.removesuffix("s")

    def counted(self, number: int) -> str:
        """So many of them.

        >>> Units().counted(1), Units("doc", None).counted(1200)
        ('1 block', '1,200 documents')
        """
        return f"{number:,} {self.singular if number == 1 else self.plural}"

    def describe(self, resampling: Resampling) -> str:
        """What a signature says of numbers resampled by these units.

        >>> Units().describe(Resampling()), Units("doc", None, 3).describe(Resampling(seed=2))
        ('unit=block,block=1000,replicates=2000,seed=1', 'unit=doc,merged=2^3,replicates=2000,seed=2')
        """
        block = f",block={self.size}" if self.kind == BLOCK else ""
        merged = f",merged=2^{self.merged}" if self.merged else ""
        return f"unit={self.kind}{block}{merged},{resampling.description}"


BLOCKS = Units()


class Documents(NamedTuple):
    """The numbers of the first and the last document of some rows, and the ids that the log gives them."""

    first: int
    first_id: Any
    last: int
    last_id: Any

    def number_after(self, name: Any) -> int:
        """The number of the document of the next row, by its id."""
        return self.last if name == self.last_id else self.last + 1

    def moved(self, first: int) -> "Documents":
        """The same, numbered from another number on."""
        return self._replace(first=first, last=self.last + first - self.first)


class UnitTables:
    """Tables summed over the units of a log that comes in pieces, in the order of the text.

    `even`: streams or blocks; `documents`: whether documents are drawn where there are several.  That is known only at
    the end, so both are summed.  Memory: two tables of at most 8,192 units, and as much again while they are merged.
    `first`: the number of the first row's document, if rows before it are summed elsewhere.
    """

    def __init__(self, even: Units, documents: bool = True, first: int = 0) -> None:
        self._even, self._size, self._first = even, even.size or BLOCK_SIZE, first
        self._by_number, self._by_document = MergedTables(MOST_UNITS), MergedTables(MOST_UNITS) if documents else None
        self.documents: Documents | None = None
        """Of the rows so far; None before the first."""

    def add(self, log: PredictionLog, sum_cells: SumCells) -> None:
        """The rows of the next piece, summed by cell: the part of a stream or block that lies in one document."""
        if not len(log):
            return
        numbers, starts = log.positions // self._size, log.document_starts
        begins = np.zeros(len(log), bool)
        begins[1:] = numbers[1:] != numbers[:-1]
        if self._by_document is not None:
            begins[starts] = True
        begins[0] = True
        cells = np.flatnonzero(begins)
        bounds = np.append(cells, len(log))
        ids = document_of(log, 0), document_of(log, -1)
        first = self._first if self.documents is None else self.documents.number_after(ids[0])
        for start in range(0, len(cells), _CELLS):
            rows = cells[start : start + _CELLS]
            table = sum_cells(bounds[start : start + len(rows) + 1])
            self._by_number.add(numbers[rows], table)
            if self._by_document is not None:
                self._by_document.add(first + np.searchsorted(starts, rows, "right") - 1, table)
        begun = self.documents or Documents(first, ids[0], first, None)
        self.documents = begun._replace(last=first + len(starts) - 1, last_id=ids[1])

    def renumber(self, first: int) -> bool:
        """Number the documents from `first` on; whether that could be done.

        It cannot be where neighbours are merged in pairs that the whole text does not have.  Such rows must be summed
        again, with the right number from the start.
        """
        if self.documents is None:
            return True
        if self._by_document is not None and not self._by_document.move(first - self.documents.first):
            return False
        self.documents = self.documents.moved(first)
        return True

    def merge(self, other: "UnitTables") -> None:
        """Add the sums of other rows of the same text, their documents numbered with these."""
        self._by_number.merge(other._by_number)
        if self._by_document is not None and other._by_document is not None:
            self._by_document.merge(other._by_document)
        self.documents = max(filter(None, (self.documents, other.documents)), key=lambda each: each.last, default=None)

    def result(self) -> tuple[Units, Halves]:
        """What the units are, and the table of each, (units, ..., 2), without those that hold nothing."""
        several = self._by_document is not None and self.documents is not None and self.documents.last > 0
        merged = self._by_document if several and self._by_document is not None else self._by_number
        table = merged.result()
        return replace(Units(DOCUMENT, None) if several else self._even, merged=merged.level), table


def even_units(logs: Sequence[PredictionLog], resampling: Resampling) -> Units:
    """The streams of a text as any of its logs' metadata tell, else blocks.

    Raises `BadInput` where two logs know of different streams.
    """
    if resampling.block is not None:
        return Units(BLOCK, resampling.block)
    found = [(log, units) for log in logs if (units := _streams(log)) is not None]
    for log, units in found[1:]:
        if units != found[0][1]:
            raise BadInput(f"{found[0][0].name} and {log.name} are logs of different splits: their streams differ.")
    return found[0][1] if found else BLOCKS


def _streams(log: PredictionLog) -> Units | None:
    streams, symbols = (whole_number(log.metadata.get(key)) for key in _STREAM_KEYS)
    if streams is None or symbols is None or not 1 < streams <= symbols:
        return None
    return Units(STREAM, -(-symbols // streams))


def document_of(log: PredictionLog, row: int) -> Any:
    """The id of the document that a row lies in; None where the log gives none."""
    if log.docs is None or log.docs[row] < 0:
        return None
    number = int(log.docs[row])
    return number if log.doc_ids is None else log.doc_ids[number].as_py()


def unit_starts(log: PredictionLog, units: Units) -> Integers:
    """The first predicted row of each unit of a log that is there whole, as `UnitTables` makes them.

    The rows from one to the next are a unit's, and maybe some without a prediction.
    """
    rows = np.flatnonzero(~np.isnan(log.logprobs))
    if units.kind == DOCUMENT:
        numbers = np.searchsorted(log.document_starts, rows, "right") - 1
    else:
        numbers = log.positions[rows] // (units.size or BLOCK_SIZE)
    starts: Integers = rows[np.diff(numbers >> units.merged, prepend=-1) != 0]
    return starts


def deviation_of_mean(logs: Iterable[PredictionLog], resampling: Resampling) -> tuple[float | None, Units]:
    """The bootstrap standard deviation of the mean log-probability of a log in pieces, and the units drawn.

    None where it cannot be told: fewer than two units, or values that are not finite.
    """
    tables: UnitTables | None = None
    for log in logs:
        tables = tables or UnitTables(even_units([log], resampling), resampling.block is None)
        tables.add(log, partial(_sum_of_values, log.logprobs))
    units, sums = (BLOCKS, np.zeros((0, 3, 2), np.int64)) if tables is None else tables.result()
    if len(sums) < 2 or sums[:, 2].any():
        return None, units
    drawn = draw_sums(sums, resampling)
    return float((drawn.of([0]) / BIT / np.maximum(drawn.of([1]), 1)).std()), units


def _sum_of_values(values: Floats, bounds: Integers) -> Halves:
    table = np.zeros((len(bounds) - 1, 3, 2), np.int64)
    sum_values(values, bounds, table)
    return table
