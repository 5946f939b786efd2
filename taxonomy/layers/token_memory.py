"""The memory of tokens: all pieces of words that the text itself has had a while ago."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers import memory
from errtax.taxonomy.layers.layer import Clause, Layer, Slices, Values, joined, smallest

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    distance = evidence.memory_distance
    valid = (distance > 0) & (evidence.word_length >= settings.memory_min_length)
    return smallest(distance, settings.memory_windows, valid)


def _in_words(evidence: "Evidence", row: int) -> str:
    distance = evidence.memory_distance[row]
    return f"word seen {distance:,} characters ago" if distance > 0 else ""


LAYER = Layer(
    name=memory.LAYER.name,
    title=memory.LAYER.title,
    letter=memory.LAYER.letter,
    colour=memory.LAYER.colour,
    bit=memory.LAYER.bit,
    rule="in a word that occurred within the last w characters, its first piece included",
    parameters=memory.LAYER.parameters,
    inside=lambda s: f"{joined(s.memory_windows)};len>={s.memory_min_length};any piece",
    reach=memory.LAYER.reach,
    slices=memory.LAYER.slices,
    slice_of=_slice_of,
    in_words=_in_words,
    clauses=(
        Clause(
            "memory",
            "{} memory",
            limits="memory_windows",
            at_least=(("length", "memory_min_length"),),
            says="its word was seen {} characters ago",
        ),
    ),
    page_columns=memory.LAYER.page_columns,
    page_scales=memory.LAYER.page_scales,
)
