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
from errtax.lm.log_parts import LOG_BLOCK, Predicted
from errtax.lm.surface import Surface
from errtax.lm.table import arrow_of, table_writer
from errtax.lm.text import Unit
from errtax.lm.token_log import TokenRows, token_batch, token_schema
from errtax.lm.vocabulary import Vocabulary

_TOKEN_COLUMNS = (
    *("token", "argmax_token", "argmax", "argmax_logprob", "entropy", "rank", "start", "context", "special"),
)


@dataclass(frozen=True, eq=False)
class LogRows:
    """A log's rows, or some of them, before they are written.

    `numbers[r]`: a record of `scores.BYTE` or `scores.TOKEN`, by unit, of row `first` + r.  `contexts`: int32, of each
    token of `passages.ids`.
    """

    unit: Unit
    passages: Passages
    vocabulary: Vocabulary
    numbers: NDArray[Any]
    contexts: NDArray[np.int32]
    separate: bool
    first: int = 0

    def write(self, output: Path, metadata: dict[str, str], force: bool) -> Predicted:
        """Write the rows; memory does not grow with them."""
        found, stop = Predicted(self.unit), self.first + len(self.numbers)
        with table_writer(output, self._schema(), metadata, force) as writer:
            for start in range(self.first, stop, LOG_BLOCK):
                rows = slice(start, min(start + LOG_BLOCK, stop))
                numbers = np.asarray(self.numbers[rows.start - self.first : rows.stop - self.first])
                is_bytes = self.unit is Unit.BYTE
                writer.write_batch(self._bytes(rows, numbers) if is_bytes else self._tokens(rows, numbers))
                logprobs = np.where(numbers["rank"] > 0, numbers["logprob"], np.nan)
                found = found.plus(logprobs, None if is_bytes else self.passages.lengths[rows])
        return found

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
