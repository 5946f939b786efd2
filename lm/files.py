"""Reading and writing files so that nothing half-written is ever left under a final name."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errtax.lm.errors import BadInput, UsageError


def require_input(path: Path) -> Path:
    """`path`, once it is known to be a readable regular file."""
    if path.is_dir():
        raise BadInput(f"{path} is a folder; a file is needed here.")
    if not path.exists():
        raise BadInput(f"{path} does not exist.")
    if not os.access(path, os.R_OK):
        raise BadInput(f"{path} cannot be read: permission denied.")
    return path


def require_absent(path: Path, force: bool) -> Path:
    """`path`, once it is known that writing it destroys nothing that the user wants to keep."""
    if path.exists() and not force:
        raise UsageError(f"{path} exists already; give --force to replace it, or another name with -o.")
    return path


@contextmanager
def replacing(path: Path, force: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on any failure."""
    require_absent(path, force)
    if path.parent != Path() and not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist; make it first, or give another name with -o.")
    # the suffix stays last: plotting and Parquet libraries choose the format by it
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, content: str, force: bool = True) -> None:
    """Write `content` as UTF-8, all or nothing."""
    with replacing(path, force) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="\n")


def sha256_of_file(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes, read in pieces: memory does not grow with the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
