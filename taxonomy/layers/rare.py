"""Rare words: those that the training text hardly has."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import (
    TRAINING_WORDS,
    Clause,
    Layer,
    Parameter,
    Slices,
    Slider,
    Values,
    coded,
    no_claims,
    smallest,
)

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


_COUNTED = 100


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    if evidence.word_count is None:
        return no_claims(p)
    return smallest(evidence.word_count, settings.rare_counts, evidence.word_count >= 0)


def _in_words(evidence: "Evidence", row: int) -> str:
    if evidence.word_count is None or evidence.word_count[row] < 0:
        return ""
    count = int(evidence.word_count[row])
    return f"word {count:,} times in training" if count else "word not in training"


def _page_columns(evidence: "Evidence", starts: NDArray[np.int64], settings: Values) -> dict[str, NDArray[Any]]:
    """A code per word: the count itself up to a few, then the limits of the settings."""
    if evidence.word_count is None:
        return {}
    return {"rare": coded(evidence.word_count[starts], counts_of(settings))}


def counts_of(settings: Values) -> list[int]:
    """The counts that the page tells apart."""
    return sorted({*range(_COUNTED + 1), *settings.rare_counts})


LAYER = Layer(
    name="rare",
    title="rare word",
    letter="R",
    colour="#CC79A7",
    bit=4,
    rule="in a word that the training text has at most r times",
    source=TRAINING_WORDS,
    parameters=(
        Parameter(
            "rare_counts",
            (0, 1, 2, 3, 4, 5),
            "Training counts of the rare word layer",
            flags=("--rare",),
            slider=Slider("Rare: most times in training", "{} ×", lambda longest: range(21)),
        ),
    ),
    slices=lambda s: [f"{r}-train" for r in s.rare_counts],
    slice_of=_slice_of,
    in_words=_in_words,
    clauses=(Clause("rare", "{}-train", limits="rare_counts", says="its word occurs {} × in training"),),
    page_columns=_page_columns,
    page_scales=lambda s: {"rare": counts_of(s)},
)
