"""The prediction log of a text's passages as a file: metadata, and rows in blocks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.byte_log import ByteRows
from errtax.lm.byte_table import byte_batch, byte_schema
from errtax.lm.hf.passages import Passages
from errtax.lm.surface import Surface
from errtax.lm.table import arrow_of, table_writer
from errtax.lm.text import Unit
from errtax.lm.token_log import TokenRows, token_batch, token_schema
from errtax.lm.vocabulary import Vocabulary

_BLOCK = 1 << 16  # rows written at a time
_TOKEN_COLUMNS = (
    *("token", "argmax_token", "argmax", "argmax_logprob", "entropy", "rank", "start", "context", "special"),
)


@dataclass(frozen=True)
class Predicted:
    """A log in sum.  `rows`; `predicted`: those with a prediction; `nats`: −Σ log p; `bytes`: of predicted rows."""

    unit: Unit
    rows: int
    predicted: int
    nats: float
    bytes: int

    @property
    def mean(self) -> float:
        """Nats per predicted row."""
        return self.nats / max(self.predicted, 1)

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of the predicted rows: comparable between models with different tokenizers."""
        return self.nats / max(self.bytes, 1) / float(np.log(2))


@dataclass(frozen=True, eq=False)
class LogRows:
    """A log's rows before they are written.  `numbers[r]`: a record of `scores.BYTE` or `scores.TOKEN`, by unit.

    `contexts`: int32, of each token of `passages.ids`.
    """

    unit: Unit
    passages: Passages
    vocabulary: Vocabulary
    numbers: NDArray[Any]
    contexts: NDArray[np.int32]
    separate: bool

    def write(self, output: Path, metadata: dict[str, str], force: bool) -> Predicted:
        """Write the log; memory does not grow with it."""
        predicted, nats, size = 0, 0.0, 0
        with table_writer(output, self._schema(), metadata, force) as writer:
            for start in range(0, len(self.numbers), _BLOCK):
                rows = slice(start, min(start + _BLOCK, len(self.numbers)))
                numbers = np.asarray(self.numbers[rows])
                known = numbers["rank"] > 0
                predicted, nats = predicted + int(known.sum()), nats - float(numbers["logprob"][known].sum())
                size += int(known.sum() if self.unit is Unit.BYTE else self.passages.lengths[rows][known].sum())
                writer.write_batch(
                    self._bytes(rows, numbers) if self.unit is Unit.BYTE else self._tokens(rows, numbers)
                )
        return Predicted(self.unit, len(self.numbers), predicted, nats, size)

    def _schema(self) -> Any:
        if self.unit is Unit.TOKEN:
            return token_schema(*_TOKEN_COLUMNS, *(["doc"] if self.separate else []))
        return byte_schema(context=pa.int32(), **({"doc": pa.int64()} if self.separate else {}))

    def _bytes(self, rows: slice, numbers: NDArray[Any]) -> Any:
        passages, places = self.passages, np.arange(rows.start, rows.stop)
        missing = numbers["rank"] == 0
        token = np.maximum(np.searchsorted(passages.starts, places, "right") - 1, 0)
        symbols, logprobs = passages.text[rows], np.where(missing, np.nan, numbers["logprob"])
        best = np.where(missing, symbols, numbers["argmax"])
        columns = ByteRows(logprobs, best, numbers["argmax_logprob"], numbers["rank"])
        more = {"context": arrow_of(self.contexts[token], missing)}
        if self.separate:
            more["doc"] = arrow_of(np.searchsorted(passages.document_starts, places, "right") - 1)
        return byte_batch(rows.start, symbols, columns, **more)

    def _tokens(self, rows: slice, numbers: NDArray[Any]) -> Any:
        passages, places = self.passages, np.arange(rows.start, rows.stop)
        missing = numbers["rank"] == 0
        starts, lengths = passages.starts[rows], passages.lengths[rows]
        symbols = [passages.text[at : at + n].tobytes() for at, n in zip(starts, lengths, strict=True)]
        absent = {name: np.where(missing, np.nan, numbers[name]) for name in ("argmax_logprob", "entropy", "special")}
        return token_batch(
            TokenRows(
                position=places,
                symbol=Surface.of(symbols),
                start=starts,
                logprob=np.where(missing, np.nan, numbers["logprob"]),
                token=passages.ids[rows],
                argmax_token=numbers["argmax_token"],
                argmax=self._best_pieces(numbers["argmax_token"]),
                rank=numbers["rank"],
                context=np.where(missing, -1, self.contexts[rows]),
                doc=passages.documents[rows] if self.separate else None,
                **absent,
            )
        )

    def _best_pieces(self, ids: NDArray[Any]) -> Surface:
        """The bytes of tokens; a name for those that have none."""
        distinct, places = np.unique(ids, return_inverse=True)
        known = len(self.vocabulary)
        pieces = [self.vocabulary.piece(int(k)) if k < known else b"" for k in distinct]
        named = [piece or f"<{k}>".encode() for k, piece in zip(distinct, pieces, strict=True)]
        return Surface.of(named).take(places)
