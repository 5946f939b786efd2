"""Reading and writing files so that nothing half-written is ever left under a final name."""

import hashlib
import mmap
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

try:
    import fcntl
except ImportError:  # Windows: two builds of the same file are not kept apart there
    fcntl = None  # type: ignore[assignment]

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


def require_absent(path: Path, force: bool, inputs: Iterable[Path | None] = ()) -> Path:
    """`path`, once it is known that writing it destroys nothing that the user wants to keep: never one of `inputs`."""
    if path.exists() and not force:
        raise UsageError(f"{path} exists already; give --force to replace it, or another name.")
    if path.exists() and any(given is not None and given.exists() and path.samefile(given) for given in inputs):
        raise UsageError(f"{path} is read here, so it cannot be written; give another name with -o.")
    return path


def require_outputs(paths: Iterable[Path | None], force: bool, inputs: Iterable[Path | None] = ()) -> None:
    """Raise `UsageError` unless all these files can be written: see `require_absent`, `require_folder`; none twice."""
    wanted, inputs = [path for path in paths if path is not None], list(inputs)
    for path in wanted:
        require_folder(require_absent(path, force, inputs))
        if wanted.count(path) > 1:
            raise UsageError(f"{path} would be written twice; give each output a name of its own.")


def require_each_once(paths: Iterable[Path]) -> None:
    """Raise `UsageError` where the same file or folder is given twice, whatever it is called."""
    seen = set()
    for path in paths:
        if path.resolve() in seen:
            raise UsageError(f"{path} is given twice; give each once.")
        seen.add(path.resolve())


def require_folder(path: Path) -> None:
    """Raise `UsageError` unless a file can be written at `path`: it is no folder, and the folder around it exists."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the name of a file with -o.")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist; make it first, or give another name with -o.")


def require_output_folder(path: Path) -> Path:
    """`path`, once it is known to be a folder, or nothing yet."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; give the name of a folder with -o.")
    return path


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Open `path` to read and write, made if need be, for this process alone; `UsageError` where another has it.

    A file that still stands there after a failure is removed, unless `PATH.state` says that it can be gone on with.
    """
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(f"another process is writing {path}; wait for it, or give another name.") from None
        try:
            yield file
        except BaseException:
            if not path.with_name(path.name + ".state").exists():
                path.unlink(missing_ok=True)
            raise


@contextmanager
def replacing(path: Path, force: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on any failure."""
    require_absent(path, force)
    require_folder(path)
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


def map_bytes(path: Path) -> NDArray[np.uint8]:
    """The bytes of a file as an array, read from it when they are looked at."""
    size = require_input(path).stat().st_size
    return np.asarray(np.memmap(path, np.uint8, "r")) if size else np.empty(0, np.uint8)


def reserve(descriptor: int, size: int) -> None:
    """Make an open file `size` bytes long: a full disk is an error here, and a crash in a mapped file."""
    if hasattr(os, "posix_fallocate"):  # not on every system
        os.posix_fallocate(descriptor, 0, max(size, 1))
    else:
        os.truncate(descriptor, size)


def release(array: Any) -> None:
    """Let go of the pages of a memory-mapped array that were looked at; nothing of others.

    The pages stay in the system's cache for as long as nobody needs the memory, and what was written is kept; but until
    they are let go of they count as this process's own.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)


def sha256_of_file(*paths: Path) -> str:
    """The hexadecimal SHA-256 of the bytes of a file, or of several end to end; memory does not grow with them."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()
