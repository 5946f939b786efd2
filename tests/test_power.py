"""The minimum detectable effect: against the formula by hand, in simulations, and as commands say it."""

import json
import math
from pathlib import Path
from statistics import NormalDist, stdev

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import errtax
from commands import Errtax, refused
from errtax.taxonomy.bootstrap import Resampling
from errtax.taxonomy.check import check
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.limits import parse_limits
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_file import read_peel
from errtax.taxonomy.power import design_effect, detectable, units_needed

Z = NormalDist().inv_cdf
N = 20_000


def peel_of_errors(wrong: NDArray[np.bool_]) -> Peel:
    text = "the cat sat on the mat, and the dog? " * (N // 37 + 1)
    logprob = np.log(np.where(wrong, 0.2, 0.8))
    frame = pd.DataFrame({"position": range(N), "symbol": list(text[:N]), "logprob": logprob})
    return errtax.peel(frame, layers=["word", "punctuation", "boost"]).peel


def test_it_is_the_formula() -> None:
    rng = np.random.default_rng(2)
    for units, tests in ((8, 1), (40, 1), (40, 6), (300, 20)):
        d = rng.normal(3, 2, units)
        found = detectable(d, tests)
        due = (Z(1 - 0.025 / tests) + Z(0.8)) * stdev(d.tolist()) * math.sqrt(units)
        assert found == pytest.approx(due, rel=1e-12)


def test_flips_of_few_units_find_nothing() -> None:
    assert units_needed() == 6  # 2 of 2^6 flips are as large: 3.1 %
    assert 2.0 ** (1 - units_needed(7)) <= 0.05 / 7 < 2.0 ** (2 - units_needed(7))
    assert detectable(np.array([1.0, 2, 3, 4, 5, 0, 0])) is None
    assert detectable(np.array([1.0, 2, 3, 4, 5, 6, 0])) is not None
    assert detectable(np.array([1.0] * 7), tests=7) is None
    assert detectable(np.array([np.nan] * 9)) is None


def test_counts_that_come_in_clusters_have_a_design_effect() -> None:
    rng = np.random.default_rng(3)
    alone = rng.poisson(50, 20_000).astype(float)
    assert design_effect(alone) == pytest.approx(1, abs=0.05)
    assert design_effect(3 * alone) == pytest.approx(3, abs=0.1)
    assert design_effect(np.full(9, 4.0)) == 1


def test_four_of_five_such_differences_are_found() -> None:
    rng, n, units = np.random.default_rng(4), 400, 60
    found = 0
    for seed in range(n):
        noise = rng.normal(0, 3, units)
        effect = detectable(rng.normal(0, 3, units))
        assert effect is not None
        d = noise + effect / units
        signs = np.random.default_rng(seed).choice([-1, 1], (1000, units))
        found += (1 + (abs(signs @ d) >= abs(d.sum()) - 1e-9).sum()) / 1001 < 0.05
    assert 0.74 < found / n < 0.86


def test_a_comparison_and_a_check_say_it() -> None:
    rng = np.random.default_rng(5)
    old, new = (peel_of_errors(rng.random(N) < rate) for rate in (0.3, 0.31))
    resampling = Resampling(block=100)
    found = compare(old, new, resampling)
    d = np.add.reduceat(old.error.astype(float) - new.error, np.arange(0, N, 100))
    error = stdev(d.tolist()) * math.sqrt(len(d))
    assert found.total.detectable == pytest.approx((Z(0.975) + Z(0.8)) * error, rel=1e-9)
    classes = len(found.layers)
    errors = [each.detectable for each in found.layers]
    assert classes > 1 and all(each is None or each > 0 for each in errors)
    (verdict, absolute) = check(new, parse_limits(["errors:+0.5pp", "errors:99%"]), old, resampling=resampling)
    assert verdict.detectable == pytest.approx((Z(0.975) + Z(0.8)) * error / N * 100, rel=1e-9)
    assert "above it are found 4 times of 5" in verdict.sentence
    assert absolute.detectable is None and "found" not in absolute.sentence


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Errtax:
    command: Errtax = request.getfixturevalue("errtax")
    return command


@pytest.fixture
def peels(run: Errtax, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "the cat sat on the mat, and the dog? " * 400
    rng = np.random.default_rng(6)
    for name in ("one", "two"):
        logprob = -rng.exponential(0.7, len(text))
        frame = pd.DataFrame({"position": range(len(text)), "symbol": list(text), "logprob": logprob})
        frame.to_parquet(f"{name}.parquet")
        assert run("peel", f"{name}.parquet", "--layers", "word,boost").code == 0


def test_stats_says_what_a_comparison_will_find(run: Errtax, peels: None) -> None:
    pair = run("stats", "one.peel.parquet", "--power", "two.peel.parquet", "--json")
    found = json.loads(pair.out)["detectable"]
    compared = json.loads(run("compare", "one.peel.parquet", "two.peel.parquet", "--json").out)["comparisons"][0]
    assert found["errors"] == compared["total"]["detectable"] > 0
    by_layer = {layer["name"]: layer["detectable"] for layer in compared["layers"]}
    assert {name: found["layers"][name] for name in by_layer} == by_layer
    few, many = (
        json.loads(run("stats", "one.peel.parquet", "--power", share, "--json").out)["detectable"]["errors"]
        for share in ("10%", "40%")
    )
    assert many == pytest.approx(2 * few)
    said = run("stats", "one.peel.parquet", "--power").out
    assert "found 4 times of 5 (by 30 % of the errors)" in said
    assert read_peel(Path("one.peel.parquet")).log.model == "one"
    refused(run("stats", "one.peel.parquet", "--power", "0%"), 2, "percentage")
    refused(run("stats", "one.peel.parquet", "--power", "no.parquet"), 3, "no.parquet")


def test_compare_says_how_small_a_difference_it_sees(run: Errtax, peels: None) -> None:
    said = run("compare", "one.peel.parquet", "two.peel.parquet").out
    assert "On texts like this one a difference of " in said and "bits per symbol is found 4 times of 5." in said
