"""The bytes of an ARPA file, and where each order's n-grams stand in them."""

import gzip
import hashlib
import itertools
import mmap
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.files import require_input

_COUNT = re.compile(r"ngram\s+(\d+)\s*=\s*(\d+)")
_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Section(NamedTuple):
    """The lines of one order: data[begin:end]; `n_grams` of them by the header."""

    order: int
    n_grams: int
    begin: int
    end: int


class ArpaSource(NamedTuple):
    """The bytes of a file, unzipped, and the name under which errors speak of it."""

    path: Path
    data: Any  # bytes or a memory map
    array: NDArray[np.uint8]  # the same

    def fail(self, offset: int, problem: str) -> NoReturn:
        """Raise `BadInput` with the number of the line at `offset`."""
        line = np.count_nonzero(self.array[:offset] == ord("\n")) + 1
        raise BadInput(f"{self.path}, line {line:,}: {problem}")

    def line_at(self, offset: int) -> str:
        """The line at `offset`, cut to what a message can hold."""
        begin = self.data.rfind(b"\n", 0, offset) + 1
        line = bytes(self.data[begin : min(self.next_line(offset), begin + 400)]).decode("utf-8", "replace").strip()
        return line if len(line) <= 80 else line[:77] + "..."

    def word_at(self, offset: int) -> str:
        """The word that begins at `offset`."""
        return bytes(self.data[offset : offset + 400]).split()[0].decode("utf-8", "replace")

    def next_line(self, offset: int) -> int:
        """Where the line after that at `offset` begins; the end of the data after the last."""
        newline: int = self.data.find(b"\n", offset)
        return newline + 1 if newline >= 0 else len(self.data)

    def pieces(self, begin: int, end: int, size: int) -> list[tuple[int, int]]:
        """data[begin:end] cut at line ends into pieces of about `size` bytes."""
        bounds = [begin]
        while bounds[-1] < end:
            bounds.append(min(self.next_line(min(bounds[-1] + size, end) - 1), end))
        return list(itertools.pairwise(bounds)) or [(begin, end)]


def open_source(path: Path) -> tuple[ArpaSource, str]:
    """The bytes of a file (a memory map, unless it is gzipped) and the SHA-256 of the file as it is.

    Raises `BadInput` for a missing or empty file and a damaged gzip file.
    """
    copy = require_input(path)
    if copy.stat().st_size == 0:
        raise BadInput(f"{path} is empty; an ARPA file has a line \\data\\.")
    with copy.open("rb") as file:
        data: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    sha256 = hashlib.sha256(data).hexdigest()
    if data[:2] == _GZIP:
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise BadInput(f"{path} is a damaged gzip file ({error}); make or fetch it again.") from None
    return ArpaSource(path, data, np.frombuffer(data, np.uint8)), sha256


def find_sections(source: ArpaSource) -> list[Section]:
    """The sections of orders 1..N.

    Raises `BadInput` for a file that has no `\\data\\`, no counts or no 1-grams, one that is cut, and for sections
    that do not follow each other.
    """
    start = _find_start(source)
    markers = _find_markers(source, start)
    begin = next(markers)
    sections = []
    for order, count in enumerate(_read_counts(source, source.next_line(start), begin), 1):
        _require_marker(source, begin, f"\\{order}-grams:")
        end = next(markers)
        section = Section(order, count, source.next_line(begin), end)
        if count > (section.end - section.begin + 3) // 4:  # the shortest line is "0 a\n"
            source.fail(begin, f"the header promises {count:,} {order}-grams; the file is too short for them.")
        sections.append(section)
        begin = end
    _require_marker(source, begin, "\\end\\")
    return sections


def _find_start(source: ArpaSource) -> int:
    """Where the line `\\data\\` begins; any text may stand before it."""
    start: int = source.data.find(b"\\data\\")
    while start > 0 and source.data[start - 1 : start] != b"\n" and source.data[:start] != _BYTE_ORDER_MARK:
        start = source.data.find(b"\\data\\", start + 1)
    if start < 0:
        raise BadInput(f"{source.path} is not an ARPA file: it has no line \\data\\.")
    return start


def _find_markers(source: ArpaSource, start: int) -> Iterator[int]:
    """Where the lines that begin with a backslash begin, after that at `start`; n-grams begin with a number."""
    newline: int = source.data.find(b"\n\\", start)
    while newline >= 0:
        yield newline + 1
        newline = source.data.find(b"\n\\", newline + 1)
    raise BadInput(f"{source.path} ends without a line \\end\\: it was cut; make or fetch it again.")


def _read_counts(source: ArpaSource, begin: int, end: int) -> list[int]:
    counts: list[int] = []
    while begin < end:
        line = source.line_at(begin)
        found = _COUNT.fullmatch(line)
        if line and (not found or int(found[1]) != len(counts) + 1):
            source.fail(begin, f"found {line!r} where 'ngram {len(counts) + 1}=' and a count are expected.")
        if found:
            counts.append(int(found[2]))
        begin = source.next_line(begin)
    if not counts or counts[0] == 0:
        source.fail(end, "the header promises no 1-grams; a model has at least <s> and </s>.")
    return counts


def _require_marker(source: ArpaSource, offset: int, due: str) -> None:
    if (found := source.line_at(offset)) != due:
        source.fail(offset, f"found {found!r} where {due!r} is expected.")
