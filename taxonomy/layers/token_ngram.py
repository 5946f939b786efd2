"""The n-gram layer of tokens: what an n-gram model of the training text would have ranked first."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers import ngram
from errtax.taxonomy.layers.layer import BEST_SYMBOLS, Clause, Layer, Slices, Values, no_claims, where

if TYPE_CHECKING:
    from errtax.oracle.evidence import Evidence


def layer_of(settings: Values) -> Layer:
    """The layer by the criterion: where an error is a small probability, that of characters."""
    return LAYER if settings.criterion.threshold is None else ngram.LAYER


def _slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
    n = evidence.ngram_best
    if n is None:
        return no_claims(p)
    return where((n > 0) & (n <= settings.ngram_max), n.astype(np.int8) - np.int8(1))


def _in_words(evidence: "Evidence", row: int) -> str:
    n = evidence.ngram_best
    return "" if n is None or not n[row] else f"{n[row]}-gram ranked it first"


LAYER = Layer(
    name=ngram.LAYER.name,
    title=ngram.LAYER.title,
    letter=ngram.LAYER.letter,
    colour=ngram.LAYER.colour,
    bit=ngram.LAYER.bit,
    rule="an n-gram model with n tokens of context ranks the correct token first",
    source=BEST_SYMBOLS,
    parameters=ngram.LAYER.parameters,
    inside=lambda s: f"top1;1-{s.ngram_max}",
    slices=ngram.LAYER.slices,
    slice_of=_slice_of,
    in_words=_in_words,
    logprob="ngram_best_logprob",
    clauses=(
        Clause(
            "ngram", "{}-gram", limits="ngram_max", counts=True, least=1, says="ranked first after {} tokens of context"
        ),
    ),
    page_columns=lambda e, starts, settings: {} if e.ngram_best is None else {"ngram": e.ngram_best},
)
