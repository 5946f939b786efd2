"""Rows of a byte log from the blocks of a file that has whole distributions over tokens."""

from typing import Any

import numpy as np
import pyarrow as pa

from errtax.lm.byte_log import ByteProjector, ByteRows
from errtax.lm.byte_table import byte_batch, byte_schema
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.imports.placement import Placed, Placement
from errtax.lm.imports.records import Block, Distributions
from errtax.lm.imports.values import checked
from errtax.lm.table import arrow_of
from errtax.lm.text import Unit

_PIECE = 1 << 16  # rows without a prediction at a time


class ByteLog:
    """The rows of a byte log, projected from distributions over tokens."""

    unit = Unit.BYTE

    def __init__(self, first: Distributions, placement: Placement) -> None:
        if placement.tokenizer is None:
            raise UsageError("distributions over tokens need --tokenizer to become a byte log.")
        self._placement, self._vocabulary = placement, placement.tokenizer.vocabulary
        self._data = np.frombuffer(placement.text, np.uint8)
        self._documents = first.document is not None
        self._document: int | None = -1
        self._last_document = 0
        self._made: list[Any] = []
        self.rows, self.predicted, self.total = 0, 0, 0.0

    @property
    def schema(self) -> Any:
        """The Arrow schema of the log."""
        return byte_schema(**({"doc": pa.int64()} if self._documents else {}))

    def add(self, block: Block) -> None:
        """Add the bytes of a block's tokens, and before them what no token covers."""
        if not isinstance(block, Distributions):
            raise BadInput(f"{block.place(0)} lacks the whole distribution that tokens before it have; dump all alike.")
        placed = self._placement.place(block)
        self._add_unpredicted(placed.gap, int(placed.ends[0]), block.document)
        if block.document != self._document:
            self._projector = ByteProjector(self._vocabulary, placed.invented)
            self._document = block.document
        self._append(self._rows_of(block, placed), block.document)

    def _rows_of(self, block: Distributions, placed: Placed) -> ByteRows:
        kept = slice(placed.first - placed.dropped, placed.stop)
        scores, predicted, ids = block.scores[kept], block.predicted[kept], block.ids[kept]
        own = scores[np.arange(len(ids)), ids]
        own = np.where(predicted, np.minimum(own, 0.0), np.nan)
        checked(own, lambda i: block.place(kept.start + i))
        bad = predicted & (np.isnan(scores).any(axis=1) | (scores == np.inf).any(axis=1))
        if bad.any():
            raise BadInput(
                f"{block.place(kept.start + int(np.argmax(bad)))}: the distribution has NaN or infinity in it."
            )
        return self._projector.add(ids, scores, predicted)

    def finish(self, name: str, rest: bool) -> None:
        """Add what the text has after its last token; `BadInput` where this is more than blanks, but for `rest`."""
        self._placement.require_end(name, rest)
        self._add_unpredicted(self._placement.at, len(self._placement.text), None)

    def take(self) -> list[Any]:
        """The rows made since the last call, as Arrow record batches."""
        made, self._made = self._made, []
        return made

    def _add_unpredicted(self, start: int, stop: int, document: int | None) -> None:
        for at in range(start, stop, _PIECE):
            n = min(_PIECE, stop - at)
            nothing = np.full(n, np.nan)
            self._append(ByteRows(nothing, self._data[at : at + n], nothing, np.zeros(n, np.int32)), document)

    def _append(self, rows: ByteRows, document: int | None) -> None:
        n, start = len(rows.logprob), self.rows
        missing = np.isnan(rows.logprob)
        more = {}
        if self._documents:
            self._last_document = self._last_document if document is None else document
            more["doc"] = arrow_of(np.full(n, self._last_document))
        self._made.append(byte_batch(start, self._data[start : start + n], rows, **more))
        self.rows, self.predicted = start + n, self.predicted + int((~missing).sum())
        self.total -= float(rows.logprob[~missing].sum())
