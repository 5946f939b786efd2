"""Verbatim: what lies inside a passage that the training text has, too.

Its evidence looks ahead, as that of no other layer does: it does not say what could have been known before a symbol,
but which passages may have been learnt by heart.  So it is a layer only where somebody asks for it.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import COMPARED, Layer, Parameter, Slices, Values, no_claims

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    length = evidence.verbatim_length
    return no_claims(p) if length is None else (length >= settings.verbatim).astype(np.int8) - np.int8(1)


def _in_words(evidence: "Evidence", row: int) -> str:
    columns = (evidence.verbatim_length, evidence.verbatim_count, evidence.verbatim_place)
    length, count, place = (0 if column is None else int(column[row]) for column in columns)
    return f"in {length:,} that training has {count:,} times, first at {place:,}" if length else ""


LAYER = Layer(
    name="verbatim",
    title="verbatim",
    letter="V",
    colour="#8C510A",
    bit=1 << 20,
    rule="inside a passage of at least v symbols that stands word for word in the training text",
    source=COMPARED,
    parameters=(
        Parameter("verbatim", 50, "Symbols of a passage that the verbatim layer claims; asks for the layer", low=1),
        Parameter(
            "exclude_verbatim", 0, "Leave positions in passages of so many symbols out of all counts; 0: none", low=0
        ),
    ),
    inside=lambda s: f">={s.verbatim}",
    slices=lambda s: [f"{s.verbatim}+ verbatim"],
    slice_of=_slice_of,
    in_words=_in_words,
)
