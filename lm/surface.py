"""The bytes of symbols that hold more, or less, than a character: tokens and spans."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.table import arrow_of, numpy_of, plain

_PIECE = 1 << 16  # symbols


@dataclass(frozen=True, eq=False)
class Surface:
    """The bytes of n symbols, end to end: symbol i is `data[ends[i] : ends[i + 1]]`.

    `data`: uint8.  `ends`: int64, (n + 1,), ascending; the first is 0, but for a part of another surface.

    >>> Surface.of([b"to", b" be"]).piece(1)
    b' be'
    """

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, pieces: Sequence[bytes]) -> "Surface":
        """The surface of some symbols."""
        ends = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
        return cls(np.frombuffer(b"".join(pieces), np.uint8), ends)

    @classmethod
    def of_column(cls, column: Any) -> "Surface":
        """The strings of an Arrow array or chunked array, binary or in UTF-8, without nulls."""
        column = plain(column)
        pieces = [_of_array(chunk) for chunk in getattr(column, "chunks", [column])]
        return pieces[0] if len(pieces) == 1 else join_surfaces(pieces)

    def __len__(self) -> int:
        return len(self.ends) - 1

    @property
    def joined(self) -> NDArray[np.uint8]:
        """The bytes of all symbols."""
        return self.data[self.ends[0] : self.ends[-1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bytes of each symbol; shape (n,)."""
        return np.diff(self.ends)

    def piece(self, i: int) -> bytes:
        """The bytes of symbol i."""
        return self.data[self.ends[i] : self.ends[i + 1]].tobytes()

    def __getitem__(self, symbols: "slice | NDArray[np.integer[Any]]") -> "Surface":
        """Consecutive symbols, as views, or those of some numbers, copied."""
        if not isinstance(symbols, slice):
            return self.take(symbols)
        start, stop, _ = symbols.indices(len(self))
        return Surface(self.data, self.ends[start : max(start, stop) + 1])

    def take(self, symbols: NDArray[np.integer[Any]]) -> "Surface":
        """Some symbols, in this order, copied; the places of bytes, eight times as much, for a piece at a time."""
        lengths = self.lengths[symbols]
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        data = np.empty(ends[-1], np.uint8)
        for first in range(0, len(lengths), _PIECE):
            stop = min(first + _PIECE, len(lengths))
            shifts = np.repeat(self.ends[symbols[first:stop]] - ends[first:stop], lengths[first:stop])
            data[ends[first] : ends[stop]] = self.data[np.arange(ends[first], ends[stop]) + shifts]
        return Surface(data, ends)

    def column(self) -> Any:
        """The symbols as an Arrow array of binary strings."""
        ends = self.ends - self.ends[0]
        wide = bool(ends[-1] > np.iinfo(np.int32).max)
        kind, offsets = (pa.large_binary(), ends) if wide else (pa.binary(), ends.astype(np.int32))
        data = np.ascontiguousarray(self.joined)
        return pa.Array.from_buffers(kind, len(self), [None, arrow_of(offsets).buffers()[1], pa.py_buffer(data)])

    def numbers(self) -> NDArray[np.uint32]:
        """Of each symbol the number of its bytes, by first appearance; shape (n,)."""
        return numpy_of(self.column().dictionary_encode().indices).astype(np.uint32)

    def same(self, other: "Surface") -> NDArray[np.bool_]:
        """Which symbols have the bytes of those of another surface of as many; shape (n,)."""
        if np.array_equal(self.lengths, other.lengths) and np.array_equal(self.joined, other.joined):
            return np.ones(len(self), bool)
        both = join_surfaces([self, other]).numbers()
        return np.asarray(both[: len(self)] == both[len(self) :])


def join_surfaces(parts: Sequence[Surface]) -> Surface:
    """The symbols of some surfaces, one after another, copied; of none, no symbol."""
    if not parts:
        return Surface.of([])
    lengths = np.concatenate([part.lengths for part in parts])
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return Surface(np.concatenate([part.joined for part in parts]), ends)


def _of_array(array: Any) -> Surface:
    wide = pa.types.is_large_binary(array.type) or pa.types.is_large_string(array.type)
    offsets = np.frombuffer(array.buffers()[1], np.int64 if wide else np.int32)
    ends = offsets[array.offset : array.offset + len(array) + 1].astype(np.int64)
    content = array.buffers()[2]
    data = np.empty(0, np.uint8) if content is None else np.frombuffer(content, np.uint8)
    return Surface(data, ends if len(ends) else np.zeros(1, np.int64))
