"""How well each cell of a model tracks each feature of a text, on text that it was not fitted to.

Shapes: C cells (all layers, one after the other), F features, `BINS` equal bins of a cell's value in [-1, 1].

One pass, in memory of O(C BINS F) whatever the length of the text: histograms of each cell's values, with the sums of
the features over each bin, of the first and of the second half of each row.  All scores come from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.kernels import tight
from errtax.oracle.features import Feature, FeatureKind

BINS = 128
_BLOCK = 2048  # positions at a time, so that their features are still at hand for the next cell
_NOTHING = 1e-12  # a variance below this part of the mean square is rounding

Floats = NDArray[np.float64]


class Sums(NamedTuple):
    """What one half of the text adds up to; x: a feature's value, v: a cell's."""

    counts: NDArray[np.int64]  # (C, BINS) positions
    sums: Floats  # (C, BINS, F) sum of x
    features: Floats  # (4, F) sum of x, sum of x², least x, greatest x
    cells: Floats  # (2, C) sum of v, of v²
    products: Floats  # (C, F) sum of v x

    @classmethod
    def empty(cls, n_cells: int, n_features: int) -> "Sums":
        """Sums over no position."""
        extremes = np.zeros((4, n_features))
        extremes[2], extremes[3] = np.inf, -np.inf
        return cls(
            np.zeros((n_cells, BINS), np.int64),
            np.zeros((n_cells, BINS, n_features)),
            extremes,
            np.zeros((2, n_cells)),
            np.zeros((n_cells, n_features)),
        )

    @property
    def n(self) -> int:
        """Positions."""
        return int(self.counts[0].sum())


def add_values(into: Sums, cells: Sequence[NDArray[np.float32]], features: NDArray[np.float32], moments: bool) -> None:
    """Add positions to `into`: one array (n, H) per layer, and features (n, F).

    `moments`: also `cells` and `products`, which only the second half needs.
    """
    wide = features.astype(np.float64)
    into.features[0] += wide.sum(0)
    into.features[1] += (wide * wide).sum(0)
    np.minimum(into.features[2], wide.min(0, initial=np.inf), out=into.features[2])
    np.maximum(into.features[3], wide.max(0, initial=-np.inf), out=into.features[3])
    first = 0
    for values in cells:
        part = slice(first, first + values.shape[1])
        first = part.stop
        _count(np.ascontiguousarray(values), np.ascontiguousarray(features), into.counts[part], into.sums[part])
        if moments:
            exact = values.astype(np.float64)
            into.cells[0, part] += exact.sum(0)
            into.cells[1, part] += np.einsum("nh,nh->h", exact, exact)
            into.products[part] += exact.T @ wide


@tight
def _count(values, features, counts, sums):
    """Cells outside, positions inside: the histograms of one cell are 16 kB and stay in the processor's first cache.

    A window of 10,000 positions, 90 cells and 15 features takes 0.7 µs per position; a table of each combination of the
    binary features would save little, since the loop over the features is four vector additions.
    """
    # sums[cell, k, f] holds feature f summed over the counts[cell, k] positions whose value lies in bin k
    for start in range(0, len(values), _BLOCK):
        stop = min(start + _BLOCK, len(values))
        for cell in range(values.shape[1]):
            for i in range(start, stop):
                place = (values[i, cell] + np.float32(1)) * np.float32(BINS // 2)
                k = int(min(place, np.float32(BINS - 1))) if place > 0 else 0  # 0 for NaN too, which is refused later
                counts[cell, k] += 1
                for f in range(features.shape[1]):
                    sums[cell, k, f] += features[i, f]


class TrackedCell(NamedTuple):
    """A unit of a layer; both count from 1."""

    layer: int
    unit: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.unit}"


@dataclass(frozen=True)
class Found:
    """A cell, and how well it tracks a feature."""

    cell: TrackedCell
    score: float
    r: float
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Tracking:
    """The scores of all cells, by feature; columns of features that cannot be scored are 0.

    `score[c, f]`: correlation, on the second halves, of the feature with its mean given the cell's value in the first
    halves.  `r[c, f]`: correlation with the value itself, on the second halves.  `accuracy[c, f]`: balanced accuracy
    there of the best threshold of the first halves, NaN for numbers.  `mean[f]`: of the feature everywhere; its
    frequency, if it is binary.  `unscored`: why features have no scores.
    """

    features: tuple[Feature, ...]
    hidden: tuple[int, ...]
    positions: int
    score: Floats
    r: Floats
    accuracy: Floats
    mean: Floats
    unscored: dict[str, str]

    @property
    def cells(self) -> list[TrackedCell]:
        """The cells in the order of the rows."""
        return [TrackedCell(layer, unit) for layer, n in enumerate(self.hidden, 1) for unit in range(1, n + 1)]

    def best(self, feature: int, n: int) -> list[Found]:
        """The n cells that track a feature best; none where it cannot be scored."""
        if self.features[feature].name in self.unscored:
            return []
        cells = self.cells
        order = np.argsort(-self.score[:, feature], kind="stable")[:n]
        return [self.found(cells[c], feature) for c in order.tolist()]

    def found(self, cell: TrackedCell, feature: int) -> Found:
        """The scores of one cell for one feature."""
        row = sum(self.hidden[: cell.layer - 1]) + cell.unit - 1
        accuracy = float(self.accuracy[row, feature])
        known = None if np.isnan(accuracy) else accuracy
        return Found(cell, float(self.score[row, feature]), float(self.r[row, feature]), known)


def tracking_of(features: Sequence[Feature], hidden: Sequence[int], fit: Sums, held: Sums) -> Tracking:
    """The scores that two halves give: fitted to one, measured on the other."""
    if not np.isfinite(held.cells).all():
        raise BadInput("cells of this model have values that are not finite numbers; train it again.")
    total = fit.n + held.n
    shape = (sum(hidden), len(features))
    score, r, accuracy = np.zeros(shape), np.zeros(shape), np.full(shape, np.nan)
    unscored = {}
    for f, feature in enumerate(features):
        reason = _reason_not_to_score(feature, fit.features[2:, f], held.features[2:, f])
        if reason:
            unscored[feature.name] = reason
            continue
        score[:, f] = _score(fit, held, f)
        r[:, f] = _plain_correlation(held, f)
        if feature.kind is FeatureKind.BINARY:
            accuracy[:, f] = _threshold_accuracy(fit, held, f)
    mean = (fit.features[0] + held.features[0]) / max(total, 1)
    return Tracking(tuple(features), tuple(hidden), total, score, r, accuracy, mean, unscored)


def _reason_not_to_score(feature: Feature, fit: Floats, held: Floats) -> str:
    """Why a feature with these extremes cannot be scored, in words; empty where it can."""
    low, high = min(fit[0], held[0]), max(fit[1], held[1])
    if low >= high:
        binary = feature.kind is FeatureKind.BINARY
        return ("always occurs" if low > 0 else "never occurs") if binary else f"always {low:g}"
    if fit[0] < fit[1] and held[0] < held[1]:
        return ""
    return f"does not vary in the {'first' if fit[0] >= fit[1] else 'second'} half of the rows"


def _score(fit: Sums, held: Sums, f: int) -> Floats:
    """Correlation of feature f, on `held`, with its mean given the cell's bin in `fit`; (C,)."""
    centre = fit.features[0, f] / fit.n
    seen = np.maximum(fit.counts, 1)
    predicted = fit.sums[:, :, f] / seen - centre * (fit.counts > 0)  # an empty bin predicts the mean, here 0
    n, mean = held.n, held.features[0, f] / held.n
    first = (held.counts * predicted).sum(1)
    square = (held.counts * predicted**2).sum(1)
    product = (predicted * (held.sums[:, :, f] - held.counts * mean)).sum(1)
    return _correlation(product, square - first**2 / n, square, held.features[1, f] - n * mean**2)


