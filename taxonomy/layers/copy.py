"""Copying: tokens that stood after the same context a while ago (induction)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import (
    OF_TOKENS,
    Clause,
    Layer,
    Parameter,
    Slices,
    Slider,
    Values,
    coded,
    joined,
    no_claims,
)

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence

_LENGTHS = (3, 2, 1)
_WINDOWS = (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000, 10_000)


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


def _distances(settings: Values) -> list[int]:
    """The distances that the page tells apart."""
    return sorted({*_WINDOWS, settings.copy_window})


def _page_columns(evidence: "Evidence", starts: NDArray[np.int64], settings: Values) -> dict[str, NDArray[Any]]:
    known = {f"copy_{length}": getattr(evidence, f"copy_{length}") for length in _LENGTHS}
    scale = _distances(settings)
    return {
        name: coded(np.where(column > 0, column, -1), scale) for name, column in known.items() if column is not None
    }


LAYER = Layer(
    name="copy",
    title="copy",
    letter="C",
    colour="#6F4C9B",
    bit=1 << 17,
    rule="the latest earlier occurrence of the k tokens before it, within w tokens, was followed by the same token",
    source=OF_TOKENS,
    parameters=(
        Parameter(
            "copy_window",
            1000,
            "Tokens that the copy layer looks back",
            low=1,
            slider=Slider("Copy: farthest occurrence", "{} tokens ago", lambda longest: _WINDOWS),
        ),
    ),
    inside=lambda s: f"k={joined(_LENGTHS)};{s.copy_window}",
    reach_in_rows=lambda s: s.copy_window,
    slices=lambda s: [f"{length}-copy" for length in _LENGTHS],
    slice_of=_slice_of,
    in_words=_in_words,
    clauses=tuple(
        Clause(f"copy_{k}", f"{k}-copy", limits="copy_window", says=f"the same after the same {k}, {{}} tokens ago")
        for k in _LENGTHS
    ),
    page_columns=_page_columns,
    page_scales=lambda s: dict.fromkeys((f"copy_{length}" for length in _LENGTHS), _distances(s)),
)
