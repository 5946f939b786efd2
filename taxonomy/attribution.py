"""What each layer explains, whatever the order: fair, unique and solo counts.

The claims of the layers on an error do not depend on their order.  "Errors that a set of layers takes" is therefore a
coverage game, whose Shapley value (Shapley 1953) is, for each layer, the sum of 1/k over the errors that it claims,
with k the layers that claim the error.  In some order a layer takes all that it claims (`solo`), in some order only
what no other claims (`unique`), and in every order something in between.

Players are the layers with all their slices, but for those that take what is left, as boost does: they stand outside.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.registry import OUTSIDE, claim_bits
from errtax.taxonomy.settings import Settings


def players_of(layers: Sequence[str]) -> list[str]:
    """The layers that share the errors among them."""
    return [name for name in layers if name not in OUTSIDE]


def claims_of(claims: NDArray[np.uint32], settings: Settings) -> NDArray[np.bool_]:
    """`c[i, l]`: whether the player l of `players_of(settings.layers)` claims error i; shape (errors, players)."""
    known = claim_bits(settings)
    bits = np.array([known[name] for name in players_of(settings.layers)], np.uint32)
    return (claims[:, None] & bits) > 0


def fair_parts(claimed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`s[i, l]`: the part of error i that is fair to give to player l, 1/k of it each; rows sum to 1, or to 0.

    >>> fair_parts(np.array([[True, True, False], [False, True, False], [False, False, False]])).tolist()
    [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    k = np.maximum(claimed.sum(axis=1, keepdims=True), 1)
    parts: NDArray[np.float64] = claimed / k
    return parts


def unique_parts(claimed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`u[i, l]`: whether player l alone claims error i."""
    alone: NDArray[np.bool_] = claimed.sum(axis=1, keepdims=True) == 1
    return claimed & alone


def overlaps(claimed: Mapping[int, int], settings: Settings) -> dict[tuple[str, ...], int]:
    """How many errors exactly these players claim, by the players' names; those that none claims under `()`.

    `claimed[bits]`: how many errors have these bits of `claims`; those of other layers may be among them.
    """
    known = claim_bits(settings)
    named: Counter[tuple[str, ...]] = Counter()
    for bits, count in claimed.items():
        named[tuple(name for name in players_of(settings.layers) if bits & known[name])] += count
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))
