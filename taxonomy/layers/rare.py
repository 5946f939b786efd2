"""Rare words: those that the training text hardly has."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import TRAINING_WORDS, Layer, Parameter, Slices, Values, no_claims, smallest

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


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
    """A count per word, wide enough for those that the layer tells apart; the page's slider goes to 20."""
    if evidence.word_count is None:
        return {}
    largest = max(*settings.rare_counts, 20)
    kind = np.uint8 if largest < 255 else np.uint16 if largest < 65535 else np.uint32
    return {"rare": np.minimum(evidence.word_count[starts], np.iinfo(kind).max).astype(kind)}


LAYER = Layer(
    name="rare",
    title="rare word",
    letter="R",
    colour="#CC79A7",
    bit=4,
    rule="in a word that the training text has at most r times",
    source=TRAINING_WORDS,
    parameters=(
        Parameter("rare_counts", (0, 1, 2, 3, 4, 5), "Training counts of the rare word layer", flags=("--rare",)),
    ),
    slices=lambda s: [f"{r}-train" for r in s.rare_counts],
    slice_of=_slice_of,
    in_words=_in_words,
    page_columns=_page_columns,
)
