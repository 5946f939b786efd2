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
from errtax.taxonomy.block_sums import Quantity, block_sums
from errtax.taxonomy.bootstrap import STANDARD, Resampling, draw_blocks
from errtax.taxonomy.comparison import require_comparable
from errtax.taxonomy.identity import distinct_peels
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.statistics import Interval, interval_of
from errtax.taxonomy.units import share_units

SCHEMA = "errtax.trend/1"


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

    def to_json(self) -> dict[str, Any]:
        """One document; intervals are [value, low, high]."""
        return {
            "schema": SCHEMA,
            "signature": self.signature,
            "by": self.by,
            "unit": self.unit,
            "positions": self.positions,
            "models": [{"model": model, self.by: x} for model, x in zip(self.models, self.scale, strict=True)],
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


def trend(peels: Sequence[Peel], by: str = "parameters", resampling: Resampling = STANDARD) -> Trend:
    """The trend over peels of the same text, `by` parameters or training steps, as their metadata say.

    Raises `UsageError` for fewer than three peels, or where one does not say, or all say the same; `BadInput` where
    they cannot be compared.
    """
    if len(peels) < 3:
        raise UsageError(f"a trend needs three peels at least, got {len(peels)}; for two there is errtax compare.")
    for other in peels[1:]:
        require_comparable(peels[0], other)
    ordered = sorted(distinct_peels(share_units(peels)), key=lambda peel: _scale_of(peel, by))
    scale = tuple(_scale_of(peel, by) for peel in ordered)
    if len(set(scale)) < 2:
        raise UsageError(f"all these models have the same {by}; there is no trend along it.")
    # the same draws for all models: what is hard in a unit for all of them cancels out of the slope
    sums = [block_sums([peel], resampling) for peel in ordered]
    drawn = draw_blocks(len(sums[0].sums), resampling) if len(sums[0].sums) > 1 else np.empty((0, len(sums[0].sums)))
    x = np.log10(np.array(scale))

    def of(name: str, title: str, quantities: Sequence[Quantity]) -> ClassTrend:
        columns = [sum((each.column(*quantity) for quantity in quantities), np.zeros(len(each.sums))) for each in sums]
        counts, positions = np.stack(columns, axis=1), sums[0].column("positions")  # (blocks, models)
        rates = 100 * counts.sum(axis=0) / positions.sum()
        again = 100 * (drawn @ counts) / (drawn @ positions)[:, None]
        return ClassTrend(
            name,
            title,
            tuple(int(count) for count in counts.sum(axis=0)),
            tuple(interval_of(float(rate), again[:, m]) for m, rate in enumerate(rates)),
            interval_of(float(_slope(x, rates)), _slope(x, again)),
        )

    names = [name for name in ordered[0].layer_names if name != REST]
    layers = [
        of(
            name,
            find_layer(name, ordered[0].settings).title,
            [Quantity("count", name, part) for part in ordered[0].slice_names(name)],
        )
        for name in names
    ]
    units = sums[0].units
    signature = f"{ordered[0].signature}|trend:by={by}|bootstrap:{units.describe(resampling)}"
    models = tuple(peel.log.model for peel in ordered)
    whole = of("errors", "all errors", [Quantity("errors")])
    return Trend(by, scale, models, round(sums[0].total("positions")), (whole, *layers), units.kind, signature)


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
