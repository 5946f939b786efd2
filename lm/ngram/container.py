"""One file of named arrays, memory-mapped on opening.

Layout: 64 bytes (8 magic, 8 offset and 8 length of the header, 4 CRC-32 of the header, all little endian, then zeros),
the arrays, each at a multiple of 64, and the header (JSON).  The header names each array's dtype, shape, offset and
CRC-32.  The first 64 bytes are written last: an unfinished or cut file is refused on opening, a flipped byte is found
by `damaged_arrays`.  Arrays can be written piece by piece, so none has to be in memory as a whole.
"""

import json
import mmap
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.files import require_input
from errtax.lm.kernels import parallel_map

MAGIC = b"errtax\x00\x02"
_PREFIX = struct.Struct("<8sQQI")
_START = 64
_PIECE = 1 << 24
SMALL = 1 << 28


@dataclass
class _Extent:
    """Where an array stands, and how much of it is written."""

    offset: int
    dtype: Any  # as `json` can keep it
    length: int = 0
    crc32: int = 0


class ContainerWriter:
    """Writes arrays to an open file; `finish` makes it a container."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.extents: dict[str, _Extent] = {}
        self.end = _START

    def reserve(self, name: str, dtype: Any, length: int | None) -> None:
        """Make room for an array of `length` entries; None: as many as come, and nothing can be reserved after it."""
        self.extents[name] = _Extent(self.end, np.lib.format.dtype_to_descr(np.dtype(dtype)))
        if length is not None:
            self.end = self.end + -(-length * np.dtype(dtype).itemsize // 64) * 64

    def append(self, name: str, array: NDArray[Any]) -> None:
        """The next entries of a reserved array."""
        extent = self.extents[name]
        self.file.seek(extent.offset + extent.length * array.dtype.itemsize)
        step = max(_PIECE // max(array.dtype.itemsize, 1), 1)
        for start in range(0, len(array), step):
            piece = np.ascontiguousarray(array[start : start + step]).view(np.uint8).data
            extent.crc32 = zlib.crc32(piece, extent.crc32)
            self.file.write(piece)
        extent.length += len(array)

    def write(self, name: str, array: NDArray[Any]) -> None:
        """A whole array."""
        self.reserve(name, array.dtype, len(array))
        self.append(name, array)

    def finish(self, header: Mapping[str, Any]) -> None:
        """Write `header` (anything that JSON takes), and then the mark that the file is whole."""
        content = json.dumps({**header, "arrays": {name: asdict(extent) for name, extent in self.extents.items()}})
        encoded = content.encode()
        ends = (extent.offset + extent.length * _dtype(extent).itemsize for extent in self.extents.values())
        offset = -(-max([self.end, *ends]) // 64) * 64
        self.file.seek(offset)
        self.file.write(encoded)
        self.file.truncate()
        self.file.seek(0)
        self.file.write(_PREFIX.pack(MAGIC, offset, len(encoded), zlib.crc32(encoded)).ljust(_START, b"\0"))
        self.file.flush()

    def state(self) -> dict[str, Any]:
        """How far the arrays are written, as JSON takes it."""
        return {"end": self.end, "extents": {name: asdict(extent) for name, extent in self.extents.items()}}

    def restore(self, state: Mapping[str, Any]) -> bool:
        """Resume where a writer of the same file had this state; False where the file is not what was written then."""
        self.end = state["end"]
        self.extents = {name: _Extent(**extent) for name, extent in state["extents"].items()}
        self.file.flush()
        if self.file.seek(0, 2) < max(extent.offset + _n_bytes(extent) for extent in self.extents.values()):
            return False
        with mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return not _damaged(self.extents, mapped)


def _dtype(extent: _Extent) -> np.dtype[Any]:
    descr = extent.dtype
    return np.dtype(descr if isinstance(descr, str) else [tuple(field) for field in descr])


def _n_bytes(extent: _Extent) -> int:
    return extent.length * _dtype(extent).itemsize


def read_container(path: Path, kind: str, verify: bool | None = None) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays (read-only views of the mapped file).

    Raises `BadInput`, naming the file as not being a `kind`, when it is foreign, cut or damaged in its header; and
    in its arrays if they are verified, which reads all of it.  By default (None) only those are that takes no time
    for: all in a file of at most 256 MB, and of a larger one the small arrays.
    """
    header, extents, mapped = _open(path, kind)
    small = {name: extent for name, extent in extents.items() if verify is None and _n_bytes(extent) <= SMALL // 64}
    chosen = extents if verify or (verify is None and len(mapped) <= SMALL) else small
    if damaged := _damaged(chosen, mapped):
        raise BadInput(f"{path} is damaged (the checksum of {', '.join(damaged)} is wrong); build it again.")
    return header, {
        name: np.frombuffer(mapped, _dtype(extent), extent.length, extent.offset) for name, extent in extents.items()
    }


def _open(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, _Extent], mmap.mmap]:
    with require_input(path).open("rb") as file:
        prefix = file.read(_START)
        if len(prefix) < _START or prefix[:6] != MAGIC[:6]:
            raise BadInput(f"{path} is not {kind}; make one with errtax build-ngram.")
        magic, offset, length, checksum = _PREFIX.unpack(prefix[: _PREFIX.size])
        if magic != MAGIC:
            raise BadInput(f"{path} was written by another version of errtax; build it again.")
        file.seek(0, 2)
        found, due = file.tell(), offset + length
        if any(prefix[_PREFIX.size :]):
            raise BadInput(f"{path} is damaged (its first {_START} bytes); build it again.")
        if found != due:
            raise BadInput(f"{path} is damaged: it has {found:,} bytes where {due:,} are expected; build it again.")
        file.seek(offset)
        content = file.read(length)
        if zlib.crc32(content) != checksum:
            raise BadInput(f"{path} is damaged (its header's checksum is wrong); build it again.")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        header = json.loads(content)
        json.dumps(header, ensure_ascii=False).encode()  # half a surrogate pair could not be written again
        extents = {str(name): _extent_of(entry, offset) for name, entry in header.pop("arrays").items()}
    except (ValueError, TypeError, KeyError, AttributeError, SyntaxError, RecursionError):
        raise BadInput(f"{path} is damaged (its header is not what errtax writes); build it again.") from None
    ends = sorted(extent.offset + _n_bytes(extent) for extent in extents.values())
    if any(any(mapped[end : min(-(-end // 64) * 64, offset)]) for end in ends):
        raise BadInput(f"{path} is damaged (there is something between its arrays); build it again.")
    return header, extents, mapped


def _extent_of(entry: Any, limit: int) -> _Extent:
    """The extent that a header describes, once it is known to lie between the first bytes and `limit`."""
    extent = _Extent(**entry)
    numbers, dtype = (extent.offset, extent.length, extent.crc32), _dtype(extent)
    if any(type(number) is not int or number < 0 for number in numbers) or dtype.hasobject or not dtype.itemsize:
        raise ValueError("an array of no known type")
    if extent.offset < _START or extent.offset + _n_bytes(extent) > limit:
        raise ValueError("an array outside the file")
    return extent


def damaged_arrays(path: Path, kind: str) -> list[str]:
    """The names of arrays whose bytes do not match their checksum (reads the whole file)."""
    _, extents, mapped = _open(path, kind)
    return _damaged(extents, mapped)


def _damaged(extents: Mapping[str, _Extent], mapped: mmap.mmap) -> list[str]:
    def is_damaged(extent: _Extent) -> bool:
        checksum, end = 0, extent.offset + _n_bytes(extent)
        for start in range(extent.offset, end, _PIECE):
            checksum = zlib.crc32(memoryview(mapped)[start : min(start + _PIECE, end)], checksum)
        return checksum != extent.crc32

    return [name for name, bad in zip(extents, parallel_map(is_damaged, extents.values()), strict=True) if bad]
