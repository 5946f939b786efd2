"""The n-gram model as a predictor beside the model under test: its cross-entropy and errors on the same positions."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given

from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.oracle.ngram import NgramTally
from errtax.oracle.text_view import TextView
from errtax.reports.wording import ngram_line
from errtax.taxonomy.peel_file import read_peel, write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.summary import summarise
from strategies import log_of, logs
from test_peel import INDICES, TRAIN


def test_a_tally_by_hand() -> None:
    """Positions 0, 1, 3 and 4 of a text; 1 is not predicted, 2 is missing: order 2 has -ln(.5 .25 .9), one error."""
    log = log_of(Unit.CHAR, b"abcde", [-1.0, math.nan, -1.0, -1.0], [0, 1, 3, 4])
    view = TextView.of_log(log)
    assert len(view) == 5  # a placeholder for position 2
    tally = NgramTally(view, ~np.isnan(log.logprobs))
    rows = np.log(np.array([[0.2, 0.5], [1e-9, 1e-9], [1e-9, 1e-9], [0.2, 0.25], [0.2, 0.9]], np.float32))
    tally.add(rows[:2], 0)
    tally.add(rows[2:], 2)
    found = tally.best()
    assert found is not None
    assert (found.order, found.errors) == (2, 1)
    assert found.nats == pytest.approx(-math.log(0.5 * 0.25 * 0.9) / 3, rel=1e-6)
    same = NgramTally(view, ~np.isnan(log.logprobs))
    same.add(np.repeat(rows[:, 1:], 3, axis=1), 0)
    assert same.best() == found._replace(order=1)  # the lowest of equals
    assert NgramTally(view, ~np.isnan(log.logprobs)).best() is None


@given(log=logs())
def test_the_ngram_alone_is_scored_on_the_predicted_positions(log: PredictionLog) -> None:
    """By plain sums over the scores of all orders, on the text with a placeholder for each gap."""
    index, view = INDICES[log.unit], TextView.of_log(log)
    predicted = ~np.isnan(log.logprobs)
    assume(predicted.any())
    found = peel_files(PeelInputs(log, index), Settings(layers=("ngram", "boost"), ngram_max=7))
    scores = np.concatenate(list(index.score_blocks(view.codes, unknown=view.gaps, block=7)))[view.rows][predicted]
    nats = [-float(scores[:, k].sum(dtype=np.float64)) / len(scores) for k in range(index.order)]
    best = min(range(index.order), key=lambda k: nats[k])
    alone = summarise(found).ngram
    assert alone is not None
    assert alone.order == best + 1
    assert alone.nats == pytest.approx(nats[best])
    assert alone.errors == int((scores[:, best] < np.float32(np.log(0.5))).sum())
    assert summarise(repeel(found, Settings(layers=("ngram", "boost"), ngram_max=2))).ngram == alone


def test_without_ngrams_none_stands_beside_the_model() -> None:
    log = log_of(Unit.CHAR, b"abc", [-1.0, -1.0, -1.0])
    summary = summarise(peel_files(PeelInputs(log), Settings(layers=("word", "boost"))))
    assert summary.ngram is None
    assert summary.to_json()["ngram"] is None
    assert ngram_line(summary) is None


def test_the_ngram_alone_is_kept_in_the_file_and_said(tmp_path: Path) -> None:
    log = log_of(Unit.CHAR, TRAIN[:40].encode(), [-1.0] * 40)
    peel = peel_files(PeelInputs(log, INDICES[Unit.CHAR]), Settings(layers=("ngram", "boost"), ngram_max=7))
    write_peel(tmp_path / "p.parquet", peel)
    summary = summarise(read_peel(tmp_path / "p.parquet"))
    assert summary.ngram is not None
    assert summary.ngram == summarise(peel).ngram
    written = summary.to_json()["ngram"]
    assert written["bits"] == pytest.approx(written["nats"] / math.log(2))
    assert written["error_rate"] == written["errors"] / 40
    line = ngram_line(summary)
    assert line is not None
    assert f"the {summary.ngram.order - 1}-gram model alone" in line and f"{summary.ngram.nats:.3f} nats" in line
    damaged = replace(peel, sources={**peel.sources, "ngram_alone": '{"order": "x"}'})
    with pytest.raises(BadInput, match="ngram_alone are damaged"):
        summarise(damaged)
