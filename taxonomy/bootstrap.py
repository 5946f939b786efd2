"""The bootstrap: how much a mean over a text would vary with another text of the same kind.

Errors come in clusters, so whole units are drawn, not single symbols (Efron & Tibshirani 1993, section 8.6); what a
unit is: `units`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.  `block`: draw blocks of so many symbols; None: the units that the text has."""

    block: int | None = None
    replicates: int = 2000
    seed: int = 1

    @property
    def description(self) -> str:
        """What a signature says of the draws: `replicates=2000,seed=1`."""
        return f"replicates={self.replicates},seed={self.seed}"


STANDARD = Resampling()


def draw_blocks(n_blocks: int, resampling: Resampling = STANDARD) -> NDArray[np.float64]:
    """How often each unit is drawn in each replicate; shape (replicates, n_blocks), each row sums to n_blocks."""
    rng = np.random.default_rng(resampling.seed)
    return rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), resampling.replicates).astype(np.float64)
