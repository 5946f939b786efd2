"""Intervals of few units and of rare errors: by hand, by identities, and by how often they hold the truth."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from errtax.taxonomy.block_sums import BlockSums, Quantity
from errtax.taxonomy.bootstrap import STANDARD
from errtax.taxonomy.fixed_point import halves_of
from errtax.taxonomy.intervals import (
    MANY,
    difference_ends,
    effective_units,
    percentiles,
    quotient_ends,
    ratio_ends,
    student_factor,
)
from errtax.taxonomy.quantiles import student_quantile
from errtax.taxonomy.resampled import Resampled

Floats = NDArray[np.float64]
POSITIONS, ERRORS = Quantity("positions"), Quantity("errors")


def test_of_units_of_one_size_it_is_the_linearised_t() -> None:
    """r ± t sqrt(B / (B - 1) sum (a - r n)²) / sum n, of five blocks of 100 with 20, 30, 40, 50, 60 errors."""
    errors, sizes = np.array([20.0, 30, 40, 50, 60]), np.full(5, 100.0)
    half = 2.776445 * math.sqrt(5 / 4 * 1000) / 500
    assert ratio_ends(errors, sizes) == pytest.approx((0.4 - half, 0.4 + half), abs=1e-6)
    assert difference_ends(errors - 40, sizes) == pytest.approx((-half, half), abs=1e-6)


def test_of_no_error_it_is_that_of_poisson() -> None:
    """Garwood 1936: of 0 events 0 to 3.689, of one .0253 to 5.572; 999 degrees of freedom are as good as all."""
    sizes = np.full(1000, 100.0)
    none, one = np.zeros(1000), np.zeros(1000)
    one[7] = 1
    assert ratio_ends(none, sizes) == pytest.approx((0, 3.6889e-5), rel=1e-4)
    low, high = ratio_ends(one, sizes) or (0, 0)
    assert 0 < low < 0.0253e-5 and high > 5.572e-5  # one unit tells little of how errors spread
    assert ratio_ends(none, sizes, least=4.0) == pytest.approx((0, 4 * 3.6889e-5), rel=1e-4)


def test_many_errors_in_few_units_are_as_wide_by_either_formula() -> None:
    rng = np.random.default_rng(2)
    errors, sizes = rng.poisson(4000, 40).astype(float), np.full(40, 50_000.0)
    by_t = ratio_ends(errors, sizes)
    errors[0] = 0
    errors[1] += 4000
    rare = ratio_ends(errors, sizes)
    half = student_quantile(0.975, 39) * math.sqrt(40 / 39 * float(((errors - errors.mean()) ** 2).sum())) / sizes.sum()
    assert by_t and rare
    assert (rare[1] - rare[0]) == pytest.approx(2 * half, rel=0.05)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=20))
def test_what_is_not_an_error_has_the_mirrored_interval(case: list[tuple[int, int]]) -> None:
    part, rest = np.array(case, float).T
    whole = part + rest
    found, other = ratio_ends(part, whole, within=True), ratio_ends(rest, whole, within=True)
    if np.count_nonzero(whole) < 2:
        assert found is None
        return
    assert found and other
    assert (1 - other[1], 1 - other[0]) == pytest.approx(found, abs=1e-12)
    assert 0 <= found[0] <= part.sum() / whole.sum() <= found[1] <= 1
    assert found[0] < found[1] or (part > 0).all()  # never [0, 0]


def test_units_of_unequal_size_count_for_fewer() -> None:
    sizes = np.array([1000.0, 10, 10, 10])
    assert effective_units(sizes) == pytest.approx(1030**2 / 1_000_300)
    errors = np.array([300.0, 9, 0.5, 4])
    residuals = errors - errors.sum() / 1030 * sizes
    by_t = 2 * student_quantile(0.975, 3) * math.sqrt(4 / 3 * float(residuals @ residuals)) / 1030
    low, high = ratio_ends(errors, sizes) or (0, 0)
    assert high - low > 8 * by_t  # one unit is nearly all: one degree of freedom, and its residual hides in the mean


def test_a_quotient_of_differences_has_its_interval() -> None:
    """Each unit saves 4 in all and 1 to 3 of a class: r = .5, d = -1, 0, 1 over and over."""
    saved, of_class = np.full(12, 4.0), np.array([1.0, 2, 3] * 4)
    half = student_quantile(0.975, 11) * math.sqrt(12 / 11 * 8) / 48
    assert quotient_ends(of_class, saved) == pytest.approx((0.5 - half, 0.5 + half))
    assert quotient_ends(of_class, 0 * saved) is None
    assert quotient_ends(0 * saved, saved) == pytest.approx((-3.6889 / 48, 3.6889 / 48), abs=1e-5)  # that of no event


def test_from_many_units_on_it_has_the_percentiles_of_the_bootstrap() -> None:
    rng = np.random.default_rng(4)
    for units in (MANY - 1, MANY):
        table = np.stack([np.full(units, 1000), rng.poisson(300, units)], axis=1)
        found = Resampled(BlockSums((POSITIONS, ERRORS), halves_of(table)), STANDARD).of([ERRORS], POSITIONS)
        closed = ratio_ends(table[:, 1].astype(float), table[:, 0].astype(float), within=True)
        assert (found[1:] == closed) == (units < MANY)
        assert found[1:] == pytest.approx(closed, abs=0.003)


def test_a_count_is_so_many_times_the_rate() -> None:
    rng = np.random.default_rng(6)
    sizes = rng.integers(10, 3000, 25)
    table = np.stack([sizes, rng.binomial(sizes, 0.3)], axis=1)
    resampled = Resampled(BlockSums((POSITIONS, ERRORS), halves_of(table)), STANDARD)
    rate, count = resampled.of([ERRORS], POSITIONS), resampled.count([ERRORS])
    assert count == pytest.approx(tuple(number * sizes.sum() for number in rate))


# --- how often they hold the truth; bench/intervals.py has tables ----------------------------------------------------


def covered(draw: Callable[[np.random.Generator], tuple[Floats, Floats]], truth: float, times: int = 400) -> float:
    """The share of the intervals that hold the truth."""
    rng, hits = np.random.default_rng(8), 0
    for _ in range(times):
        ends = ratio_ends(*draw(rng))
        hits += ends is not None and ends[0] <= truth <= ends[1]
    return hits / times


@pytest.mark.parametrize("units", [5, 10, 40])
def test_few_units(units: int) -> None:
    def draw(rng: np.random.Generator) -> tuple[Floats, Floats]:
        return rng.binomial(1000, rng.beta(3, 7, units)).astype(float), np.full(units, 1000.0)

    assert 0.92 <= covered(draw, 0.3) <= 0.98


@pytest.mark.parametrize("units", [5, 20])
def test_documents_of_mixed_length(units: int) -> None:
    def draw(rng: np.random.Generator) -> tuple[Floats, Floats]:
        sizes = np.maximum(np.rint(3000 * np.exp(rng.normal(size=units))), 20)
        return rng.binomial(sizes.astype(int), rng.beta(8, 12, units)).astype(float), sizes

    assert 0.92 <= covered(draw, 0.4) <= 0.985


@pytest.mark.parametrize("errors", [10, 20, 50])
def test_rare_errors_in_bursts(errors: int) -> None:
    """Bursts have a mean of 3 errors each."""

    def draw(rng: np.random.Generator) -> tuple[Floats, Floats]:
        found = np.zeros(200)
        bursts = rng.poisson(errors / 3)
        np.add.at(found, rng.integers(0, 200, bursts), rng.geometric(1 / 3, bursts))
        return found, np.full(200, 1000.0)

    assert 0.92 <= covered(draw, errors / 200_000) <= 0.985


def test_no_replicates_no_interval() -> None:
    assert percentiles(np.array([])) is None
    assert percentiles(np.array([1.0, math.inf])) is None
    assert student_factor(4) == pytest.approx(2.7764 / 1.95996, rel=1e-4)
