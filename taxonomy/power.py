"""How small a difference between two models a text can show: the minimum detectable effect of the paired test.

(z_{1 - .025/m} + z_power) SE, for m tests at 5 % as a family (Holm's first step), with SE² = B/(B - 1) Σ (d_b - mean)²
over the differences d_b of B units (Bloom 1995, "Minimum detectable effects").  In simulations 76 to 79 % of such
differences are found where 80 are meant (`bench/intervals.py detectable`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.block_sums import PeelSums, Quantity
from errtax.taxonomy.layers.registry import REST

Floats = NDArray[np.float64]
POWER = 0.8
_LEVEL = 0.05


def detectable(differences: Floats, tests: int = 1) -> float | None:
    """The difference, of the sum of all, that is found in 80 % of texts like this one.

    `differences`: of two models, by unit; `tests`: how many are made together.  None where flips of so few units can
    never be significant, or a difference has no end.
    """
    n = int(np.count_nonzero(differences))
    if not np.isfinite(differences).all() or 2.0 ** (1 - n) > _LEVEL / tests:
        return None
    units = len(differences)
    error = math.sqrt(units / (units - 1) * float(((differences - differences.mean()) ** 2).sum()))
    return _times(tests) * error


def units_needed(tests: int = 1) -> int:
    """How many units must differ before anything can be significant: 2^(1 - n) <= .05 / tests."""
    return 1 + math.ceil(math.log2(tests / _LEVEL))


def _times(tests: int) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - _LEVEL / (2 * tests)) + normal.inv_cdf(POWER)


@dataclass(frozen=True)
class Power:
    """What comparisons with a model will find.  `pilot`: what says so.

    `errors`, `layers`: errors that another model must have fewer or more of, in all and by layer, to be found with a
    probability of 80 %; None where it never is.
    """

    pilot: str
    positions: int
    errors: float | None
    layers: dict[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return {"pilot": self.pilot, "power": POWER, "errors": self.errors, "layers": self.layers}


def power_of_pair(sums: PeelSums, null: PeelSums) -> Power:
    """From another run of the same model: what differs between the two is chance.  `null`: summed with the first."""

    def found(quantities: Sequence[Quantity], tests: int) -> float | None:
        return detectable(sums.blocks.by_unit(quantities) - null.blocks.by_unit(quantities), tests)

    return _power(null.head.log.model, sums, found)


def power_of_share(sums: PeelSums, share: float) -> Power:
    """Without one: from how many errors only one of two runs makes, of both together, as a share of those of one.

    SE² = share · errors · deff, where deff is the design effect of clusters (Kish 1965): the variance of the errors of
    a unit, divided by that of as many that know nothing of each other.
    """

    def found(quantities: Sequence[Quantity], tests: int) -> float | None:
        errors = sums.blocks.by_unit(quantities)
        if np.count_nonzero(errors) < units_needed(tests):
            return None
        return _times(tests) * math.sqrt(share * float(errors.sum()) * design_effect(errors))

    return _power(f"{100 * share:g} % of the errors", sums, found)


def design_effect(counts: Floats) -> float:
    """The variance of counts over units, divided by their mean; at least 1."""
    mean = float(counts.mean())
    return max(1.0, float(counts.var(ddof=1)) / mean) if mean else 1.0


def _power(pilot: str, sums: PeelSums, found: Callable[[Sequence[Quantity], int], float | None]) -> Power:
    """`found(quantities, tests)`: what is found in these classes by one of so many tests."""
    head = sums.head
    layers = {
        name: [Quantity("count", name, part) for part in head.slice_names(name)]
        for name in head.layer_names
        if name != REST
    }
    by_layer = {name: found(quantities, len(layers)) for name, quantities in layers.items()}
    return Power(pilot, sums.blocks.count("positions"), found([Quantity("errors")], 1), by_layer)
