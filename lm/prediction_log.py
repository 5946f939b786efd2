"""The prediction log (errtax.log/1): for each position of a text, the probability a model gave to the right symbol.

Five lines of pandas make a valid one:

    import numpy as np, pandas as pd
    text = open("test.txt", newline="").read()
    p = my_model(text)                       # probability of each character given those before it
    pd.DataFrame({"position": np.arange(len(text)), "symbol": list(text), "logprob": np.log(p)}
                ).to_parquet("preds.parquet")
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.surface import Surface, join_surfaces
from errtax.lm.table import Column, TableSchema, arrow_of, numpy_of
from errtax.lm.text import Codes, Unit
from errtax.lm.visible import shown_name

BLOCK_ROWS = 1 << 18
"""Rows that are in memory at a time, per thread: what a block takes, about 150 bytes per row, bounds all memory."""
_FLOATS = (pa.float32(), pa.float64())
_SYMBOLS = (pa.string(), pa.binary(), pa.large_string(), pa.large_binary())
_TOKENS = (pa.uint32(), pa.int32(), pa.int64(), pa.uint64(), pa.uint16(), pa.int16())
SYMBOL_COLUMNS = ("symbol", "argmax")
"""Columns of few different strings."""

LOG = TableSchema(
    "errtax.log/1",
    "a prediction log",
    (
        Column(
            "position",
            (pa.int64(), pa.int32(), pa.uint32(), pa.uint64()),
            "index of the symbol in the text, strictly increasing",
        ),
        Column("symbol", _SYMBOLS, "the correct symbol: a character, a byte, or the bytes of a token or span"),
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
            (pa.int32(), pa.int64(), pa.uint32(), pa.int16(), pa.uint16(), pa.float64()),  # pandas' for nulls
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
        Column("token", _TOKENS, "id of the correct token", required=False),
        Column("argmax_token", _TOKENS, "id of the token with the highest probability", required=False, nullable=True),
        Column("start", (pa.int64(), pa.int32(), pa.uint32(), pa.uint64()), "first byte of it in the text", False),
        Column(
            "context",
            (pa.int32(), pa.int64(), pa.uint32(), pa.float64()),
            "tokens of the text that the prediction saw, without a prefix",
            required=False,
            nullable=True,
        ),
        Column("special", _FLOATS, "probability that special tokens had, in all", required=False, nullable=True),
    ),
)

PROBABILITY = Column("prob", _FLOATS, "probability given to the symbol, instead of logprob", nullable=True)


@dataclass(frozen=True, eq=False)
class PredictionLog:
    """A log in memory, or a block of one; row r is a position of the text.

    `positions[r]`: int64, strictly increasing.  `codes[r]`: the correct symbol.  `logprobs[r]`: float64, natural log,
    NaN where nothing was predicted.  `argmax_codes[r]`, `argmax_logprobs[r]`: the model's best symbol and its natural
    log-probability, where the log has them.  `docs[r]`: the document's id, numbered by first appearance, -1 for null;
    None without such a column.  `doc_ids[k]`: the id that number k stands for, an Arrow array; None: the number itself.

    Tokens and spans also have their `surface`, and where the log has them: `starts[r]`, int64, the first byte in the
    text; `ranks[r]`, int32, that of the correct symbol, 0 for null; `contexts[r]`, int32, tokens that the prediction
    saw, -1 for null; `argmax_surface`.  Codes of tokens are their ids; without `has_ids` – spans, and tokens whose log
    has no ids – they number the distinct symbols of these rows by first appearance.
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
    surface: Surface | None = None
    starts: NDArray[np.int64] | None = None
    ranks: NDArray[np.int32] | None = None
    contexts: NDArray[np.int32] | None = None
    argmax_surface: Surface | None = None
    has_ids: bool = True

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def head(self) -> "PredictionLog":
        """The log without its rows."""
        return self.part(0, 0)

    def part(self, start: int, stop: int) -> "PredictionLog":
        """The rows start .. stop - 1, as views."""
        return self.at(slice(start, stop))

    def at(self, rows: Any) -> "PredictionLog":
        """Some rows only: a slice of them, or their numbers in ascending order."""
        whole = {name: getattr(self, name) for name in (*_COLUMNS, "docs", *_SURFACES)}
        cut: dict[str, Any] = {name: None if values is None else values[rows] for name, values in whole.items()}
        return replace(self, **cut)

    @property
    def content(self) -> bytes:
        """The text of the rows as bytes, UTF-8 for characters."""
        return bytes_of(self.codes, self.unit) if self.surface is None else self.surface.joined.tobytes()

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator["PredictionLog"]:
        """The log in pieces of so many rows, the last one shorter."""
        for start in range(0, len(self), rows):
            yield self.part(start, start + rows)

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

    def document_id(self, row: int) -> Any:
        """The id of the document that a row lies in; None where the log gives none."""
        if self.docs is None or self.docs[row] < 0:
            return None
        number = int(self.docs[row])
        return number if self.doc_ids is None else self.doc_ids[number].as_py()

    def document_around(self, row: int) -> tuple[int, int]:
        """The first row of the document that a row lies in, and the row after its last."""
        k = int(np.searchsorted(self.document_starts, row, "right"))
        stop = self.document_starts[k] if k < len(self.document_starts) else len(self)
        return int(self.document_starts[k - 1]), int(stop)

    @property
    def text_sha256(self) -> str:
        """SHA-256 of the symbols as bytes (UTF-8 for characters)."""
        return hashlib.sha256(self.content).hexdigest()


