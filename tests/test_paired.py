"""The paired test: false positives under the null, power against an unpaired test, Holm's adjustment, intervals."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from errtax.taxonomy.block_sums import BlockSums, Quantity
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.correction import benjamini_hochberg, holm
from errtax.taxonomy.fixed_point import halves_of
from errtax.taxonomy.paired import PairedBlocks

ERRORS = [Quantity("errors")]
SYMBOLS = 100  # a block


def blocks_of(errors: NDArray[np.int64]) -> BlockSums:
    columns = np.stack([np.full(len(errors), SYMBOLS), errors], axis=1)
    return BlockSums((Quantity("positions"), Quantity("errors")), halves_of(columns))


def simulated_pair(rng: np.random.Generator, better: float, n_blocks: int = 60) -> tuple[BlockSums, BlockSums]:
    """Two models on the same text, whose blocks are of different difficulty: most errors are of both."""
    rates = rng.beta(3, 7, n_blocks)
    both = rng.binomial(SYMBOLS, 0.8 * rates)
    noise = [rng.binomial(SYMBOLS, np.clip(0.2 * rates * factor, 0, 1)) for factor in (1.0, 1.0 - better)]
    return blocks_of(both + noise[0]), blocks_of(both + noise[1])


def unpaired_p(before: BlockSums, after: BlockSums) -> float:
    """The z-test of two proportions, as if the models had been run on different texts."""
    n = len(before.sums) * SYMBOLS
    a, b = before.total("errors") / n, after.total("errors") / n
    deviation = math.sqrt(a * (1 - a) / n + b * (1 - b) / n)
    return math.erfc(abs(a - b) / deviation / math.sqrt(2))


def significant(better: float, count: int) -> tuple[float, float]:
    """The shares of simulations in which the paired test, and the unpaired one, find a difference at 5 %."""
    rng = np.random.default_rng(7)
    paired = unpaired = 0
    for seed in range(count):
        before, after = simulated_pair(rng, better)
        paired += PairedBlocks(before, after, Resampling(flips=300, seed=seed)).p_value(ERRORS) < 0.05
        unpaired += unpaired_p(before, after) < 0.05
    return paired / count, unpaired / count


def test_false_positives_are_as_many_as_promised() -> None:
    paired, _ = significant(0.0, 500)
    assert 0.03 <= paired <= 0.07


def test_the_paired_test_sees_what_the_unpaired_does_not() -> None:
    paired, unpaired = significant(0.25, 100)
    assert paired > 0.9
    assert unpaired < 0.6


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_p_is_the_share_of_all_flips_that_differ_as_much(differences: list[int]) -> None:
    """With few blocks all flips can be listed, and are."""
    d = np.array(differences)
    due = np.mean([abs(np.dot(signs, d)) >= abs(d.sum()) for signs in product((-1, 1), repeat=len(d))])
    pair = PairedBlocks(blocks_of(np.maximum(d, 0)), blocks_of(np.maximum(-d, 0)), STANDARD)
    assert pair.p_value(ERRORS) == pytest.approx(due, abs=1e-12)
    assert pair.net(ERRORS).value == d.sum()


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(1, 4)), min_size=1, max_size=9), st.integers(0, 5))
def test_p_of_a_limit_is_the_share_of_all_flips_that_rise_as_much_above_it(
    case: list[tuple[int, int]], limit: int
) -> None:
    """d_b = rise_b - limit n_b / N, all 2^B signs listed; one-sided."""
    rises, sizes = np.array(case).T
    d = rises - limit * sizes / sizes.sum()
    due = np.mean([np.dot(signs, d) >= d.sum() - 1e-9 for signs in product((-1, 1), repeat=len(d))])
    quantities = (Quantity("positions"), Quantity("errors"))
    before, after = (
        BlockSums(quantities, halves_of(np.stack([sizes, np.maximum(sign * rises, 0)], axis=1))) for sign in (-1, 1)
    )
    assert PairedBlocks(before, after, STANDARD).p_above(ERRORS, limit) == pytest.approx(due, abs=1e-12)


def test_of_more_units_so_many_flips_are_made_that_seeds_agree() -> None:
    before, after = simulated_pair(np.random.default_rng(5), 0.1)
    found = [PairedBlocks(before, after, Resampling(seed=seed)).p_value(ERRORS) for seed in range(4)]
    assert 0.02 < min(found) < 0.4
    assert max(found) - min(found) < 6 * math.sqrt(found[0] / 20_000)


def test_p_of_a_limit_by_hand() -> None:
    """Rises of 5, 1, 1 over a limit of 1 a block: d = 4, 0, 0, whose signs give a sum of 4 in half of the cases."""
    quantities = (Quantity("positions"), Quantity("errors"))
    before = BlockSums(quantities, halves_of(np.array([[10, 0], [10, 0], [10, 0]])))
    after = BlockSums(quantities, halves_of(np.array([[10, 5], [10, 1], [10, 1]])))
    pair = PairedBlocks(before, after, STANDARD)
    assert pair.p_above(ERRORS, 3.0) == 0.5
    assert pair.p_above(ERRORS, 0.0) == 1 / 8
    assert pair.p_above(ERRORS, 7.0) > 0.5


def risen_to_the_limit(rng: np.random.Generator, rise: float, n_blocks: int = 60) -> tuple[BlockSums, BlockSums]:
    """A pair whose second model makes `rise` more errors per symbol in truth; most errors are of both."""
    rates = rng.beta(3, 7, n_blocks)
    both = rng.binomial(SYMBOLS, 0.8 * rates)
    noise = [rng.binomial(SYMBOLS, 0.2 * rates + extra) for extra in (0.0, rise)]
    sums = [np.stack([np.full(n_blocks, SYMBOLS), both + each], axis=1) for each in noise]
    quantities = (Quantity("positions"), Quantity("errors"))
    return BlockSums(quantities, halves_of(sums[0])), BlockSums(quantities, halves_of(sums[1]))


@pytest.mark.parametrize("rise", [0.0, 0.02])
def test_a_true_rise_of_just_the_limit_seldom_alarms(rise: float) -> None:
    """0.02 is some five standard errors: a test of no rise at all would alarm nearly always.

    Of 300 flips 10 at most may reach the rise, since the standard error of counting them is added: 3.7 % alarm.
    """
    rng = np.random.default_rng(11)
    alarms = two_sided = 0
    for seed in range(500):
        pair = PairedBlocks(*risen_to_the_limit(rng, rise), Resampling(flips=300, seed=seed))
        alarms += pair.p_above(ERRORS, rise * 60 * SYMBOLS) < 0.05
        two_sided += pair.p_value(ERRORS) < 0.05
    assert 0.02 <= alarms / 500 <= 0.06
    assert (two_sided / 500 > 0.8) == (rise > 0)


def test_the_interval_of_what_is_saved_covers_it() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        before, after = simulated_pair(rng, 0.5)
        net = PairedBlocks(before, after, STANDARD).net(ERRORS)
        truth = 60 * SYMBOLS * 0.2 * 0.3 * 0.5
        assert net.low is not None
        assert net.high is not None
        covered += net.low <= truth <= net.high
    assert 0.9 <= covered / 200 <= 0.99


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=7))
def test_holm_rejects_as_the_step_down_procedure(p_values: list[float]) -> None:
    """Holm 1979: go on rejecting the smallest as long as it is at most 0.05 / (those left)."""
    left, rejected = sorted(range(len(p_values)), key=lambda k: p_values[k]), set()
    while left and p_values[left[0]] * len(left) < 0.05:
        rejected.add(left.pop(0))
    adjusted = holm(p_values)
    assert {k for k, p in enumerate(adjusted) if p < 0.05} == rejected
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=7))
def test_benjamini_and_hochberg_reject_as_the_step_up_procedure(p_values: list[float]) -> None:
    """Benjamini & Hochberg 1995: the largest k whose k-th smallest p is at most 0.05 k / m, and all below it."""
    ordered, m = sorted(range(len(p_values)), key=lambda k: p_values[k]), len(p_values)
    last = max((k + 1 for k in range(m) if p_values[ordered[k]] * m / (k + 1) < 0.05), default=0)
    adjusted = benjamini_hochberg(p_values)
    assert {k for k, p in enumerate(adjusted) if p < 0.05} == set(ordered[:last])
    assert all(p <= q <= r for p, q, r in zip(p_values, adjusted, holm(p_values), strict=True))


def test_no_difference_is_no_share() -> None:
    same = blocks_of(np.array([3, 4, 5]))
    pair = PairedBlocks(same, same, STANDARD)
    assert pair.share(ERRORS) is None
    assert pair.p_value(ERRORS) == 1
    assert pair.net(ERRORS) == pytest.approx((0, -3.6889, 3.6889), abs=1e-4)  # as of no event, on either side
