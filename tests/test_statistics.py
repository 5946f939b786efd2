"""Order-free attribution against all orders, sums over blocks, and intervals that cover what they should."""

import json
import math
from collections import Counter
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from cuts import Cut
from errtax.cli.main import cli
from errtax.lm.errors import UsageError
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.taxonomy.attribution import claims_of, fair_parts, overlaps, players_of, unique_parts
from errtax.taxonomy.block_sums import BlockSums, Quantity, block_sums
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.fixed_point import halves_of
from errtax.taxonomy.layers.registry import LAYER_NAMES, OUTSIDE, claim_bits
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_file import PeelFile, write_peel
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.resampled import Resampled
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.statistics import statistics
from errtax.taxonomy.summary import summarise
from strategies import log_of, logs, parted_logs, settings
from test_peel import evidence_of

FEW = Resampling(block=4, replicates=150)
POSITIONS = Quantity("positions")


def peel_of(log: PredictionLog, wanted: Settings) -> Peel:
    return peel_log(log, evidence_of(log), wanted)


# --- whatever the order ----------------------------------------------------------------------------------------------


@given(arrays(np.bool_, st.tuples(st.integers(0, 12), st.integers(1, 5))))
def test_fair_unique_and_solo_are_those_of_all_orders(claimed: NDArray[np.bool_]) -> None:
    """The mean, the least and the most that a player takes over all orders, by taking in each of them."""
    n = claimed.shape[1]
    taken = []
    for order in permutations(range(n)):
        left, counts = np.ones(len(claimed), bool), [0] * n
        for player in order:
            counts[player] = int((claimed[:, player] & left).sum())
            left &= ~claimed[:, player]
        taken.append(counts)
    assert np.allclose(fair_parts(claimed).sum(axis=0), np.mean(taken, axis=0), atol=1e-12)
    assert unique_parts(claimed).sum(axis=0).tolist() == np.min(taken, axis=0).tolist()
    assert claimed.sum(axis=0).tolist() == np.max(taken, axis=0).tolist()
    assert fair_parts(claimed).sum() == pytest.approx(float(claimed.any(axis=1).sum()))


@given(log=logs(), wanted=settings(), data=st.data())
def test_in_every_order_a_layer_lies_between_unique_and_solo(
    log: PredictionLog, wanted: Settings, data: st.DataObject
) -> None:
    players = players_of(wanted.layers)
    others = [name for name in wanted.layers if name in OUTSIDE]
    found = statistics(peel_of(log, wanted), FEW)
    order = data.draw(st.permutations(players))
    again = peel_of(log, replace(wanted, layers=(*order, *others)))
    errors = max(found.errors, 1)
    for layer in found.layers:
        if layer.name in players:
            assert layer.unique and layer.solo and layer.fair
            count = int((again.layer == order.index(layer.name)).sum())
            assert round(layer.unique.value * errors) <= count <= round(layer.solo.value * errors)
            assert layer.unique.value - 1e-9 <= layer.fair.value <= layer.solo.value + 1e-9
    explained = sum(n for names, n in found.overlaps.items() if names)
    assert sum(layer.fair.value for layer in found.layers if layer.fair) == pytest.approx(explained / errors)


@given(arrays(np.uint32, st.integers(0, 30), elements=st.integers(0, 63)))
def test_overlaps_count_each_error_once(claims: NDArray[np.uint32]) -> None:
    found = overlaps(Counter(claims.tolist()), Settings())
    assert sum(found.values()) == len(claims)
    for names, count in found.items():
        due = sum(claim_bits(Settings())[name] for name in names)
        mask = sum(claim_bits(Settings())[name] for name in players_of(LAYER_NAMES))
        assert count == int(((claims & mask) == due).sum())
    assert claims_of(claims, Settings()).shape == (len(claims), 5)


# --- sums over blocks ------------------------------------------------------------------------------------------------


