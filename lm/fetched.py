"""Copies of objects that are read as files of this machine, such as texts and indexes: fetched once per machine.

A copy is called after the object, its size and what the store says of its content (an ETag), so an object that is
replaced is fetched again.  It appears whole, beside the SHA-256 of its bytes; one process fetches, others wait for it.
"""

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from errtax.lm import store
from errtax.lm.errors import BadInput, StoreError
from errtax.lm.locations import Remote
from errtax.lm.temporary import temporary_beside, wait_for_lock

logger = logging.getLogger("errtax")

COMPARED = 256_000_000
"""Bytes of the largest copy that is compared with its SHA-256 whenever it is used; it takes a second per GB."""
_THREADS = 8
_NOTICED = 100_000_000
_VERSIONS = 3
_MD5 = re.compile(r"[0-9a-f]{32}")


def cache_folder() -> Path:
    """Where copies and unfinished outputs lie: ERRTAX_CACHE, else `errtax` in the user's cache folder."""
    if own := os.environ.get("ERRTAX_CACHE"):
        return Path(own).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "errtax"


def staged(path: Path) -> Path:
    """Where an output is written until it is whole: `path` itself, or for a location in a store a file of the cache."""
    if not isinstance(path, Remote):
        return path
    folder = cache_folder() / "outputs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(path.uri.encode()).hexdigest()[:32]}{path.suffix[:20]}"


def fetched(remote: Remote) -> Path:
    """The copy of an object on this machine, fetched if need be.

    Raises `BadInput` where there is no such object, `StoreError` where it does not arrive.
    """
    for _ in range(_VERSIONS):
        entry = _require_object(remote)
        with _entered(entry) as copy:
            if _is_sound(copy, entry):
                return copy
            if entry.size > _NOTICED:
                logger.info("Fetching %s, %.1f MB, into %s.", remote, entry.size / 1e6, cache_folder())
            _fetch(entry, copy)
            if _require_object(remote) == entry:  # else the pieces may be of different objects
                return copy
            copy.unlink()
    raise StoreError(f"{remote} is replaced again and again while it is fetched; run the command again later.")


def adopt(path: Path, remote: Remote) -> None:
    """Make a file of this machine the copy of the object that was just written from it."""
    entry = _require_object(remote)
    with _entered(entry) as copy:
        _keep(path, copy, _digests(path)[0])


def forget_copy(path: Path) -> bool:
    """Remove the copy of an object whose content turned out to be damaged; False where there is none."""
    entry = path.entry if isinstance(path, Remote) else None
    if entry is None:
        return False
    with _entered(entry) as copy:
        found = copy.exists()
        copy.unlink(missing_ok=True)
        return found


def require_stored(remote: Remote) -> store.StoredFile:
    """An object, to be read where it lies.  Raises `BadInput` where there is none."""
    _require_object(remote)
    return store.StoredFile(remote.uri)


def _require_object(remote: Remote) -> store.Entry:
    entry = remote.entry
    if entry is None:
        bucket = store.missing_bucket(remote.uri)
        raise BadInput(f"the bucket {bucket} does not exist." if bucket else f"{remote} does not exist.")
    if entry.is_folder:
        raise BadInput(f"{remote} is a folder; a file is needed here.")
    return entry


@contextmanager
def _entered(entry: store.Entry) -> Iterator[Path]:
    """The place of a copy, for this process alone."""
    key = hashlib.sha256(f"{entry.uri}\n{entry.tag}\n{entry.size}".encode()).hexdigest()[:32]
    folder = cache_folder() / "copies" / key
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        wait_for_lock(descriptor)
        yield folder / f"copy{Path(entry.uri).suffix[:20]}"
    finally:
        os.close(descriptor)


def _is_sound(copy: Path, entry: store.Entry) -> bool:
    """Whether a copy is there, whole and, where that takes no time, of the bytes that were fetched."""
    try:
        digest = _beside(copy).read_text(encoding="ascii")
        if copy.stat().st_size != entry.size:
            return False
    except (OSError, ValueError):
        return False
    return entry.size > COMPARED or _is_compared(copy, digest)


_compared: set[tuple[str, int]] = set()


def _is_compared(copy: Path, digest: str) -> bool:
    """Whether the bytes of a copy are those of this digest; once in a process, unless it changes."""
    seen = str(copy), copy.stat().st_mtime_ns
    if seen not in _compared and _digests(copy)[0] == digest:
        _compared.add(seen)
    return seen in _compared


def _fetch(entry: store.Entry, copy: Path) -> None:
    """Bring an object; where its ETag looks like an MD5 and is another, twice, because not all of them are one."""
    copy.unlink(missing_ok=True)
    with temporary_beside(copy) as temporary:
        found = _download(entry, temporary)
        if _MD5.fullmatch(entry.tag) and found[1] != entry.tag and _download(entry, temporary) != found:
            raise StoreError(f"{entry.uri} arrives with other bytes each time; check the network.")
        _keep(temporary, copy, found[0])


def _keep(path: Path, copy: Path, digest: str) -> None:
    """Make a file the copy.  Its digest is there first, so that a copy never stands alone."""
    _beside(copy).write_text(digest, encoding="ascii")
    os.replace(path, copy)


def _beside(copy: Path) -> Path:
    return copy.with_name("sha256")


def _download(entry: store.Entry, path: Path) -> tuple[str, str]:
    """Fill a file with an object, by several requests at a time; its SHA-256 and MD5."""
    starts = range(0, entry.size, store.PIECE)
    with path.open("r+b") as file, ThreadPoolExecutor(_THREADS) as pool:
        file.truncate(entry.size)

        def bring(start: int) -> None:
            piece = store.read_range(entry.uri, start, min(start + store.PIECE, entry.size))
            os.pwrite(file.fileno(), piece, start)

        for _ in pool.map(bring, starts):
            pass
    return _digests(path)


def _digests(path: Path) -> tuple[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(store.PIECE):
            sha256.update(piece)
            md5.update(piece)
    return sha256.hexdigest(), md5.hexdigest()
