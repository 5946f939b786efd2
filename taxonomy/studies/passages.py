"""Passages of a text: where a feature varies most, and what cells hold there.  Streams; memory is that of the passage.

Rows as in `errtax.lm.streams.Streams`: row b, column t is position b * (row length) + t of the text.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.text import Codes
from errtax.oracle.features import Feature, FeatureKind

LENGTH = 2000
"""Symbols of a passage, unless told otherwise."""
_BLOCKS = 4
_STRIDE = LENGTH // _BLOCKS

Floats = NDArray[np.float64]


class Passage(NamedTuple):
    """`length` symbols of row `row`, from column `start`."""

    row: int
    start: int
    length: int

    def within(self, row_length: int, length: int) -> "Passage":
        """The passage with another length, moved to the left where its row would end before it does."""
        return Passage(self.row, max(0, min(self.start, row_length - length)), min(length, row_length))


class LiveliestPassages:
    """Finds for each feature the passage in which it varies most: `add` windows in order, then ask for `passages`.

    Passages begin at the multiples of 500 columns and have 2,000 symbols, or a whole row where rows are shorter.
    Variation is the number of changes of a binary feature, and of a number the sum of squares about its mean.
    """

    def __init__(self, features: Sequence[Feature], n_rows: int) -> None:
        self._binary = np.array([feature.kind is FeatureKind.BINARY for feature in features])
        # n, changes, sum of x, sum of x² of the last blocks; block k in slot k % _BLOCKS
        self._ring = np.zeros((_BLOCKS, 4, n_rows, len(features)))
        self._last: NDArray[np.float32] | None = None
        self._block = 0
        self._most: Floats = np.zeros(len(features))
        self._where = [(0, 0)] * len(features)

    def add(self, start: int, values: NDArray[np.float32]) -> None:
        """The next window: features (T, B, F) of columns start .. start + T - 1."""
        stop = start + len(values)
        cuts = [start, *range(start - start % _STRIDE + _STRIDE, stop, _STRIDE), stop]
        for first, end in pairwise(cuts):
            if first // _STRIDE != self._block:
                self._judge()
                self._block = first // _STRIDE
                self._ring[self._block % _BLOCKS] = 0
            self._add_piece(values[first - start : end - start])

    def _add_piece(self, values: NDArray[np.float32]) -> None:
        n, changes, total, squares = self._ring[self._block % _BLOCKS]
        n += len(values)
        changes += (values[1:] != values[:-1]).sum(0)
        if self._last is not None:
            changes += values[0] != self._last
        total += values.sum(0, dtype=np.float64)
        squares += np.einsum("tbf,tbf->bf", values, values, dtype=np.float64)
        self._last = values[-1].copy()

    def _judge(self) -> None:
        """Remember the passage that ends with the current block, for the features that vary more in it than before."""
        n, changes, total, squares = self._ring.sum(0)
        variation = np.where(self._binary, changes, squares - total**2 / np.maximum(n, 1))
        rows = variation.argmax(0)
        for f, row in enumerate(rows.tolist()):
            if variation[row, f] > self._most[f]:
                self._most[f] = variation[row, f]
                self._where[f] = (row, max(self._block + 1 - _BLOCKS, 0) * _STRIDE)

    def passages(self) -> list[Passage]:
        """The passage of each feature; the text's beginning for one that never varies."""
        self._judge()
        return [Passage(row, start, LENGTH) for row, start in self._where]


def whole_characters(codes: Codes, start: int, stop: int) -> tuple[int, int]:
    """`start` and `stop`, moved outwards where they cut the UTF-8 of a character in a row of bytes.

    >>> whole_characters(np.frombuffer("né!".encode(), np.uint8), 2, 3)
    (1, 3)
    """
    if codes.dtype != np.uint8:
        return start, stop
    for _ in range(3):
        start -= int(0 < start < len(codes) and _continues(codes[start]))
        stop += int(0 < stop < len(codes) and _continues(codes[stop]))
    return start, stop


def _continues(code: Any) -> bool:
    return bool(code & 0xC0 == 0x80)


def read_cells_in(windows: Iterable[Any], wanted: Sequence[tuple[Passage, int, int]]) -> list[NDArray[np.float32]]:
    """The values of a cell in each of the passages: (passage, index of the layer, index of the unit).

    `windows`: those of `read_cells`; reading stops after the last column that is wanted.  What the windows do not
    reach is NaN.
    """
    found = [np.full(passage.length, np.nan, np.float32) for passage, _, _ in wanted]
    last = max((passage.start + passage.length for passage, _, _ in wanted), default=0)
    if not wanted:
        return found
    for window in windows:
        end = window.start + window.codes.shape[1]
        for into, (passage, layer, unit) in zip(found, wanted, strict=True):
            first, stop = max(passage.start, window.start), min(passage.start + passage.length, end)
            if first < stop:
                piece = window.values[layer][first - window.start : stop - window.start, passage.row, unit]
                into[first - passage.start : stop - passage.start] = piece
        if end >= last:
            break
    return found
