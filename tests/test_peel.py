"""Verdicts against plain loops, the invariants of the peel, its settings and its signature."""

import copy
import json
import math
import pickle
import re
from collections import Counter
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import errtax
import naive
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.taxonomy.peel import Peel, find_errors, peel_log
from errtax.taxonomy.settings import PRESETS, Criterion, Settings
from errtax.taxonomy.signature import make_signature, sign
from errtax.taxonomy.summary import summarise
from strategies import log_of, logs, settings

TRAIN = 'the Natasha, the naïve Natash. "Don\'t," x said.\r\nthe 猫犬 sat.\n' * 3


def rules_of(settings: Settings) -> naive.Rules:
    return naive.Rules(
        layers=settings.layers,
        criterion=str(settings.criterion),
        threshold=settings.criterion.threshold or 0.5,
        ngram_max=settings.ngram_max,
        windows=settings.memory_windows,
        min_length=settings.memory_min_length,
        rare=settings.rare_counts,
        reach=settings.newline_reach,
        boosts=settings.boosts,
    )


INDICES = {unit: NgramIndex.build(text_of_bytes(TRAIN.encode(), unit), 8) for unit in (Unit.BYTE, Unit.CHAR)}


def evidence_of(log: PredictionLog) -> Any:
    words = count_words(text_of_bytes(TRAIN.encode(), log.unit))
    return collect_evidence(TextView.of_log(log), INDICES[log.unit], words)


def peel_of(log: PredictionLog, settings: Settings = PRESETS["paper"]) -> Peel:
    peel = peel_log(log, evidence_of(log), settings)
    made = {"ngram_model": "mkn,order=8,compat", "ngram_order": "8"}
    digest = log.text_sha256
    peel = replace(peel, sources={"text_sha256": digest, "train_sha256": digest, **made})
    return replace(peel, signature=sign(peel))


def verdict(peel: Peel, row: int) -> naive.Verdict:
    if peel.layer[row] < 0:
        assert peel.slice[row] < 0
        return naive.Verdict(bool(peel.error[row]), None, None, int(peel.claims[row]))
    layer = peel.layer_names[peel.layer[row]]
    name = peel.slice_names(layer)[peel.slice[row]]
    return naive.Verdict(bool(peel.error[row]), layer, name, int(peel.claims[row]))


@given(log=logs(), settings=settings() | st.sampled_from([PRESETS["paper"], PRESETS["text"]]))
def test_verdicts_are_those_of_plain_loops(log: PredictionLog, settings: Settings) -> None:
    peel = peel_of(log, settings)
    track = naive.track_of(log.positions.tolist(), log.codes.tolist())
    facts = naive.facts_of(track, log.unit is Unit.BYTE)
    counts = Counter[str](re.findall(r"\w+", TRAIN))
    rows = INDICES[log.unit].score(np.array([min(ord(c), 0xFFFF) for c in track], np.uint32))
    assert log.argmax_codes is not None
    for row, position in enumerate(log.positions.tolist()):
        value = float(log.logprobs[row])
        due = naive.peel_position(
            facts[position],
            naive.smallest_context(rows[position].tolist()),
            counts,
            None if math.isnan(value) else value,
            bool(log.argmax_codes[row] != log.codes[row]),
            rules_of(settings),
        )
        assert verdict(peel, row) == due, (row, track)


@given(log=logs(), settings=settings())
def test_layers_sum_to_the_errors(log: PredictionLog, settings: Settings) -> None:
    peel = peel_of(log, settings)
    summary = summarise(peel)
    assert sum(layer.count for layer in summary.layers) == summary.errors == int(peel.error.sum())
    for layer in summary.layers:
        assert sum(part.count for part in layer.slices) == layer.count
    assert summary.positions == int((~np.isnan(log.logprobs)).sum())
    if np.isfinite(log.logprobs[~np.isnan(log.logprobs)]).all():
        assert sum(layer.bits for layer in summary.layers) + summary.correct_bits == pytest.approx(
            summary.bits, abs=1e-9
        )
        assert sum(layer.share for layer in summary.layers) == pytest.approx(1 if summary.errors else 0)
    json.dumps(summary.to_json(), allow_nan=False)


@given(log=logs(), settings=settings())
def test_permuting_layers_keeps_the_union(log: PredictionLog, settings: Settings) -> None:
    evidence = evidence_of(log)
    first = peel_log(log, evidence, settings)
    for layers in list(permutations(settings.layers))[::37]:
        other = peel_log(log, evidence, replace(settings, layers=layers))
        assert np.array_equal(first.error, other.error)
        assert np.array_equal(first.claims, other.claims)
        assert np.array_equal(first.layer == len(layers), other.layer == len(layers))  # the rest


