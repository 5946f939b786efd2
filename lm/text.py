"""Texts as arrays of symbols: bytes, or the characters (code points) of UTF-8.

A *code* is the number of a symbol outside any model (a byte's value or a code point); an *id* is its number
inside one model's alphabet.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.files import require_input

Codes = NDArray[np.uint8] | NDArray[np.uint32]
Ids = NDArray[Any]


class Unit(StrEnum):
    """What one symbol is."""

    BYTE = "byte"
    CHAR = "char"


@dataclass(frozen=True)
class Text:
    """A text and where it came from.

    `codes[i]`: byte value (uint8) or code point (uint32) of symbol i.  `sha256` is that of the bytes.
    """

    name: str
    unit: Unit
    codes: Codes
    sha256: str

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def string(self) -> str:
        """The characters of the text; invalid bytes of a byte text become lone surrogates."""
        if self.unit is Unit.BYTE:
            return self.codes.tobytes().decode("utf-8", "surrogateescape")
        return self.codes.astype("<u4").tobytes().decode("utf-32-le")


def read_text(path: Path, unit: Unit) -> Text:
    """The text of a file.

    Raises `BadInput` for a missing or empty file and, with characters, for bytes that are not UTF-8.

    Time and memory O(n): 1 byte a symbol with `Unit.BYTE`, 4 with `Unit.CHAR`.
    """
    return read_texts([path], unit)


def read_texts(paths: Sequence[Path], unit: Unit) -> Text:
    """The concatenation of several files, or of the files in a folder (in the order of their names); `-` is stdin."""
    pieces = []
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        pieces += [sys.stdin.buffer.read() if str(file) == "-" else require_input(file).read_bytes() for file in files]
    data, name = b"".join(pieces) if len(pieces) != 1 else pieces[0], " + ".join(map(str, paths))
    if not data:
        raise BadInput(f"{name} is empty; a text of at least one symbol is needed.")
    return text_of_bytes(data, unit, name)


def text_of_bytes(data: bytes, unit: Unit, name: str = "text") -> Text:
    """The text of UTF-8 (or, with `Unit.BYTE`, any) bytes.

    >>> text_of_bytes("né".encode(), Unit.BYTE).codes
    array([110, 195, 169], dtype=uint8)
    >>> text_of_bytes("né".encode(), Unit.CHAR).codes
    array([110, 233], dtype=uint32)
    """
    sha256 = hashlib.sha256(data).hexdigest()
    if unit is Unit.BYTE:
        return Text(name, unit, np.frombuffer(data, np.uint8), sha256)
    try:
        string = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{name} is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}; "
            "convert the file to UTF-8, or use --unit byte."
        ) from None
    return Text(name, unit, np.frombuffer(string.encode("utf-32-le"), "<u4").astype(np.uint32, copy=False), sha256)


def symbol_name(code: int, unit: Unit) -> str:
    """A visible name of a symbol for tables and messages: `a`, `0x0a`, `U+000A`."""
    if 32 < code < 127:
        return chr(code)
    if unit is Unit.BYTE:
        return f"0x{code:02x}"
    return chr(code) if chr(code).isprintable() and code != 32 else f"U+{code:04X}"


@dataclass(frozen=True)
class Alphabet:
    """The symbols a model knows: `codes[id]` is the code of symbol `id`; each code stands once."""

    codes: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def sorted(cls, codes: Codes) -> "Alphabet":
        """The distinct symbols of a text, in the order of their codes."""
        return cls(np.flatnonzero(_count_codes(codes)).astype(np.uint32))

    @classmethod
    def by_first_appearance(cls, codes: Codes) -> "Alphabet":
        """The distinct symbols of a text, in the order in which they first appear (as KenLM numbers words)."""
        distinct = np.flatnonzero(_count_codes(codes))
        first = np.full(int(distinct[-1]) + 1, len(codes), np.int64)
        remaining, start, width = len(distinct), 0, 1 << 16
        while remaining:  # most symbols appear early: look at ever longer pieces until all are found
            piece = codes[start : start + width]
            found, where = np.unique(piece, return_index=True)
            new = first[found] == len(codes)
            first[found[new]] = start + where[new]
            remaining -= int(new.sum())
            start, width = start + width, width * 2
        return cls(distinct[np.argsort(first[distinct])].astype(np.uint32))

    def encode(self, codes: Codes, dtype: type[np.integer[Any]] = np.int64, unknown: int = -1, offset: int = 0) -> Ids:
        """`ids[i]`: `offset` + the id of symbol i of a text, or `unknown` for a symbol not in the alphabet.

        >>> Alphabet.by_first_appearance(np.frombuffer(b"banana", np.uint8)).encode(np.frombuffer(b"nab!", np.uint8))
        array([ 2,  1,  0, -1])
        """
        size = 256 if codes.dtype == np.uint8 else max(int(codes.max(initial=0)), int(self.codes.max(initial=0))) + 1
        table = np.full(max(size, int(self.codes.max(initial=0)) + 1), unknown, dtype)
        table[self.codes] = np.arange(offset, offset + len(self.codes), dtype=dtype)
        return table[codes]


def _count_codes(codes: Codes) -> NDArray[np.int64]:
    # np.bincount of the whole array would first copy it to int64: 8 bytes a symbol
    counts = np.zeros(256 if codes.dtype == np.uint8 else int(codes.max(initial=0)) + 1, np.int64)
    for start in range(0, len(codes), 1 << 22):
        counts += np.bincount(codes[start : start + (1 << 22)], minlength=len(counts))
    return counts
