"""The layers of the onion: which errors each one claims, and into which of its slices.

Karpathy et al. 2015, section 4.3 and Figure 6.  A layer turns evidence into the number of a slice per position, -1
where it has no claim; it knows nothing of other layers or of their order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errtax.oracle.custom import OracleRule
from errtax.oracle.evidence import Evidence
from errtax.oracle.text_view import QUOTE, SPACE
from errtax.taxonomy.settings import Settings

Slices = NDArray[np.int8]
"""Number of the slice that claims each position; -1: no claim."""


@dataclass(frozen=True)
class Layer:
    """One layer: `slice_of(evidence, p, settings)` numbers the claims, `slices(settings)` names them."""

    name: str
    title: str
    rule: str
    needs: str  # the evidence without which it cannot be peeled; "" for none
    slices: Callable[[Settings], list[str]]
    slice_of: Callable[[Evidence, NDArray[np.float64], Settings], Slices]


def _smallest(value: NDArray[np.generic], limits: tuple[float, ...], valid: NDArray[np.bool_]) -> Slices:
    """The first limit that is >= value, where valid."""
    found = np.searchsorted(np.array(limits), value)
    return np.where(valid & (found < len(limits)), found, -1).astype(np.int8)


def _no_claims(p: NDArray[np.float64]) -> Slices:
    return np.full(len(p), -1, np.int8)


def _ngram(evidence: Evidence, p: NDArray[np.float64], settings: Settings) -> Slices:
    n = evidence.ngram_context
    if n is None:
        return _no_claims(p)
    return np.where((n > 0) & (n <= settings.ngram_max), n.astype(np.int16) - 1, -1).astype(np.int8)


def _memory(evidence: Evidence, p: NDArray[np.float64], settings: Settings) -> Slices:
    distance = evidence.memory_distance
    valid = (distance > 0) & (evidence.word_offset > 0) & (evidence.word_length >= settings.memory_min_length)
    return _smallest(distance, settings.memory_windows, valid)


def _rare(evidence: Evidence, p: NDArray[np.float64], settings: Settings) -> Slices:
    if evidence.word_count is None:
        return _no_claims(p)
    return _smallest(evidence.word_count, settings.rare_counts, evidence.word_count >= 0)


def _word(evidence: Evidence, p: NDArray[np.float64], settings: Settings) -> Slices:
    newline = (evidence.newline_distance > 0) & (evidence.newline_distance <= settings.newline_reach)
    space = (evidence.after == SPACE) | (evidence.after == QUOTE)
    return np.where(space, 0, np.where(newline, 1, -1)).astype(np.int8)


def _punctuation(evidence: Evidence, p: NDArray[np.float64], settings: Settings) -> Slices:
    return np.where(evidence.punctuation, 0, -1).astype(np.int8)


def _boost(evidence: Evidence, p: NDArray[np.float64], settings: Settings) -> Slices:
    threshold = settings.criterion.threshold or 0.5
    enough = [p + b >= threshold for b in settings.boosts]
    found = np.argmax(enough, axis=0)
    return np.where(np.any(enough, axis=0), found, -1).astype(np.int8)


LAYERS: tuple[Layer, ...] = (
    Layer(
        "ngram",
        "n-gram",
        "an n-gram model with n symbols of context gives the correct symbol p > 0.5",
        "an n-gram index",
        lambda s: [f"{n}-gram" for n in range(1, s.ngram_max + 1)],
        _ngram,
    ),
    Layer(
        "memory",
        "dynamic memory",
        "inside a word that occurred within the last w symbols",
        "",
        lambda s: [f"{w} memory" for w in s.memory_windows],
        _memory,
    ),
    Layer(
        "rare",
        "rare word",
        "in a word that the training text has at most r times",
        "a training text",
        lambda s: [f"{r}-train" for r in s.rare_counts],
        _rare,
    ),
    Layer(
        "word",
        "word model",
        "after a space, a quote or a newline, where a new word begins",
        "",
        lambda s: ["after space or quote", "after newline"],
        _word,
    ),
    Layer(
        "punctuation",
        "punctuation",
        "the correct symbol is punctuation",
        "",
        lambda s: ["punctuation"],
        _punctuation,
    ),
    Layer(
        "boost",
        "boost",
        "the rest, by how much more probability would have made it right",
        "",
        lambda s: [f"{b:.12g} boost" for b in s.boosts],
        _boost,
    ),
)

LAYER_BY_NAME = {layer.name: layer for layer in LAYERS}
REST = "rest"
"""Errors that no chosen layer claims: only there when layers are left out or the boost ladder ends below 0.5."""

_REST = Layer(REST, "rest", "no layer claims it", "", lambda s: [REST], lambda evidence, p, settings: _no_claims(p))


def find_layer(name: str, settings: Settings) -> Layer:
    """The layer of that name among the built-in ones, the settings' own oracles, and `rest`."""
    if name in LAYER_BY_NAME:
        return LAYER_BY_NAME[name]
    return _REST if name == REST else _custom(next(rule for rule in settings.custom if rule.name == name))


def _custom(rule: OracleRule) -> Layer:
    def slice_of(evidence: Evidence, p: NDArray[np.float64], settings: Settings) -> Slices:
        found = evidence.custom[rule.name]
        if rule.limits:
            return _smallest(found, rule.limits, found >= 0)
        return np.where(found, 0, -1).astype(np.int8)

    return Layer(rule.name, rule.title, rule.rule, "", lambda settings: rule.slices, slice_of)


def claim_bits(settings: Settings) -> dict[str, int]:
    """The bit of each layer in the column `claims`; it does not depend on which of them are chosen."""
    names = (*LAYER_BY_NAME, *(rule.name for rule in settings.custom))
    return {name: 1 << k for k, name in enumerate(names)}
