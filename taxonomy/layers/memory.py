"""The memory: words that the text itself has had a while ago."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import Clause, Layer, Parameter, Slices, Slider, Values, coded, joined, smallest

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence

_WINDOWS: tuple[int, ...] = (
    *(10, 20, 50, 100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 4000, 5000, 7000),
    *(10_000, 15_000, 20_000, 30_000, 50_000, 100_000),
)


def windows_of(settings: Values) -> list[int]:
    """The distances that the page tells apart."""
    return sorted({*_WINDOWS, *settings.memory_windows})


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    distance = evidence.memory_distance
    valid = (distance > 0) & (evidence.word_offset > 0) & (evidence.word_length >= settings.memory_min_length)
    return smallest(distance, settings.memory_windows, valid)


def _in_words(evidence: "Evidence", row: int) -> str:
    if evidence.memory_distance[row] > 0 and evidence.word_offset[row] > 0:
        return f"word seen {evidence.memory_distance[row]:,} symbols ago"
    return ""


def _page_columns(evidence: "Evidence", starts: NDArray[np.int64], settings: Values) -> dict[str, NDArray[Any]]:
    """A code per word: two distances that no position of the slider tells apart have one."""
    distances = evidence.memory_distance[starts]
    return {"memory": coded(np.where(distances > 0, distances, -1), windows_of(settings))}


LAYER = Layer(
    name="memory",
    title="dynamic memory",
    letter="M",
    colour="#009E73",
    bit=2,
    rule="inside a word that occurred within the last w symbols",
    parameters=(
        Parameter(
            "memory_windows",
            (100, 500, 1000, 5000),
            "Windows of the memory layer",
            flags=("--memory",),
            slider=Slider("Memory: farthest occurrence", "{} symbols ago", lambda longest: _WINDOWS),
        ),
        Parameter(
            "memory_min_length",
            5,
            "Shortest word of the memory layer",
            low=1,
            text=1,
            token=1,
            slider=Slider("Memory: shortest word", "{} characters", lambda longest: range(1, 13)),
        ),
    ),
    inside=lambda s: f"{joined(s.memory_windows)};len>={s.memory_min_length}",
    reach=lambda s: max(s.memory_windows),
    slices=lambda s: [f"{w} memory" for w in s.memory_windows],
    slice_of=_slice_of,
    in_words=_in_words,
    clauses=(
        Clause(
            "memory",
            "{} memory",
            limits="memory_windows",
            at_least=(("offset", 1), ("length", "memory_min_length")),
            says="its word was seen {} symbols ago",
        ),
    ),
    page_columns=_page_columns,
    page_scales=lambda s: {"memory": windows_of(s)},
)
