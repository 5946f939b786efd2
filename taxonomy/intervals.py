"""95 % intervals of ratios of sums over units: percentiles of the bootstrap, or formulas where units are few.

A sum that fewer than 100 units contribute to has its interval from their residuals: the delete-one jackknife (Cameron &
Miller 2015, section VI.B) with Student's t.  Where units have nothing of it, so that it is rare, it has the exact
Poisson interval (Garwood 1936) of the sum divided by its dispersion, which is never [0, 0].  `bench/intervals.py`
tells how often these intervals contain the truth.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.quantiles import gamma_quantile, student_quantile

Floats = NDArray[np.float64]
Ends = tuple[float, float]
_LOW, _HIGH = 0.025, 0.975
MANY = 100
"""From so many units on that contribute to a sum, its interval has the percentiles of the bootstrap."""
_NORMAL = NormalDist().inv_cdf(_HIGH)
_MORE = 2
"""Degrees of freedom beyond the number of units that contribute; by simulation of rare errors in bursts."""


class Interval(NamedTuple):
    """A number and the ends of its 95 % interval; None where it has none (one block, or values without end)."""

    value: float
    low: float | None
    high: float | None

    def times(self, factor: float) -> "Interval":
        """The interval of a positive multiple."""
        value, low, high = self
        return Interval(value * factor, None if low is None else low * factor, None if high is None else high * factor)


def finite(value: float | None) -> float | None:
    """The number as JSON takes it: None for one without end."""
    return value if value is not None and math.isfinite(value) else None


def student_factor(freedom: float) -> float:
    """By how much an interval is wider with Student's t than with the normal distribution."""
    return student_quantile(_HIGH, freedom) / _NORMAL


def percentiles(drawn: Floats) -> Ends | None:
    """The ends of what replicates span (Efron & Tibshirani 1993, section 13.3)."""
    if not len(drawn) or not np.isfinite(drawn).all():
        return None
    low, high = np.quantile(drawn, (_LOW, _HIGH))
    return float(low), float(high)


def interval(value: float, ends: Ends | None) -> Interval:
    """A number with its ends, if there are any."""
    return Interval(value, *(ends or (None, None)))


def effective_units(sizes: Floats) -> float:
    """How many units of equal size tell as much (Kish 1965): (sum n)² / sum n².

    >>> effective_units(np.array([10.0, 10, 10, 0])), round(effective_units(np.array([90.0, 10, 10])), 2)
    (3.0, 1.46)
    """
    squares = float(sizes @ sizes)
    return float(sizes.sum()) ** 2 / squares if squares else 0.0


def is_few(part: Floats, whole: Floats) -> bool:
    """Whether too few units contribute to a sum, or tell enough of the whole, for the percentiles of the bootstrap."""
    return min(int(np.count_nonzero(part)), effective_units(whole) + 1e-6) < MANY


def ratio_ends(part: Floats, whole: Floats, least: float = 1.0, within: bool = False) -> Ends | None:
    """The ends of sum(part) / sum(whole), neither of them negative, both by unit; None where all lies in one unit.

    `least`: what one error adds to `part`, which no dispersion is below; `within`: `part` is a part of `whole`.
    """
    size, freedom = float(whole.sum()), _freedom(whole, part)
    if freedom is None:
        return None
    total = float(part.sum())
    if within and total > size / 2:
        rest = ratio_ends(whole - part, whole, least, within)
        return rest and (1 - rest[1], 1 - rest[0])
    ratio = total / size
    squares, factor = _squares(part, whole), student_quantile(_HIGH, freedom)
    if part[whole > 0].all():
        half = factor * math.sqrt(squares) / size
        return max(ratio - half, 0.0), min(ratio + half, 1.0) if within else ratio + half
    dispersion = max(least * (1 - ratio) if within else least, squares / total if total else 0.0)
    if total:
        dispersion *= (factor / _NORMAL) ** 2
    events = total / dispersion
    low = dispersion * gamma_quantile(_LOW, events) if total else 0.0
    high = dispersion * gamma_quantile(_HIGH, events + 1)
    return low / size, min(high / size, 1.0) if within else high / size


def difference_ends(part: Floats, whole: Floats, least: float = 1.0) -> Ends | None:
    """The ends of sum(part) / sum(whole) where `part` has either sign, such as what one model saves by unit.

    Where nothing differs: those of nothing on either side, with `least` for one error.
    """
    size, freedom = float(whole.sum()), _freedom(whole, part)
    if freedom is None:
        return None
    error = student_quantile(_HIGH, freedom) * math.sqrt(_squares(part, whole))
    half = error if part.any() else least * gamma_quantile(_HIGH, 1)
    total = float(part.sum())
    return (total - half) / size, (total + half) / size


def quotient_ends(part: Floats, whole: Floats) -> Ends | None:
    """The ends of sum(part) / sum(whole) where both have either sign: the delta method with Student's t.

    Where `part` differs nowhere: those of nothing on either side, one error being the least.
    """
    units, size = len(part), float(whole.sum())
    if units < 2 or not size:
        return None
    residuals = part - float(part.sum()) / size * whole
    error = math.sqrt(units / (units - 1) * float(residuals @ residuals)) / abs(size)
    half = student_quantile(_HIGH, min(units - 1, int(np.count_nonzero(whole)) + _MORE)) * error
    half = half if part.any() else gamma_quantile(_HIGH, 1) / abs(size)
    ratio = float(part.sum()) / size
    return ratio - half, ratio + half


def _freedom(whole: Floats, part: Floats) -> float | None:
    """Degrees of freedom of the residuals; None where all lies in one unit."""
    if np.count_nonzero(whole) < 2:
        return None
    return min(max(effective_units(whole) - 1, 1.0), float(np.count_nonzero(part) + _MORE))


def _squares(part: Floats, whole: Floats) -> float:
    """The jackknife's variance of sum(part) about its share of `whole`."""
    size = float(whole.sum())
    residuals = (part - float(part.sum()) / size * whole) / (1 - whole / size)
    units = int(np.count_nonzero(whole))
    return (units - 1) / units * float(residuals @ residuals)
