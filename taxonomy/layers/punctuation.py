"""Punctuation."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import Clause, Layer, Slices, Values

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    return evidence.punctuation.astype(np.int8) - np.int8(1)


LAYER = Layer(
    name="punctuation",
    title="punctuation",
    letter="P",
    colour="#56B4E9",
    bit=16,
    rule="the correct symbol is punctuation",
    slices=lambda s: ["punctuation"],
    slice_of=_slice_of,
    in_words=lambda evidence, row: "punctuation" if evidence.punctuation[row] else "",
    clauses=(Clause("mark", "punctuation", values=(1,), says="punctuation"),),
)
