"""Prediction logs from what Python programs have at hand: frames, Arrow tables, dicts of arrays, arrays with a text."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.log_columns import encode_symbols
from errtax.lm.log_reader import log_of_frame
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit

_NAME = "log"


def log_of_object(source: Any, text: str | bytes | None = None) -> PredictionLog:
    """The log in a pandas frame, an Arrow table, a mapping of columns, or an array of log-probabilities of `text`.

    A mapping has the columns of a log's file (`docs/files.md`); without `position` they are 0, 1, 2, …, and without
    `symbol` the symbols are those of `text`: characters of a str, bytes of bytes.  Raises `BadInput` for columns that
    do not make a log, `UsageError` for anything else.
    """
    if isinstance(source, PredictionLog):
        return source
    if isinstance(source, pd.DataFrame | pa.Table) and text is None:
        return log_of_frame(source, _NAME)
    return log_of_frame(pa.table(_completed(_columns_of(source), text)), _NAME)


def _columns_of(source: Any) -> dict[str, Any]:
    """Arrow arrays by name, of one length."""
    if isinstance(source, pd.DataFrame):
        source = pa.Table.from_pandas(source, preserve_index=False)
    if isinstance(source, pa.Table):
        return {name: source[name] for name in source.column_names}
    given = dict(source) if isinstance(source, Mapping) else {"logprob": source}
    columns = {str(name): _array_of(str(name), values) for name, values in given.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise BadInput(f"the columns of a log have one length; got {found}.")
    return columns


def _array_of(name: str, values: Any) -> Any:
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        what = "a file's name, a frame, an Arrow table, a dict of arrays, or an array with text="
        raise UsageError(f"a log is {what}; got {type(values).__name__} for {name!r}.")
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise UsageError(f"{name!r} has shape {values.shape}; one number for each symbol is needed, shape (n,).")
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise BadInput(f"{name!r} is not a column of a log ({str(error).splitlines()[0]}).") from error


def _completed(columns: dict[str, Any], text: str | bytes | None) -> dict[str, Any]:
    """With the positions and symbols that the text has, where the columns lack them."""
    n_rows = len(next(iter(columns.values()))) if columns else 0
    if text is not None:
        symbols = _symbols_of(text)
        if len(symbols) != n_rows:
            raise BadInput(f"there are {n_rows:,} log-probabilities for a text of {len(symbols):,} symbols.")
        if "symbol" in columns:
            raise UsageError("the log has symbols of its own; leave text= out, or the column 'symbol'.")
        columns = {**columns, "symbol": symbols}
    elif "symbol" not in columns:
        raise UsageError("log-probabilities alone do not say of what; give the text as text=, a str or bytes.")
    return {"position": pa.array(np.arange(n_rows)), **columns}


def _symbols_of(text: str | bytes) -> Any:
    """An Arrow column of one symbol each."""
    if isinstance(text, bytes):
        return encode_symbols(np.frombuffer(text, np.uint8), Unit.BYTE)
    if not isinstance(text, str):
        raise UsageError(f"text is a str or bytes, the text itself; got {type(text).__name__}.")
    try:
        return pa.array(list(text), pa.string())
    except UnicodeEncodeError as error:
        raise BadInput(f"the text is not valid Unicode: {error.reason} at position {error.start}.") from error
