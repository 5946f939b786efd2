"""The block bootstrap: how much a mean over a text would vary with another text of the same kind.

Errors come in clusters, so whole blocks of neighbouring symbols are drawn, not single ones (Efron & Tibshirani 1993,
section 8.6).
"""

import numpy as np
from numpy.typing import NDArray

BLOCK = 1000
"""Symbols a block."""
REPLICATES = 2000
SEED = 1


def draw_blocks(n_blocks: int, replicates: int = REPLICATES, seed: int = SEED) -> NDArray[np.float64]:
    """How often each block is drawn in each replicate; shape (replicates, n_blocks), each row sums to n_blocks."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), replicates).astype(np.float64)


def deviation_of_mean(values: NDArray[np.float64], block: int = BLOCK) -> float | None:
    """The bootstrap standard deviation of the mean of values in the order of the text; NaNs are left out.

    None where it cannot be told: fewer than two blocks, or values that are not finite.
    """
    starts = np.arange(0, len(values), block)
    if len(starts) < 2 or np.isinf(values).any():
        return None
    known = ~np.isnan(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), starts)
    counts = np.add.reduceat(known.astype(np.float64), starts)
    drawn = draw_blocks(len(starts))
    return float(((drawn @ sums) / np.maximum(drawn @ counts, 1)).std())
