"""The layer verbatim, and positions left out as recall: in any blocks, in files, as commands; by slow twins."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_verbatim as naive
from commands import Errtax, refused, write_log
from errtax.lm.errors import UsageError
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle import verbatim
from errtax.oracle.verbatim import SourceText
from errtax.taxonomy import peel_flow
from errtax.taxonomy.peel import Peel, whole_peel
from errtax.taxonomy.peel_columns import frame_of_peel
from errtax.taxonomy.peel_file import read_peel, write_peel
from errtax.taxonomy.peel_flow import Oracles, PeelFlow
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import PRESETS, Settings
from errtax.taxonomy.summary import summarise
from test_token_logs import log_of_pieces

COLUMNS = ["verbatim_length", "verbatim_count", "verbatim_place"]
LIMIT = 6


@pytest.fixture(scope="module", autouse=True)
def few_symbols() -> Any:
    """Matches are followed for a few symbols, so that small texts have more than the limit around them."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (verbatim, peel_flow):
            patch.setattr(module, "LONGEST", LIMIT)
        patch.setattr(verbatim.matches_ending, "__defaults__", (LIMIT, 1))
        yield


@st.composite
def logs(draw: st.DrawFn) -> PredictionLog:
    """Few symbols, as bytes or as tokens of some, with gaps and documents."""
    pieces = [
        bytes(draw(st.lists(st.sampled_from(b"ab "), min_size=1, max_size=3))) for _ in range(draw(st.integers(1, 40)))
    ]
    log = log_of_pieces(pieces)
    if draw(st.booleans()):
        codes = np.frombuffer(b"".join(pieces)[: len(pieces)], np.uint8)
        log = replace(log, unit=Unit.BYTE, codes=codes, surface=None, starts=None, metadata={})
    steps = [1 + draw(st.sampled_from([0, 0, 0, 0, 0, 3])) for _ in pieces]
    docs = np.sort(draw(st.lists(st.integers(0, 1), min_size=len(pieces), max_size=len(pieces))))
    return replace(log, positions=np.cumsum(steps) - 1, docs=docs.astype(np.int64), starts=None)


TRAINING = st.lists(st.sampled_from(b"ab "), min_size=1, max_size=25).map(bytes)
SETTINGS = Settings(("verbatim", "boost"), verbatim=3)


def flow_of(log: PredictionLog, training: bytes, settings: Settings = SETTINGS) -> PeelFlow:
    known = SourceText.of_text(text_of_bytes(training, Unit.BYTE))
    return PeelFlow(log, Oracles(None, None, training=known), settings, {}, {})


def due(log: PredictionLog, training: bytes) -> list[naive.Match]:
    """By brute force, on the bytes with a symbol of no training text wherever rows are not neighbours."""
    docs = np.zeros(len(log)) if log.docs is None else log.docs
    letters: list[int] = []
    spans = []
    for row in range(len(log)):
        neighbours = row and log.positions[row] == log.positions[row - 1] + 1 and docs[row] == docs[row - 1]
        letters += [] if neighbours else [naive.GAP]
        begin = len(letters)
        letters += [int(log.codes[row])] if log.surface is None else list(log.surface[row : row + 1].joined)
        spans.append((begin, len(letters)))
    return [naive.longest_around(letters, span, list(training), LIMIT) for span in spans]


@given(logs(), TRAINING, st.integers(1, 9))
@example(log_of_pieces([b"ab", b"a "]), b"ab a", 1)
def test_evidence_and_claims_are_those_of_the_slow_twin_in_any_blocks(
    log: PredictionLog, training: bytes, rows: int
) -> None:
    whole = whole_peel(flow_of(log, training))
    expected = due(log, training)
    evidence = whole.evidence
    found = zip(evidence.verbatim_length, evidence.verbatim_count, evidence.verbatim_place, strict=True)  # type: ignore[arg-type]
    assert [naive.Match(*map(int, each)) for each in found] == expected
    claimed = [whole.layer_names[layer] == "verbatim" for layer in whole.layer[whole.error]]
    assert claimed == [match.length >= 3 for match, wrong in zip(expected, whole.error, strict=True) if wrong]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peel_flow, "HORIZON", 1)
        parts = pd.concat([frame_of_peel(part) for part in flow_of(log, training).blocks(rows)], ignore_index=True)
    pd.testing.assert_frame_equal(parts[COLUMNS], frame_of_peel(whole)[COLUMNS])


@given(logs(), TRAINING, st.integers(1, 5))
def test_positions_left_out_are_not_counted_right_or_wrong(log: PredictionLog, training: bytes, least: int) -> None:
    settings = Settings(("punctuation", "boost"), exclude_verbatim=least)
    inside = np.array([match.length >= least for match in due(log, training)])
    if inside.all():
        return
    peel = whole_peel(flow := flow_of(log, training, settings))
    assert peel.predicted.tolist() == (~inside).tolist()
    assert not peel.error[inside].any()
    assert flow.head.sources["verbatim_left_out"] == str(inside.sum())
    assert f"|without:verbatim>={least}|" in flow.head.signature
    counts = summarise(replace(peel, sources=flow.head.sources))
    assert (counts.positions, counts.left_out, counts.unpredicted) == ((~inside).sum(), inside.sum(), 0)


