"""Temporary files and folders beside an output.

Each is locked for as long as its process lives, so that the next run of the same output can tell those that a killed
run left from those that another process is writing, and removes them.  On a shared file system a lock may hold on one
machine alone: what another machine made counts as left only after a day.
"""

import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: two processes are not kept apart there, and nothing is taken for left
    fcntl = None  # type: ignore[assignment]

_DAY = 86_400.0


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder for this process; False where another has it.

    True, too, where the file system has no locks.
    """
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass
    return True


def wait_for_lock(descriptor: int) -> None:
    """Lock an open file for this process, once no other has it; at once where the file system has no locks."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def stands_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one at `path`: it may have been renamed or removed before it was locked."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def temporary_beside(path: Path, folder: bool = False) -> Iterator[Path]:
    """Yield a new empty file or folder beside `path`, locked in this block; remove it at the end if it is still there.

    What killed runs left beside the same `path` is removed first.
    """
    remove_leftovers(path)
    while True:
        temporary = name_beside(path, "tmp")
        temporary.mkdir() if folder else temporary.touch(exist_ok=False)
        descriptor = -1 if fcntl is None else os.open(temporary, os.O_RDONLY if folder else os.O_RDWR)
        if descriptor < 0 or (try_lock(descriptor) and stands_at(descriptor, temporary)):
            break
        os.close(descriptor)  # another run took it for one that was left
    try:
        yield temporary
    finally:
        remove(temporary)
        if descriptor >= 0:
            os.close(descriptor)


def name_beside(path: Path, mark: str) -> Path:
    """A new hidden name beside `path`; the suffix stays last: plotting and Parquet libraries choose a format by it."""
    return path.with_name(f".{path.stem}.{_host()}{secrets.token_hex(4)}.{mark}{path.suffix}")


def leftovers(path: Path, mark: str) -> list[Path]:
    """What killed runs left beside `path` under such names."""
    names = re.compile(rf"\.{re.escape(path.stem)}\.([0-9a-f]{{4}})[0-9a-f]{{8}}\.{mark}{re.escape(path.suffix)}")
    found = []
    for name in os.listdir(path.parent):
        if (match := names.fullmatch(name)) and _is_left(path.with_name(name), match[1]):
            found.append(path.with_name(name))
    return sorted(found)


def remove_leftovers(path: Path) -> None:
    """Remove temporary files and folders that killed runs left beside `path`."""
    for left in leftovers(path, "tmp"):
        remove(left)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_left(path: Path, host: str) -> bool:
    """Whether no process writes it any more."""
    if fcntl is None:
        return False
    try:
        if host != _host() and time.time() - path.stat().st_mtime < _DAY:
            return False
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:  # it is gone, or somebody else's
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # locked, or there is no telling
        return False
    finally:
        os.close(descriptor)
    return True


def _host() -> str:
    """Four digits that stand for this machine."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:4]
