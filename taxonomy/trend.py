"""Classes of errors along a scale: do they fall with parameters, or with training steps, and how fast?

For each class the slope of its rate against log10 of the scale, by least squares, with an interval: the same units of
the text are drawn for all models, so what makes a passage hard for all of them cancels out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.visible import whole_number
from errtax.taxonomy.block_sums import PeelSums, Quantity, sum_peels
from errtax.taxonomy.bootstrap import STANDARD, Resampling, draw_sums
from errtax.taxonomy.identity import distinct_names
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.statistics import Interval, interval_of

SCHEMA = "errtax.trend/1"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassTrend:
    """One class: its rate in each model, in % of the positions, and the change of it for ten times the scale."""

    name: str
    title: str
    counts: tuple[int, ...]
    rates: tuple[Interval, ...]
    slope: Interval


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
        # the same draws for all models, whose columns stand side by side: what is hard in a unit for all cancels out
        self._drawn = draw_sums(np.concatenate(chosen, axis=1), resampling)
        self._drawn_positions = self._drawn.of([self._places[Quantity("positions")]])

    def of(self, name: str, title: str, quantities: Sequence[Quantity]) -> ClassTrend:
        """A class, which is the sum of some counts."""
        columns = np.array([self._places[each] for each in quantities])
        drawn = [self._drawn.of(columns + k * len(self._places)) for k in range(len(self._blocks))]
        counts = [blocks.exactly(quantities) for blocks in self._blocks]
        rates = 100 * np.array(counts) / self.positions
        again = 100 * np.stack(drawn, axis=1) / self._drawn_positions[:, None]
        return ClassTrend(
            name,
            title,
            tuple(counts),
            tuple(interval_of(float(rate), again[:, m]) for m, rate in enumerate(rates)),
            interval_of(float(_slope(self._x, rates)), _slope(self._x, again)),
        )


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


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares along the last axis."""
    centred = x - x.mean()
    slope: NDArray[np.float64] = (y * centred).sum(axis=-1) / (centred**2).sum()
    return slope
