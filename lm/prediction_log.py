"""The prediction log (errtax.log/1): for each position of a text, the probability a model gave to the right symbol.

Five lines of pandas make a valid one:

    import numpy as np, pandas as pd
    text = open("test.txt", newline="").read()
    p = my_model(text)                       # probability of each character given those before it
    pd.DataFrame({"position": np.arange(len(text)), "symbol": list(text), "logprob": np.log(p)}
                ).to_parquet("preds.parquet")
"""

import hashlib
import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.log_files import LogParts, open_log
from errtax.lm.table import Column, TableFile, TableSchema, arrow_of, metadata_of, numpy_of
from errtax.lm.text import Codes, Unit
from errtax.lm.visible import shown_name

logger = logging.getLogger("errtax")
_LOG_HALF = np.log(0.5)
_LAST = 1 << 62  # so that sums of positions and lengths stay below 2^63
_FLOATS = (pa.float32(), pa.float64())
_SYMBOLS = (pa.string(), pa.binary(), pa.large_string(), pa.large_binary())

LOG = TableSchema(
    "errtax.log/1",
    "a prediction log",
    (
        Column(
            "position",
            (pa.int64(), pa.int32(), pa.uint32(), pa.uint64()),
            "index of the symbol in the text, strictly increasing",
        ),
        Column("symbol", _SYMBOLS, "the correct symbol: a character, or a byte"),
        Column(
            "logprob",
            _FLOATS,
            "natural log of the probability given to it; null = not predicted",
            nullable=True,
        ),
        Column("argmax", _SYMBOLS, "the symbol with the highest probability", required=False, nullable=True),
        Column("argmax_logprob", _FLOATS, "its natural log-probability", required=False, nullable=True),
        Column("entropy", _FLOATS, "of the predicted distribution, in nats", required=False, nullable=True),
        Column(
            "rank",
            (pa.int32(), pa.int64(), pa.uint32(), pa.int16(), pa.uint16()),
            "of the correct symbol, from 1",
            required=False,
            nullable=True,
        ),
        Column(
            "doc",
            (pa.int64(), pa.int32(), pa.string(), pa.large_string()),
            "document id; a document is a maximal run of one id, and nothing is carried across its start",
            required=False,
            nullable=True,
        ),
    ),
)

PROBABILITY = Column("prob", _FLOATS, "probability given to the symbol, instead of logprob", nullable=True)


@dataclass(frozen=True, eq=False)
class PredictionLog:
    """A log in memory; row r is a position of the text.

    `positions[r]`: int64, strictly increasing.  `codes[r]`: the correct symbol.  `logprobs[r]`: float64, natural log,
    NaN where nothing was predicted.  `argmax_codes[r]`, `argmax_logprobs[r]`: the model's best symbol and its natural
    log-probability, where the log has them.  `docs[r]`: the document's id, numbered by first appearance, -1 for null;
    None without such a column.  `doc_ids[k]`: the id that number k stands for, an Arrow array; None: the number itself.
    """

    name: str
    unit: Unit
    positions: NDArray[np.int64]
    codes: Codes
    logprobs: NDArray[np.float64]
    argmax_codes: Codes | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    docs: NDArray[np.int64] | None = None
    argmax_logprobs: NDArray[np.float64] | None = None
    doc_ids: Any = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def unpredicted(self) -> int:
        """Rows without a prediction: they are never counted."""
        return int(np.isnan(self.logprobs).sum())

    @property
    def model(self) -> str:
        """One line that names the model and is safe to show; the file's name where the log does not say."""
        name = self.metadata.get("model", "").strip()
        return shown_name(name or Path(self.name).name.removesuffix(".parquet"))

    @cached_property
    def document_starts(self) -> NDArray[np.int64]:
        """The rows at which documents begin, row 0 first: a document is a maximal run of rows of one id (null too)."""
        if self.docs is None or not len(self):
            return np.zeros(min(len(self), 1), np.int64)
        return np.flatnonzero(np.diff(self.docs, prepend=self.docs[0] - 1))

    def document_around(self, row: int) -> tuple[int, int]:
        """The first row of the document that a row lies in, and the row after its last."""
        k = int(np.searchsorted(self.document_starts, row, "right"))
        stop = self.document_starts[k] if k < len(self.document_starts) else len(self)
        return int(self.document_starts[k - 1]), int(stop)

    @property
    def text_sha256(self) -> str:
        """SHA-256 of the symbols as bytes (UTF-8 for characters)."""
        return hashlib.sha256(bytes_of(self.codes, self.unit)).hexdigest()


