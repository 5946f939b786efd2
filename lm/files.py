"""Reading and writing files so that nothing half-written is ever left under a final name."""

import hashlib
import mmap
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from errtax.lm import store
from errtax.lm.errors import BadInput, StoreError, UsageError
from errtax.lm.fetched import fetched, staged
from errtax.lm.locations import Remote
from errtax.lm.temporary import leftovers, name_beside, remove, stands_at, temporary_beside, try_lock


def require_input(path: Path) -> Path:
    """`path`, once it is known to be a readable regular file; of an object in a store, its copy on this machine."""
    if isinstance(path, Remote):
        return fetched(path)
    if path.is_dir():
        raise BadInput(f"{path} is a folder; a file is needed here.")
    if not path.exists():
        raise BadInput(f"{path} does not exist.")
    if not os.access(path, os.R_OK):
        raise BadInput(f"{path} cannot be read: permission denied.")
    return path


def first_bytes(path: Path, n: int) -> bytes:
    """The first bytes of a file, at most n; an object in a store is not fetched for them."""
    try:
        with (path if isinstance(path, Remote) else require_input(path)).open("rb") as file:
            return bytes(file.read(n))
    except FileNotFoundError:
        return require_input(path).read_bytes()[:n]  # says what is wrong


_inputs: ContextVar[Callable[[], Iterable[Path]]] = ContextVar("_inputs", default=tuple)


@contextmanager
def guarding(inputs: Callable[[], Iterable[Path]]) -> Iterator[None]:
    """In this block nothing is written over what `inputs()` names: files, and folders with all files below them."""
    token = _inputs.set(inputs)
    try:
        yield
    finally:
        _inputs.reset(token)


def require_absent(path: Path, force: bool) -> Path:
    """`path`, once it is known that writing it destroys nothing that the user wants to keep.

    The one place that decides it: what exists is replaced with `force` only, and never where it is not a regular file
    (a device, a pipe, a socket) or is read by the same command (see `guarding`).  A link stands for what it points to.
    """
    if isinstance(path, Remote) and len(path.parts) < 3:
        raise UsageError(f"{path} is a bucket; give a name in it, such as {path}/name, with -o.")
    if path.is_symlink() and target_of(path).is_symlink():
        raise UsageError(f"{path} is a link that leads nowhere; give another name with -o.")
    if not path.exists():
        return path
    if not (path.is_file() or path.is_dir()):
        raise UsageError(f"{path} is a device, a pipe or a socket, not a regular file; give another name with -o.")
    if any(_may_hold(given, path) and (_holds(given, path) or _holds(path, given)) for given in _inputs.get()()):
        raise UsageError(f"{path} is an input of this command, so it cannot be written; give another name with -o.")
    if not force:
        raise UsageError(f"{path} exists already; give --force to replace it, or another name.")
    return path


def _may_hold(given: Path, path: Path) -> bool:
    """Whether both are on this machine or both in an object store, and the first exists."""
    return isinstance(given, Remote) is isinstance(path, Remote) and given.exists()


def _holds(outer: Path, path: Path) -> bool:
    """Whether two existing paths are the same, or the first is a folder with the second somewhere below it."""
    if isinstance(outer, Remote):
        return path.is_relative_to(outer)
    if outer.samefile(path):
        return True
    return outer.is_dir() and (
        path.resolve().is_relative_to(outer.resolve()) or any(path.samefile(file) for file in files_below(outer))
    )


