"""Quantiles against scipy's, which are computed in other ways."""

import numpy as np
import pytest

from errtax.taxonomy.quantiles import gamma_quantile, student_quantile

stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")


@pytest.mark.parametrize("probability", [0.6, 0.9, 0.975, 0.9999])
def test_students_quantiles(probability: float) -> None:
    for freedom in (*range(1, 40), 100, 331, 8191):
        assert student_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom), rel=1e-11)


def test_between_whole_degrees_of_freedom() -> None:
    for freedom in (1.2, 1.5, 1.8, 2.5):
        assert student_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.03)
    for freedom in (3.1, 3.5, 7.9, 40.5):
        assert student_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.002)


@pytest.mark.parametrize("probability", [0.025, 0.5, 0.975])
def test_gamma_quantiles(probability: float) -> None:
    for shape in np.geomspace(0.02, 9999, 120).tolist():
        due = stats.gamma.ppf(probability, shape)
        assert gamma_quantile(probability, shape) == pytest.approx(due, rel=1e-11)
    for shape in (1.1e4, 1e6, 1e9):  # by the approximation alone
        assert gamma_quantile(probability, shape) == pytest.approx(stats.gamma.ppf(probability, shape), rel=1e-7)
    assert gamma_quantile(0.025, 1e-6) == 0.0
