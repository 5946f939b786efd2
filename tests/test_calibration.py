"""Calibration against plain loops, a model that is calibrated by construction, and the command."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cuts import Cut
from errtax.cli.main import cli
from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.reports.calibration import calibration_figure
from errtax.taxonomy.attribution import players_of
from errtax.taxonomy.bootstrap import Resampling
from errtax.taxonomy.calibration import BINS, calibration
from errtax.taxonomy.layers.registry import LAYER_BY_NAME
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.settings import Settings
from strategies import log_of, logs, settings
from test_peel import evidence_of

FEW = Resampling(block=4, replicates=120)


def kind_of(peel: Peel, row: int) -> str:
    p = np.exp(peel.log.logprobs)
    for name in players_of(peel.settings.layers):
        if LAYER_BY_NAME[name].slice_of(peel.evidence, p, peel.settings)[row] >= 0:
            return name
    return "rest"


@given(log=logs(), wanted=settings(), seed=st.integers(0, 2**32))
def test_classes_and_bins_are_those_of_a_loop(log: PredictionLog, wanted: Settings, seed: int) -> None:
    best = np.log(np.random.default_rng(seed).random(len(log)))
    log = replace(log, argmax_logprobs=best)
    peel = peel_log(log, evidence_of(log), wanted)
    if not peel.predicted.any():
        return
    found = calibration(peel, FEW)
    rows = np.flatnonzero(peel.predicted).tolist()
    for each in found.classes:
        mine = [row for row in rows if each.name in ("all", kind_of(peel, row))]
        assert each.n == len(mine)
        error = 0.0
        for k, part in enumerate(each.bins):
            inside = [row for row in mine if min(int(np.exp(best[row]) * BINS), BINS - 1) == k]
            assert part.n == len(inside)
            if inside:
                right = np.mean([log.codes[row] == log.argmax_codes[row] for row in inside])  # type: ignore[index]
                confidence = np.mean(np.exp(best[inside]))
                assert (part.accuracy, part.confidence) == pytest.approx((right, confidence))
                error += len(inside) / len(mine) * abs(float(right - confidence))
        assert each.error.value == pytest.approx(error)
    assert calibration(Cut(peel, 1 + seed % 7), FEW).to_json() == found.to_json()


def calibrated(n: int) -> Peel:
    """Right as often as it says."""
    rng = np.random.default_rng(2)
    confidence = rng.random(n)
    right = rng.random(n) < confidence
    text = rng.choice(list(b"ab c."), n).astype(np.uint8).tobytes()
    log = log_of(Unit.BYTE, text, np.log(np.where(right, confidence, 0.01)).tolist())
    best = np.where(right, log.codes, ord("x")).astype(np.uint8)
    log = replace(log, argmax_codes=best, argmax_logprobs=np.log(confidence))
    return peel_log(log, evidence_of(log), Settings(layers=("word", "punctuation")))


def test_a_calibrated_model_has_no_calibration_error() -> None:
    found = calibration(calibrated(40_000))
    whole = found.classes[0]
    assert whole.name == "all"
    assert whole.error.value < 0.01
    assert whole.accuracy.low is not None
    assert whole.accuracy.high is not None
    assert whole.accuracy.low <= whole.confidence.value <= whole.accuracy.high


def test_what_chance_makes_of_the_error_is_said() -> None:
    """A calibrated model stays below the critical value, one that says 3 points too much does not, and by chance alone
    both would have the same error: about sum of sqrt(2 / pi p (1 - p) n) over bins of n, by the normal distribution."""
    peel = calibrated(40_000)
    assert peel.log.argmax_logprobs is not None
    sure = replace(peel.log, argmax_logprobs=np.minimum(np.log(np.exp(peel.log.argmax_logprobs) + 0.03), 0))
    right, wrong = (calibration(each).classes[0] for each in (peel, replace(peel, log=sure)))
    assert right.by_chance and right.critical and wrong.critical
    assert right.error.value < right.critical < wrong.error.value
    assert right.by_chance < right.critical and wrong.critical == pytest.approx(right.critical, rel=0.1)
    for error in (right.error, wrong.error):
        assert error.low is not None and error.high is not None
        assert 0 <= error.low < error.value < error.high  # replicates of what is nearly 0 all lie above it
    p = (np.arange(10) + 0.5) / 10
    assert right.by_chance == pytest.approx(np.sqrt(2 / np.pi * p * (1 - p) * 4000).sum() / 40_000, rel=0.15)


def test_a_log_without_first_ranked_symbols_is_refused() -> None:
    peel = calibrated(50)
    with pytest.raises(BadInput, match="argmax_logprob"):
        calibration(replace(peel, log=replace(peel.log, argmax_logprobs=None)))


def test_the_picture_and_the_command(tmp_path: Path) -> None:
    figure = calibration_figure(calibration(calibrated(3000)))
    assert all("first-ranked" in axes.get_xlabel() and axes.get_title() for axes in figure.axes)
    import pandas as pd

    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {"position": range(500), "symbol": list("abcde" * 100)}
    columns |= {"logprob": np.log(rng.random(500)), "argmax": list("abcdx" * 100)}
    columns |= {"argmax_logprob": np.log(rng.random(500))}
    pd.DataFrame(columns).to_parquet(tmp_path / "p.parquet")
    out = tmp_path / "p.peel.parquet"
    run = CliRunner().invoke(cli, ["peel", "--preds", str(tmp_path / "p.parquet"), "-o", str(out), "-q"])
    assert run.exit_code == 0, run.output
    assert CliRunner().invoke(cli, ["validate", str(out)]).exit_code == 0
    done = CliRunner().invoke(cli, ["calibration", str(out), "--figure", str(tmp_path / "c.png"), "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads(done.stdout)["classes"][0]["accuracy"][0] == pytest.approx(0.8)
    assert (tmp_path / "c.png").is_file()
