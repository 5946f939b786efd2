"""Where a prediction log lies: one Parquet file, its parts in a folder or under a pattern, or stdin.

A model that is evaluated by many processes, or a table written by Spark or Dask, comes in parts; they are read as one
log, in the order of their names.
"""

import glob
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errtax.lm.errors import BadInput
from errtax.lm.files import sha256_of_file
from errtax.lm.locations import Remote
from errtax.lm.prediction_log import SYMBOL_COLUMNS
from errtax.lm.table import TableFile, blocks_of, open_parquet

_PATTERN = "*?["


@dataclass(frozen=True)
class LogParts:
    """Parquet files of the same columns, read as one; the names are those of `TableFile`."""

    files: tuple[TableFile, ...]

    @property
    def schema_arrow(self) -> Any:
        """The columns of the first part; all have them."""
        return self.files[0].schema_arrow

    @property
    def num_rows(self) -> int:
        """Rows of all parts."""
        return sum(file.num_rows for file in self.files)

    def blocks(self, columns: list[str], rows: int, first: int = 0, stop: int | None = None) -> Iterator[Any]:
        """These columns of the rows first .. stop - 1, by default all, in tables of about so many rows."""
        return blocks_of(self.files, columns, rows, first, stop)


def open_log(path: Path, sealed: bool | None = None) -> LogParts:
    """The log in a file, in the `*.parquet` of a folder, under a pattern such as `preds-*.parquet`, or in stdin (`-`).

    `sealed`: as in `open_parquet`, of all files.
    Raises `BadInput` when there is none, when a part is not a Parquet file, or has other columns than the first.
    """
    if str(path) == "-":
        return LogParts((open_parquet(Path("stdin"), sys.stdin.buffer.read(), SYMBOL_COLUMNS),))
    paths = log_paths(path)
    files = tuple(open_parquet(part, None, SYMBOL_COLUMNS, sealed) for part in paths)
    for part, file in zip(paths, files, strict=True):
        if not file.schema_arrow.equals(files[0].schema_arrow):
            raise BadInput(f"{part} has other columns than {paths[0]}; the parts of one log have the same.")
    return LogParts(files)


def log_paths(path: Path) -> list[Path]:
    """The files that a log consists of, in the order of their names; none for stdin."""
    if str(path) == "-":
        return []
    if path.is_dir():
        found = files_of_folder(path)
        if not found:
            raise BadInput(f"{path} is a folder without any .parquet file; a prediction log is needed.")
        return found
    if path.exists() or not any(sign in str(path) for sign in _PATTERN):
        return [path]
    found = path.matching() if isinstance(path, Remote) else sorted(map(Path, glob.glob(str(path))))
    if not found:
        raise BadInput(f"no file fits the pattern {path}; a prediction log is needed.")
    return found


def files_of_folder(path: Path) -> list[Path]:
    """The Parquet files in a folder, in the order of their names."""
    return sorted(each for each in path.glob("*.parquet") if not each.name.startswith("."))


def log_stem(path: Path) -> str:
    """What the files made from a log are called after.

    >>> [log_stem(Path(name)) for name in ("runs/a.parquet", "-", "parts/", "parts/preds-*.parquet", "*")]
    ['a', 'stdin', 'parts', 'preds', 'log']
    """
    if str(path) == "-":
        return "stdin"
    name = path.name.removesuffix(".parquet")
    for sign in _PATTERN:
        name = name.partition(sign)[0]
    return name.rstrip("-_.") or "log"


def log_sha256(path: Path) -> str | None:
    """SHA-256 of the bytes of a log's files, one after the other; None for stdin, whose bytes are gone."""
    return None if str(path) == "-" else sha256_of_file(*log_paths(path))
