"""The word model: where a new word begins, and nothing before tells which."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.oracle.before import AFTER_NAMES, QUOTE, SPACE
from errtax.taxonomy.layers.layer import Clause, Layer, Parameter, Slices, Slider, Values, where

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    newline = (evidence.newline_distance > 0) & (evidence.newline_distance <= settings.newline_reach)
    space = (evidence.after == SPACE) | (evidence.after == QUOTE)
    return where(space | newline, (~space).astype(np.int8))


def _in_words(evidence: "Evidence", row: int) -> str:
    return f"after a {AFTER_NAMES[evidence.after[row]]}" if evidence.after[row] else ""


LAYER = Layer(
    name="word",
    title="word model",
    letter="W",
    colour="#E69F00",
    bit=8,
    rule="after a space, a quote or a newline, where a new word begins",
    parameters=(
        Parameter(
            "newline_reach",
            3,
            "Characters after a newline that count",
            low=1,
            text=1,
            slider=Slider("Word model: reach after a newline", "{} characters", lambda longest: range(1, 11)),
        ),
    ),
    inside=lambda s: f"newline<={s.newline_reach}",
    reach=lambda s: 4 * s.newline_reach,  # bytes of a character at most
    slices=lambda s: ["after space or quote", "after newline"],
    slice_of=_slice_of,
    in_words=_in_words,
    clauses=(
        Clause("after", "after space or quote", values=(SPACE, QUOTE), says="after a space or a quote"),
        Clause("newline", "after newline", limits="newline_reach", least=1, says="{} characters after a newline"),
    ),
)
