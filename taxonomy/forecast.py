"""What the next size of a model would save, by class of errors: E_c(N) = F_c + A_c N^-α, one α for all classes.

The law is that of loss along a scale (Kaplan et al. 2020; Hoffmann et al. 2022, equation 2), here of counts of errors:
a floor F_c that no size removes, and what size does remove.  α and the floors are by weighted least squares over three
sizes or more; how far the same fit is off where the last size is left out says what it is worth.  Two sizes have no
fit: between the power law through both, without a floor, and no change at all lies a range of scenarios, not an
interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.taxonomy.block_sums import PeelSums, Quantity, sum_peels
from errtax.taxonomy.identity import distinct_names
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import PeelSource
from errtax.taxonomy.trend import scales_of

SCHEMA = "errtax.forecast/1"
Floats = NDArray[np.float64]
_EXPONENTS = np.geomspace(0.01, 4, 600)


@dataclass(frozen=True)
class Law:
    """Counts of classes along a scale; N in units of the largest.  `floors`, `amounts`: by class."""

    exponent: float
    floors: Floats
    amounts: Floats

    def at(self, relative: float) -> Floats:
        """Errors of each class at so many times the largest scale; never negative."""
        found: Floats = np.maximum(self.floors + self.amounts * relative**-self.exponent, 0.0)
        return found


@dataclass(frozen=True)
class ClassForecast:
    """One class.  `counts`: its errors in each model; `expected`: at the forecast scale, from `low` to `high`.

    Of three sizes or more all three are the same number, and `floor` is what no size removes; None where errors do not
    fall, and of two sizes.  `left_out`: errors predicted of the last model from those before it.
    """

    name: str
    title: str
    counts: tuple[int, ...]
    expected: float | None
    low: float
    high: float
    floor: float | None
    left_out: tuple[float, float] | None

    @property
    def saved(self) -> tuple[float, float]:
        """How many fewer than in the last model: the least and the most."""
        return self.counts[-1] - self.high, self.counts[-1] - self.low

    @property
    def missed(self) -> float | None:
        """How far what was predicted of the last model is off; 0 within a range of scenarios."""
        if self.left_out is None:
            return None
        low, high = self.left_out
        return low - self.counts[-1] if self.counts[-1] < low else min(high - self.counts[-1], 0.0)


@dataclass(frozen=True)
class Forecast:
    """Models in ascending order of their `scale`; `at`: the scale that is forecast; `exponent`: None of two models.

    `classes`: all errors, which are the sum of the others, then the layers, and the rest if there is any.
    """

    by: str
    scale: tuple[float, ...]
    models: tuple[str, ...]
    positions: int
    at: float
    exponent: float | None
    classes: tuple[ClassForecast, ...]
    signature: str

    def to_json(self) -> dict[str, Any]:
        """One document; ranges are [low, high]."""
        return {
            "schema": SCHEMA,
            "signature": self.signature,
            "by": self.by,
            "positions": self.positions,
            "models": [{"model": model, self.by: x} for model, x in zip(self.models, self.scale, strict=True)],
            "at": self.at,
            "exponent": self.exponent,
            "classes": [
                {
                    "name": each.name,
                    "counts": list(each.counts),
                    "expected": each.expected,
                    "range": [each.low, each.high],
                    "saved": list(each.saved),
                    "floor": each.floor,
                    "left_out": None if each.left_out is None else list(each.left_out),
                    "missed": each.missed,
                }
                for each in self.classes
            ],
        }


def forecast(peels: Sequence[PeelSource], by: str = "parameters", at: float | None = None) -> Forecast:
    """The errors of each class at the scale `at`: parameters, or training steps.

    `at`: by default as many times the last scale as that is of the one before; at most the largest such step.  Raises
    `UsageError` for fewer than two peels, or where one does not tell its scale, or two have the same; `BadInput` where
    they cannot be compared.
    """
    if len(peels) < 2:
        raise UsageError(f"a forecast needs two peels at least, and three for a fit; got {len(peels)}.")
    _steps(sorted(scales_of([peel.head for peel in peels], by)), by)
    return forecast_of(sum_peels(peels), by, at)


def forecast_of(sums: Sequence[PeelSums], by: str = "parameters", at: float | None = None) -> Forecast:
    """The forecast that follows from the sums of peels; raises `UsageError` like `forecast`."""
    scales = scales_of([each.head for each in sums], by)
    order = sorted(range(len(sums)), key=lambda k: scales[k])
    names = distinct_names([each.head.log for each in sums])
    head, scale = sums[order[0]].head, np.array(sorted(scales))
    aim = _aim(scale, by, at)
    held = {name: [_count(sums[k], name) for k in order] for name in head.layer_names}
    layers = [name for name in head.layer_names if name != REST or any(held[REST])]
    counts = np.array([held[name] for name in layers])
    law = fit(scale, counts) if len(scale) > 2 else None
    ranges = _range_at(scale, counts, aim)
    earlier = _range_at(scale[:-1], counts[:, :-1], float(scale[-1])) if len(scale) > 2 else None
    titles = ["all errors", *(find_layer(name, head.settings).title for name in layers)]
    rows = [np.arange(len(counts)), *(np.array([k]) for k in range(len(layers)))]
    classes = [
        _class(name, title, counts[rows_of], ranges[:, rows_of], earlier, law, rows_of)
        for name, title, rows_of in zip(("errors", *layers), titles, rows, strict=True)
    ]
    return Forecast(
        by,
        tuple(scale.tolist()),
        tuple(names[k] for k in order),
        sums[0].blocks.count("positions"),
        aim,
        None if law is None else law.exponent,
        tuple(classes),
        f"{head.signature}|forecast:by={by},at={aim:g}",
    )


def _class(
    name: str,
    title: str,
    counts: NDArray[np.int64],
    ranges: Floats,
    earlier: Floats | None,
    law: Law | None,
    rows: NDArray[np.int64],
) -> ClassForecast:
    """A class that is the sum of some rows; `counts`, `ranges`: of these."""
    low, high = ranges.sum(axis=1).tolist()
    before = None if earlier is None else tuple(earlier[:, rows].sum(axis=1).tolist())
    return ClassForecast(
        name,
        title,
        tuple(counts.sum(axis=0).tolist()),
        None if law is None else low,
        low,
        high,
        None if law is None or law.amounts[rows].sum() < 0 else float(law.floors[rows].sum()),
        before,
    )


def _count(sums: PeelSums, name: str) -> int:
    return sums.blocks.exactly([Quantity("count", name, part) for part in sums.head.slice_names(name)])


def _range_at(scale: Floats, counts: NDArray[np.int64], at: float) -> Floats:
    """(2, classes): the least and the most that is expected there; the same where three sizes have a fit."""
    if len(scale) > 2:
        expected = fit(scale, counts).at(at / scale[-1])
        return np.stack([expected, expected])
    powers = np.array([_power_law(scale, each, at) for each in counts])
    return np.sort(np.stack([powers, counts[:, -1].astype(np.float64)]), axis=0)


def _power_law(scale: Floats, counts: NDArray[np.int64], at: float) -> float:
    """Through two points; of nothing, nothing."""
    first, last = counts.tolist()
    if not first or not last:
        return float(last)
    return float(last * (at / scale[1]) ** (math.log(last / first) / math.log(scale[1] / scale[0])))


def fit(scale: Floats, counts: NDArray[np.int64]) -> Law:
    """The law with the least squared error relative to the classes' mean counts.  Time O(600 x sizes x classes)."""
    weights = 1 / np.maximum(counts.mean(axis=1), 1.0)
    relative = scale / scale[-1]

    def loss(exponent: float) -> float:
        law = _law(relative, counts, exponent)
        found = law.floors[:, None] + law.amounts[:, None] * relative**-exponent
        return float((weights[:, None] * (counts - found) ** 2).sum())

    losses = [loss(float(exponent)) for exponent in _EXPONENTS]
    k = int(np.argmin(losses))
    low, high = float(_EXPONENTS[max(k - 1, 0)]), float(_EXPONENTS[min(k + 1, len(_EXPONENTS) - 1)])
    for _ in range(40):  # ternary search between the neighbours of the best
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return _law(relative, counts, (low + high) / 2)


def _law(relative: Floats, counts: NDArray[np.int64], exponent: float) -> Law:
    """The best floors, none of them negative, and amounts for an exponent."""
    x = relative**-exponent
    centred = x - x.mean()
    amounts = counts @ centred / float(centred @ centred)
    floors = counts.mean(axis=1) - amounts * x.mean()
    without = floors < 0
    amounts[without] = counts[without] @ x / float(x @ x)
    floors[without] = 0.0
    return Law(exponent, floors, amounts)


def _steps(scale: Sequence[float], by: str) -> list[float]:
    """How many times each scale is the one before."""
    found = [b / a for a, b in pairwise(scale)]
    if min(found) <= 1:
        raise UsageError(f"two of these models have the same {by}; give one peel for each size.")
    return found


def _aim(scale: Floats, by: str, at: float | None) -> float:
    steps, last = _steps(scale.tolist(), by), float(scale[-1])
    if at is None:
        return last * steps[-1]
    most = last * max(steps)
    if not last < at <= most * (1 + 1e-9):
        raise UsageError(
            f"a forecast reaches one step beyond the last model: more than {last:,.0f} {by}, and {most:,.0f} at most."
        )
    return at