def test_a_file_keeps_the_evidence(tmp_path: Path) -> None:
    log = replace(log_of_pieces([b"a", b"b", b"c", b"ab"]), logprobs=np.full(4, -3.0))
    write_peel(tmp_path / "x.parquet", flow_of(log, b"xabab"))
    peel = read_peel(tmp_path / "x.parquet")
    assert peel.evidence.verbatim_length is not None and peel.evidence.verbatim_place is not None
    assert peel.evidence.verbatim_length.tolist() == [2, 2, 0, 2]
    assert peel.evidence.verbatim_place.tolist() == [1, 1, -1, 1]
    again = repeel(peel, peel.settings.changed(verbatim=2))
    assert isinstance(again, Peel)
    assert [again.layer_names[k] for k in again.layer] == ["verbatim", "verbatim", "boost", "verbatim"]
    with pytest.raises(UsageError, match="peel the log again"):
        repeel(peel, peel.settings.changed(exclude_verbatim=2))


def test_nobody_gets_the_layer_who_does_not_ask() -> None:
    for preset in PRESETS.values():
        assert "verbatim" not in preset.layers
        assert not preset.exclude_verbatim


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def log(errtax: Errtax) -> Path:
    """A log of 300 bytes, of which the second hundred stands in train.txt."""
    rng = np.random.default_rng(7)
    text, training = (bytes(rng.integers(97, 123, 300).astype(np.uint8)) for _ in range(2))
    Path("train.txt").write_bytes(training[:150] + text[100:200] + training[150:])
    write_log(Path("preds.parquet"), text)
    return Path("preds.parquet")


@pytest.fixture
def whole_limit() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for module in (verbatim, peel_flow):
            patch.setattr(module, "LONGEST", 10_000)
        patch.setattr(verbatim.matches_ending, "__defaults__", (10_000, 1))
        yield


def test_verbatim_asks_for_the_layer(errtax: Errtax, log: Path, whole_limit: None) -> None:
    document = json.loads(errtax("peel", log, "--train-text", "train.txt", "--verbatim", "50", "--json").out)
    assert document["layers"][0]["name"] == "verbatim"
    frame = pd.read_parquet("preds.peel.parquet")
    assert frame["verbatim_length"][100:200].eq(100).all()
    assert frame["verbatim_place"][100:200].eq(150).all()
    assert document["layers"][0]["count"] == frame["error"][100:200].sum()
    assert "verbatim(>=50),ngram(" in document["signature"]
    repeeled = json.loads(errtax("repeel", "preds.peel.parquet", "--verbatim", "101", "--json").out)
    assert repeeled["layers"][0]["count"] == 0
    assert "in 100 that training has 1 times" in errtax("show", "preds.peel.parquet", "--layer", "V").out
    refused(errtax("repeel", "preds.peel.parquet", "--exclude-verbatim", "50"), 2, "peel the log again")


def test_parts_are_the_peel_of_one_command(errtax: Errtax, log: Path, whole_limit: None) -> None:
    errtax("build-ngram", "train.txt", "--order", "10", "-o", "train.ngram")
    options = ("--ngram", "train.ngram", "--verbatim", "50", "--exclude-verbatim", "60", "--layers", "verbatim,boost")
    errtax("peel", log, *options, "-o", "whole.parquet")
    for k in (2, 1, 3):
        errtax("peel", log, *options, "--part", f"{k}/3", "-o", "parts")
    merged = errtax("merge", "parts", "-o", "merged.parquet")
    assert merged.code == 0, merged.err
    pd.testing.assert_frame_equal(pd.read_parquet("merged.parquet"), pd.read_parquet("whole.parquet"))


def test_what_is_left_out_is_said(errtax: Errtax, log: Path, whole_limit: None) -> None:
    done = errtax("peel", log, "--train-text", "train.txt", "--exclude-verbatim", "50", "--json")
    assert "suspicion" not in done.err  # that rows are missing was asked for
    document = json.loads(done.out)
    assert "100 of 300 predicted positions left out" in done.err
    assert (document["positions"], document["unpredicted"], document["verbatim_left_out"]) == (200, 0, 100)
    assert "verbatim" not in [layer["name"] for layer in document["layers"]]
    assert "valid" in errtax("validate", "preds.peel.parquet").out
    again = errtax("repeel", "preds.peel.parquet", "--preset", "text", "--json")  # what is left out stays so
    assert "verbatim>=50" in json.loads(again.out)["signature"]


def test_nothing_is_written_where_nothing_is_left(errtax: Errtax, log: Path, whole_limit: None) -> None:
    Path("train.txt").write_bytes(b"".join(pd.read_parquet(log)["symbol"]))
    refused(errtax("peel", log, "--train-text", "train.txt", "--exclude-verbatim", "50"), 3, "nothing is left to count")
    assert not Path("preds.peel.parquet").exists()


def test_it_needs_the_training_text(errtax: Errtax, log: Path) -> None:
    refused(errtax("peel", log, "--exclude-verbatim", "50", "--layers", "word"), 2, "--train-text train.txt")
    done = errtax("peel", log, "--layers", "verbatim,word")
    assert "Layers left out: verbatim (needs --train-text train.txt)" in done.err


def test_an_index_will_do(errtax: Errtax, log: Path, whole_limit: None) -> None:
    errtax("build-ngram", "train.txt", "--order", "10", "-o", "train.ngram")
    errtax("peel", log, "--ngram", "train.ngram", "--verbatim", "50")
    by_index = pd.read_parquet("preds.peel.parquet")[COLUMNS]
    errtax("peel", log, "--train-text", "train.txt", "--verbatim", "50", "--force")
    pd.testing.assert_frame_equal(by_index, pd.read_parquet("preds.peel.parquet")[COLUMNS])
