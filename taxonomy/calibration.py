"""Is a model right as often as it says?  Reliability of its first-ranked symbol, in all and by class of position.

Confidence is the probability of the first-ranked symbol; a model is calibrated where, of the positions of one
confidence, that share is right (Guo et al. 2017, section 2).  Positions, right or wrong, belong to the first layer
whose oracle claims them; so a class is a kind of position, not a kind of error.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import right_first
from errtax.taxonomy.attribution import players_of
from errtax.taxonomy.bootstrap import STANDARD, Resampling, draw_sums
from errtax.taxonomy.fixed_point import BIT, Halves, joined, totals_of
from errtax.taxonomy.intervals import Interval, interval, is_few, percentiles, ratio_ends, student_factor
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.sum_kernels import sum_bins
from errtax.taxonomy.units import Units, UnitTables, even_units

SCHEMA = "errtax.calibration/1"
BINS = 10
"""Of equal width; half-open, the last one closed."""
Floats = NDArray[np.float64]
Columns = tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]


@dataclass(frozen=True)
class ConfidenceBin:
    """Positions whose confidence lies in low .. high; mean confidence and share of right ones, None where n = 0."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class ClassCalibration:
    """One kind of position.  `error`: expected calibration error, the mean over positions of |accuracy - confidence|
    of their bin.

    It is never 0, however well a model is calibrated.  `by_chance`: what a calibrated model would have in the mean,
    with errors as clustered as these; `critical`: what it would exceed in 5 % of all texts; None where it cannot be
    told.
    """

    name: str
    title: str
    n: int
    confidence: Interval
    accuracy: Interval
    error: Interval
    by_chance: float | None
    critical: float | None
    bins: tuple[ConfidenceBin, ...]


@dataclass(frozen=True)
class Calibration:
    """All positions first, then those of each layer, then the rest.  `unit`: what was drawn for the intervals."""

    model: str
    classes: tuple[ClassCalibration, ...]
    unit: str
    signature: str

    def to_json(self) -> dict[str, Any]:
        """One document; intervals are [value, low, high]."""
        return {
            "schema": SCHEMA,
            "signature": self.signature,
            "model": self.model,
            "unit": self.unit,
            "classes": [
                {
                    "name": each.name,
                    "n": each.n,
                    **{name: list(getattr(each, name)) for name in ("confidence", "accuracy", "error")},
                    "error_by_chance": each.by_chance,
                    "error_critical": each.critical,
                    "bins": [vars(part) for part in each.bins],
                }
                for each in self.classes
            ],
        }


def calibration(peel: PeelSource, resampling: Resampling = STANDARD) -> Calibration:
    """The calibration of a model.

    Raises `BadInput` where the peel has not the first-ranked symbols and their log-probabilities.
    """
    head = peel.head
    units, blocks = _sum_up(peel, resampling)  # (units, classes, BINS, 3, 2) of n, confidence and right ones
    names = ["all", *players_of(head.settings.layers), REST]
    table = blocks.reshape(len(blocks), -1, 2)
    drawn = draw_sums(table, resampling)
    shape, scale = (-1, len(names), BINS, 3), np.array([1, BIT, 1])
    whole = (np.array(totals_of(table), np.float64).reshape(shape) / scale)[0]
    again = joined(drawn.low, drawn.high).reshape(shape) / scale
    by_unit = joined(table[..., 0], table[..., 1]).reshape(shape) / scale
    titles = {"all": "all positions", REST: "claimed by none"}
    titles |= {name: find_layer(name, head.settings).title for name in players_of(head.settings.layers)}
    classes = [
        _class(name, titles[name], by_unit[:, k], again[:, k]) for k, name in enumerate(names) if whole[k, :, 0].any()
    ]
    signature = f"{head.signature}|calibration:bins={BINS}|bootstrap:{units.describe(resampling)}"
    return Calibration(head.log.model, tuple(classes), units.kind, signature)


def _sum_up(peel: PeelSource, resampling: Resampling) -> tuple[Units, Halves]:
    """The units, and the table of each."""
    head = peel.head
    tables = UnitTables(even_units([head.log], resampling), resampling.block is None)
    shape = (len(players_of(head.settings.layers)) + 2, BINS, 3, 2)
    for block in peel.blocks():
        tables.add(block.log, partial(_sum_cells, _columns(block), shape))
    units, blocks = tables.result()
    return units, blocks.reshape(-1, *shape)


def _sum_cells(columns: Columns, shape: tuple[int, ...], bounds: NDArray[np.int64]) -> Halves:
    kinds, confidence, right = columns
    table = np.zeros((len(bounds) - 1, *shape), np.int64)
    sum_bins(kinds, confidence, right, bounds, table)
    return table


