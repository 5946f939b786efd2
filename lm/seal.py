"""A checksum of a whole file that stands inside the file: one flipped bit anywhere is found before anything is read.

Checksums of pages miss what a Parquet file's footer and page headers say, and torch does not check those of a zip
archive.  A seal is 20 bytes: a mark, the CRC-32 of all other bytes of the file, and the mark again, so that damage to
one mark does not hide the seal.  It stands where other readers do not look: before a Parquet file's footer, or in the
comment of a zip archive.  Files without a seal, written by other programs, are taken as they are.
"""

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from errtax.lm.errors import BadInput

_MARK = b"\xe5rrtax\0\xc5"  # no UTF-8, so no text contains it
SIZE = 2 * len(_MARK) + 4
"""Bytes of a seal."""
_REACH = 1 << 26  # bytes at the end of a file among which a seal stands: what a footer of 10^9 rows takes
_PIECE = 1 << 20


def seal(path: Path, tail: int) -> None:
    """Put a seal before the last `tail` bytes of a file.  Time O(size), 0.5 s per GB; memory O(tail)."""
    with path.open("r+b") as file:
        start = file.seek(-tail, 2)
        end = file.read(tail)
        file.seek(0)
        crc = zlib.crc32(_MARK + _MARK + end, _crc_of(file, start))
        file.seek(start)
        file.write(_MARK + struct.pack("<I", crc) + _MARK + end)


def seal_parquet(path: Path) -> None:
    """Put a seal before the footer of a Parquet file, which ends in the footer's length and `PAR1`."""
    with path.open("rb") as file:
        file.seek(-8, 2)
        (length,) = struct.unpack("<I", file.read(4))
    seal(path, length + 8)


def seal_zip(path: Path) -> None:
    """Make a seal the comment of a zip archive that has none; the archive ends in the comment's length."""
    with path.open("r+b") as file:
        file.seek(-2, 2)
        file.write(struct.pack("<H", SIZE))
    seal(path, 0)


def require_unbroken(file: BinaryIO, name: str) -> bool:
    """Whether the open file is sealed.  Raises `BadInput` where it is not the one that was sealed.

    Time O(size) for a sealed file, 0.5 s per GB; memory 64 MiB.
    """
    size = file.seek(0, 2)
    file.seek(max(size - _REACH, 0))
    tail = file.read()
    found = tail.rfind(_MARK)
    if found < 0:
        return False
    start = size - len(tail) + found + len(_MARK) - SIZE
    file.seek(max(start, 0))
    stored = file.read(SIZE)
    file.seek(0)
    crc = zlib.crc32(_MARK + _MARK, _crc_of(file, max(start, 0)))
    file.seek(max(start, 0) + SIZE)
    crc = _crc_of(file, size, crc)
    file.seek(0)
    if stored != _MARK + struct.pack("<I", crc) + _MARK:
        raise BadInput(f"{name} is damaged: its bytes are not those that were written (checksum); make it again.")
    return True


def _crc_of(file: BinaryIO, stop: int, crc: int = 0) -> int:
    """The CRC-32 of an open file from where it stands up to `stop`, going on from that of what comes before."""
    left = stop - file.tell()
    while left > 0 and (piece := file.read(min(_PIECE, left))):
        crc = zlib.crc32(piece, crc)
        left -= len(piece)
    return crc
