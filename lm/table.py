"""Parquet tables with a declared schema: one declaration for the writer, the reader and the validator."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.files import replacing, require_input


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


def table_problems(path: Path, schema: TableSchema) -> list[str]:
    """What is wrong with a table, one line per problem: columns, their types, values out of range."""
    file = open_parquet(path)
    problems = schema.mistyped(file.schema_arrow)
    if problems:
        return problems
    bounded = [column for column in schema.columns if np.isfinite([column.low, column.high]).any()]
    for batch in file.iter_batches(columns=[column.name for column in bounded]):
        for column in bounded:
            values = numpy_of(batch[column.name].drop_null())
            if not ((values >= column.low) & (values <= column.high)).all():
                problems.append(f"column {column.name!r} has values outside {column.low:g} .. {column.high:g}, or NaN")
    return sorted(set(problems))


def open_parquet(path: Path, content: BinaryIO | None = None) -> Any:
    """An open Parquet file, or its `content` from elsewhere; `BadInput` when it is none."""
    try:
        return pq.ParquetFile(content or require_input(path), memory_map=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        reason = str(error).split(". ", maxsplit=1)[0].splitlines()[0]
        raise BadInput(f"{path} is not a readable Parquet file ({reason}).") from None


def metadata_of(schema: Any) -> dict[str, str]:
    """The file's own metadata as strings, without what pandas and Arrow put there for themselves."""
    pairs = (schema.metadata or {}).items()
    return {key.decode(): value.decode("utf-8", "replace") for key, value in pairs if key not in _FOREIGN}


_FOREIGN = (b"pandas", b"ARROW:schema")


def numpy_of(column: Any, missing: float | None = None) -> NDArray[Any]:
    """The values of a column of numbers or booleans, `missing` at nulls (undefined there if it is None).

    Arrow's own `to_numpy` and `fill_null` import pandas, 0.3 s of every command.
    """
    if missing is not None and column.null_count:
        return np.where(numpy_of(column.is_null()), missing, numpy_of(column))
    if pa.types.is_boolean(column.type):
        return numpy_of(column.cast(pa.uint8())).astype(bool)
    dtype = np.dtype(column.type.to_pandas_dtype())
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    pieces = [np.frombuffer(chunk.buffers()[1], dtype)[chunk.offset :][: len(chunk)] for chunk in chunks if len(chunk)]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces) if pieces else np.empty(0, dtype)


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


@contextmanager
def table_writer(path: Path, schema: Any, metadata: Mapping[str, str], force: bool) -> Iterator[Any]:
    """A `ParquetWriter` whose file appears under `path` only when the block ends well."""
    tagged = schema.with_metadata({key: str(value) for key, value in metadata.items()})
    with (
        replacing(path, force) as temporary,
        pq.ParquetWriter(temporary, tagged, compression="zstd") as writer,
    ):
        yield writer
