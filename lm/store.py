"""Requests to object stores, through fsspec: of few kinds, repeated where the network fails, explained in one line.

All functions take URIs.  What a store's library says is never quoted: it may hold signed addresses, keys or tokens.
The library itself repeats requests that are refused for now (503) or get no answer; answers that are cut are asked for
again here.  fsspec is imported by the first request.
"""

import io
import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from errtax.lm.errors import ErrtaxError, StoreError, UsageError

Result = TypeVar("Result")

PACKAGES = {"s3": "'errtax[remote]'", "gs": "gcsfs", "hf": "huggingface_hub", "memory": "'errtax[remote]'"}
"""The schemes of URIs that are taken, and what pip installs for each."""
ATTEMPTS = 4
PIECE = 1 << 23
"""Bytes of a request where much is read."""
_PAUSE = 0.2  # seconds before the second attempt; three times as long before each further one
_PATIENCE = 60.0  # seconds after which nothing is tried again
_TAGS = ("ETag", "etag", "md5Hash", "sha256", "blob_id", "LastModified", "last_modified", "mtime", "updated", "created")
_MODIFIED = ("LastModified", "last_modified", "mtime", "updated", "created")
_REPEATED = {
    *("ClientPayloadError", "ResponseStreamingError", "IncompleteRead", "IncompleteReadError", "_CutAnswer"),
    *("ReadTimeoutError", "FSTimeoutError", "TimeoutError", "ReadError", "RemoteProtocolError"),
    "ServerDisconnectedError",
}
"""Errors of answers that were under way; where there is none at all, the library has asked several times."""


@dataclass(frozen=True)
class Entry:
    """What a store says of a name.  `tag`: what changes when the content does, and nothing for folders."""

    uri: str
    is_folder: bool
    size: int = 0
    tag: str = ""
    modified: float = 0.0  # seconds since 1970; 0 where the store does not say


def entry_of(uri: str) -> Entry | None:
    """What stands under a name: an object, or a folder where objects have it before a `/`; None for nothing."""
    try:
        found = _ask(uri, lambda: _filesystem(uri).info(_name(uri)))
    except FileNotFoundError:
        return None
    return _entry(uri, found)


def children(uri: str) -> list[Entry]:
    """What stands in a folder, in the order of the names."""
    return _sorted(uri, lambda: _filesystem(uri).ls(_name(uri), detail=True, refresh=True))


def below(uri: str) -> list[Entry]:
    """All objects in a folder and its folders, in the order of their names."""
    return _sorted(uri, lambda: _filesystem(uri).find(_name(uri), detail=True).values())


def matching(uri: str) -> list[Entry]:
    """The objects whose names fit a pattern, in their order; `*` and `?` stand for no `/`."""
    return _sorted(uri, lambda: _filesystem(uri).glob(_name(uri), detail=True).values())


def missing_bucket(uri: str) -> str:
    """The bucket, the first part of the name, if the store says that there is none of that name; else nothing."""
    bucket = "/".join(uri.split("/")[:3])
    try:
        _ask(bucket, lambda: _filesystem(uri).info(_name(bucket)))
    except FileNotFoundError:
        return "" if uri.startswith("memory:") else bucket
    except StoreError:  # who may use objects need not be allowed to ask for their bucket
        pass
    return ""


def remove(uri: str) -> None:
    """Remove an object, if it is there."""
    with suppress(FileNotFoundError):
        _ask(uri, lambda: _filesystem(uri).rm_file(_name(uri)))