@given(log=parted_logs(), wanted=settings(), block=st.none() | st.integers(1, 30), size=st.integers(1, 40))
def test_sums_are_those_of_the_summary_however_the_peel_is_cut(
    log: PredictionLog, wanted: Settings, block: int | None, size: int
) -> None:
    peel = peel_of(log, wanted)
    whole, pieces = block_sums(peel, Resampling(block)), block_sums(Cut(peel, size), Resampling(block))
    assert (whole.quantities, whole.units) == (pieces.quantities, pieces.units)
    assert np.array_equal(whole.sums, pieces.sums)
    summary = summarise(peel)
    assert whole.total("positions") == summary.positions
    for layer in summary.layers:
        for part in layer.slices:
            assert whole.total("count", layer.name, part.name) == part.count
            bits = whole.total("bits", layer.name, part.name) / max(summary.positions, 1)
            assert bits == pytest.approx(part.bits, abs=1e-9)


def test_a_piece_without_predictions_adds_nothing() -> None:
    peel = peel_of(log_of(Unit.CHAR, b"abcd", [math.nan, math.nan, -1.0, -1.0]), Settings(layers=("word", "boost")))
    pieces = block_sums(Cut(peel, 1), STANDARD)
    assert np.array_equal(pieces.sums, block_sums(peel, STANDARD).sums)


@given(log=logs(), wanted=settings())
def test_bits_of_layers_and_correct_symbols_are_the_logs(log: PredictionLog, wanted: Settings) -> None:
    known = replace(log, logprobs=np.maximum(log.logprobs, -50))  # NaN stays
    peel = peel_of(known, wanted)
    found = statistics(peel, FEW)
    predicted = ~np.isnan(known.logprobs)
    surprisal = -known.logprobs / math.log(2)
    n = max(int(predicted.sum()), 1)
    correct = surprisal[predicted & ~peel.error].sum() / n
    assert sum(layer.bits.value for layer in found.layers) + correct == pytest.approx(found.bits.value, abs=1e-9)
    assert found.bits.value == pytest.approx(surprisal[predicted].sum() / n, abs=1e-9)
    excess = np.maximum(surprisal[peel.error] - 1, 0).sum() / n
    assert sum(layer.excess.value for layer in found.layers) == pytest.approx(excess, abs=1e-9)
    fair_bits = sum(layer.fair_bits.value for layer in found.layers if layer.fair_bits)
    claimed = claims_of(peel.claims[peel.error], peel.settings).any(axis=1)
    assert fair_bits == pytest.approx(surprisal[peel.error][claimed].sum() / n, abs=1e-9)


@given(log=logs())
def test_recoverable_bits_are_what_the_ngram_model_would_have_saved(log: PredictionLog) -> None:
    peel = peel_of(log, Settings())
    found = statistics(peel, FEW)
    rows = np.flatnonzero(peel.layer == 0)
    by_ngram = peel.evidence.ngram_logprob
    assert by_ngram is not None
    due = sum(max(0.0, (float(by_ngram[row]) - log.logprobs[row]) / math.log(2)) for row in rows)
    assert found.layers[0].recoverable
    value = found.layers[0].recoverable.value * max(found.positions, 1)
    assert value == pytest.approx(due) or (math.isinf(due) and math.isinf(value))
    assert all((np.exp(by_ngram[rows]) > 0.5).tolist())


# --- intervals -------------------------------------------------------------------------------------------------------


def simulated_blocks(rng: np.random.Generator, n_blocks: int) -> BlockSums:
    """Errors that come in clusters: a rate of its own for each block, 0.3 on average."""
    rates = rng.beta(3, 7, n_blocks)
    errors = rng.binomial(100, rates)
    quantities = (Quantity("positions"), Quantity("errors"))
    return BlockSums(quantities, halves_of(np.stack([np.full(n_blocks, 100), errors], axis=1)))


def test_intervals_cover_the_truth_where_the_binomials_do_not() -> None:
    rng = np.random.default_rng(1)
    covered = naive = 0
    for seed in range(300):
        blocks = simulated_blocks(rng, 120)
        found = Resampled(blocks, Resampling(replicates=400, seed=seed)).of([Quantity("errors")], POSITIONS)
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.3 <= found.high
        half = 1.96 * math.sqrt(found.value * (1 - found.value) / 12_000)
        naive += abs(found.value - 0.3) <= half
    assert 0.91 <= covered / 300 <= 0.98
    assert naive / 300 < 0.6


