"""Later pieces of words, by how far down the model ranked them."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import OF_TOKENS, Layer, Slices, Values, joined, no_claims
from errtax.taxonomy.layers.token_word import rank_slices, slice_by_rank

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    return no_claims(p) if evidence.piece is None else slice_by_rank(evidence, evidence.piece, settings)


def _in_words(evidence: "Evidence", row: int) -> str:
    if evidence.piece is None or not evidence.piece[row]:
        return ""
    ranked = evidence.rank is not None and evidence.rank[row] > 0
    return f"inside a word{f', rank {evidence.rank[row]:,}' if ranked and evidence.rank is not None else ''}"


LAYER = Layer(
    name="piece",
    title="piece of a word",
    letter="I",
    colour="#A6761D",
    bit=1 << 18,
    rule="a token that begins inside a word",
    source=OF_TOKENS,
    inside=lambda s: f"rank<={joined(s.rank_limits)}",
    slices=lambda s: rank_slices("piece", s),
    slice_of=_slice_of,
    in_words=_in_words,
)
