"""Quantiles of Student's t and of the gamma distribution, which intervals are made of.

`reports/assets/quantiles.js` has the same for the page.
"""

import math
from functools import lru_cache
from statistics import NormalDist

_EXACT_BELOW = 10_000.0
_TINY, _CLOSE = 1e-15, 1e-13
_STEPS = 60


def student_quantile(probability: float, freedom: float) -> float:
    """The quantile of Student's t above its median, with one degree of freedom and more.

    Of a number that is not whole its logarithm lies between those of the neighbours, by the reciprocals of the numbers:
    right to 3 % from 1 to 2, to 0.2 % from 3 on.

    >>> [round(student_quantile(0.975, freedom), 4) for freedom in (1, 4, 4.5)]
    [12.7062, 2.7764, 2.6601]
    """
    below = int(freedom)
    low = _whole_student_quantile(probability, below)
    if below == freedom:
        return low
    part = (1 / below - 1 / freedom) * below * (below + 1)
    quantile: float = low * (_whole_student_quantile(probability, below + 1) / low) ** part
    return quantile


@lru_cache(maxsize=1024)
def _whole_student_quantile(probability: float, freedom: int) -> float:
    """By bisection of the angle atan(t / sqrt(freedom)), in which the distribution is a finite sum.

    Abramowitz & Stegun 1964, 26.7.3 and 26.7.4.  Time O(freedom).
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_STEPS):
        angle = (low + high) / 2
        low, high = (angle, high) if _within(angle, freedom) < 2 * probability - 1 else (low, angle)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """The probability that |t| < sqrt(freedom) tan(angle)."""
    cosine, odd = math.cos(angle), freedom % 2
    term, total = cosine if odd else 1.0, 0.0
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


@lru_cache(maxsize=4096)
def gamma_quantile(probability: float, shape: float) -> float:
    """The quantile of the gamma distribution of this shape and scale 1; twice it is that of chi-squared, 2 shape.

    By Newton's method from Wilson and Hilferty's approximation (1931), which above a shape of 10,000 is taken as it is:
    right to 1e-7 of the quantile.

    >>> round(gamma_quantile(0.975, 1), 4), round(gamma_quantile(0.025, 10), 4)
    (3.6889, 4.7954)
    """
    z = NormalDist().inv_cdf(probability)
    x = shape * (1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape))) ** 3
    if shape > _EXACT_BELOW:
        return x
    least, most = 0.0, math.inf
    x = x if x > 0 else math.exp((math.log(probability) + math.lgamma(shape + 1)) / shape)
    for _ in range(_STEPS if x else 0):
        excess = _below(x, shape) - probability
        least, most = (x, most) if excess < 0 else (least, x)
        step = excess / math.exp((shape - 1) * math.log(x) - x - math.lgamma(shape))
        moved = x - step if least < x - step < most else (least + min(most, 2 * x)) / 2
        if abs(moved - x) <= _CLOSE * x:
            break
        x = moved
    return x


def _below(x: float, shape: float) -> float:
    """The regularised incomplete gamma function P(shape, x): a series, or a continued fraction (DLMF 8.7.1, 8.9.2)."""
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape + 1))
    if x < shape + 1:
        term = total = 1.0
        k = 0
        while term > _TINY * total:
            k += 1
            term *= x / (shape + k)
            total += term
        return front * total
    b = x + 1 - shape
    c, d = 1e300, 1 / b
    fraction = d
    k = 0
    while abs(c * d - 1) > _TINY:
        k += 1
        a, b = -k * (k - shape), b + 2
        d = 1 / (a * d + b)
        c = b + a / c
        fraction *= c * d
    return 1 - front * shape * fraction