def test_what_has_no_interval_says_so() -> None:
    one = simulated_blocks(np.random.default_rng(1), 1)
    assert Resampled(one, FEW).of([Quantity("errors")], POSITIONS)[1:] == (None, None)
    quantities = (POSITIONS, Quantity("bits"), Quantity("infinite"), Quantity("errors"))
    endless = BlockSums(quantities, halves_of(np.array([[9, 0, 1, 1], [9, 2 << 32, 0, 3]])))
    resampled = Resampled(endless, FEW)
    assert resampled.of([Quantity("bits")], POSITIONS) == (math.inf, None, None)
    assert resampled.of([Quantity("errors")], POSITIONS).low is not None


# --- the command -----------------------------------------------------------------------------------------------------


@given(log=logs(), wanted=settings())
def test_a_file_read_in_pieces_gives_the_same(log: PredictionLog, wanted: Settings) -> None:
    import tempfile

    assume(not np.isnan(log.logprobs).all())  # a file of such a peel is refused
    peel = peel_of(log, wanted)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.parquet"
        write_peel(path, peel)
        found = statistics(PeelFile(path), FEW).to_json()
    due = statistics(peel, FEW).to_json()
    assert {**found, "model": ""} == {**due, "model": ""}


def test_the_command_prints_what_the_library_gives(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    text = "".join(rng.choice(["the ", "cat ", "sat.", ' "on"', "\n"], 3000))
    (tmp_path / "train.txt").write_text(text[:6000])
    import pandas as pd

    test = text[6000:9500]
    table = pd.DataFrame({"position": range(len(test)), "symbol": list(test), "logprob": np.log(rng.random(len(test)))})
    table.to_parquet(tmp_path / "preds.parquet")
    names = [
        "--preds",
        tmp_path / "preds.parquet",
        "--train-text",
        tmp_path / "train.txt",
        "-o",
        tmp_path / "p.parquet",
    ]
    done = CliRunner().invoke(cli, ["peel", *map(str, names), "--json"])
    assert done.exit_code == 0, done.output
    stats = CliRunner().invoke(cli, ["stats", str(tmp_path / "p.parquet"), "--json"])
    assert stats.exit_code == 0, stats.output
    found = json.loads(stats.stdout)
    assert found == json.loads(done.stdout)["statistics"]
    assert found["schema"] == "errtax.stats/1"
    assert found["blocks"] == 4 and "Only 4 blocks" in found["warning"]
    assert found["signature"].endswith("|bootstrap:unit=block,block=1000,replicates=2000,seed=1")
    shown = CliRunner().invoke(cli, ["stats", str(tmp_path / "p.parquet"), "--block", "50"])
    assert "fair share" in shown.stdout and "block=50" in shown.stdout


# --- peeling again ---------------------------------------------------------------------------------------------------


@given(log=logs(), first=settings(), second=settings())
def test_peeling_again_is_peeling_anew(log: PredictionLog, first: Settings, second: Settings) -> None:
    peel = peel_of(log, first)
    peel = replace(peel, sources={"ngram_model": "mkn,order=13", "ngram_order": "13", "train_sha256": "abc"})
    again, anew = repeel(peel, second), peel_of(log, second)
    for name in ("error", "claims", "layer", "slice"):
        assert np.array_equal(getattr(again, name), getattr(anew, name)), name
    assert again.settings == second
    assert f"|err:{second.criterion}|layers:{second.description}|ngram:mkn,order=13|" in again.signature
    assert again.signature.endswith("|train:abc")
    assert again.sources == peel.sources


@given(log=logs())
def test_what_the_evidence_does_not_hold_is_refused(log: PredictionLog) -> None:
    peel = replace(peel_of(log, Settings(ngram_max=4)), sources={"ngram_order": "8"})
    with pytest.raises(UsageError, match="up to 7 symbols"):
        repeel(peel, Settings(ngram_max=8))
    bare = replace(peel, evidence=peel.evidence._replace(word_count=None))
    with pytest.raises(UsageError, match="no evidence for the layer rare"):
        repeel(bare, Settings(ngram_max=4))
    assert repeel(bare, Settings(layers=("memory", "boost"))).layer_names == ["memory", "boost", "rest"]
