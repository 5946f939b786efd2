"""A prediction log in parts that tasks write, the log that they are, and what it comes to in sum."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.part_files import open_parts
from errtax.lm.surface import Surface
from errtax.lm.table import TableFile, blocks_of, numpy_of, table_writer
from errtax.lm.text import Unit

LOG_BLOCK = 1 << 16
"""Rows that are written at a time, and summed in this order: floats have the same sum only so."""
_OF_A_PART = ("part", "key", "weights")


@dataclass(frozen=True)
class Predicted:
    """A log in sum.  `rows`; `predicted`: those with a prediction; `nats`: −Σ log p; `bytes`: of predicted rows."""

    unit: Unit
    rows: int = 0
    predicted: int = 0
    nats: float = 0.0
    bytes: int = 0

    def plus(self, logprobs: NDArray[np.float64], lengths: NDArray[np.int64] | None) -> "Predicted":
        """The sum with the next `LOG_BLOCK` rows.  NaN: not predicted; `lengths`: of tokens, in bytes."""
        known = ~np.isnan(logprobs)
        n = int(known.sum())
        size = n if lengths is None else int(lengths[known].sum())
        nats = self.nats - float(logprobs[known].sum())
        return Predicted(self.unit, self.rows + len(logprobs), self.predicted + n, nats, self.bytes + size)

    @property
    def mean(self) -> float:
        """Nats per predicted row."""
        return self.nats / max(self.predicted, 1)

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of the predicted rows: comparable between models with different tokenizers."""
        return self.nats / max(self.bytes, 1) / float(np.log(2))


def merge_log(
    folder: Path, output: Path, force: bool, on_block: Callable[[int, int], None] = lambda done, total: None
) -> Predicted:
    """Write the log that all parts in a folder are; return its sums, those of one process to the last digit.

    Raises `BadInput` where parts are missing, and names them; or where they are of different logs or models.
    """
    files, metadata = open_parts(folder, "prediction logs", ("part",))
    total = sum(file.num_rows for file in files)
    kept = {key: value for key, value in metadata.items() if key not in _OF_A_PART}
    found = Predicted(Unit(kept["unit"]))
    with table_writer(output, files[0].schema_arrow.remove_metadata(), kept, force) as writer:
        for batch in _blocks(files):
            writer.write_batch(batch)
            lengths = None if found.unit is Unit.BYTE else Surface.of(batch["symbol"].to_pylist()).lengths
            found = found.plus(numpy_of(batch["logprob"], np.nan), lengths)
            on_block(found.rows, total)
    return found


def _blocks(files: list[TableFile]) -> Iterator[Any]:
    """All rows, `LOG_BLOCK` at a time."""
    waiting: list[Any] = []
    n = 0
    for table in blocks_of(files, None, LOG_BLOCK):
        waiting.append(table)
        n += len(table)
        while n >= LOG_BLOCK:
            joined = pa.concat_tables(waiting)
            yield _one_batch(joined[:LOG_BLOCK])
            waiting, n = [joined[LOG_BLOCK:]], n - LOG_BLOCK
    if n:
        yield _one_batch(pa.concat_tables(waiting))


def _one_batch(table: Any) -> Any:
    (batch,) = table.combine_chunks().to_batches()
    return batch
