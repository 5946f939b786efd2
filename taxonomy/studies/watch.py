"""A training, step by step: the errors of each class, how far n-gram models are, what the last step won and lost.

Each look is a peel of the same fixed sample, so that two of them are compared on the same positions, in pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.ngram.model import NgramModel
from errtax.lm.prediction_log import PredictionLog
from errtax.oracle.text_view import TextView
from errtax.taxonomy.block_sums import PeelSums, Quantity
from errtax.taxonomy.bootstrap import STANDARD
from errtax.taxonomy.comparison import Comparison, compare_all
from errtax.taxonomy.identity import Identity
from errtax.taxonomy.intervals import Interval, finite
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_file import read_peel, write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.resampled import Resampled
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.studies.watch_folder import WatchFolder

SCHEMA = "errtax.watch/1"


@dataclass(frozen=True)
class ClassRate:
    """Errors of a class: how many, and in % of the positions, as `errtax trend` has them."""

    name: str
    title: str
    count: int
    rate: Interval


@dataclass(frozen=True)
class Look:
    """What one step's peel says.  `classes`: all errors, then the layers.  `bits`: per symbol.

    `apart[n - 1]`: mean over the positions of |log p − log q|, nats, p and q being the probabilities that the model and
    the n-gram model of order n give to the right symbol.  `behind[n - 1]`: mean of log q − log p, the model's loss less
    that of the order.  Empty without an index.
    """

    step: int
    positions: int
    classes: tuple[ClassRate, ...]
    bits: Interval
    apart: tuple[float, ...] = ()
    behind: tuple[float, ...] = ()

    @property
    def nearest(self) -> int | None:
        """The order of the n-gram model that the model is least apart from; None without an index."""
        return None if not self.apart else 1 + int(np.argmin(self.apart))

    @property
    def numbers(self) -> dict[str, float]:
        """What a trainer logs: `errtax/errors`, `errtax/ngram`, …, in % of the positions; bits per symbol."""
        rates = {f"errtax/{each.name}": each.rate.value for each in self.classes}
        apart = {f"errtax/apart_{n}": value for n, value in enumerate(self.apart, 1)}
        return {**rates, "errtax/bits": self.bits.value, **apart}

    def to_json(self) -> dict[str, Any]:
        """One document; intervals are [value, low, high], a number without end null."""
        return {
            "step": self.step,
            "positions": self.positions,
            "bits": [finite(self.bits.value), *self.bits[1:]],
            "classes": [{"name": c.name, "count": c.count, "rate": list(c.rate)} for c in self.classes],
            "apart": [finite(value) for value in self.apart],
            "behind": [finite(value) for value in self.behind],
        }


class NgramScores:
    """What the n-gram models of all orders give to the rows of a log: natural log-probabilities, (rows, order)."""

    def __init__(self, model: NgramModel, log: PredictionLog) -> None:
        view = TextView.of_log(log)
        scores = np.concatenate(list(model.score_blocks(view.codes, unknown=view.gaps)))
        self._scores = scores[view.rows].astype(np.float64)

    def distances(self, logprobs: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """`Look.apart` and `Look.behind` of a model that gives these log-probabilities; NaN is not predicted."""
        known = ~np.isnan(logprobs)
        difference = self._scores[known] - logprobs[known, None]
        apart, behind = np.abs(difference).mean(axis=0), difference.mean(axis=0)
        return tuple(apart.tolist()), tuple(behind.tolist())


def look_of(step: int, sums: PeelSums, distances: tuple[Sequence[float], Sequence[float]] = ((), ())) -> Look:
    """What the sums of a peel say."""
    resampled, peel, positions = Resampled(sums.blocks, STANDARD), sums.head, Quantity("positions")
    n = sums.blocks.count("positions")

    def rate(name: str, title: str, quantities: list[Quantity]) -> ClassRate:
        count, ends = sums.blocks.exactly(quantities), resampled.of(quantities, positions)[1:]
        low, high = (None if end is None else 100 * end for end in ends)
        return ClassRate(name, title, count, Interval(100 * count / max(n, 1), low, high))

    layers = [
        rate(name, find_layer(name, peel.settings).title, [Quantity("count", name, k) for k in peel.slice_names(name)])
        for name in peel.layer_names
        if name != REST
    ]
    return Look(
        step,
        n,
        (rate("errors", "all errors", [Quantity("errors")]), *layers),
        resampled.of([Quantity("surprisal")], positions),
        tuple(distances[0]),
        tuple(distances[1]),
    )


@dataclass
class Watched:
    """A training that is being watched.  `ngrams`: models of its training text.

    `looks` by ascending step; `last` and `before`: the latest two peels, called by their steps; `comparison`: of these.
    `model_name`: what the logs call the model.
    """

    folder: WatchFolder
    settings: Settings
    ngrams: NgramModel | None = None
    looks: list[Look] = field(default_factory=list)
    last: Peel | None = None
    before: Peel | None = None
    comparison: Comparison | None = None
    model_name: str = ""
    _scores: NgramScores | None = None

    def begin(self, step: int) -> None:
        """Go on after a step: what the folder holds up to it is read, and what stands after it removed."""
        self.looks, self.comparison, self.last, self.before = [], None, None, None
        steps = self.folder.begin(step)
        for each in steps:
            self._add(each, read_peel(self.folder.peel(each)), compared=each == steps[-1])

    def add(self, step: int) -> Look:
        """Peel the log that has been written for a step; the peel is written beside it."""
        log = self.folder.log(step)
        peel = peel_files(PeelInputs(log, self.ngrams), self._fitting(log))
        write_peel(self.folder.peel(step), peel)
        return self._add(step, peel)

    def _fitting(self, log: Path) -> Settings:
        """The settings, with no more orders than the model has."""
        if self.ngrams is None:
            return self.settings
        return self.settings.changed(ngram_max=min(self.settings.ngram_max, self.ngrams.order - 1))

    def _add(self, step: int, peel: Peel, compared: bool = True) -> Look:
        """`compared`: with the one before."""
        named = Identity(model=f"step {step:,}").of(peel)
        earlier, later = (self.last, [named]) if compared and self.last is not None else (named, [])
        sums, comparisons = compare_all(earlier, later)
        self.before, self.last, self.comparison = self.last, named, next(iter(comparisons), None)
        self.model_name = peel.log.model
        look = look_of(step, sums[-1], self._distances(peel.log))
        self.looks.append(look)
        return look

    def _distances(self, log: PredictionLog) -> tuple[tuple[float, ...], tuple[float, ...]]:
        if self.ngrams is None:
            return (), ()
        if self._scores is None:
            self._scores = NgramScores(self.ngrams, log)
        return self._scores.distances(log.logprobs)

    def to_json(self) -> dict[str, Any]:
        """All looks, and the comparison of the last two."""
        head = {"schema": SCHEMA, "signature": "" if self.last is None else self.last.signature}
        compared = None if self.comparison is None else self.comparison.to_json()
        return {**head, "looks": [look.to_json() for look in self.looks], "comparison": compared}
