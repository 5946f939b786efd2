"""Comparisons of peels: counts against a loop, findings, and what is refused."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.taxonomy.bootstrap import Resampling
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.settings import PRESETS, Settings
from test_oracles import log_of
from test_peel import logs, peel_of, verdict


@given(case=logs(), seed=st.integers(0, 2**32))
def test_a_comparison_counts_as_a_loop_does(case: PredictionLog, seed: int) -> None:
    p = np.log(np.random.default_rng(seed).random(len(case)))
    before, after = peel_of(case), peel_of(replace(case, logprobs=np.where(np.isnan(case.logprobs), np.nan, p)))
    found = compare(before, after)
    verdicts = [(verdict(before, row), verdict(after, row)) for row in range(len(case))]
    assert found.total.fixed == sum(a.error and not b.error for a, b in verdicts)
    assert found.total.new == sum(b.error and not a.error for a, b in verdicts)
    assert found.total.kept == sum(a.error and b.error for a, b in verdicts)
    assert found.saved == found.total.fixed - found.total.new == found.total.net.value
    for layer in found.layers:
        assert layer.before == sum(a.layer == layer.name for a, _ in verdicts)
        assert layer.after == sum(b.layer == layer.name for _, b in verdicts)
        assert layer.kept + layer.fixed == layer.before
        assert layer.saved == layer.net.value
        for part in layer.slices:
            assert part.before == sum((a.layer, a.slice) == (layer.name, part.name) for a, _ in verdicts)
            assert part.fixed == sum((a.layer, a.slice) == (layer.name, part.name) and not b.error for a, b in verdicts)
            assert part.new == sum((b.layer, b.slice) == (layer.name, part.name) and not a.error for a, b in verdicts)
        assert layer.saved == sum(part.saved for part in layer.slices)
    assert sum(layer.saved for layer in found.layers) == found.saved
    json.dumps(found.to_json(), allow_nan=False)
    assert found.finding()


def test_a_finding_names_the_layer_that_paid_most() -> None:
    text = b"a.b.c.d" * 10
    worse = log_of(Unit.CHAR, text, np.log([0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.1] * 10).tolist())
    better = log_of(Unit.CHAR, text, np.log([0.9, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1] * 10).tolist())
    settings = Settings(layers=("punctuation", "boost"))
    peels = peel_of(worse, settings), peel_of(better, settings)
    finding = compare(*peels, Resampling(block=7)).finding()
    assert "20 fewer errors" in finding
    assert "100 % [100, 100] of them (20) were punctuation errors" in finding
    assert compare(*peels).finding() == "log and log are tied: 20 errors apart, p = 1."  # one block says nothing


def test_only_like_is_compared_with_like() -> None:
    log = log_of(Unit.CHAR, b"abc", [-1.0, -1.0, -1.0])
    peel = peel_of(log)
    with pytest.raises(BadInput, match="different texts"):
        compare(peel, peel_of(log_of(Unit.CHAR, b"abd", [-1.0, -1.0, -1.0])))
    with pytest.raises(BadInput, match="different texts"):
        compare(peel, peel_of(log_of(Unit.BYTE, b"abc", [-1.0, -1.0, -1.0])))
    with pytest.raises(BadInput, match="different positions"):
        compare(peel, peel_of(log_of(Unit.CHAR, b"abc", [math.nan, -1.0, -1.0])))
    with pytest.raises(BadInput, match="peeled differently"):
        compare(peel, peel_of(log, PRESETS["text"]))
    assert compare(peel, peel).saved == 0
