"""One file of named arrays, memory-mapped on opening.

Layout: 8 bytes magic, 8 bytes header length (little endian), 4 bytes CRC-32 of the header, the header (JSON), then
the arrays, each at a multiple of 64.  The header names each array's dtype, shape, offset and CRC-32, and the size of
them all: a cut file is refused on opening, a flipped byte is found by `damaged_arrays`.
"""

import json
import mmap
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.files import replacing, require_input

MAGIC = b"errtax\x00\x01"
_PREFIX = struct.Struct("<8sQI")


def write_container(path: Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], force: bool) -> None:
    """Write `header` (anything that JSON takes) and `arrays` to one file, all or nothing."""
    directory: dict[str, Any] = {}
    offset = 0  # from the end of the header, so that the header's own length does not matter
    for name, array in arrays.items():
        little = array.dtype.newbyteorder("<").str
        directory[name] = {
            "dtype": little,
            "shape": array.shape,
            "offset": offset,
            "crc32": zlib.crc32(array.data),
        }
        offset += -(-array.nbytes // 64) * 64
    content = json.dumps({**header, "arrays": directory, "size": offset}).encode()
    content += b" " * (-(_PREFIX.size + len(content)) % 64)
    with replacing(path, force) as temporary, temporary.open("wb") as file:
        file.write(_PREFIX.pack(MAGIC, len(content), zlib.crc32(content)))
        file.write(content)
        for array in arrays.values():
            file.write(array.data)
            file.write(bytes(-array.nbytes % 64))


def read_container(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays (read-only views of the mapped file).

    Raises `BadInput`, naming the file as not being a `kind`, when it is foreign, cut or damaged in its header.
    """
    with require_input(path).open("rb") as file:
        prefix = file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size or prefix[:6] != MAGIC[:6]:
            raise BadInput(f"{path} is not {kind}; make one with errtax build-ngram.")
        magic, length, checksum = _PREFIX.unpack(prefix)
        content = file.read(length) if length < 1 << 32 else b""
        if magic != MAGIC:
            raise BadInput(f"{path} was written by another version of errtax; build it again.")
        if zlib.crc32(content) != checksum:
            raise BadInput(f"{path} is damaged (its header's checksum is wrong); build it again.")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header = json.loads(content)
    start = _PREFIX.size + length
    if len(mapped) != start + header["size"]:
        found, due = len(mapped), start + header["size"]
        raise BadInput(f"{path} is damaged: it has {found:,} bytes where {due:,} are due; build it again.")
    arrays = {
        name: np.frombuffer(mapped, entry["dtype"], int(np.prod(entry["shape"])), start + entry["offset"]).reshape(
            entry["shape"]
        )
        for name, entry in header.pop("arrays").items()
    }
    return header, arrays


def damaged_arrays(path: Path, kind: str) -> list[str]:
    """The names of arrays whose bytes do not match their checksum (reads the whole file)."""
    _, arrays = read_container(path, kind)
    with path.open("rb") as file:
        _, length, _ = _PREFIX.unpack(file.read(_PREFIX.size))
        directory = json.loads(file.read(length))["arrays"]
    return [name for name, array in arrays.items() if zlib.crc32(array.data) != directory[name]["crc32"]]
