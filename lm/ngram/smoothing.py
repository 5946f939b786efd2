"""Modified Kneser-Ney smoothing: discounts from counts of counts, and the interpolated recursion.

Chen & Goodman (1998), equation numbers of TR-10-98:

    p_k(w | h) = max(0, a(hw) - D(a)) / sum_w' a(hw')  +  gamma(h) p_{k-1}(w | h')                       (eq. 24)
    gamma(h)   = (D1 N1(h) + D2 N2(h) + D3 N3+(h)) / sum_w' a(hw')                                       (eq. 25)
    Y = n1 / (n1 + 2 n2),  D_j = j - (j + 1) Y n_{j+1} / n_j                                             (eq. 26)

a is the count for a model's highest order and the number of distinct left symbols below it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput

FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Discounts:
    """Discounts of all orders.

    `adjusted[k, min(a, 3)]`: D of order k below the top; `raw[k, ...]`: as the highest order.  Row 0 and column 0
    are zero.  `fallback_adjusted`, `fallback_raw`: the orders whose counts gave none and took the fallback.
    """

    adjusted: NDArray[np.float64]
    raw: NDArray[np.float64]
    fallback_adjusted: list[int]
    fallback_raw: list[int]


def estimate_discounts(
    adjusted: NDArray[np.int64],
    raw: NDArray[np.int64],
    fallback: tuple[float, float, float] | None = FALLBACK,
) -> Discounts:
    """Discounts from counts of counts `[k, c]`: how many n-grams of order k have (adjusted, raw) count c = 1..4.

    `fallback=None` raises `BadInput` for an order whose statistics give no discount, as lmplz does without
    `--discount_fallback`; only the orders below the top and the top itself are needed by a model, so the check
    covers the adjusted counts of all orders but the last, and the raw counts of the last.
    """
    orders = len(adjusted) - 1
    tables = [np.zeros((orders + 1, 4)), np.zeros((orders + 1, 4))]
    failed: list[list[int]] = [[], []]
    for which, counts in enumerate((adjusted, raw)):
        for k in range(1, orders + 1):
            discount, reason = _discount(counts[k])
            if reason:
                if fallback is None and (which == 1) == (k == orders):
                    raise BadInput(
                        f"order {k}: {reason}, so modified Kneser-Ney has no discount for it (small alphabets and "
                        "texts do this); give --discount-fallback 0.5,1,1.5."
                    )
                discount = (0.0, *(fallback or FALLBACK))
                failed[which].append(k)
            tables[which][k] = discount
    return Discounts(tables[0], tables[1], failed[0], failed[1])


def _discount(n: NDArray[np.int64]) -> tuple[tuple[float, ...], str]:
    """D_0..D_3 (eq. 26) in float32 as lmplz computes them, or the reason why there are none."""
    for j in (1, 2, 3):
        if n[j] == 0:
            return (), f"no n-gram has the adjusted count {j}"
    f = np.float32
    y = f(n[1]) / f(n[1] + 2.0 * n[2])
    values = [f(j) - f(j + 1) * y * f(n[j + 1]) / f(n[j]) for j in (1, 2, 3)]
    for j, value in zip((1, 2, 3), values, strict=True):
        if not 0 <= value <= j:
            return (), f"the discount for count {j} would be {value:.3f}, outside [0, {j}]"
    return (0.0, *(float(value) for value in values)), ""
