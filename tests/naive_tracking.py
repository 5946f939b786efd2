"""The slow, obvious twin of the scores of cells: whole arrays, one cell and one feature at a time."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def naive_scores(v: NDArray[Any], x: NDArray[Any], binary: bool) -> tuple[float, float, float]:
    """Score, r and accuracy (NaN for a number) of a cell for a feature; values v and x by row and column, (B, L)."""
    middle = v.shape[1] // 2
    fit_v, fit_x = (part[:, :middle].ravel().astype(np.float64) for part in (v, x))
    v, x = (part[:, middle:].ravel().astype(np.float64) for part in (v, x))
    edges = np.linspace(-1, 1, 129)
    fit_bin, bin = (np.clip(np.searchsorted(edges, part, "right") - 1, 0, 127) for part in (fit_v, v))
    means = [fit_x[fit_bin == k].mean() if (fit_bin == k).any() else fit_x.mean() for k in range(128)]
    prediction = np.array(means)[bin]
    return correlation(prediction, x), correlation(v, x), accuracy(fit_bin, fit_x, bin, x) if binary else np.nan


def correlation(a: Floats, b: Floats) -> float:
    return 0.0 if np.ptp(a) == 0 else float(np.corrcoef(a, b)[0, 1])


def accuracy(fit_bin: NDArray[Any], fit_x: Floats, bin: NDArray[Any], x: Floats) -> float:
    """Of the threshold, and the side of it, with the best balanced accuracy in the first half; the lowest of equals."""

    def balanced(above: NDArray[np.bool_], inside: NDArray[np.bool_]) -> Fraction:
        hits, misses = int(above[inside].sum()), int((~above)[~inside].sum())
        return Fraction(hits, int(inside.sum())) / 2 + Fraction(misses, int((~inside).sum())) / 2

    best, choice = Fraction(0), (1, True)
    for k in range(1, 128):
        for up in (True, False):
            now = balanced((fit_bin >= k) == up, fit_x == 1)
            if now > best:
                best, choice = now, (k, up)
    k, up = choice
    return 0.5 if best == Fraction(1, 2) else float(balanced((bin >= k) == up, x == 1))
