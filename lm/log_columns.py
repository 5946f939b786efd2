"""Columns of logs and peels: positions, symbols, log-probabilities and documents, from Arrow to numpy and back."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import PredictionLog, bytes_of
from errtax.lm.table import arrow_of, nulls_of, numpy_of, plain
from errtax.lm.text import Codes, Unit

_LOG_HALF = np.log(0.5)
_LAST = 1 << 62  # so that sums of positions and lengths stay below 2^63


def decode_positions(column: Any, row: int = 0, last: int = -1) -> tuple[NDArray[np.int64], list[str]]:
    """The positions of a column of a log or of a peel, and why they are none: nulls, negative, not increasing.

    `row`: the number of the first row in its file; `last`: the position of the row before it, -1 where there is none.
    """
    if column.null_count:
        return np.zeros(len(column), np.int64), ["column 'position' has nulls; each row needs its position"]
    positions = numpy_of(column).astype(np.int64)
    if not len(positions):
        return positions, []
    if last < 0 and positions[0] < 0:
        return positions, [f"the first position is {positions[0]}; positions count from 0"]
    falls = np.diff(positions, prepend=last) <= 0
    if falls.any():
        k = int(np.argmax(falls))
        found = f"row {row + k} has position {positions[k]} after {positions[k - 1] if k else last}"
        return positions, [f"{found}; positions must increase strictly (sort the log by position, without repeats)"]
    if positions[-1] > _LAST:
        return positions, [f"the last position is {positions[-1]}; positions go up to 2^62"]
    return positions, []


def decode_logprobs(
    column: Any, positions: NDArray[np.int64], as_probability: bool = False, row: int = 0
) -> tuple[NDArray[np.float64], list[str]]:
    """Log-probabilities by row, NaN where there is none, of a column of them or of probabilities, and what is wrong.

    `row`: the number of the first row in its file.
    """
    valid = ~nulls_of(column)
    values = numpy_of(column, missing=-1.0).astype(np.float64)
    problems = []
    if np.isnan(values).any():
        k = int(np.argmax(np.isnan(values)))
        problems.append(
            f"{_name(as_probability)} is NaN at position {positions[k]} (row {row + k}); null means not predicted"
        )
    if as_probability:
        outside = valid & ((values < 0) | (values > 1))
        values = np.log(
            np.where(valid & ~outside, values, 1.0),
            where=valid & ~outside & (values > 0),
            out=np.full(len(values), -np.inf),
        )
        rule = "a probability lies in [0, 1]"
    else:
        outside = valid & (values > 0)
        rule = "a natural log of a probability is at most 0 (a column of probabilities is called 'prob')"
    if outside.any():
        k = int(np.argmax(outside))
        problems.append(
            f"{_name(as_probability)} is {column[k].as_py()} at position {positions[k]} (row {row + k}); {rule}"
        )
    if not as_probability and column.type == pa.float32():  # the float32 nearest to log 1/2 stands for 1/2 itself
        values = np.where(values == np.float32(_LOG_HALF), _LOG_HALF, values)
    return np.where(valid, values, np.nan), problems


def decode_best(column: Any, symbols: Any, logprobs: NDArray[np.float64], row: int = 0) -> Codes:
    """The best symbols; those of positions without a prediction, which may be null, are the correct ones."""
    missing = nulls_of(column)
    if (missing & ~np.isnan(logprobs)).any():
        k = int(np.argmax(missing & ~np.isnan(logprobs)))
        raise BadInput(f"column 'argmax' is null in row {row + k}, which has a prediction")
    if column.type != symbols.type:
        raise BadInput(f"column 'argmax' has type {column.type}, column 'symbol' {symbols.type}; both hold symbols")
    if not column.null_count:
        return decode_symbols(column, "argmax", row)[1]
    return decode_symbols(pc.coalesce(plain(column), plain(symbols)), "argmax", row)[1]


def number_documents(column: Any) -> tuple[NDArray[np.int64], Any]:
    """Ids of documents, numbers or strings, as numbers by first appearance, -1 for null; and the id of each number."""
    encoded = pa.concat_arrays(column.chunks).dictionary_encode()
    return numpy_of(encoded.indices, missing=-1).astype(np.int64), encoded.dictionary


def document_column(log: PredictionLog, rows: slice = slice(None)) -> Any:
    """The ids of some rows' documents as an Arrow column: int64, or string where the log's ids are strings."""
    docs = np.empty(0, np.int64) if log.docs is None else log.docs[rows]
    numbers = arrow_of(docs, null=docs < 0)
    if log.doc_ids is None:
        return numbers
    wide = pa.int64() if pa.types.is_integer(log.doc_ids.type) else pa.string()
    return log.doc_ids.take(numbers).cast(wide)


def _name(as_probability: bool) -> str:
    return "prob" if as_probability else "logprob"


def decode_symbols(column: Any, name: str, row: int = 0) -> tuple[Unit, Codes]:
    """Unit and codes of a column of one-symbol strings or one-byte binaries; the first is that of row `row`."""
    if column.null_count:
        raise BadInput(f"column {name!r} has nulls; each row needs its symbol")
    if pa.types.is_dictionary(column.type):
        return _codes_by_dictionary(column, name, row)
    array = pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
    binary = pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)
    lengths = numpy_of(pc.binary_length(array) if binary else pc.utf8_length(array))
    if (lengths != 1).any():
        k = int(np.argmax(lengths != 1))
        what = "one byte (binary) or one character (string)"
        raise BadInput(f"column {name!r}: row {row + k} holds {array[k].as_py()!r}; each row holds {what}")
    wide = pa.types.is_large_binary(array.type) or pa.types.is_large_string(array.type)
    offsets = np.frombuffer(array.buffers()[1], np.int64 if wide else np.int32)[
        array.offset : array.offset + len(array) + 1
    ]
    data = np.frombuffer(array.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    if binary:
        return Unit.BYTE, data
    string = data.tobytes().decode("utf-8")
    return Unit.CHAR, np.frombuffer(string.encode("utf-32-le"), "<u4").astype(np.uint32, copy=False)


def _codes_by_dictionary(column: Any, name: str, row: int) -> tuple[Unit, Codes]:
    """The same of a column of dictionaries, each value of which is decoded once."""
    lengths = pc.binary_length if pa.types.is_binary(column.type.value_type) else pc.utf8_length
    if not len(column) or any((numpy_of(lengths(chunk.dictionary)) != 1).any() for chunk in column.chunks):
        return decode_symbols(plain(column), name, row)  # which says where
    pieces = []
    for chunk in column.chunks:
        unit, codes = decode_symbols(pa.chunked_array([chunk.dictionary]), name)
        pieces.append(codes[numpy_of(chunk.indices)])
    return unit, np.concatenate(pieces)


def encode_symbols(codes: Codes, unit: Unit) -> Any:
    """The Arrow column of a text's symbols: binary of one byte each, or string of one character each."""
    if unit is Unit.BYTE:
        offsets = arrow_of(np.arange(len(codes) + 1, dtype=np.int32))
        return pa.BinaryArray.from_buffers(
            pa.binary(), len(codes), [None, offsets.buffers()[1], pa.py_buffer(np.ascontiguousarray(codes))]
        )
    widths = 1 + (codes >= 0x80).astype(np.int32) + (codes >= 0x800) + (codes >= 0x10000)
    ends = np.concatenate([np.zeros(1, np.int32), np.cumsum(widths, dtype=np.int32)])
    return pa.StringArray.from_buffers(len(codes), pa.py_buffer(ends), pa.py_buffer(bytes_of(codes, unit)))
