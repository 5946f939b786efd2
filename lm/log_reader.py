"""Reading prediction logs (errtax.log/1) block by block, so that memory does not grow with them, or whole."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.log_columns import decode_best, decode_logprobs, decode_positions, decode_symbols, number_documents
from errtax.lm.log_files import LogParts, open_log
from errtax.lm.prediction_log import BLOCK_ROWS, LOG, PROBABILITY, PredictionLog
from errtax.lm.table import TableFile, metadata_of, numpy_of
from errtax.lm.text import Codes, Unit
from errtax.lm.token_columns import COLUMNS, SURFACED, broken_starts, decode_tokens, unit_of_schema

logger = logging.getLogger("errtax")


class LogSource(Protocol):
    """A log that comes in blocks: in memory (`PredictionLog`), or from files (`LogFile`)."""

    @property
    def head(self) -> PredictionLog:
        """Name, unit and metadata, without rows."""

    def __len__(self) -> int:
        """The number of rows."""

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[PredictionLog]:
        """Consecutive pieces of about so many rows."""


@dataclass
class LogTally:
    """What only all rows together tell, summed while they pass: `add` each block in its order."""

    rows: int = 0
    unpredicted: int = 0
    documents: int = 0
    last: int = -1  # position of the last row
    end: int | None = None  # byte after it, where the log says where symbols begin
    whole: bool = True  # from position 0 and byte 0, without gaps
    _document: Any = None
    _digest: Any = field(default_factory=hashlib.sha256)

    def add(self, log: PredictionLog) -> None:
        """Count the next rows of a log, at least one."""
        continues = self.rows > 0 and log.document_id(0) == self._document
        self.whole &= log.positions[0] == self.last + 1 and log.positions[-1] == self.last + len(log)
        if log.starts is not None and log.surface is not None:
            ends = log.starts + log.surface.lengths
            self.whole &= bool(log.starts[0] == (self.end or 0) and (log.starts[1:] == ends[:-1]).all())
            self.end = int(ends[-1])
        self.rows += len(log)
        self.unpredicted += log.unpredicted
        self.documents += len(log.document_starts) - int(continues)
        self.last, self._document = int(log.positions[-1]), log.document_id(-1)
        self._digest.update(log.content)

    def end_before(self, log: PredictionLog) -> int | None:
        """Where the last row ended, if the next rows continue its document."""
        return self.end if self.rows and log.document_id(0) == self._document else None

    @property
    def text_sha256(self) -> str:
        """SHA-256 of the symbols as bytes."""
        return str(self._digest.hexdigest())

    @property
    def problems(self) -> list[str]:
        """A line where no row of any is predicted."""
        if self.unpredicted < self.rows:
            return []
        return [f"none of its {self.rows:,} positions is predicted: all are null, which pandas writes for NaN, too"]

    def announce_unpredicted(self, name: str) -> None:
        """Say how many positions are not predicted where they are more than the first: as a warning above 1 %."""
        n = self.unpredicted
        if n > 1:
            share = f"{n:,} of {self.rows:,} positions not predicted (null); they are not counted."
            many = 100 * n > self.rows
            hint = " pandas writes NaN as null: make sure that no probability was NaN." if many else ""
            logger.log(logging.WARNING if many else logging.INFO, "%s: %s%s", name, share, hint)


class LogFile:
    """A prediction log in one Parquet file or in several, read block by block."""

    def __init__(self, parts: LogParts, name: str) -> None:
        """Raises `BadInput` where columns are missing or mistyped, or there are no rows."""
        self._parts, self._name = parts, name
        schema = parts.schema_arrow
        self._metadata = metadata_of(schema)
        self._as_probability = "logprob" not in schema.names and "prob" in schema.names
        self.problems = self._problems_of_schema(schema)
        """Why this cannot be a log, one line per problem; blocks can be read only where there are none."""

    @property
    def head(self) -> PredictionLog:
        """Name, unit and metadata.  Raises `BadInput` where this cannot be a log."""
        self._require(self.problems)
        codes: Codes = np.empty(0, np.uint8) if self._unit is Unit.BYTE else np.empty(0, np.uint32)
        log = PredictionLog(self._name, self._unit, np.empty(0, np.int64), codes, np.empty(0), metadata=self._metadata)
        if self._unit not in SURFACED:
            return log
        table = self._parts.schema_arrow.empty_table().select(self._columns())
        return replace(log, **decode_tokens(table, self._unit, log.logprobs))

    @property
    def _unit(self) -> Unit:
        return unit_of_schema(self._parts.schema_arrow, self._metadata)

    def __len__(self) -> int:
        return self._parts.num_rows

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[PredictionLog]:
        """Consecutive pieces of about so many rows.

        Raises `BadInput`, with the first problem found, where a log-probability is above 0 or NaN, positions do not
        increase, a symbol is not one symbol, and at the end where nothing was predicted, or the symbols are not those
        of the text that the metadata name.
        """
        tally = LogTally()
        yield from self._pieces(tally, rows)
        self._require(self._problems_of_rows(tally))

    def rows(self, first: int, stop: int, rows: int = BLOCK_ROWS) -> Iterator[PredictionLog]:
        """The rows first .. stop - 1 in such pieces, without a look at the others.

        Raises `BadInput` like `blocks`, but for what only all rows together tell.
        """
        return self._pieces(LogTally(rows=first), rows, first, stop)

    def _pieces(self, tally: LogTally, rows: int, first: int = 0, stop: int | None = None) -> Iterator[PredictionLog]:
        self._require(self.problems)
        for table in self._parts.blocks(self._columns(), rows, first, stop):
            log, problems = self._decoded(table, tally)
            self._require(problems)
            if log is not None:  # which it is only with a problem
                tally.add(log)
                yield log

    def _require(self, problems: list[str]) -> None:
        if problems:
            raise BadInput(f"{self._name} is not a valid prediction log: {problems[0]}.")

    def all_problems(self) -> list[str]:
        """What is wrong with the log, one line per problem, up to the first block that has any.

        Says how many positions are not predicted.
        """
        if self.problems:
            return self.problems
        tally = LogTally()
        for table in self._parts.blocks(self._columns(), BLOCK_ROWS):
            log, problems = self._decoded(table, tally)
            if log is None or problems:
                return problems
            tally.add(log)
        problems = self._problems_of_rows(tally)
        if not problems:
            tally.announce_unpredicted(self._name)
        return problems

    def _columns(self) -> list[str]:
        asked = ("argmax", "argmax_logprob", "doc", *(COLUMNS if self._unit in SURFACED else ()))
        optional = [name for name in dict.fromkeys(asked) if name in self._parts.schema_arrow.names]
        return ["position", "symbol", "prob" if self._as_probability else "logprob", *optional]

    def _problems_of_schema(self, schema: Any) -> list[str]:
        if self._parts.num_rows == 0:
            return ["it has no rows"]
        problems = LOG.mistyped(schema)
        if self._as_probability:
            problems = [problem for problem in problems if "'logprob'" not in problem]
            if schema.field("prob").type not in PROBABILITY.types:
                problems.append(f"column 'prob' has type {schema.field('prob').type}, float or double is needed")
        if (stated := self._metadata.get("errtax.schema", LOG.name)) != LOG.name:
            problems.insert(0, f"its metadata says it is {stated}, {LOG.name} is needed")
        if {"part", "key"} <= self._metadata.keys():
            problems.insert(0, f"its parts are not one log yet; run errtax merge {self._name}")
        return problems

    def _decoded(self, table: Any, before: LogTally) -> tuple[PredictionLog | None, list[str]]:
        """The next rows, after those that `before` has counted, and what is wrong with them."""
        row = before.rows
        positions, problems = decode_positions(table["position"], row, before.last)
        values = table["prob" if self._as_probability else "logprob"]
        logprobs, more = decode_logprobs(values, positions, self._as_probability, row)
        problems += more
        names, unit = table.column_names, self._unit
        try:
            symbols = decode_tokens(table, unit, logprobs, row) if unit in SURFACED else _symbols(table, logprobs, row)
        except BadInput as error:
            return None, [*problems, str(error)]
        if (stated := self._metadata.get("unit", unit)) != unit:
            problems.append(f"its metadata says unit {stated}, its symbols are of unit {unit}")
        docs, doc_ids = number_documents(table["doc"]) if "doc" in names else (None, None)
        best = None
        if "argmax_logprob" in names:
            best = numpy_of(table["argmax_logprob"], missing=np.nan).astype(np.float64)
            if (best > 1e-6).any():
                problems.append("column 'argmax_logprob' has values above 0; a log-probability is at most 0")
        log = PredictionLog(
            name=self._name,
            unit=unit,
            positions=positions,
            logprobs=logprobs,
            metadata=self._metadata,
            docs=docs,
            argmax_logprobs=best,
            doc_ids=doc_ids,
            **symbols,
        )
        return log, problems or broken_starts(log, before.end_before(log), row)

    def _problems_of_rows(self, tally: LogTally) -> list[str]:
        """What is wrong with all rows together."""
        if tally.whole and self._metadata.get("text_sha256", tally.text_sha256) != tally.text_sha256:
            return ["its symbols are not those of the text that its metadata names (text_sha256 differs)"]
        return tally.problems


def _symbols(table: Any, logprobs: NDArray[np.float64], row: int) -> dict[str, Any]:
    """The fields of a log that hold its symbols, each a byte or a character."""
    best = None
    codes = decode_symbols(table["symbol"], "symbol", row)[1]
    if "argmax" in table.column_names:
        best = decode_best(table["argmax"], table["symbol"], logprobs, row)
    return {"codes": codes, "argmax_codes": best}


def open_log_file(path: Path, sealed: bool | None = None) -> LogFile:
    """The prediction log in a Parquet file, in parts, or in stdin: see `log_files.open_log`."""
    return LogFile(open_log(path, sealed), "stdin" if str(path) == "-" else str(path))


def read_log(path: Path) -> PredictionLog:
    """The whole prediction log in a file.  Raises `BadInput` like `LogFile.blocks`."""
    return _whole(open_log_file(path))


def _whole(file: LogFile) -> PredictionLog:
    (log,) = file.blocks(max(len(file), 1))
    return log


def log_of_frame(frame: Any, name: str = "the frame") -> PredictionLog:
    """The log in a pandas frame, or an Arrow table, with the columns of a log's file.

    Raises `BadInput` like `read_log`.
    """
    table = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer)
    return _whole(LogFile(LogParts((TableFile(name, pa.BufferReader(buffer.getvalue())),)), name))


def log_problems(path: Path) -> list[str]:
    """What is wrong with a prediction log, one line per problem.  Says how many positions are not predicted."""
    return open_log_file(path).all_problems()
