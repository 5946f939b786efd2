"""Copying: tokens that stood after the same context a while ago (induction)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import OF_TOKENS, Layer, Parameter, Slices, Values, joined, no_claims

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence

_LENGTHS = (3, 2, 1)


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    slices = no_claims(p)
    for k, length in reversed(list(enumerate(_LENGTHS))):  # the longest context last, so that it is the one that stays
        distance = getattr(evidence, f"copy_{length}")
        slices[(distance > 0) & (distance <= settings.copy_window)] = k
    return slices


def _in_words(evidence: "Evidence", row: int) -> str:
    for length in _LENGTHS:
        distance = getattr(evidence, f"copy_{length}")
        if distance is not None and distance[row] > 0:
            return f"copy of {distance[row]:,} tokens ago, after the same {length}"
    return ""


LAYER = Layer(
    name="copy",
    title="copy",
    letter="C",
    colour="#6F4C9B",
    bit=1 << 17,
    rule="the latest earlier occurrence of the k tokens before it, within w tokens, was followed by the same token",
    source=OF_TOKENS,
    parameters=(Parameter("copy_window", 1000, "Tokens that the copy layer looks back", low=1),),
    inside=lambda s: f"k={joined(_LENGTHS)};{s.copy_window}",
    reach_in_rows=lambda s: s.copy_window,
    slices=lambda s: [f"{length}-copy" for length in _LENGTHS],
    slice_of=_slice_of,
    in_words=_in_words,
)
