"""What a location is: a path of this machine, or the URI of an object in a store (`s3://bucket/name`).

Both are a `Path`, so that names are taken apart and joined in one way.  `location` makes one of what a user says;
`Remote` is the second kind.  Whoever opens, lists or writes files asks `files` and `fetched`, which know both.
"""

import io
import os
import re
from collections.abc import Generator
from fnmatch import fnmatchcase
from pathlib import Path, PosixPath
from typing import Any, NoReturn

from errtax.lm import store
from errtax.lm.errors import UsageError

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_COLLAPSED = re.compile(rf"({'|'.join(store.PACKAGES)}):/(?!/)(.*)", re.DOTALL)
_QUERY = re.compile(r"\?[\w-]+=")


class Remote(PosixPath):
    """An object of a store, or a folder of objects, by its URI.  Only what reads is there; `files` writes."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.uri

    def __fspath__(self) -> NoReturn:
        raise TypeError(f"{self} is not a file of this machine")

    @property
    def uri(self) -> str:
        """The URI."""
        return f"{self.parts[0]}//{'/'.join(self.parts[1:])}"

    def as_posix(self) -> str:
        """The URI."""
        return self.uri

    @property
    def entry(self) -> store.Entry | None:
        """What the store says of it; None where nothing is there."""
        return store.entry_of(self.uri)

    def exists(self, **options: Any) -> bool:
        """Whether an object has this name, or a folder."""
        return self.entry is not None

    def is_file(self, **options: Any) -> bool:
        """Whether it is an object."""
        found = self.entry
        return found is not None and not found.is_folder

    def is_dir(self, **options: Any) -> bool:
        """Whether there are objects below it."""
        found = self.entry
        return found is not None and found.is_folder

    def is_symlink(self) -> bool:
        """It never is."""
        return False

    def stat(self, **options: Any) -> os.stat_result:
        """Size, kind and time of change.  Raises `FileNotFoundError`."""
        found = self.entry
        if found is None:
            raise FileNotFoundError(self.uri)
        mode = 0o040555 if found.is_folder else 0o100444
        return os.stat_result((mode, 0, 0, 1, 0, 0, found.size, 0, int(found.modified), int(found.modified)))

    def samefile(self, other: Any) -> bool:
        """Whether the other is the same location."""
        return isinstance(other, Remote) and self.uri == other.uri

    def resolve(self, strict: bool = False) -> "Remote":
        """Itself."""
        return self

    def absolute(self) -> "Remote":
        """Itself."""
        return self

    def open(self, mode: str = "r", buffering: int = -1, encoding: str | None = None, *options: Any) -> Any:
        """The object, to read, by pieces of 8 MiB."""
        if mode not in ("r", "rb"):
            raise TypeError(f"{self} is not a file of this machine")
        file = io.BufferedReader(store.StoredFile(self.uri), store.PIECE)
        return file if mode == "rb" else io.TextIOWrapper(file, encoding)

    def read_bytes(self) -> bytes:
        """All bytes of the object."""
        with self.open("rb") as file:
            data: bytes = file.read()
        return data

    def read_text(self, encoding: str | None = None, *options: Any) -> str:
        """All of the object as text."""
        return self.read_bytes().decode(encoding or "utf-8")

    def iterdir(self) -> Generator["Remote", None, None]:
        """What is in a folder."""
        return (_remote(each) for each in store.children(self.uri))

    def glob(self, pattern: str) -> Generator["Remote", None, None]:  # type: ignore[override,unused-ignore]
        """What is in a folder and has a name that fits."""
        return (each for each in self.iterdir() if fnmatchcase(each.name, pattern))

    def rglob(self, pattern: str) -> Generator["Remote", None, None]:  # type: ignore[override,unused-ignore]
        """All objects below a folder whose names fit."""
        return (each for each in map(_remote, store.below(self.uri)) if fnmatchcase(each.name, pattern))

    def matching(self) -> list[Path]:
        """The objects that this location, a pattern, stands for, in the order of their names."""
        return [each for each in map(_remote, store.matching(self.uri)) if not each.name.startswith(".")]

    def mkdir(self, *options: Any, **more: Any) -> None:
        """Nothing: a folder is there as soon as something is in it."""


def _remote(entry: store.Entry) -> Remote:
    scheme, _, name = entry.uri.partition("://")
    return Remote(f"{scheme}:", name)


def is_uri(text: str | os.PathLike[str]) -> bool:
    """Whether a user means a URI by this."""
    return isinstance(text, Remote) or _URI.match(str(text)) is not None


def location(given: str | os.PathLike[str]) -> Path:
    """The path of this machine, or the location in an object store, that a string or path names.

    Raises `UsageError` for URIs of other kinds, and for those that hold more than a name: keys do not belong there.

    >>> location("runs/a.parquet"), location("s3://bucket/runs/a.parquet").name
    (PosixPath('runs/a.parquet'), 'a.parquet')
    >>> str(location("s3://bucket/runs") / "a.parquet")
    's3://bucket/runs/a.parquet'
    """
    if isinstance(given, Remote):
        return given
    found = _URI.match(str(given)) or (isinstance(given, Path) and _COLLAPSED.match(str(given))) or None
    if found is None:
        return Path(given)
    scheme, name = found[1].lower(), found[2].rstrip("/")
    if scheme not in store.PACKAGES:
        known = ", ".join(f"{each}://" for each in store.PACKAGES if each != "memory")
        raise UsageError(f"{scheme}:// is no kind of location that can be read or written; there are {known}.")
    names = name.split("/")
    if "@" in names[0] or ":" in names[0] or _QUERY.search(name):  # not quoted: it may hold a key
        raise UsageError(
            f"a {scheme}:// URI is a bucket and a name, {scheme}://bucket/name, without keys, signatures or versions; "
            "credentials come from the environment (docs/scale.md)."
        )
    if any(each in ("", ".", "..") for each in names):
        raise UsageError(
            f"{scheme}://{name} has an empty name or dots between its slashes; give {scheme}://bucket/name."
        )
    return Remote(f"{scheme}:", *names)


def require_local(path: Path, what: str) -> Path:
    """`path`, once it is known to be of this machine.  `what`: what lies there, with a verb."""
    if isinstance(path, Remote):
        found = f"{path}: {what} this machine, not an object store"
        raise UsageError(f"{found}; give a local path, and copy what is there.")
    return path
