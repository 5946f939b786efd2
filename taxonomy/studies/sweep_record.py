"""What a sweep found: a record per run, and what the runs have in common."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCHEMA = "errtax.sweep/1"
SEED = "-seed"
"""What stands in the name of a run before its seed, if that is not the recipe's."""


def model_of(name: str) -> str:
    """The name of a run without its seed.

    >>> model_of("lstm-2-64-seed3"), model_of("3-nn")
    ('lstm-2-64', '3-nn')
    """
    return name.partition(SEED)[0]


@dataclass(frozen=True)
class Result:
    """One run of a sweep; losses in nats per symbol, `classes`: errors by layer."""

    name: str
    model: str
    parameters: int | None
    epochs: int | None
    best_epoch: int | None
    val_loss: float | None
    test_loss: float
    deviation: float | None
    paper: float | None
    errors: int
    positions: int
    classes: dict[str, int]

    @property
    def family(self) -> str:
        """What kind of model it is: `LSTM-2`, `n-NN` or `n-gram`."""
        kind, layers = self.name.split("-")[:2]
        return {"nn": "n-NN", "gram": "n-gram"}.get(layers) or f"{kind.upper()}-{layers}"

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's."""
        return None if self.paper is None else self.test_loss - self.paper


@dataclass(frozen=True, eq=False)
class SweepResults:
    """The finished runs of a sweep.

    `disagreement[i, j]`: share of positions whose first-ranked symbols differ.  `places[i]`: x and y on the map of it.
    """

    results: list[Result]
    missing: list[str]
    disagreement: NDArray[np.float64]
    places: NDArray[np.float64]
    signature: str
