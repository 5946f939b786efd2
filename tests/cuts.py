"""A peel as its file hands it out: in blocks of any size, whose documents are numbered anew in each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa

from errtax.lm.prediction_log import BLOCK_ROWS, PredictionLog
from errtax.taxonomy.peel import Peel

Result = TypeVar("Result")


def renumbered(log: PredictionLog) -> PredictionLog:
    """The same log with its documents numbered by first appearance; numbers that are ids themselves stay."""
    if log.docs is None or log.doc_ids is None:
        return log
    known = list(dict.fromkeys(log.docs[log.docs >= 0].tolist()))
    docs = np.array([known.index(d) if d >= 0 else -1 for d in log.docs.tolist()], np.int64)
    return replace(log, docs=docs, doc_ids=log.doc_ids.take(pa.array(known, pa.int64())))


@dataclass(frozen=True, eq=False)
class Cut:
    """The peel in blocks of `size` rows, whatever size is asked for; None: of the size that is asked for."""

    peel: Peel
    size: int | None = None

    @property
    def head(self) -> Peel:
        return self.peel.head

    def __len__(self) -> int:
        return len(self.peel.log)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Peel]:
        size = self.size or rows
        for start in range(0, len(self), size):
            block = self.peel.part(start, start + size)
            yield replace(block, log=renumbered(block.log))

    def map_blocks(self, function: Callable[[Peel], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        return map(function, self.blocks(rows))
