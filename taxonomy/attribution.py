"""What each layer explains, whatever the order: fair, unique and solo counts.

The claims of the layers on an error do not depend on their order.  "Errors that a set of layers takes" is therefore a
coverage game, whose Shapley value (Shapley 1953) is, for each layer, the sum of 1/k over the errors that it claims,
with k the layers that claim the error.  In some order a layer takes all that it claims (`solo`), in some order only
what no other claims (`unique`), and in every order something in between.

Players are the layers with all their slices, but for those that take what is left, as boost does: they stand outside.
"""

from collections.abc import Sequence

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


def overlaps(claims: NDArray[np.uint32], settings: Settings) -> dict[tuple[str, ...], int]:
    """How many errors exactly these players claim, by the players' names; those that none claims under `()`."""
    players = players_of(settings.layers)
    codes = claims_of(claims, settings) @ (1 << np.arange(len(players)))
    counts = np.bincount(codes.astype(np.int64), minlength=1 << len(players)).tolist()
    named = {tuple(name for k, name in enumerate(players) if code >> k & 1): n for code, n in enumerate(counts) if n}
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))
