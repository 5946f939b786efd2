"""The n-gram layer: what an n-gram model of the training text would have had right."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import NGRAM_MODEL, Clause, Layer, Parameter, Slices, Slider, Values, no_claims, where

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    n = evidence.ngram_context
    if n is None:
        return no_claims(p)
    return where((n > 0) & (n <= settings.ngram_max), n.astype(np.int8) - np.int8(1))


def _in_words(evidence: "Evidence", row: int) -> str:
    n = evidence.ngram_context
    return "" if n is None or not n[row] else f"{n[row]}-gram gave it"


def _page_columns(evidence: "Evidence", starts: NDArray[np.int64], settings: Values) -> dict[str, NDArray[Any]]:
    return {} if evidence.ngram_context is None else {"ngram": evidence.ngram_context}


_SLIDER = Slider("n-grams: longest context", "{} symbols", lambda longest: range(1, longest + 1))

LAYER = Layer(
    name="ngram",
    title="n-gram",
    letter="N",
    colour="#0072B2",
    bit=1,
    rule="an n-gram model with n symbols of context gives the correct symbol p > 0.5",
    source=NGRAM_MODEL,
    parameters=(Parameter("ngram_max", 9, "Longest context of the n-gram layer", low=1, high=31, slider=_SLIDER),),
    inside=lambda s: f"1-{s.ngram_max}",
    slices=lambda s: [f"{n}-gram" for n in range(1, s.ngram_max + 1)],
    slice_of=_slice_of,
    in_words=_in_words,
    logprob="ngram_logprob",
    clauses=(
        Clause(
            "ngram", "{}-gram", limits="ngram_max", counts=True, least=1, says="{} symbols of context give it p > 0.5"
        ),
    ),
    page_columns=_page_columns,
)