def _columns(peel: Peel) -> Columns:
    """The class of each position, -1 where nothing was predicted; confidence; whether the first-ranked was right."""
    log = peel.log
    judged = log.argmax_codes is not None or log.ranks is not None
    if not judged or log.argmax_logprobs is None:
        raise BadInput(
            f"{log.name} has no columns 'argmax' and 'argmax_logprob', which calibration needs; "
            "errtax predict writes them, and errtax peel keeps them."
        )
    known = peel.predicted & ~np.isnan(log.argmax_logprobs)
    confidence = np.exp(np.minimum(log.argmax_logprobs, 0), where=known, out=np.zeros(len(log)))
    return np.where(known, _kinds(peel), -1), confidence, right_first(log)


def _kinds(peel: Peel) -> NDArray[np.int64]:
    """The class of each position: 1 for the first player, ...; the last for those that none claims."""
    players = players_of(peel.settings.layers)
    p = np.exp(peel.log.logprobs, where=peel.predicted, out=np.ones(len(peel.log)))
    kinds = np.full(len(peel.log), len(players) + 1)
    for k in range(len(players), 0, -1):
        kinds[find_layer(players[k - 1], peel.settings).slice_of(peel.evidence, p, peel.settings) >= 0] = k
    return kinds


def _class(name: str, title: str, by_unit: Floats, again: Floats) -> ClassCalibration:
    """`by_unit`: (units, BINS, 3) of positions, confidence, right ones; `again`: (replicates, BINS, 3)."""
    whole = by_unit.sum(axis=0)
    n = whole[:, 0].sum()
    edges = np.linspace(0, 1, BINS + 1).tolist()
    bins = [
        ConfidenceBin(low, high, int(m), c / m if m else None, r / m if m else None)
        for low, high, (m, c, r) in zip(edges, edges[1:], whole.tolist(), strict=False)
    ]
    drawn = np.maximum(again[:, :, 0].sum(axis=1), 1)
    return ClassCalibration(
        name,
        title,
        int(n),
        _mean(by_unit, again, 1),
        _mean(by_unit, again, 2),
        _error(float(_gap(whole) / n), _gap(again) / drawn),
        *_by_chance(by_unit, again),
        tuple(bins),
    )


def _error(value: float, drawn: Floats) -> Interval:
    """The expected calibration error, whose replicates lie above it by what they add to chance: moved back by that."""
    ends = percentiles(drawn)
    if ends is None:
        return interval(value, None)
    excess = float(drawn.mean()) - value
    return interval(value, (max(min(ends[0] - excess, value), 0.0), max(ends[1] - excess, value)))


def _mean(by_unit: Floats, again: Floats, column: int) -> Interval:
    """The mean over positions of their confidence (1), or of being right (2)."""
    part, whole = by_unit[:, :, column].sum(axis=1), by_unit[:, :, 0].sum(axis=1)
    value = float(part.sum() / whole.sum())
    if is_few(part, whole) or is_few(whole - part, whole):
        return interval(value, ratio_ends(part, whole, within=True))
    positions = np.maximum(again[:, :, 0].sum(axis=1), 1)
    return interval(value, percentiles(again[:, :, column].sum(axis=1) / positions))


def _by_chance(by_unit: Floats, again: Floats) -> tuple[float | None, float | None]:
    """The calibration error of a calibrated model, in the mean and the 95 % point, from how far gaps are by chance.

    Replicates are drawn about the gaps that were found; what they add to these is chance.  Of few units they vary too
    little: by (B - 1) / B, and by the normal's quantile instead of Student's t.
    """
    units = int(np.count_nonzero(by_unit[:, :, 0].any(axis=1)))
    if units < 2 or not len(again):
        return None, None
    whole = by_unit.sum(axis=0)
    gaps = (whole[:, 2] - whole[:, 1]) / whole[:, 0].sum()
    drawn = np.maximum(again[:, :, 0].sum(axis=1), 1)
    strayed = np.abs((again[:, :, 2] - again[:, :, 1]) / drawn[:, None] - gaps).sum(axis=1)
    wider = math.sqrt(units / (units - 1))
    critical = float(np.quantile(strayed, 0.95)) * wider * student_factor(units - 1)
    return float(strayed.mean()) * wider, critical


def _gap(table: Floats) -> Any:
    """n times the expected calibration error: the sum over bins of |right - confidence|."""
    return np.abs(table[..., 2] - table[..., 1]).sum(axis=-1)
