"""Parquet tables with a declared schema: one declaration for the writer, the reader and the validator."""

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from errtax.lm.errors import decoding
from errtax.lm.fetched import require_stored
from errtax.lm.files import replacing, require_input
from errtax.lm.locations import Remote
from errtax.lm.seal import require_unbroken, seal_parquet
from errtax.lm.store import PIECE, StoredFile


@dataclass(frozen=True)
class Column:
    """One column: its name, the Arrow types that are accepted (the first is written), what it means, and its range."""

    name: str
    types: tuple[Any, ...]
    meaning: str
    required: bool = True
    nullable: bool = False
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class TableSchema:
    """A kind of table.  `name` stands in the file's metadata under `errtax.schema`."""

    name: str
    what: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def arrow(self, **types: Any) -> Any:
        """The Arrow schema that is written: the required columns and those named in `types`, which choose a type."""
        return pa.schema(
            [
                pa.field(column.name, types.get(column.name, column.types[0]), column.nullable)
                for column in self.columns
                if column.required or column.name in types
            ]
        )

    def mistyped(self, found: Any) -> list[str]:
        """One line per column that is missing or has another type than declared."""
        problems = []
        for column in self.columns:
            index = found.get_field_index(column.name)
            allowed = " or ".join(map(str, column.types))
            if index < 0:
                if column.required:
                    problems.append(f"column {column.name!r} ({allowed}; {column.meaning}) is missing")
            elif found.field(index).type not in column.types:
                problems.append(f"column {column.name!r} has type {found.field(index).type}, {allowed} is needed")
        return problems

    def holes(self, table: Any) -> list[str]:
        """One line per column of a table or batch that has nulls, or null, and must not."""
        named = [column for column in self.columns if not column.nullable and column.name in table.schema.names]
        holed = [column.name for column in named if table[column.name].null_count]
        return [f"column {name!r} has nulls; each row needs its value" for name in holed]


def table_problems(path: Path, schema: TableSchema) -> list[str]:
    """What is wrong with a table, one line per problem: columns, their types, values out of range."""
    file = open_parquet(path)
    problems = schema.mistyped(file.schema_arrow)
    if problems:
        return problems
    if not file.num_rows:
        return ["it has no rows"]
    columns = [column for column in schema.columns if column.name in file.schema_arrow.names]
    for batch in file.iter_batches(columns=[column.name for column in columns]):
        problems += schema.holes(batch)
        for column in columns:
            if np.isfinite([column.low, column.high]).any():
                values = numpy_of(batch[column.name].drop_null())
                if not ((values >= column.low) & (values <= column.high)).all():
                    allowed = f"{column.low:g} .. {column.high:g}"
                    problems.append(f"column {column.name!r} has values outside {allowed}, or NaN")
    return sorted(set(problems))


_BUFFERED = 1 << 26
_SMALL = 1 << 23
"""Bytes of a file in an object store that is read twice, once for its seal."""
_GROUP = 1 << 16
"""Rows that a row group has at least, where few come at a time."""


def _row_group_bytes(metadata: Any) -> int:
    """The size of the largest row group of a file."""
    return max((metadata.row_group(k).total_byte_size for k in range(metadata.num_row_groups)), default=0)


