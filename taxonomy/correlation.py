"""How far errors know of each other: the correlation time of a text, from sums over cells of 100 symbols.

Units that are not much longer than it are not independent, and intervals from them are too narrow.  The autocorrelation
of the cells' errors is compared with a exp(-distance / time) for times on a grid; the one that fits best is taken where
it stands out of the noise of 1 / sqrt(cells) of an autocorrelation of independent cells (Bartlett 1946).
"""

import numpy as np
from numpy.typing import NDArray

from errtax.lm.prediction_log import PredictionLog
from errtax.taxonomy.fixed_point import Halves, halves_of
from errtax.taxonomy.merged_tables import MergedTables

Floats = NDArray[np.float64]
CELL = 100
"""Symbols of a cell."""
MOST_CELLS = 1 << 16
"""In a longer text cells are larger: neighbours are merged in pairs, as units are."""
LONGEST = 0.2
"""Of the length of a unit: with a longer correlation time its intervals are too narrow."""
_FEWEST = 20
_STEP = 1.15
_NOISE = 4.0  # standard errors that must be exceeded


class ErrorCells:
    """Predicted positions and errors of a log that comes in pieces, by cell."""

    def __init__(self) -> None:
        self._tables = MergedTables(MOST_CELLS)

    def add(self, log: PredictionLog, error: NDArray[np.bool_]) -> None:
        """The rows of the next piece."""
        if not len(log):
            return
        numbers = log.positions // CELL
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        columns = np.stack([~np.isnan(log.logprobs), error], axis=1).astype(np.int64)
        self._tables.add(numbers[starts], halves_of(np.add.reduceat(columns, starts)))

    def merge(self, other: "ErrorCells") -> None:
        """Add the cells of other rows of the same text."""
        self._tables.merge(other._tables)

    def correlation(self) -> float | None:
        """Their correlation time in symbols; None where none is found, so that it is less than a cell."""
        table: Halves = self._tables.result()
        positions, errors = table.reshape(-1, 2, 2)[:, :, 0].astype(np.float64).T
        found = correlation_time(errors, positions)
        return None if found is None else found * (CELL << self._tables.level)


def correlation_time(errors: Floats, positions: Floats) -> float | None:
    """That of errors by cell, in cells; None where the cells are too few, or none stands out.

    Time O(cells log cells + cells x times of the grid).
    """
    cells = len(errors)
    deviations = errors - errors.sum() / max(positions.sum(), 1) * positions
    if cells < _FEWEST or not deviations.any():
        return None
    correlations = _autocorrelations(deviations)
    distances = np.arange(1, len(correlations) + 1)
    best, stands_out = None, _NOISE / np.sqrt(cells)
    time = 0.5
    while time <= cells / 10:
        shape = np.exp(-distances / time)
        fit = float(correlations @ shape) / float(np.sqrt(shape @ shape))
        if fit > stands_out:
            best, stands_out = time, fit
        time *= _STEP
    return best


def _autocorrelations(deviations: Floats) -> Floats:
    """At the distances 1, 2, ... cells / 4."""
    cells = len(deviations)
    size = 1 << (2 * cells - 1).bit_length()
    spectrum = np.fft.rfft(deviations, size)
    products = np.fft.irfft(spectrum * np.conj(spectrum), size)[: cells // 4 + 1]
    found: Floats = products[1:] / products[0]
    return found
