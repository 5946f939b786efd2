"""Every share of a peel with its interval and its order-free twin: all of it re-summed from `block_sums`.

Intervals come from how the sums differ between units of the text (`resampled`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from errtax.taxonomy.attribution import overlaps, players_of
from errtax.taxonomy.block_sums import PeelSums, Quantity, sum_peels
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.caution import SPARSE_UNITS, cautions
from errtax.taxonomy.intervals import Interval, finite
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.resampled import Resampled
from errtax.taxonomy.units import Units

SCHEMA = "errtax.stats/1"


@dataclass(frozen=True)
class PartStatistics:
    """A layer or a slice.  `share`: of all errors.  `bits`, `excess`, `recoverable`: per symbol of the text.

    `units`: how many of the units have any of its errors; `sparse`: whether these are so few of them that its interval
    rests on the Poisson distribution.
    """

    name: str
    count: Interval
    share: Interval
    bits: Interval
    excess: Interval
    recoverable: Interval | None
    units: int
    sparse: bool


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

    `blocks`: how many units there are; `units`: what they are.  `correlation`: as in `PeelSums`; `cautions`: what to
    keep in mind of the intervals.
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
    correlation: float | None = None
    cautions: tuple[str, ...] = ()

    @property
    def warning(self) -> str | None:
        """What to keep in mind of the intervals."""
        return " ".join(self.cautions) or None

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
            "correlation": self.correlation,
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
    return {"name": part.name, "units": part.units, **{name: _json(getattr(part, name)) for name in names}}


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
        correlation=sums.correlation,
        cautions=cautions(sums),
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
    errors, positions = Quantity("errors"), Quantity("positions")

    def all_of(what: str) -> list[Quantity]:
        return [Quantity(what, layer, part) for part in slices]

    counted = all_of("count")
    occupied = resampled.occupied(counted)
    has_ngram = Quantity("recoverable", layer, slices[0]) in resampled.blocks.places
    return PartStatistics(
        name=name,
        count=resampled.count(counted),
        share=resampled.of(counted, errors),
        bits=resampled.of(all_of("bits"), positions),
        excess=resampled.of(all_of("excess"), positions),
        recoverable=resampled.of(all_of("recoverable"), positions) if has_ngram else None,
        units=occupied,
        sparse=occupied < min(SPARSE_UNITS, len(resampled.blocks.sums)),
    )
