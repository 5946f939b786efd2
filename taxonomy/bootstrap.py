"""The block bootstrap: how much a mean over a text would vary with another text of the same kind.

Errors come in clusters, so whole blocks of neighbouring symbols are drawn, not single ones (Efron & Tibshirani 1993,
section 8.6).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Resampling:
    """How intervals are made; `block`: symbols a block."""

    block: int = 1000
    replicates: int = 2000
    seed: int = 1

    @property
    def description(self) -> str:
        """What a signature says of it: `block=1000,replicates=2000,seed=1`."""
        return f"block={self.block},replicates={self.replicates},seed={self.seed}"


STANDARD = Resampling()


def draw_blocks(n_blocks: int, resampling: Resampling = STANDARD) -> NDArray[np.float64]:
    """How often each block is drawn in each replicate; shape (replicates, n_blocks), each row sums to n_blocks."""
    rng = np.random.default_rng(resampling.seed)
    return rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), resampling.replicates).astype(np.float64)


def deviation_of_mean(values: NDArray[np.float64], resampling: Resampling = STANDARD) -> float | None:
    """The bootstrap standard deviation of the mean of values in the order of the text; NaNs are left out.

    None where it cannot be told: fewer than two blocks, or values that are not finite.
    """
    starts = np.arange(0, len(values), resampling.block)
    if len(starts) < 2 or np.isinf(values).any():
        return None
    known = ~np.isnan(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), starts)
    counts = np.add.reduceat(known.astype(np.float64), starts)
    drawn = draw_blocks(len(starts), resampling)
    return float(((drawn @ sums) / np.maximum(drawn @ counts, 1)).std())