class StoredFile(io.RawIOBase):
    """An object, read by pieces: each read is a request for just these bytes, unless it is wrapped in a buffer.

    Where the store allows, reading fails once the object is not the one that was opened.
    """

    def __init__(self, uri: str) -> None:
        """Raises `FileNotFoundError` where there is no such object."""
        self._uri, self._place = uri, 0
        self._file = _ask(uri, lambda: _filesystem(uri).open(_name(uri), "rb", cache_type="none"))
        self.size = _size_of(self._file)

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        view = memoryview(buffer).cast("B")
        n = max(min(len(view), self.size - self._place), 0)
        if n:
            view[:n] = _ask(self._uri, lambda: self._range(self._place, n))
            self._place += n
        return n

    def readall(self) -> bytes:
        """All bytes from here on, in one request; Python's own way would be one for every 8 kB."""
        n = max(self.size - self._place, 0)
        data: bytes = _ask(self._uri, lambda: self._range(self._place, n)) if n else b""
        self._place += n
        return data

    def _range(self, start: int, n: int) -> bytes:
        self._file.seek(start)
        data: bytes = self._file.read(n)
        return _whole(data, n)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        return self._place

    def tell(self) -> int:
        """The place where the next read begins."""
        return self._place

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True


def read_range(uri: str, start: int, end: int) -> bytes:
    """Some bytes of an object."""
    return _ask(uri, lambda: _whole(_filesystem(uri).cat_file(_name(uri), start=start, end=end), end - start))


def put(path: Path, uri: str) -> None:
    """Make a local file the object of that name: it appears whole or, on any failure, not at all."""
    _ask(uri, lambda: _filesystem(uri).put_file(str(path), _name(uri)), writing=True)
    _require_size(uri, path)


def put_all(paths: Iterable[Path], uris: Iterable[str]) -> None:
    """Make local files objects that appear one right after the other, in this order, once all of them are sent."""
    pairs = list(zip(paths, uris, strict=True))
    _ask(pairs[0][1], lambda: _send_all(pairs), writing=True)
    for path, uri in pairs:
        _require_size(uri, path)


def _send_all(pairs: list[tuple[Path, str]]) -> None:
    store = _new_filesystem(_scheme(pairs[0][1]))  # of its own: a transaction holds for all that goes through it
    with store.transaction:
        for path, uri in pairs:
            with path.open("rb") as source, store.open(_name(uri), "wb") as target:
                while piece := source.read(PIECE):
                    target.write(piece)


def _require_size(uri: str, path: Path) -> None:
    found = entry_of(uri)
    if found is None or found.size != path.stat().st_size:
        raise StoreError(f"{uri} is not in the object store as it was written; run the command again.")


# --- asking ----------------------------------------------------------------------------------------------------------


def _ask(uri: str, request: Callable[[], Result], writing: bool = False) -> Result:
    """What a request gives, after several attempts if need be.

    Raises `FileNotFoundError` where the name is not there, `StoreError` for all else that a store may answer.
    """
    begin = time.monotonic()
    for attempt in range(ATTEMPTS):
        try:
            return request()
        except ErrtaxError:
            raise
        except ImportError:
            scheme = _scheme(uri)
            raise UsageError(f"{scheme}:// needs more packages: pip install {PACKAGES[scheme]}.") from None
        except FileNotFoundError as error:
            if not writing:
                raise FileNotFoundError(uri) from None
            if bucket := missing_bucket(uri):
                raise StoreError(f"the bucket {bucket} does not exist; make it first.") from None
            failure: Exception = error  # it is an upload that the store has forgotten
        except Exception as error:  # each library raises kinds of its own
            if not _is_transient(error):
                raise StoreError(f"{uri}: {_explained(error)}") from None
            failure = error
        if attempt + 1 < ATTEMPTS and time.monotonic() - begin < _PATIENCE:
            time.sleep(_PAUSE * 3**attempt)
        else:
            break
    raise StoreError(f"{uri}: {_explained(failure)}") from None


class _CutAnswer(ConnectionError):
    """Fewer bytes came than were asked for."""


def _whole(data: bytes, n: int) -> bytes:
    if len(data) != n:
        raise _CutAnswer
    return data


def _kinds(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]


def _is_transient(error: BaseException) -> bool:
    return not _REPEATED.isdisjoint(_kinds(error))