def files_below(folder: Path) -> list[Path]:
    """The files in a folder and its folders, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def target_of(path: Path) -> Path:
    """What is written for `path`: itself, or where a link leads to."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def require_outputs(paths: Iterable[Path | None], force: bool) -> None:
    """Raise `UsageError` unless all these files can be written: see `require_absent`, `require_folder`; none twice."""
    wanted = [path for path in paths if path is not None]
    for path in wanted:
        require_folder(path)
        require_absent(path, force)
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
    """Raise `UsageError` unless a file can be written at `path`: not a folder, and the folder around it exists."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the name of a file with -o.")
    require_parent(path)


def require_parent(path: Path) -> None:
    """Raise `UsageError` unless the folder around `path` exists; in an object store, its bucket."""
    if isinstance(path, Remote):
        if bucket := store.missing_bucket(path.uri):
            raise UsageError(f"the bucket {bucket} does not exist; make it first, or give another name with -o.")
    elif not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist; make it first, or give another name with -o.")


def require_output_folder(path: Path) -> Path:
    """`path`, once it is known to be a folder, or nothing yet."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; give the name of a folder with -o.")
    return path


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Open `path` to read and write, made if need be, for this process alone; `UsageError` where another has it.

    A file that still stands there after a failure is removed, unless `PATH.state` says that it can be resumed.
    """
    require_absent(path, force=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
        # another process may have given the file its final name just before it was locked here
        if not (try_lock(file.fileno()) and stands_at(file.fileno(), path)):
            raise UsageError(f"another process is writing {path}; wait for it, or give another name.")
        try:
            yield file
        except BaseException:
            if not path.with_name(path.name + ".state").exists():
                path.unlink(missing_ok=True)
            raise


@contextmanager
def replacing(path: Path, force: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on any failure.

    For a location in an object store the temporary path is on this machine, and is sent there on success.
    """
    require_absent(path, force)
    path = target_of(path)
    require_folder(path)
    with temporary_beside(staged(path)) as temporary:
        yield temporary
        if isinstance(path, Remote):
            store.put(temporary, path.uri)
        else:
            os.replace(temporary, path)


@contextmanager
def replacing_folder(path: Path, force: bool = True) -> Iterator[Path]:
    """Yield a new temporary folder beside `path`; rename it to `path` on success, remove it on any failure.

    What it replaces is put away for the moment of renaming.  A run that is killed in this moment leaves it under a
    hidden name, and the next run puts it back.
    """
    require_absent(path, force=True)
    target = target_of(path)
    require_parent(target)
    if isinstance(target, Remote):
        require_absent(target, force)
        with temporary_beside(staged(target), folder=True) as temporary:
            yield temporary
            _send_folder(temporary, target)
        return
    _put_back(target)
    require_absent(path, force)
    old = name_beside(target, "old")
    with temporary_beside(target, folder=True) as temporary:
        try:
            yield temporary
            if target.exists():
                os.replace(target, old)
            os.replace(temporary, target)
        finally:
            if old.exists():
                _settle(old, target)


def _send_folder(folder: Path, target: Remote) -> None:
    """Make the files of a folder the objects below `target`, and remove others that are there."""
    names = [path.relative_to(folder) for path in files_below(folder)]
    before = list(target.rglob("*")) if target.is_dir() else []
    wanted = [target / name for name in names]
    try:
        store.put_all([folder / name for name in names], [str(path) for path in wanted])
    except StoreError:
        with suppress(StoreError):
            for path in wanted:  # those that appeared before another did not
                if path not in before:
                    store.remove(str(path))
        raise
    for path in before:
        if path not in wanted:
            store.remove(str(path))


def discard(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, wherever it is, if it is there."""
    if isinstance(path, Remote):
        for each in [path, *path.rglob("*")]:
            store.remove(str(each))
    else:
        remove(path)


def _put_back(path: Path) -> None:
    """Settle what killed runs put away from `path`."""
    for old in leftovers(path, "old"):
        _settle(old, path)


def _settle(old: Path, path: Path) -> None:
    """Put back what was put away from `path`, or remove it where something else stands there."""
    if not path.exists():
        os.replace(old, path)
        return
    half = name_beside(path, "tmp")  # under the other name, a folder that is removed by half would be put back
    os.replace(old, half)
    remove(half)


def write_text(path: Path, content: str, force: bool = True) -> None:
    """Write `content` as UTF-8, all or nothing."""
    with replacing(path, force) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="\n")


def map_bytes(path: Path) -> NDArray[np.uint8]:
    """The bytes of a file as an array, read from it when they are looked at."""
    path = require_input(path)
    size = path.stat().st_size
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
