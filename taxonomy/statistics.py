"""Every share of a peel with its interval and its order-free twin: all of it re-summed from `block_sums`.

Intervals are percentiles of the bootstrap (Efron & Tibshirani 1993, sections 8.6 and 13.3): documents, streams, or
blocks of neighbouring symbols are drawn with replacement, as many as there are, 2,000 times; one matrix product sums
them all.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.attribution import overlaps, players_of
from errtax.taxonomy.block_sums import BlockSums, PeelSums, Quantity, sum_peels
from errtax.taxonomy.bootstrap import STANDARD, Resampling, draw_sums
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.units import Units

SCHEMA = "errtax.stats/1"
LEVEL = 0.95
FEW_BLOCKS = 30
"""Below so many units intervals are too narrow to be trusted."""


class Interval(NamedTuple):
    """A number and the ends of its 95 % interval; None where it has none (one block, or values without end)."""

    value: float
    low: float | None
    high: float | None


def finite(value: float | None) -> float | None:
    """The number as JSON takes it: None for one without end."""
    return value if value is not None and math.isfinite(value) else None


def interval_of(value: float, drawn: NDArray[np.float64]) -> Interval:
    """A number with the interval that its replicates span."""
    if not len(drawn) or not np.isfinite(drawn).all():
        return Interval(value, None, None)
    low, high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(value, float(low), float(high))


class Resampled:
    """Sums over blocks, and the same sums of each replicate."""

    def __init__(self, blocks: BlockSums, resampling: Resampling) -> None:
        self.blocks = blocks
        self._replicates = draw_sums(blocks.sums, resampling)

    def of(self, quantities: Sequence[Quantity], per: Quantity | None = None) -> Interval:
        """The sum of some quantities of one scale, divided by another, with its interval."""
        divisor = 1.0 if per is None else max(self.blocks.total(*per), 1e-300)
        value = self.blocks.sum_of(quantities) / divisor
        if self.blocks.is_infinite(quantities):
            return Interval(value, None, None)
        drawn = self._drawn(quantities)
        if per is not None:
            drawn = drawn / np.maximum(self._drawn([per]), 1e-300)
        return interval_of(value, drawn)

    def _drawn(self, quantities: Sequence[Quantity]) -> NDArray[np.float64]:
        places = self.blocks.places
        return self._replicates.of([places[each] for each in quantities if each in places]) / quantities[0].scale


@dataclass(frozen=True)
class PartStatistics:
    """A layer or a slice.  `share`: of all errors.  `bits`, `excess`, `recoverable`: per symbol of the text."""

    name: str
    count: Interval
    share: Interval
    bits: Interval
    excess: Interval
    recoverable: Interval | None


@dataclass(frozen=True)
class LayerStatistics(PartStatistics):
    """A layer, and its share whatever the order of the layers (None for boost and the rest, which stand outside).

    `fair`: Shapley's share of the errors; `unique` and `solo`: the least and the most that it takes in any order;
    `fair_bits`: bits per symbol, divided as the errors are.
    """

    title: str
    fair: Interval | None
    fair_bits: Interval | None
    unique: Interval | None
    solo: Interval | None
    slices: tuple[PartStatistics, ...]


@dataclass(frozen=True)
class Statistics:
    """All that a peel says, with intervals.  `overlaps`: errors by the set of layers that claim them.

    `blocks`: how many units were drawn; `units`: what they are.
    """

    model: str
    positions: int
    errors: int
    error_rate: Interval
    bits: Interval
    layers: tuple[LayerStatistics, ...]
    overlaps: dict[tuple[str, ...], int]
    blocks: int
    units: Units
    signature: str

    @property
    def warning(self) -> str | None:
        """What to keep in mind of the intervals."""
        if self.blocks >= FEW_BLOCKS:
            return None
        few = f"Only {self.units.counted(self.blocks)}"
        wrong = "the intervals are too narrow" if self.blocks > 1 else "there are no intervals"
        return f"{few}: {wrong}; {FEW_BLOCKS} are needed for a fair estimate."

    def explained_by_both(self) -> dict[str, dict[str, float]]:
        """`[a][b]`: of the errors that layer a claims, the share that layer b claims, too."""
        players = [layer.name for layer in self.layers if layer.solo is not None]
        claimed = {a: sum(n for names, n in self.overlaps.items() if a in names) for a in players}

        def both(a: str, b: str) -> int:
            return sum(n for names, n in self.overlaps.items() if a in names and b in names)

        return {a: {b: both(a, b) / max(claimed[a], 1) for b in players} for a in players}

    def to_json(self) -> dict[str, Any]:
        """One document; an interval is [value, low, high], a number without end null."""
        return {
            "schema": SCHEMA,
            "signature": self.signature,
            "model": self.model,
            "positions": self.positions,
            "errors": self.errors,
            "error_rate": _json(self.error_rate),
            "bits": _json(self.bits),
            "blocks": self.blocks,
            "unit": self.units.kind,
            "warning": self.warning,
            "layers": [
                {
                    **_json_of(layer, ("count", "share", "bits", "excess", "recoverable")),
                    **_json_of(layer, ("fair", "fair_bits", "unique", "solo")),
                    "slices": [
                        _json_of(part, ("count", "share", "bits", "excess", "recoverable")) for part in layer.slices
                    ],
                }
                for layer in self.layers
            ],
            "overlaps": [{"layers": list(names), "count": count} for names, count in self.overlaps.items()],
            "explained_by_both": self.explained_by_both(),
        }


def _json_of(part: PartStatistics, names: Iterable[str]) -> dict[str, Any]:
    return {"name": part.name, **{name: _json(getattr(part, name)) for name in names}}


def _json(interval: Interval | None) -> list[float | None] | None:
    if interval is None:
        return None
    return [finite(interval.value), interval.low, interval.high]


def statistics(peel: PeelSource, resampling: Resampling = STANDARD) -> Statistics:
    """The statistics of a peel; memory is that of a block of it."""
    return statistics_of(sum_peels([peel], resampling)[0], resampling)


def statistics_of(sums: PeelSums, resampling: Resampling = STANDARD) -> Statistics:
    """The statistics that follow from the sums of a peel."""
    resampled, peel, blocks = Resampled(sums.blocks, resampling), sums.head, sums.blocks
    layers = [_layer(resampled, peel, name) for name in peel.layer_names]
    return Statistics(
        model=peel.log.model,
        positions=blocks.count("positions"),
        errors=blocks.count("errors"),
        error_rate=resampled.of([Quantity("errors")], Quantity("positions")),
        bits=resampled.of([Quantity("surprisal")], Quantity("positions")),
        layers=tuple(layer for layer in layers if layer.name != REST or layer.count.value),
        overlaps=overlaps(sums.claimed, peel.settings),
        blocks=len(blocks.sums),
        units=blocks.units,
        signature=f"{peel.signature}|bootstrap:{blocks.units.describe(resampling)}",
    )


def _layer(resampled: Resampled, peel: Peel, name: str) -> LayerStatistics:
    slices = peel.slice_names(name)
    whole = _part(resampled, name, slices, name)
    errors, positions = Quantity("errors"), Quantity("positions")

    def order_free(what: str, per: Quantity) -> Interval | None:
        is_player = name in players_of(peel.settings.layers)
        return resampled.of([Quantity(what, name)], per) if is_player else None

    return LayerStatistics(
        **vars(whole),
        title=find_layer(name, peel.settings).title,
        fair=order_free("fair", errors),
        fair_bits=order_free("fair_bits", positions),
        unique=order_free("unique", errors),
        solo=order_free("solo", errors),
        slices=tuple(_part(resampled, name, [part], part) for part in slices),
    )


def _part(resampled: Resampled, layer: str, slices: Sequence[str], name: str) -> PartStatistics:
    def of(what: str, per: str | None = None) -> Interval:
        quantities = [Quantity(what, layer, part) for part in slices]
        return resampled.of(quantities, Quantity(per) if per else None)

    has_ngram = Quantity("recoverable", layer, slices[0]) in resampled.blocks.places
    return PartStatistics(
        name=name,
        count=of("count"),
        share=of("count", "errors"),
        bits=of("bits", "positions"),
        excess=of("excess", "positions"),
        recoverable=of("recoverable", "positions") if has_ngram else None,
    )