_COLUMNS = ("positions", "codes", "logprobs", "argmax_codes", "argmax_logprobs", "starts", "ranks", "contexts")
_SURFACES = ("surface", "argmax_surface")


def join_logs(first: PredictionLog, second: PredictionLog) -> PredictionLog:
    """The rows of a block and of the block after it, as one."""
    pairs = {name: (getattr(first, name), getattr(second, name)) for name in (*_COLUMNS, *_SURFACES)}
    columns: dict[str, Any] = {
        name: None if a is None else join_surfaces([a, b]) if name in _SURFACES else np.concatenate([a, b])
        for name, (a, b) in pairs.items()
    }
    if not first.has_ids:
        columns["codes"] = columns["surface"].numbers()
    if first.docs is None or second.docs is None:
        return replace(first, **columns)
    docs, ids = _join_documents(first, second)
    return replace(first, **columns, docs=docs, doc_ids=ids)


def splits_character(log: PredictionLog, row: int) -> bool:
    """Whether a row begins with a byte that is inside a UTF-8 character."""
    if log.surface is not None:
        return bool(log.surface.data[log.surface.ends[row]] & 0xC0 == 0x80)
    return log.unit is Unit.BYTE and bool(log.codes[row] & 0xC0 == 0x80)


def same_symbols(one: PredictionLog, other: PredictionLog) -> NDArray[np.bool_]:
    """In which rows two logs of as many rows, in one unit, have the same symbol: its bytes, and its id if both have."""
    same = np.ones(len(one), bool)
    if one.has_ids and other.has_ids:
        same &= one.codes == other.codes
    if one.surface is not None and other.surface is not None:
        same &= one.surface.same(other.surface)
    if one.starts is not None and other.starts is not None:
        same &= one.starts == other.starts
    return same


def _join_documents(first: PredictionLog, second: PredictionLog) -> tuple[NDArray[np.int64], Any]:
    """The documents of two blocks in one numbering, and the id of each number; ids of neither block's rows are out."""
    docs: list[NDArray[np.int64]] = [np.asarray(log.docs) for log in (first, second)]
    used = [np.unique(numbers[numbers >= 0]) for numbers in docs]
    ids = [
        arrow_of(numbers) if log.doc_ids is None else log.doc_ids.take(arrow_of(numbers))
        for log, numbers in zip((first, second), used, strict=True)
    ]
    encoded = pa.concat_arrays(ids).dictionary_encode()
    places = np.split(numpy_of(encoded.indices).astype(np.int64), [len(used[0])])
    joined = [
        np.where(numbers < 0, -1, place[np.searchsorted(known, numbers) % max(len(known), 1)] if len(known) else -1)
        for numbers, known, place in zip(docs, used, places, strict=True)
    ]
    return np.concatenate(joined), encoded.dictionary


def right_first(log: PredictionLog) -> NDArray[np.bool_]:
    """Where the model ranked the correct symbol first: by the best symbol, else by the rank of the correct one."""
    if log.argmax_codes is not None:
        return np.asarray(log.argmax_codes == log.codes)
    if log.ranks is None:
        wanted = "'argmax'" if log.surface is None else "'argmax_token' or 'rank'"
        raise BadInput(
            f"{log.name} has no column {wanted}; the criterion argmax needs it (or use --criterion 'p<0.5')."
        )
    unknown = (log.ranks == 0) & ~np.isnan(log.logprobs)
    if unknown.any():
        position = int(log.positions[np.argmax(unknown)])
        raise BadInput(f"{log.name} has a null in column 'rank' at position {position}, which has a prediction.")
    return np.asarray(log.ranks == 1)


def bytes_of(codes: Codes, unit: Unit) -> bytes:
    """The text of an array of codes as bytes, UTF-8 for characters."""
    if unit is Unit.BYTE:
        return codes.tobytes()
    return codes.astype("<u4").tobytes().decode("utf-32-le").encode("utf-8")


def log_schema(unit: Unit, documents: bool = False) -> Any:
    """The Arrow schema of a complete log in this unit, as `predict` writes it; of several documents with their ids."""
    symbol = pa.binary() if unit is Unit.BYTE else pa.string()
    return LOG.arrow(
        symbol=symbol,
        logprob=pa.float32(),
        argmax=symbol,
        argmax_logprob=pa.float32(),
        entropy=pa.float32(),
        rank=pa.int32(),
        **({"doc": pa.int64()} if documents else {}),
    )
