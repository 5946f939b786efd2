"""A model's cells on a text: how well each tracks each feature, and passages that show the best of them.

After Karpathy et al. 2015, section 4.2, who found such cells by looking.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.neural.streams import Span
from errtax.lm.text import Codes, Unit
from errtax.oracle.features import Feature, FeatureReader
from errtax.oracle.text_kind import Reading
from errtax.taxonomy.studies.passages import LENGTH, LiveliestPassages, Passage, read_cells_in, whole_characters
from errtax.taxonomy.studies.tracking import Found, Sums, TrackedCell, Tracking, add_values, tracking_of

SCHEMA = "errtax.cells/1"
SHOWN_FROM = 0.3
"""The score from which on the best cell of a feature is shown without being asked for."""
MOST_SHOWN = 8
_BEST_IN_JSON = 10


@dataclass(frozen=True)
class CellOptions:
    """What is asked for.

    `cells`: those to show; none: the best.  `features`: names; None: all.  `reading`: None: by the look of the text.
    `start`: position in the text where the passages begin; None: where each cell's feature varies most.
    """

    cells: tuple[TrackedCell, ...] = ()
    features: tuple[str, ...] | None = None
    reading: Reading | None = None
    start: int | None = None
    length: int = LENGTH
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class Panel:
    """A cell on a passage: `values[i]`, in [-1, 1], after symbol `codes[i]`, which is number `start` + i of the text.

    `tracks`: the features that it is shown for, the best tracked first, with its scores.
    """

    cell: TrackedCell
    tracks: tuple[tuple[Feature, Found], ...]
    start: int
    codes: Codes
    values: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CellStudy:
    """Scores and passages, and of what.  `value`: what is meant by a cell's value, `tanh(c)` or `h`."""

    tracking: Tracking
    panels: tuple[Panel, ...]
    model: str
    value: str
    unit: Unit
    reading: Reading
    signature: str
    sources: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The document of `errtax cells --json`, with the ten best cells of each feature."""
        tracking = self.tracking
        return {
            "schema": SCHEMA,
            "signature": self.signature,
            "model": self.model,
            "value": self.value,
            "positions": tracking.positions,
            "cells": sum(tracking.hidden),
            "reading": str(self.reading),
            "features": [
                {
                    **asdict(feature),
                    "mean": float(tracking.mean[f]),
                    "unscored": tracking.unscored.get(feature.name),
                    "best": [
                        {**found.cell._asdict(), "score": found.score, "r": found.r, "accuracy": found.accuracy}
                        for found in tracking.best(f, _BEST_IN_JSON)
                    ],
                }
                for f, feature in enumerate(tracking.features)
            ],
            "shown": [
                {**panel.cell._asdict(), "start": panel.start, "length": len(panel.codes)} for panel in self.panels
            ],
        }


def track(
    windows: Iterable[Any], reader: FeatureReader, shape: tuple[int, ...], hidden: Sequence[int]
) -> tuple[Tracking, list[Passage]]:
    """The scores of all cells, and where each feature varies most.

    `windows`: those of `read_cells`, each (start, codes (B, T), values (T, B, H) a layer) of rows of this `shape`.
    """
    n_cells, n_features = sum(hidden), len(reader.features)
    fit, held = Sums.empty(n_cells, n_features), Sums.empty(n_cells, n_features)
    liveliest = LiveliestPassages(reader.features, shape[0])
    middle = shape[1] // 2
    for window in windows:
        features = reader.read(window.codes)
        liveliest.add(window.start, features)
        cut = min(max(middle - window.start, 0), len(features))
        for half, part in ((fit, slice(0, cut)), (held, slice(cut, len(features)))):
            layers = [values[part].reshape(-1, values.shape[2]) for values in window.values]
            add_values(half, layers, features[part].reshape(-1, n_features), half is held)
    return tracking_of(reader.features, hidden, fit, held), liveliest.passages()


class Choice(NamedTuple):
    """A cell to show, and the indices of the features for which it is shown, the best tracked first."""

    cell: TrackedCell
    features: tuple[int, ...]


def choose_cells(tracking: Tracking, cells: Sequence[TrackedCell] = ()) -> list[Choice]:
    """The cells to show: those given, each for the feature that it tracks best, else the best cell of each feature.

    Of the latter those with a score of at least 0.3, eight at most; a cell that is the best for several features is
    shown once.
    """
    scored = [f for f, item in enumerate(tracking.features) if item.name not in tracking.unscored]
    if cells:
        ranked = ((cell, sorted(scored, key=lambda f: -tracking.found(cell, f).score)) for cell in dict.fromkeys(cells))
        return [Choice(cell, tuple(order[:1])) for cell, order in ranked]
    best = sorted(((tracking.best(f, 1)[0], f) for f in scored), key=lambda pair: -pair[0].score)
    chosen: dict[TrackedCell, list[int]] = {}
    for found, f in best:
        if found.score >= SHOWN_FROM:
            chosen.setdefault(found.cell, []).append(f)
    return [Choice(cell, tuple(order)) for cell, order in list(chosen.items())[:MOST_SHOWN]]


def place(choice: Choice, passages: Sequence[Passage], options: CellOptions, rows: Codes) -> Passage:
    """The passage on which a cell is shown: where it was asked for, else where its feature varies most.

    It ends with its row at the latest, and cuts no character.
    """
    length = rows.shape[1]
    if options.start is not None:
        row, column = divmod(options.start, length)
        passage = Passage(row, column, min(options.length, length - column))
    else:
        found = passages[choice.features[0]] if choice.features else Passage(0, 0, LENGTH)
        passage = found.within(length, options.length)
    start, stop = whole_characters(rows[passage.row], passage.start, passage.start + passage.length)
    return Passage(passage.row, start, stop - start)


def show(
    windows: Callable[[Span], Iterable[Any]],
    rows: Codes,
    chosen: Sequence[tuple[Choice, Passage]],
    tracking: Tracking,
) -> tuple[Panel, ...]:
    """The panels: the symbols of each passage, and the cell's values there, from a second reading of its row."""
    if not chosen:
        return ()
    passages = [passage for _, passage in chosen]
    numbers = tuple(sorted({passage.row for passage in passages}))
    last = max(passage.start + passage.length for passage in passages)
    span = Span(numbers, min(passage.start for passage in passages), last)
    wanted = [
        (passage._replace(row=numbers.index(passage.row)), choice.cell.layer - 1, choice.cell.unit - 1)
        for choice, passage in chosen
    ]
    panels = []
    for (choice, passage), values in zip(chosen, read_cells_in(windows(span), wanted), strict=True):
        row, start, length = passage
        tracks = tuple((tracking.features[f], tracking.found(choice.cell, f)) for f in choice.features)
        codes = rows[row, start : start + length]
        panels.append(Panel(choice.cell, tracks, row * rows.shape[1] + start, codes, values))
    return tuple(panels)