def announce_unpredicted(log: PredictionLog) -> None:
    """Say how many positions are not predicted where it is more than the first: as a warning above one in a hundred."""
    n, rows = log.unpredicted, len(log)
    if n > 1:
        share = f"{n:,} of {rows:,} positions not predicted (null); they are not counted."
        hint = " pandas writes NaN as null: make sure that no probability was NaN." if 100 * n > rows else ""
        logger.log(logging.WARNING if hint else logging.INFO, "%s: %s%s", log.name, share, hint)


def without_predictions(unpredicted: int, rows: int) -> list[str]:
    """A line where there is no prediction at all, none otherwise."""
    if unpredicted < rows:
        return []
    return [f"none of its {rows:,} positions is predicted: all are null, which pandas writes for NaN, too"]


def bytes_of(codes: Codes, unit: Unit) -> bytes:
    """The text of an array of codes as bytes, UTF-8 for characters."""
    if unit is Unit.BYTE:
        return codes.tobytes()
    return codes.astype("<u4").tobytes().decode("utf-32-le").encode("utf-8")


def read_log(path: Path) -> PredictionLog:
    """The prediction log in a Parquet file, in parts, or in stdin: see `log_files.open_log`.

    Raises `BadInput`, with the first problem found, when a column is missing or mistyped, a log-probability is
    above 0 or NaN, positions do not increase, a symbol is not one symbol, or the symbols are not those of the text
    that the file's metadata names.
    """
    log, problems = _read(path)
    if problems or log is None:
        raise BadInput(f"{path} is not a valid prediction log: {problems[0]}.")
    return log


def log_of_frame(frame: Any, name: str = "the frame") -> PredictionLog:
    """The log in a pandas frame, or an Arrow table, with the columns of a log's file.

    Raises `BadInput` like `read_log`.
    """
    table = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer)
    log, problems = _read_file(LogParts((TableFile(name, pa.BufferReader(buffer.getvalue())),)), name)
    if problems or log is None:
        raise BadInput(f"{name} is not a valid prediction log: {problems[0]}.")
    return log


def log_problems(path: Path) -> list[str]:
    """What is wrong with a prediction log, one line per problem.  Says how many positions are not predicted."""
    log, problems = _read(path)
    if log is not None and not problems:
        announce_unpredicted(log)
    return problems


def _read(path: Path) -> tuple[PredictionLog | None, list[str]]:
    return _read_file(open_log(path), "stdin" if str(path) == "-" else str(path))


def _read_file(file: LogParts, name: str) -> tuple[PredictionLog | None, list[str]]:
    if file.num_rows == 0:
        return None, ["it has no rows"]
    schema = file.schema_arrow
    as_probability = "logprob" not in schema.names and "prob" in schema.names
    problems = LOG.mistyped(schema)
    if as_probability:
        problems = [problem for problem in problems if "'logprob'" not in problem]
        if schema.field("prob").type not in PROBABILITY.types:
            problems.append(f"column 'prob' has type {schema.field('prob').type}, float or double is needed")
    metadata = metadata_of(schema)
    if metadata.get("errtax.schema", LOG.name) != LOG.name:
        problems.insert(0, f"its metadata says it is {metadata['errtax.schema']}, {LOG.name} is needed")
    if problems:
        return None, problems
    value = "prob" if as_probability else "logprob"
    names = [
        "position",
        "symbol",
        value,
        *(name for name in ("argmax", "argmax_logprob", "doc") if name in schema.names),
    ]
    columns = {column: file.read([column]).column(0) for column in names}
    positions, problems = decode_positions(columns["position"])
    logprobs, more = decode_logprobs(columns[value], positions, as_probability)
    problems += more or without_predictions(int(np.isnan(logprobs).sum()), len(logprobs))
    try:
        unit, codes = decode_symbols(columns["symbol"], "symbol")
        argmax = _argmax(columns.get("argmax"), columns["symbol"], logprobs, unit)
    except BadInput as error:
        return None, [*problems, str(error)]
    if metadata.get("unit", unit) != unit:
        problems.append(f"its metadata says unit {metadata['unit']}, its symbols are of unit {unit}")
    docs, doc_ids = number_documents(columns["doc"]) if "doc" in columns else (None, None)
    best = columns.get("argmax_logprob")
    best_logprobs = None if best is None else numpy_of(best, missing=np.nan).astype(np.float64)
    if best_logprobs is not None and (best_logprobs > 1e-6).any():
        problems.append("column 'argmax_logprob' has values above 0; a natural log of a probability is at most 0")
    log = PredictionLog(name, unit, positions, codes, logprobs, argmax, metadata, docs, best_logprobs, doc_ids)
    whole = not problems and positions[0] == 0 and positions[-1] == len(positions) - 1
    if whole and "text_sha256" in metadata and metadata["text_sha256"] != log.text_sha256:
        problems.append("its symbols are not those of the text that its metadata names (text_sha256 differs)")
    return log, problems


