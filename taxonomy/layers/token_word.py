"""The first pieces of words, by how far down the model ranked them."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers import word
from errtax.taxonomy.layers.layer import (
    OF_TOKENS,
    Layer,
    Parameter,
    Slices,
    Values,
    count_below,
    joined,
    no_claims,
    where,
)

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def rank_slices(what: str, settings: Values) -> list[str]:
    """The names of slices by rank: that of the first-ranked, which only a criterion by p counts as errors, comes first.

    The last is of those whose rank the log does not say.
    """
    edges = (1, *settings.rank_limits)
    between = [f"{low + 1}-{high} {what}" for low, high in pairwise(edges)]
    return [f"first-ranked {what}", *between, f"{edges[-1] + 1}+ {what}", f"unranked {what}"]


def slice_by_rank(evidence: "Evidence", valid: NDArray[np.bool_], settings: Values) -> Slices:
    """The slice of each rank, -1 where not valid."""
    unknown = np.int8(len(settings.rank_limits) + 2)
    if evidence.rank is None:
        return where(valid, np.full(len(valid), unknown, np.int8))
    below = count_below((1, *settings.rank_limits), evidence.rank)
    return where(valid, np.where(evidence.rank > 0, below, unknown).astype(np.int8))


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    if evidence.piece is None:
        return no_claims(p)
    return slice_by_rank(evidence, (evidence.word_offset == 0) & ~evidence.piece, settings)


def _in_words(evidence: "Evidence", row: int) -> str:
    if evidence.piece is None or evidence.word_offset[row] != 0 or evidence.piece[row]:
        return ""
    ranked = evidence.rank is not None and evidence.rank[row] > 0
    return f"first piece of a word{f', rank {evidence.rank[row]:,}' if ranked and evidence.rank is not None else ''}"


LAYER = Layer(
    name=word.LAYER.name,
    title="word",
    letter=word.LAYER.letter,
    colour=word.LAYER.colour,
    bit=word.LAYER.bit,
    rule="the first piece of a word",
    source=OF_TOKENS,
    parameters=(Parameter("rank_limits", (5, 50), "Ranks at which slices of the layers word and piece end", low=2),),
    inside=lambda s: f"rank<={joined(s.rank_limits)}",
    slices=lambda s: rank_slices("word", s),
    slice_of=_slice_of,
    in_words=_in_words,
)
