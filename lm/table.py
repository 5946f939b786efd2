"""Parquet tables with a declared schema: one declaration for the writer, the reader and the validator."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from errtax.lm.errors import BadInput
from errtax.lm.files import replacing, require_input


@dataclass(frozen=True)
class Column:
    """One column: its name, the Arrow types that are accepted (the first is written), and what it means."""

    name: str
    types: tuple[Any, ...]
    meaning: str
    required: bool = True
    nullable: bool = False


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


def open_parquet(path: Path) -> Any:
    """An open Parquet file; `BadInput` when it is none."""
    try:
        return pq.ParquetFile(require_input(path), memory_map=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        reason = str(error).split(". ", maxsplit=1)[0].splitlines()[0]
        raise BadInput(f"{path} is not a readable Parquet file ({reason}).") from None


def metadata_of(schema: Any) -> dict[str, str]:
    """The file's own metadata as strings, without what pandas and Arrow put there for themselves."""
    pairs = (schema.metadata or {}).items()
    return {key.decode(): value.decode("utf-8", "replace") for key, value in pairs if key not in _FOREIGN}


_FOREIGN = (b"pandas", b"ARROW:schema")


@contextmanager
def table_writer(path: Path, schema: Any, metadata: Mapping[str, str], force: bool) -> Iterator[Any]:
    """A `ParquetWriter` whose file appears under `path` only when the block ends well."""
    tagged = schema.with_metadata({key: str(value) for key, value in metadata.items()})
    with (
        replacing(path, force) as temporary,
        pq.ParquetWriter(temporary, tagged, compression="zstd") as writer,
    ):
        yield writer