_CUT = "the connection was cut while the object was read, several times; try again later"
_REASONS = {
    "CredentialsError": "no credentials were found for the object store; set them as its own tools need them",
    "CredentialRetrieval": "the credentials for the object store cannot be had; log in again",
    "TokenRetrieval": "the credentials for the object store cannot be had; log in again",
    "PermissionError": "the object store refuses access; check the credentials, and what they allow",
    "FileNotFoundError": "the object store does not know this name any more; run the command again",
    "FileExpired": "the object was replaced while it was read; run the command again",
    "Timeout": "the object store did not answer in time, several times; try again later",
    "_CutAnswer": _CUT,
    "Payload": _CUT,
    "Streaming": _CUT,
    "IncompleteRead": _CUT,
    "RemoteProtocol": _CUT,
    "ReadError": _CUT,
    "Disconnected": _CUT,
    "Connect": "the object store cannot be reached; check the network and the address of its endpoint",
    "HTTPClientError": "the object store cannot be reached; check the network and the address of its endpoint",
}
"""What a request failed for, by a part of the name of the error's class or of one above it; the first that fits."""
_BUSY = ("500", "502", "503", "504", "SlowDown", "ServiceUnavailable", "InternalError")


def _explained(error: BaseException) -> str:
    """Why a request failed, in words of ours."""
    kinds, code = _kinds(error), _code_of(error)
    if code in _BUSY:
        return f"the object store was too busy, several times ({code}); try again later."
    for sign, reason in _REASONS.items():
        if any(sign in kind for kind in kinds):
            return f"{reason}."
    return f"the object store refuses the request ({code or kinds[0]})."


def _code_of(error: BaseException | None) -> str:
    """The code of an answer, such as `NoSuchBucket`; of no other form, since it comes from elsewhere."""
    while error is not None:
        answer = getattr(error, "response", None)
        if isinstance(answer, dict):
            code = str(answer.get("Error", {}).get("Code", ""))
            return code if re.fullmatch(r"\d{3}|(?:[A-Z][a-z]{1,15}|S3|KMS){1,6}", code) else ""
        error = error.__cause__
    return ""


# --- what fsspec calls things ----------------------------------------------------------------------------------------


def _scheme(uri: str) -> str:
    return uri.partition(":")[0]


def _name(uri: str) -> str:
    """The name within the store, as its library has it."""
    scheme, _, name = uri.partition("://")
    return f"/{name}" if scheme == "memory" else name


def _filesystem(uri: str) -> Any:
    return _kept_filesystem(_scheme(uri), os.getpid())


@cache
def _kept_filesystem(scheme: str, process: int) -> Any:  # a forked process needs connections of its own
    return _new_filesystem(scheme)


def _new_filesystem(scheme: str) -> Any:
    import fsspec  # noqa: PLC0415  # part of an extra

    store = fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)
    if scheme == "s3":
        store.retries = 1  # botocore repeats requests, five times unless AWS_MAX_ATTEMPTS says otherwise
    return store


def _size_of(file: Any) -> int:
    size = getattr(file, "size", None)
    return int(file.seek(0, io.SEEK_END) if size is None else size)


def _sorted(uri: str, request: Callable[[], Iterable[dict[str, Any]]]) -> list[Entry]:
    """The entries of a listing, without markers of folders."""
    try:
        found = _ask(uri, lambda: list(request()))
    except FileNotFoundError:
        return []
    scheme, own = _scheme(uri), _name(uri).rstrip("/")
    kept = [each for each in found if not each["name"].endswith("/") and each["name"] != own]
    return sorted((_entry(f"{scheme}://{each['name'].lstrip('/')}", each) for each in kept), key=lambda each: each.uri)


def _entry(uri: str, found: dict[str, Any]) -> Entry:
    if found["type"] == "directory":
        return Entry(uri, True)
    tag = next((str(found[key]) for key in _TAGS if found.get(key)), "").strip('"')
    times = [found[key] for key in _MODIFIED if hasattr(found.get(key), "timestamp")]
    return Entry(uri, False, int(found["size"] or 0), tag, times[0].timestamp() if times else 0.0)