def _plain_correlation(held: Sums, f: int) -> Floats:
    """Correlation of feature f with the cells' values; (C,)."""
    n, mean = held.n, held.features[0, f] / held.n
    product = held.products[:, f] - mean * held.cells[0]
    total, square = held.cells
    return _correlation(product, square - total**2 / n, square, held.features[1, f] - n * mean**2)


def _correlation(product: Floats, variance: Floats, square: Floats, of_feature: Any) -> Floats:
    """Pearson's r from sums of products and squares about the means; 0 where the cell does not vary."""
    # `variance` is a difference of sums: what is small beside the sum of squares is rounding
    varies = variance > _NOTHING * square
    r: Floats = np.zeros(len(product))
    np.divide(product, np.sqrt(np.abs(variance) * of_feature), out=r, where=varies)
    return np.clip(r, -1, 1)


def _threshold_accuracy(fit: Sums, held: Sums, f: int) -> Floats:
    """Balanced accuracy on `held` of the threshold between bins, and the side of it, that are best on `fit`; (C,)."""
    gains, scale = [], 1  # in integers: which of two equal thresholds is taken must not hang on rounding
    for half in (fit, held):
        inside = half.sums[:, :, f].astype(np.int64)
        both = np.stack([inside, half.counts - inside])
        hits, misses = both[:, :, ::-1].cumsum(2)[:, :, -2::-1]  # in bins k and above, for k = 1, 2 ...
        n_inside = int(half.features[0, f])
        n_outside = half.n - n_inside
        gains.append(hits * n_outside - misses * n_inside)  # its sign says on which side the feature is
        scale = n_inside * n_outside
    gain, test = gains
    best = np.abs(gain).argmax(1)[:, None]
    signed = np.take_along_axis(test, best, 1) * np.sign(np.take_along_axis(gain, best, 1))
    accuracy: Floats = (1 + signed[:, 0] / scale) / 2
    return accuracy
