"""Is a model right as often as it says?  Reliability of its first-ranked symbol, in all and by class of position.

Confidence is the probability of the first-ranked symbol; a model is calibrated where, of the positions of one
confidence, that share is right (Guo et al. 2017, section 2).  Positions, right or wrong, belong to the first layer
whose oracle claims them; so a class is a kind of position, not a kind of error.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.taxonomy.attribution import players_of
from errtax.taxonomy.bootstrap import STANDARD, Resampling, draw_blocks
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.statistics import Interval, interval_of
from errtax.taxonomy.units import UnitTables

SCHEMA = "errtax.calibration/1"
BINS = 10
"""Of equal width; half-open, the last one closed."""
Floats = NDArray[np.float64]


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
    of their bin."""

    name: str
    title: str
    n: int
    confidence: Interval
    accuracy: Interval
    error: Interval
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
                    "bins": [vars(part) for part in each.bins],
                }
                for each in self.classes
            ],
        }


def calibration(parts: Iterable[Peel], resampling: Resampling = STANDARD) -> Calibration:
    """The calibration of a model whose peel may come in pieces.

    Raises `BadInput` where the peel has not the first-ranked symbols and their log-probabilities.
    """
    tables = UnitTables(resampling)  # (classes, BINS, 3) of n, confidence and right ones
    names: list[str] = []
    last: Peel | None = None
    for peel in parts:
        last, names = peel, ["all", *players_of(peel.settings.layers), REST]
        tables.add(_tables(peel, tables.cut(peel.log), len(names)))
    if last is None:
        raise BadInput("this peel has no rows.")
    units, blocks = tables.result()
    drawn = draw_blocks(len(blocks), resampling) if len(blocks) > 1 else np.empty((0, len(blocks)))
    again = (drawn @ blocks.reshape(len(blocks), -1)).reshape(-1, *blocks.shape[1:])
    whole = blocks.sum(axis=0)
    titles = {"all": "all positions", REST: "claimed by none"}
    titles |= {name: find_layer(name, last.settings).title for name in players_of(last.settings.layers)}
    classes = [
        _class(name, titles[name], whole[k], again[:, k]) for k, name in enumerate(names) if whole[k, :, 0].any()
    ]
    signature = f"{last.signature}|calibration:bins={BINS}|bootstrap:{units.describe(resampling)}"
    return Calibration(last.log.model, tuple(classes), units.kind, signature)


def _tables(peel: Peel, cells: NDArray[np.int64], n_classes: int) -> Floats:
    """The sums over the cells of a peel: (cells, classes, BINS, 3)."""
    log = peel.log
    if log.argmax_codes is None or log.argmax_logprobs is None:
        raise BadInput(
            f"{log.name} has no columns 'argmax' and 'argmax_logprob', which calibration needs; "
            "errtax predict writes them, and errtax peel keeps them."
        )
    rows = np.flatnonzero(peel.predicted & ~np.isnan(log.argmax_logprobs))
    confidence = np.exp(np.minimum(log.argmax_logprobs[rows], 0))
    right = (log.argmax_codes[rows] == log.codes[rows]).astype(np.float64)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    tables = np.zeros((int(cells[-1]) + 1, n_classes, BINS, 3))
    values = np.stack([np.ones(len(rows)), confidence, right], axis=1)
    np.add.at(tables, (cells[rows], _kinds(peel)[rows], bins), values)
    tables[:, 0] = tables[:, 1:].sum(axis=1)
    return tables


def _kinds(peel: Peel) -> NDArray[np.int64]:
    """The class of each position: 1 for the first player, ...; the last for those that none claims."""
    players = players_of(peel.settings.layers)
    p = np.exp(peel.log.logprobs, where=peel.predicted, out=np.ones(len(peel.log)))
    kinds = np.full(len(peel.log), len(players) + 1)
    for k in range(len(players), 0, -1):
        kinds[find_layer(players[k - 1], peel.settings).slice_of(peel.evidence, p, peel.settings) >= 0] = k
    return kinds


def _class(name: str, title: str, whole: Floats, again: Floats) -> ClassCalibration:
    """`whole`: (BINS, 3); `again`: (replicates, BINS, 3)."""
    n = whole[:, 0].sum()
    drawn = np.maximum(again[:, :, 0].sum(axis=1), 1)
    edges = np.linspace(0, 1, BINS + 1).tolist()
    bins = [
        ConfidenceBin(low, high, int(m), c / m if m else None, r / m if m else None)
        for low, high, (m, c, r) in zip(edges, edges[1:], whole.tolist(), strict=False)
    ]
    return ClassCalibration(
        name,
        title,
        int(n),
        interval_of(float(whole[:, 1].sum() / n), again[:, :, 1].sum(axis=1) / drawn),
        interval_of(float(whole[:, 2].sum() / n), again[:, :, 2].sum(axis=1) / drawn),
        interval_of(float(_gap(whole) / n), _gap(again) / drawn),
        tuple(bins),
    )


def _gap(table: Floats) -> Any:
    """n times the expected calibration error: the sum over bins of |right - confidence|."""
    return np.abs(table[..., 2] - table[..., 1]).sum(axis=-1)
