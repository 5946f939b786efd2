"""p-values adjusted for being several: of the chance of any false alarm, or of the share of alarms that are false."""

from collections.abc import Callable, Sequence

import numpy as np

from errtax.lm.errors import UsageError

Correction = Callable[[Sequence[float]], list[float]]
DEFAULT = "holm"


def holm(p_values: Sequence[float]) -> list[float]:
    """Below 0.05 means significant at 5 % as a family: the chance of any false alarm among all is 5 % (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(order.tolist()):
        largest = max(largest, min(1.0, p_values[k] * (len(p_values) - rank)))
        adjusted[k] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Below 0.05: of all that are so, 5 % are false alarms in the mean (Benjamini & Hochberg 1995).

    For independent tests, and those that are positively dependent.

    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    n = len(p_values)
    order = np.argsort(p_values, kind="stable")[::-1]
    adjusted, smallest = [0.0] * n, 1.0
    for rank, k in enumerate(order.tolist()):
        smallest = min(smallest, p_values[k] * (n / (n - rank)))
        adjusted[k] = smallest
    return adjusted


CORRECTIONS: dict[str, Correction] = {DEFAULT: holm, "bh": benjamini_hochberg}
"""By the names that commands give them."""


def find_correction(name: str) -> Correction:
    """The correction of this name; `UsageError` where there is none."""
    if name not in CORRECTIONS:
        raise UsageError(f"there is no correction {name!r}; there are {', '.join(CORRECTIONS)}.")
    return CORRECTIONS[name]


EXPLAINED = {DEFAULT: "Holm's adjustment", "bh": "Benjamini and Hochberg's adjustment"}
"""What sentences call them."""