class TableFile:
    """An open Parquet file: `pyarrow.parquet.ParquetFile` under its own names, but damage anywhere is `BadInput`.

    Checksums of pages are compared, where the file has them and no seal, and what is read is valid Arrow: UTF-8 in
    strings, indices inside dictionaries.  `sealed`: it is known to be what errtax wrote.  Columns of `dictionaries` are
    read as such, if they hold strings, in a tenth of the time; `schema_arrow` has the types that are stored.
    """

    def __init__(self, name: str, source: Any, sealed: bool = False, dictionaries: Sequence[str] = ()) -> None:
        self.sealed = sealed
        self._complaint = f"{name} is not a readable Parquet file"
        with decoding(self._complaint):
            metadata = pq.read_metadata(source)
            self.schema_arrow = metadata.schema.to_arrow_schema()
            names = self.schema_arrow.names
            # with `pre_buffer`, pyarrow's default, what was read of a file stays in memory until its last batch
            settings: Any = {"page_checksum_verification": not sealed, "pre_buffer": False}
            settings["read_dictionary"] = [name for name in dictionaries if name in names]
            stored = isinstance(source, StoredFile)
            if (stored or isinstance(source, Path)) and _row_group_bytes(metadata) > _BUFFERED:
                settings["buffer_size"] = PIECE if stored else 1 << 20  # else whole columns of a group are in memory
            elif stored:
                settings["pre_buffer"] = True  # one request for a row group, not one for each of its columns
            self._file = pq.ParquetFile(source, metadata=metadata, **settings)
            self.num_rows = int(self._file.metadata.num_rows)
            self.num_row_groups = int(self._file.num_row_groups)
            metadata_of(self.schema_arrow)  # like the names, it need not be UTF-8
            if twice := [name for name, n in Counter(names).items() if n > 1]:
                raise ValueError(f"there are several columns {twice[0]!r}")

    def read(self, columns: list[str] | None = None) -> Any:
        """All rows of some columns, or of all."""
        with decoding(self._complaint):
            return self._sound(self._file.read(columns), self.num_rows)

    def read_row_group(self, group: int) -> Any:
        """All columns of a row group."""
        with decoding(self._complaint):
            return self._sound(self._file.read_row_group(group), self._file.metadata.row_group(group).num_rows)

    def iter_batches(
        self, columns: list[str] | None = None, rows: int = 1 << 16, first: int = 0, stop: int | None = None
    ) -> Iterator[Any]:
        """Some columns, or all, of rows first .. stop - 1 in pieces of about so many: memory does not grow with them.

        A row group is one piece or several, so that nothing is joined or copied; those without such rows are not read.
        """
        read, end = 0, self.num_rows if stop is None else min(stop, self.num_rows)
        with decoding(self._complaint):
            for group in range(self.num_row_groups):
                n = self._file.metadata.row_group(group).num_rows
                if read >= end and end < self.num_rows:
                    return
                if read + n <= first:
                    read += n
                    continue
                size = max(-(-n // max(round(n / rows), 1)), 1)
                for batch in self._file.iter_batches(size, row_groups=[group], columns=columns):
                    batch.validate(full=True)
                    inside = slice(max(first - read, 0), max(end - read, 0))
                    read += len(batch)
                    if inside.start < min(inside.stop, len(batch)):
                        yield batch[inside]
            if read != self.num_rows:
                raise ValueError(f"{read} rows where {self.num_rows} are declared")

    def _sound(self, table: Any, rows: int) -> Any:
        table.validate(full=True)
        if len(table) != rows:
            raise ValueError(f"{len(table)} rows where {rows} are declared")
        return table


def blocks_of(
    files: Sequence[TableFile], columns: list[str] | None, rows: int, first: int = 0, stop: int | None = None
) -> Iterator[Any]:
    """Rows of files one after the other, or first .. stop - 1 of them, in tables of about so many, at most half more.

    A row group of that size itself is a table of its own, and not copied.
    """
    waiting: list[Any] = []
    n, start = 0, 0  # rows that wait, and rows of the files before
    for file in files:
        begin, end = max(first - start, 0), None if stop is None else max(stop - start, 0)
        start += file.num_rows
        for batch in file.iter_batches(columns, rows, begin, end):
            if waiting and 2 * (n + len(batch)) > 3 * rows:
                yield pa.Table.from_batches(waiting)
                waiting, n = [], 0
            waiting.append(batch.replace_schema_metadata())
            n += len(batch)
    if waiting:
        yield pa.Table.from_batches(waiting)


def open_parquet(
    path: Path, content: bytes | None = None, dictionaries: Sequence[str] = (), sealed: bool | None = None
) -> TableFile:
    """An open Parquet file, or its `content` from elsewhere; `dictionaries` as in `TableFile`.

    `sealed`: whether it has a seal, if another process has compared that just now: then not all bytes are read for it.
    Raises `BadInput` when it is not one, or when it is one of ours and not what was written.
    """
    if content is not None:
        sealed = require_unbroken(BytesIO(content), str(path))
        return TableFile(str(path), pa.BufferReader(content), sealed, dictionaries)
    if isinstance(path, Remote):
        return _open_stored(path, dictionaries, sealed)
    if sealed is not None:
        return TableFile(str(path), require_input(path), sealed, dictionaries)
    with require_input(path).open("rb") as file:
        sealed = require_unbroken(file, str(path))
    return TableFile(str(path), path, sealed, dictionaries)


def _open_stored(path: Remote, dictionaries: Sequence[str], sealed: bool | None) -> TableFile:
    """A Parquet file in an object store, of which the parts that are asked for are read.

    A large one is not read twice for its seal (`errtax validate` does that); its pages have checksums of their own.
    """
    stored = require_stored(path)
    if sealed is None:
        sealed = stored.size <= _SMALL and require_unbroken(BytesIO(path.read_bytes()), str(path))
    return TableFile(str(path), stored, sealed, dictionaries)


def require_seal(path: Path) -> None:
    """Raise `BadInput` where a file in an object store is not the one that was sealed; reads all of it."""
    if isinstance(path, Remote):
        with path.open("rb") as file:
            require_unbroken(file, str(path))


def stated_schema(path: Path) -> str:
    """What a Parquet file says it is, by its footer alone; empty where it does not, and for other files."""
    try:
        found = pq.read_metadata(StoredFile(str(path)) if isinstance(path, Remote) else path).metadata or {}
    except (OSError, pa.ArrowException):
        return ""
    return bytes(found.get(b"errtax.schema", b"")).decode(errors="replace")


def metadata_of(schema: Any) -> dict[str, str]:
    """The file's own metadata as strings, without what pandas and Arrow put there for themselves."""
    pairs = (schema.metadata or {}).items()
    return {key.decode(): value.decode() for key, value in pairs if key not in _FOREIGN}


_FOREIGN = (b"pandas", b"ARROW:schema")


def numpy_of(column: Any, missing: float | None = None) -> NDArray[Any]:
    """The values of a column of numbers or booleans, `missing` at nulls (undefined there if it is None).

    Arrow's own `to_numpy` and `fill_null` import pandas, 0.3 s of every command.
    """
    if missing is not None and column.null_count:
        return _filled(numpy_of(column), nulls_of(column), missing)
    if pa.types.is_boolean(column.type):
        return _joined(_chunks(column), lambda chunk: _bits(chunk, 1), bool)
    dtype = np.dtype(column.type.to_pandas_dtype())
    return _joined(_chunks(column), lambda chunk: np.frombuffer(chunk.buffers()[1], dtype)[_span(chunk)], dtype)


def plain(column: Any) -> Any:
    """A column of dictionaries as one of their values; others as they are."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _filled(values: NDArray[Any], null: NDArray[np.bool_], missing: float) -> NDArray[Any]:
    """The values, `missing` where null; by bits, in a fifth of the time of `np.where`, which guesses at each row."""
    bits = np.dtype(f"u{values.itemsize}")
    there = null.astype(bits) - bits.type(1)  # all bits where there is a value, none where there is not
    other = np.array(missing, values.dtype).view(bits)
    filled: NDArray[Any] = (values.view(bits) ^ other) & there ^ other
    return filled.view(values.dtype)


def nulls_of(column: Any) -> NDArray[np.bool_]:
    """Which values of a column are null."""
    return ~_joined(_chunks(column), _valid, bool)


def _chunks(column: Any) -> list[Any]:
    return [chunk for chunk in (column.chunks if isinstance(column, pa.ChunkedArray) else [column]) if len(chunk)]


def _joined(chunks: list[Any], values: Callable[[Any], NDArray[Any]], dtype: Any) -> NDArray[Any]:
    pieces = [values(chunk) for chunk in chunks]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces) if pieces else np.empty(0, dtype)


def _span(chunk: Any) -> slice:
    return slice(chunk.offset, chunk.offset + len(chunk))


def _bits(chunk: Any, buffer: int) -> NDArray[np.bool_]:
    """The bits of one of a chunk's buffers, one for each of its values."""
    packed = np.frombuffer(chunk.buffers()[buffer], np.uint8)
    return np.unpackbits(packed, count=chunk.offset + len(chunk), bitorder="little")[chunk.offset :].view(bool)


def _valid(chunk: Any) -> NDArray[np.bool_]:
    """Which values of a chunk are not null; a column of type null has no bits that say so."""
    if pa.types.is_null(chunk.type):
        return np.zeros(len(chunk), bool)
    return _bits(chunk, 0) if chunk.null_count else np.ones(len(chunk), bool)


def arrow_of(values: NDArray[Any], null: NDArray[np.bool_] | None = None) -> Any:
    """A column of numbers or booleans, null where `null` says so; `pa.array` would import pandas."""
    valid = None if null is None else pa.py_buffer(np.packbits(~null, bitorder="little"))
    data = np.packbits(values, bitorder="little") if values.dtype == bool else np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [valid, pa.py_buffer(data)])


def arrow_of_names(names: Sequence[str]) -> Any:
    """A column of strings, without pandas like `arrow_of`."""
    encoded = [name.encode() for name in names]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(names), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


class TableWriter:
    """A Parquet file that is being written.  `metadata` may change up to its end."""

    def __init__(self, file: Any, schema: Any, metadata: Mapping[str, str]) -> None:
        self._file, self._schema = file, schema
        self._waiting: list[Any] = []
        self._n_waiting = 0
        self.metadata = dict(metadata)

    def write_batch(self, batch: Any) -> None:
        """Write the next rows, as a row group."""
        self._file.write_batch(batch)

    def add_rows(self, batch: Any) -> None:
        """Write the next rows, which may be few: they wait until they fill a row group, and must not change."""
        self._waiting.append(batch)
        self._n_waiting += len(batch)
        if self._n_waiting >= _GROUP:
            self._write_waiting()

    def _write_waiting(self) -> None:
        if self._waiting:
            self._file.write_table(pa.Table.from_batches(self._waiting), row_group_size=self._n_waiting)
            self._waiting, self._n_waiting = [], 0

    def finish(self) -> None:
        """Write what waits, and the metadata, as those of the file and of its Arrow schema."""
        self._write_waiting()
        texts = {key: str(value) for key, value in self.metadata.items()}
        schema = base64.b64encode(self._schema.with_metadata(texts).serialize().to_pybytes())
        self._file.add_key_value_metadata({**texts, "ARROW:schema": schema})


def size_of_batch(batch: Any, **tuning: Any) -> int:
    """The bytes that rows take in a table's file; `tuning` as in `table_writer`."""
    sink = pa.BufferOutputStream()
    with _parquet_writer(sink, batch.schema, tuning) as file:
        file.write_batch(batch)
    return int(sink.getvalue().size)


def _parquet_writer(where: Any, schema: Any, tuning: Mapping[str, Any]) -> Any:
    settings: Any = {"compression": "zstd", "write_page_checksum": True, "store_schema": False, **tuning}
    return pq.ParquetWriter(where, schema.remove_metadata(), **settings)


@contextmanager
def table_writer(
    path: Path, schema: Any, metadata: Mapping[str, str], force: bool, **tuning: Any
) -> Iterator[TableWriter]:
    """A table whose file appears under `path`, sealed, only when the block ends well.

    `tuning`: how columns are encoded, as `pyarrow.parquet.ParquetWriter` has it.
    """
    with replacing(path, force) as temporary:
        with _parquet_writer(temporary, schema, tuning) as file:
            writer = TableWriter(file, schema, metadata)
            yield writer
            writer.finish()
        seal_parquet(temporary)
