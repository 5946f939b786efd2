"""White space: tokens that hold nothing else."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import OF_TOKENS, Clause, Layer, Slices, Values, no_claims

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    return no_claims(p) if evidence.space is None else evidence.space.astype(np.int8) - np.int8(1)


LAYER = Layer(
    name="space",
    title="white space",
    letter="S",
    colour="#1B3A57",
    bit=1 << 19,
    rule="a token of white space alone",
    source=OF_TOKENS,
    slices=lambda s: ["white space"],
    slice_of=_slice_of,
    in_words=lambda evidence, row: "white space" if evidence.space is not None and evidence.space[row] else "",
    clauses=(Clause("space", "white space", values=(1,), says="white space"),),
    page_columns=lambda e, starts, settings: {} if e.space is None else {"space": e.space.astype(np.uint8)},
)
