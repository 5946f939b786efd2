"""What is drawn when a text is resampled: its documents, else the streams of a split, else blocks of symbols.

Errors come in clusters, so the bootstrap draws, and the paired test flips, whole units.  Symbols that are neighbours
know of each other over more than a block of 1,000; documents, and the 100 places of a book from which the test part of
a split by streams is cut, hardly do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.visible import whole_number
from errtax.taxonomy.bootstrap import Resampling, draw_blocks
from errtax.taxonomy.peel import Peel

Floats = NDArray[np.float64]
DOCUMENT, STREAM, BLOCK = "doc", "stream", "block"
BLOCK_SIZE = 1000
_PLURAL = {DOCUMENT: "documents", STREAM: "streams", BLOCK: "blocks"}
_STREAM_KEYS = ("streams", "symbols")


@dataclass(frozen=True)
class Units:
    """`kind`: `doc`, `stream` or `block`.  `size`: positions of each stream or block; None for documents."""

    kind: str = BLOCK
    size: int | None = BLOCK_SIZE

    @property
    def plural(self) -> str:
        """What several of them are called: `documents`, `streams` or `blocks`."""
        return _PLURAL[self.kind]

    def describe(self, resampling: Resampling) -> str:
        """What a signature says of numbers resampled by these units.

        >>> Units().describe(Resampling())
        'unit=block,block=1000,replicates=2000,seed=1'
        """
        block = f",block={self.size}" if self.kind == BLOCK else ""
        return f"unit={self.kind}{block},{resampling.description}"


BLOCKS = Units()


class UnitTables:
    """Tables summed over the units of a log that comes in pieces, in the order of the text.

    Rows are summed by cell, the part of a stream or block that lies in one document; whether the text has more than one
    document, and so what its units are, is known only at the end.  Memory: one table per cell.
    """

    def __init__(self, resampling: Resampling) -> None:
        self._block = resampling.block
        self._tables: list[Floats] = []  # of a piece each: (cells, ...)
        self._documents: list[NDArray[np.int64]] = []  # the document of each cell
        self._last: tuple[int, Any, int] | None = None  # document, its id, and stream or block, of the last cell
        self._even = BLOCKS  # streams or blocks
        self._continues = False

    def cut(self, log: PredictionLog) -> NDArray[np.int64]:
        """The cell that each row of the next piece lies in, from 0 within the piece; never decreasing."""
        self._even = _even_units(log, self._block)
        starts = log.document_starts if self._block is None else log.document_starts[:1]
        numbers = log.positions // (self._even.size or BLOCK_SIZE)
        begins = np.zeros(len(log), bool)
        begins[1:] = numbers[1:] != numbers[:-1]
        begins[starts] = True
        cells = np.flatnonzero(begins)
        first = 0
        self._continues = False
        if self._last is not None:
            document, name, number = self._last
            same = self._block is not None or name == _document_of(log, 0)
            first = document if same else document + 1
            self._continues = same and number == numbers[0]
        documents = first + np.searchsorted(starts, cells, "right") - 1
        self._documents.append(documents[int(self._continues) :])
        self._last = (int(documents[-1]), _document_of(log, len(log) - 1), int(numbers[-1]))
        return np.cumsum(begins) - 1

    def add(self, tables: Floats) -> None:
        """The sums over the cells of the piece that was cut last; shape (cells, ...)."""
        tables = tables.astype(np.float64)  # bincount of nothing is of integers
        if self._continues:
            self._tables[-1][-1] += tables[0]
            tables = tables[1:]
        if len(tables):
            self._tables.append(tables)

    def result(self) -> tuple[Units, Floats]:
        """What the units are, and the table of each, (units, ...), without those that hold nothing."""
        if not self._tables:
            return self._even, np.empty((0,))
        tables, documents = np.concatenate(self._tables), np.concatenate(self._documents)
        units = self._even
        if documents[-1] > 0:  # more than one
            units = Units(DOCUMENT, None)
            tables = np.add.reduceat(tables, np.flatnonzero(np.diff(documents, prepend=-1)))
        return units, tables[tables.reshape(len(tables), -1).any(axis=1)]


def units_of(log: PredictionLog, resampling: Resampling) -> Units:
    """What is drawn of a whole log."""
    has_documents = resampling.block is None and len(log.document_starts) > 1
    return Units(DOCUMENT, None) if has_documents else _even_units(log, resampling.block)


def _even_units(log: PredictionLog, block: int | None) -> Units:
    """The streams of the text that a log is of, as its metadata tell, else blocks."""
    if block is not None:
        return Units(BLOCK, block)
    streams, symbols = (whole_number(log.metadata.get(key)) for key in _STREAM_KEYS)
    if streams is None or symbols is None or not 1 < streams <= symbols:
        return BLOCKS
    return Units(STREAM, -(-symbols // streams))


def _document_of(log: PredictionLog, row: int) -> Any:
    """The id of the document that a row lies in; None where the log gives none."""
    if log.docs is None or log.docs[row] < 0:
        return None
    number = int(log.docs[row])
    return number if log.doc_ids is None else log.doc_ids[number].as_py()


def share_units(peels: Sequence[Peel]) -> list[Peel]:
    """Peels of the same positions of one text, each with what any of them knows of the text's streams.

    Raises `BadInput` where two of them know of different ones.
    """
    split = [peel.log for peel in peels if _even_units(peel.log, None).kind == STREAM]
    if not split:
        return list(peels)
    for log in split[1:]:
        if _even_units(log, None) != _even_units(split[0], None):
            raise BadInput(f"{split[0].name} and {log.name} are logs of different splits: their streams differ.")
    streams = {key: split[0].metadata[key] for key in _STREAM_KEYS}
    return [replace(peel, log=replace(peel.log, metadata=peel.log.metadata | streams)) for peel in peels]


def deviation_of_mean(log: PredictionLog, resampling: Resampling) -> float | None:
    """The bootstrap standard deviation of a log's mean log-probability.

    None where it cannot be told: fewer than two units, or values that are not finite.
    """
    tables = UnitTables(resampling)
    known = ~np.isnan(log.logprobs)
    cells = tables.cut(log)
    values = (np.where(known, log.logprobs, 0.0), known.astype(np.float64))
    tables.add(np.stack([np.bincount(cells, each) for each in values], axis=1))
    _, sums = tables.result()
    if len(sums) < 2 or not np.isfinite(sums).all():
        return None
    drawn = draw_blocks(len(sums), resampling) @ sums
    return float((drawn[:, 0] / np.maximum(drawn[:, 1], 1)).std())
