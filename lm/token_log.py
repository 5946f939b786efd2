"""Token and span logs (errtax.log/1) as they are written: a schema, and blocks of rows.

A file with these metadata: `errtax.schema`, `unit` (token or span), `model`, `text_sha256`, `tokenizer_sha256`,
`signature`; and as many as are known of `window`, `stride`, `prefix`, `dtype`, `revision`, `step`, `parameters`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.prediction_log import LOG
from errtax.lm.surface import Surface
from errtax.lm.table import arrow_of

_TYPES: dict[str, Any] = {
    "symbol": pa.binary(),
    "logprob": pa.float64(),
    "token": pa.uint32(),
    "argmax_token": pa.uint32(),
    "argmax": pa.binary(),
    "argmax_logprob": pa.float32(),
    "entropy": pa.float32(),
    "rank": pa.int32(),
    "doc": pa.int64(),
    "start": pa.int64(),
    "context": pa.int32(),
    "special": pa.float32(),
}
Floats = NDArray[np.float64] | NDArray[np.float32]
Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenRows:
    """Consecutive tokens of a text, or spans; arrays of one entry each, None for what a source does not tell.

    `position`: index among all tokens of the text.  `start`: first byte in it.  `logprob`: natural log, raw; NaN: not
    predicted.  There `argmax_token` and `argmax` stand for nothing, and `rank` (from 1) is 0.  `context`: tokens of the
    text that the prediction saw, the prefix excluded; -1 where that is not known.  `special`: the probability of
    special tokens before renormalising.  `argmax`: the best token's bytes.  `doc`: ids of documents, numbers or an
    Arrow array of strings.  All rows of a log have the same columns.
    """

    position: Integers
    symbol: Surface
    start: Integers
    logprob: Floats
    token: Integers | None = None
    argmax_token: Integers | None = None
    argmax: Surface | None = None
    argmax_logprob: Floats | None = None
    entropy: Floats | None = None
    rank: Integers | None = None
    context: Integers | None = None
    special: Floats | None = None
    doc: Any = None

    def __len__(self) -> int:
        return len(self.position)

    @property
    def columns(self) -> list[str]:
        """Names of the columns that there are."""
        return [column.name for column in LOG.columns if getattr(self, column.name, None) is not None]


def token_schema(*columns: str, doc: Any = None) -> Any:
    """The Arrow schema of a token or span log with these optional columns; `doc`: the type of its ids, int64 if None.

    >>> token_schema("token", "start").names
    ['position', 'symbol', 'logprob', 'token', 'start']
    """
    types = _TYPES | ({} if doc is None else {"doc": doc})
    return LOG.arrow(**{name: types[name] for name in ("symbol", "logprob", *columns) if name in types})


def token_batch(rows: TokenRows) -> Any:
    """The rows as an Arrow record batch, with the schema of their columns.  Memory O(rows)."""
    schema = token_schema(*rows.columns, doc=rows.doc.type if isinstance(rows.doc, pa.Array) else None)
    return pa.record_batch([_column(rows, field) for field in schema], schema=schema)


def _column(rows: TokenRows, field: Any) -> Any:
    values = getattr(rows, field.name)
    if isinstance(values, pa.Array):
        return values
    unpredicted = np.isnan(rows.logprob)
    if isinstance(values, Surface):
        return _strings(values, unpredicted if field.nullable else None)
    absent = {"rank": 0, "context": -1}.get(field.name)
    null = np.isnan(values) if values.dtype.kind == "f" else values == absent if absent is not None else None
    if field.name == "argmax_token":
        null = unpredicted
    return arrow_of(values.astype(field.type.to_pandas_dtype(), copy=False), null if field.nullable else None)


def _strings(values: Surface, null: NDArray[np.bool_] | None) -> Any:
    column = values.column().cast(pa.binary())
    if null is None or not null.any():
        return column
    places = arrow_of(np.arange(len(values)), null)
    return column.take(places)