@given(log=logs())
def test_a_position_without_a_prediction_is_never_counted(log: PredictionLog) -> None:
    for criterion in (Criterion.PROBABILITY, Criterion.ARGMAX):
        peel = peel_of(log, Settings(criterion=criterion))
        missing = np.isnan(log.logprobs)
        assert not peel.error[missing].any()
        assert not peel.claims[missing].any()
        assert (peel.layer[missing] == -1).all()


def test_one_half_is_no_error_and_probability_zero_is_one() -> None:
    log = log_of(Unit.CHAR, b"abcd", [math.log(0.5), -math.inf, math.nan, 0.0])
    assert find_errors(log, Criterion.PROBABILITY).tolist() == [False, True, False, False]
    peel = peel_log(log, collect_evidence(TextView.of_log(log), None, None), Settings())
    assert peel.settings.layers == ("memory", "word", "punctuation", "boost")
    assert verdict(peel, 1) == naive.Verdict(True, "boost", "0.5 boost", 32)
    summary = summarise(peel)
    assert math.isinf(summary.bits)
    assert summary.to_json()["bits"] is None


def test_the_criterion_argmax_needs_its_column() -> None:
    log = log_of(Unit.CHAR, b"abc", [-3.0, -0.1, -0.1], argmax=b"abx")
    assert find_errors(log, Criterion.ARGMAX).tolist() == [False, False, True]
    with pytest.raises(BadInput, match="argmax"):
        find_errors(replace(log, argmax_codes=None), Criterion.ARGMAX)


# --- settings and signatures -----------------------------------------------------------------------------------------


@given(
    settings=settings(),
    boosts=st.sets(st.floats(0, 1), min_size=1, max_size=4),
    windows=st.sets(st.integers(0, 10**8), min_size=1, max_size=50),
)
def test_settings_are_read_as_they_were_written(settings: Settings, boosts: set[float], windows: set[int]) -> None:
    for each in (settings, settings.changed(boosts=sorted(boosts), memory_windows=sorted(windows))):
        again = Settings.from_json(json.loads(json.dumps(each.to_json())))
        assert again == each
        assert [type(value) for value in again.boosts + again.memory_windows] == [
            type(value) for value in each.boosts + each.memory_windows
        ]


def test_what_a_signature_says_of_settings() -> None:
    made = make_signature(
        "byte", 330_000, Settings(), {"ngram_model": "mkn,order=10,compat", "text_sha256": "fb66ba99" * 8}
    )
    assert made == (
        f"errtax:{errtax.__version__}|unit:byte|n:330000|err:p<0.5|layers:ngram(1-9),"
        "memory(100,500,1000,5000;len>=5),rare(0,1,2,3,4,5),word(newline<=3),punctuation,boost(0.1,0.2,0.3,0.4,0.5)"
        "|ngram:mkn,order=10,compat|text:fb66ba99|train:none"
    )
    other = Settings(layers=("boost", "word"), newline_reach=1, boosts=(0.05, 1), criterion=Criterion.ARGMAX)
    assert "|err:argmax|layers:boost(0.05,1),word(newline<=1)|" in make_signature("byte", 1, other, {})


def test_the_presets_differ_in_two_details() -> None:
    paper, text = (dict(PRESETS[name].parameters) for name in ("paper", "text"))
    assert {name: (paper[name], text[name]) for name in paper if paper[name] != text[name]} == {
        "memory_min_length": (5, 1),
        "newline_reach": (3, 1),
    }


@given(settings=settings(), data=st.data())
def test_settings_copy_and_change(settings: Settings, data: st.DataObject) -> None:
    assert copy.deepcopy(settings) == pickle.loads(pickle.dumps(settings)) == settings
    n = data.draw(st.integers(1, 31))
    assert settings.changed(ngram_max=n).ngram_max == n
    assert settings.changed(ngram_max=n).changed(ngram_max=settings.ngram_max) == settings
    with pytest.raises(AttributeError):
        settings.memory  # noqa: B018


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers": ()},
        {"layers": ("rare", "rare")},
        {"layers": ("nope",)},
        {"memory_windows": (5, 5)},
        {"rare_counts": (3, 1)},
        {"boosts": ()},
        {"boosts": (-0.1,)},
        {"ngram_max": 0},
        {"ngram_max": 32},
        {"memory_min_length": 0},
        {"newline_reach": 0},
        {"boosts": (0.1, math.inf)},
        {"memory_windows": range(101)},
        {"ngram_max": 2.5},
        {"memory": (1, 2)},
    ],
)
def test_wrong_settings_are_usage_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Settings(**wrong)
