"""Classes of errors along a scale: do they fall with parameters, or with training steps, and how fast?

For each class the slope of its rate against log10 of the scale, by least squares, with two intervals.  One speaks of
these models on other text: the same units of the text are drawn for all models, so what makes a passage hard for all of
them cancels out.  The other speaks of other models: the scatter of these about the line (Student's t, K - 2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.visible import whole_number
from errtax.taxonomy.block_sums import PeelSums, Quantity, sum_peels
from errtax.taxonomy.bootstrap import STANDARD, Replicates, Resampling, draw_sums
from errtax.taxonomy.identity import distinct_names
from errtax.taxonomy.intervals import Ends, Interval, difference_ends, interval, is_few, percentiles, ratio_ends
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.quantiles import student_quantile

SCHEMA = "errtax.trend/1"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassTrend:
    """One class: its rate in each model, in % of the positions, and the change of it for ten times the scale.

    `slope`: with its interval on other text; `of_models`: with that of other models.  `residuals`: of the rates, in
    points; `scatter`: their standard deviation about the line, with K - 2 degrees of freedom.
    """

    name: str
    title: str
    counts: tuple[int, ...]
    rates: tuple[Interval, ...]
    slope: Interval
    of_models: Interval
    residuals: tuple[float, ...]

    @property
    def scatter(self) -> float:
        """In percentage points."""
        return math.sqrt(sum(each * each for each in self.residuals) / (len(self.residuals) - 2))


@dataclass(frozen=True)
class Trend:
    """Models in ascending order of their `scale`; `classes`: all errors, then the layers; `unit`: what was drawn."""

    by: str
    scale: tuple[float, ...]
    models: tuple[str, ...]
    positions: int
    classes: tuple[ClassTrend, ...]
    unit: str
    signature: str
    left_out: tuple[int, ...] = ()  # predicted positions of each model that not all have

    def to_json(self) -> dict[str, Any]:
        """One document; intervals are [value, low, high]."""
        return {
            "schema": SCHEMA,
            "signature": self.signature,
            "by": self.by,
            "unit": self.unit,
            "positions": self.positions,
            "models": [
                {"model": model, self.by: x, "left_out": n}
                for model, x, n in zip(self.models, self.scale, self.left_out, strict=True)
            ],
            "classes": [
                {
                    "name": each.name,
                    "counts": list(each.counts),
                    "rates": [list(rate) for rate in each.rates],
                    "slope": list(each.slope),
                    "slope_of_models": list(each.of_models),
                    "residuals": list(each.residuals),
                    "scatter": each.scatter,
                }
                for each in self.classes
            ],
        }


def trend(peels: Sequence[PeelSource], by: str = "parameters", resampling: Resampling = STANDARD) -> Trend:
    """The trend over peels of the same text, `by` parameters or training steps, as their metadata say.

    Raises `UsageError` for fewer than three peels, or where one does not say, or all say the same; `BadInput` where
    they cannot be compared.
    """
    if len(peels) < 3:
        raise UsageError(f"a trend needs three peels at least, got {len(peels)}; for two there is errtax compare.")
    scales_of([peel.head for peel in peels], by)
    return trend_of(sum_peels(peels, resampling), by, resampling)


def trend_of(sums: Sequence[PeelSums], by: str = "parameters", resampling: Resampling = STANDARD) -> Trend:
    """The trend that follows from the sums of peels over the same units; raises `UsageError` like `trend`."""
    names = distinct_names([each.head.log for each in sums])
    scales = scales_of([each.head for each in sums], by)
    order = sorted(range(len(sums)), key=lambda k: scales[k])
    sums, scale = [sums[k] for k in order], tuple(scales[k] for k in order)
    head, units, rates = sums[0].head, sums[0].blocks.units, _Rates(sums, np.log10(np.array(scale)), resampling)
    classes = [rates.of("errors", "all errors", [Quantity("errors")])]
    for name in head.layer_names:
        if name != REST:
            quantities = [Quantity("count", name, part) for part in head.slice_names(name)]
            classes.append(rates.of(name, find_layer(name, head.settings).title, quantities))
    return Trend(
        by,
        scale,
        tuple(names[k] for k in order),
        rates.positions,
        tuple(classes),
        units.kind,
        f"{head.signature}|trend:by={by}|bootstrap:{units.describe(resampling)}",
        tuple(each.left_out for each in sums),
    )


class _Rates:
    """The rates of classes in some models, whose units are drawn together; x: log10 of the models' scale."""

    def __init__(self, sums: Sequence[PeelSums], x: Floats, resampling: Resampling) -> None:
        self._x, self._blocks = x, [each.blocks for each in sums]
        self.positions = self._blocks[0].count("positions")
        names = [each for each in self._blocks[0].quantities if each.what in ("positions", "errors", "count")]
        self._places = {name: q for q, name in enumerate(names)}
        chosen = [blocks.sums[:, [blocks.places[name] for name in names]] for blocks in self._blocks]
        self._n = self._blocks[0].by_unit([Quantity("positions")])
        self._columns, self._resampling = np.concatenate(chosen, axis=1), resampling

    @cached_property
    def _drawn(self) -> Replicates:
        """The same draws for all models, whose columns stand side by side: what is hard in a unit for all cancels."""
        return draw_sums(self._columns, self._resampling)

    def of(self, name: str, title: str, quantities: Sequence[Quantity]) -> ClassTrend:
        """A class, which is the sum of some counts."""
        by_unit = np.stack([blocks.by_unit(quantities) for blocks in self._blocks])
        counts = [blocks.exactly(quantities) for blocks in self._blocks]
        rates = 100 * np.array(counts) / self.positions
        centred = self._x - self._x.mean()
        weights = centred / float(centred @ centred)
        slope = float(weights @ (rates - rates[0]))  # exactly 0 where all are alike
        residuals = rates - rates.mean() - slope * centred
        return ClassTrend(
            name,
            title,
            tuple(counts),
            tuple(self._rate(m, quantities, by_unit[m]) for m in range(len(rates))),
            interval(slope, self._slope_ends(weights, quantities, by_unit)),
            interval(slope, line_ends(slope, centred, residuals)),
            tuple(residuals.tolist()),
        )

    def _rate(self, model: int, quantities: Sequence[Quantity], errors: Floats) -> Interval:
        value = 100 * float(self._blocks[model].exactly(quantities)) / self.positions
        if is_few(errors, self._n):
            ends = ratio_ends(errors, self._n, within=True)
            return interval(value, ends and (100 * ends[0], 100 * ends[1]))
        return interval(value, percentiles(self._again(model, quantities)))

    def _slope_ends(self, weights: Floats, quantities: Sequence[Quantity], by_unit: Floats) -> Ends | None:
        """The ends of the slope on other text."""
        weighted = 100 * weights @ (by_unit - by_unit[0])
        if is_few(weighted, self._n):
            least = 0.0 if by_unit.any() else 100 * float(np.abs(weights).max())  # models that are alike have no slope
            return difference_ends(weighted, self._n, least)
        again = np.stack([self._again(m, quantities) for m in range(len(weights))], axis=1)
        return percentiles(again @ weights)

    def _again(self, model: int, quantities: Sequence[Quantity]) -> Floats:
        """The rates of a model in each replicate."""
        columns = np.array([self._places[each] for each in quantities]) + model * len(self._places)
        return 100 * self._drawn.of(columns) / self._drawn.of([self._places[Quantity("positions")]])


def line_ends(slope: float, centred: Floats, residuals: Floats) -> Ends:
    """The ends of a slope by least squares (Draper & Smith 1998, section 1.4); `centred`: x less its mean."""
    freedom = len(residuals) - 2
    error = math.sqrt(float(residuals @ residuals) / freedom / float(centred @ centred))
    half = student_quantile(0.975, freedom) * error
    return slope - half, slope + half


def scales_of(heads: Sequence[Peel], by: str) -> list[float]:
    """Parameters or steps of each model; `UsageError` where one does not say them, or all say the same."""
    scales = [_scale_of(head, by) for head in heads]
    if len(set(scales)) < 2:
        raise UsageError(f"all these models have the same {by}; there is no trend along it.")
    return scales


def _scale_of(peel: Peel, by: str) -> float:
    value = whole_number(peel.sources.get(by, peel.log.metadata.get(by)))
    if not value:
        raise UsageError(f"{peel.log.name} does not say its {by}; logs by errtax predict do; else give it with --{by}.")
    return float(value)
