"""Boost: what is left, by how much more probability would have made it right."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import Clause, Layer, Parameter, Slices, Slider, Values, where

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    threshold = settings.criterion.threshold or 0.5
    too_little = np.zeros(len(p), np.int8)  # of the boosts, which increase
    for boost in settings.boosts:
        too_little += p + boost < threshold
    return where(too_little < len(settings.boosts), too_little)


LAYER = Layer(
    name="boost",
    title="boost",
    letter="B",
    colour="#D55E00",
    bit=32,
    rule="the rest, by how much more probability would have made it right",
    parameters=(
        Parameter(
            "boosts",
            (0.1, 0.2, 0.3, 0.4, 0.5),
            "Steps of the boost layer",
            slider=Slider("Boost: largest step", "p + {}", lambda longest: [k / 20 for k in range(1, 21)]),
        ),
    ),
    slices=lambda s: [f"{b:.12g} boost" for b in s.boosts],
    slice_of=_slice_of,
    takes_rest=True,
    clauses=(Clause("", "{} boost", limits="boosts"),),
)
