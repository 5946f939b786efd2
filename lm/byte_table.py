"""Byte logs (errtax.log/1) of models of tokens as they are written: a schema, and blocks of rows."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.byte_log import ByteRows
from errtax.lm.log_columns import encode_symbols
from errtax.lm.prediction_log import LOG
from errtax.lm.table import arrow_of
from errtax.lm.text import Unit

_TYPES: dict[str, Any] = {
    "symbol": pa.binary(),
    "logprob": pa.float64(),
    "argmax": pa.binary(),
    "argmax_logprob": pa.float32(),
    "rank": pa.int32(),
}


def byte_schema(**more: Any) -> Any:
    """The Arrow schema of a byte log; `more`: types of further columns of a log, such as `doc=pa.int64()`."""
    return LOG.arrow(**_TYPES, **more)


def byte_batch(first: int, symbols: NDArray[np.uint8], rows: ByteRows, **more: Any) -> Any:
    """The rows of bytes `first`, `first` + 1, … of a text as an Arrow record batch.

    `symbols`: uint8 (n,), the bytes themselves.  `more`: further columns of the log, Arrow arrays, in its order.
    Memory O(n).
    """
    missing = np.isnan(rows.logprob)
    columns = {
        "position": arrow_of(np.arange(first, first + len(symbols))),
        "symbol": encode_symbols(symbols, Unit.BYTE),
        "logprob": arrow_of(rows.logprob, missing),
        "argmax": encode_symbols(rows.argmax, Unit.BYTE),
        "argmax_logprob": arrow_of(rows.argmax_logprob.astype(np.float32), missing),
        "rank": arrow_of(rows.rank, missing),
        **more,
    }
    schema = byte_schema(**{name: column.type for name, column in more.items()})
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)