def decode_positions(column: Any) -> tuple[NDArray[np.int64], list[str]]:
    """The positions of a column of a log or of a peel, and why they are none: nulls, negative, not increasing."""
    if column.null_count:
        return np.zeros(len(column), np.int64), ["column 'position' has nulls; each row needs its position"]
    positions = numpy_of(column).astype(np.int64)
    falls = positions[1:] <= positions[:-1]
    if positions[0] < 0:
        return positions, [f"the first position is {positions[0]}; positions count from 0"]
    if falls.any():
        row = int(np.argmax(falls)) + 1
        found = f"row {row} has position {positions[row]} after {positions[row - 1]}"
        return positions, [f"{found}; positions must increase strictly (sort the log by position, without repeats)"]
    if positions[-1] > _LAST:
        return positions, [f"the last position is {positions[-1]}; positions go up to 2^62"]
    return positions, []


def decode_logprobs(
    column: Any, positions: NDArray[np.int64], as_probability: bool = False
) -> tuple[NDArray[np.float64], list[str]]:
    """Log-probabilities by row, NaN where there is none, of a column of them or of probabilities, and what is wrong."""
    valid = ~numpy_of(column.is_null())
    values = numpy_of(column, missing=-1.0).astype(np.float64)
    problems = []
    if np.isnan(values).any():
        row = int(np.argmax(np.isnan(values)))
        problems.append(
            f"{_name(as_probability)} is NaN at position {positions[row]} (row {row}); null means not predicted"
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
        row = int(np.argmax(outside))
        problems.append(
            f"{_name(as_probability)} is {column[row].as_py()} at position {positions[row]} (row {row}); {rule}"
        )
    if not as_probability and column.type == pa.float32():  # the float32 nearest to log 1/2 stands for 1/2 itself
        values = np.where(values == np.float32(_LOG_HALF), _LOG_HALF, values)
    return np.where(valid, values, np.nan), problems


def _argmax(column: Any, symbols: Any, logprobs: NDArray[np.float64], unit: Unit) -> Codes | None:
    """The best symbols; those of positions without a prediction, which may be null, are the correct ones."""
    if column is None:
        return None
    missing = numpy_of(column.is_null())
    if (missing & ~np.isnan(logprobs)).any():
        row = int(np.argmax(missing & ~np.isnan(logprobs)))
        raise BadInput(f"column 'argmax' is null in row {row}, which has a prediction")
    if column.type != symbols.type:
        raise BadInput(f"column 'argmax' has type {column.type}, column 'symbol' {symbols.type}; both hold symbols")
    return decode_symbols(pc.coalesce(column, symbols), "argmax")[1]


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


def decode_symbols(column: Any, name: str) -> tuple[Unit, Codes]:
    """Unit and codes of a column of one-symbol strings or one-byte binaries."""
    if column.null_count:
        raise BadInput(f"column {name!r} has nulls; each row needs its symbol")
    array = pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
    binary = pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)
    lengths = numpy_of(pc.binary_length(array) if binary else pc.utf8_length(array))
    if (lengths != 1).any():
        row = int(np.argmax(lengths != 1))
        what = "one byte (binary) or one character (string)"
        raise BadInput(f"column {name!r}: row {row} holds {array[row].as_py()!r}; each row holds {what}")
    wide = pa.types.is_large_binary(array.type) or pa.types.is_large_string(array.type)
    offsets = np.frombuffer(array.buffers()[1], np.int64 if wide else np.int32)[
        array.offset : array.offset + len(array) + 1
    ]
    data = np.frombuffer(array.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    if binary:
        return Unit.BYTE, data
    string = data.tobytes().decode("utf-8")
    return Unit.CHAR, np.frombuffer(string.encode("utf-32-le"), "<u4").astype(np.uint32, copy=False)


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


def log_schema(unit: Unit) -> Any:
    """The Arrow schema of a complete log in this unit, as `predict` writes it."""
    symbol = pa.binary() if unit is Unit.BYTE else pa.string()
    return LOG.arrow(
        symbol=symbol,
        logprob=pa.float32(),
        argmax=symbol,
        argmax_logprob=pa.float32(),
        entropy=pa.float32(),
        rank=pa.int32(),
    )
