"""Comparisons of peels: counts against a loop, findings, and what is refused."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.reports.tables import bits_table
from errtax.reports.terminal import table_lines
from errtax.taxonomy.bootstrap import Resampling
from errtax.taxonomy.comparison import Comparison, _adjusted, compare
from errtax.taxonomy.settings import PRESETS, Settings
from strategies import log_of, logs
from test_peel import peel_of, verdict


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
    known = ~np.isnan(case.logprobs)
    n = max(int(known.sum()), 1)
    lost = -(before.log.logprobs[known] - after.log.logprobs[known]) / math.log(2) / n
    parts = [*(layer.bits for layer in found.layers), found.correct]
    if np.isfinite(lost).all() and np.isfinite(before.log.logprobs[known]).all():
        assert sum(part.saved.value for part in parts) == pytest.approx(lost.sum(), abs=1e-9)
        assert found.total.bits.saved.value == pytest.approx(lost.sum(), abs=1e-9)
        for bits in parts:
            assert bits.before - bits.after == pytest.approx(bits.saved.value, abs=1e-9)
        for layer in found.layers:
            assert sum(part.bits.before for part in layer.slices) == pytest.approx(layer.bits.before, abs=1e-9)
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
    assert compare(*peels).finding() == (  # one block says nothing
        "log and log are 20 errors apart, in too few blocks for a test. "
        "Their bits are also tied: 0.9057 per symbol apart, p = 1."
    )


def test_a_finding_names_no_class_whose_difference_may_be_chance() -> None:
    """Each block saves one error, of either of two layers by turns: all are significant, neither layer alone is."""
    text = b"a.b.c.d" * 6
    worse = log_of(Unit.CHAR, text, np.log([0.9, 0.1, 0.9, 0.9, 0.9, 0.9, 0.1] * 6).tolist())
    p = np.log([0.9, 0.1, 0.9, 0.9, 0.9, 0.9, 0.1] * 6)
    for block in range(6):
        p[7 * block + (1 if block % 2 else 6)] = np.log(0.9)
    better, settings = log_of(Unit.CHAR, text, p.tolist()), Settings(layers=("punctuation", "boost"))
    found = compare(peel_of(worse, settings), peel_of(better, settings), Resampling(block=7))
    assert not found.total.tied and all(layer.tied for layer in found.layers)
    assert "log makes 6 fewer errors than log; no class alone differs by more than chance." in found.finding()


def test_a_part_of_what_may_be_nothing_has_no_interval() -> None:
    text, rng = b"ab.defghij" * 40, np.random.default_rng(1)
    before, after = (log_of(Unit.CHAR, text, np.log(rng.choice([0.1, 0.9], 400)).tolist()) for _ in range(2))
    settings = Settings(layers=("punctuation", "boost"))
    tied = compare(peel_of(before, settings), peel_of(after, settings), Resampling(block=10))
    assert tied.total.tied and tied.saved
    assert all(layer.share is not None and layer.share[1:] == (None, None) for layer in tied.layers)


def pair_of(before: list[float], after: list[float]) -> Comparison:
    """A comparison over 20 blocks of ten symbols each, whose probabilities are these."""
    settings = Settings(layers=("punctuation", "boost"))
    with np.errstate(divide="ignore"):
        logs = [log_of(Unit.CHAR, b"abcdefghij" * 20, np.log(p * 20).tolist()) for p in (before, after)]
    first, second = (peel_of(log, settings) for log in logs)
    return compare(first, second, Resampling(block=10))


def test_fewer_errors_at_the_price_of_more_bits_are_said_aloud() -> None:
    """Errors of 1.32 bits on 8 of 10 become 9.97 on 2: per symbol 1.0575 + 0.0304 before, 1.9932 + 0.1216 after."""
    found = pair_of([0.4] * 8 + [0.9] * 2, [0.9] * 8 + [0.001] * 2)
    bits = found.total.bits
    assert (bits.before, bits.after) == pytest.approx((-0.8 * math.log2(0.4) - 0.2 * math.log2(0.9), 2.1147), abs=1e-4)
    assert found.correct.after == pytest.approx(-0.8 * math.log2(0.9))
    assert (found.total.direction, bits.direction) == (1, -1)
    assert found.finding() == (
        "Fewer errors but more bits: log makes 120 fewer errors than log; 100 % [100, 100] of them (120) were boost "
        "errors. It spends 1.0268 [1.0268, 1.0268] bits per symbol more."
    )
    assert pair_of([0.9] * 8 + [0.001] * 2, [0.4] * 8 + [0.9] * 2).finding().startswith("More errors but fewer bits: ")


def test_bits_that_differ_where_errors_do_not() -> None:
    found = pair_of([0.9] * 10, [0.6] * 10)
    assert found.finding().startswith("log makes as many errors as log. But it spends 0.5850 [0.5850, 0.5850] bits")
    assert found.finding().endswith("per symbol more.")
    assert found.total.bits.p is not None and found.total.bits.p < 0.01


def test_the_table_of_bits_sums_up() -> None:
    found = pair_of([0.4] * 8 + [0.9] * 2, [0.9] * 8 + [0.001] * 2)
    lines = [line.plain for line in table_lines(bits_table(found), 80)]
    assert max(len(line.rstrip()) for line in lines) <= 80
    rows = [re.findall(r"[+-]?\d+\.\d{4}", line)[:3] for line in lines if "[" in line][1:]
    numbers = [[float(number) for number in row] for row in rows]
    assert np.sum(numbers[:-1], axis=0) == pytest.approx(np.array(numbers[-1]), abs=2e-4)
    assert "tied" not in lines[-1]


def test_bits_without_end_are_neither_tied_nor_tested() -> None:
    found = pair_of([0.9] * 10, [0.9] * 9 + [0.0])
    assert found.finding().endswith("Bits per symbol are infinite: log gives symbols of the text probability 0.")
    assert found.total.bits.p is None and not found.total.bits.tied
    assert found.total.bits.direction == -1
    written = found.to_json()
    json.dumps(written, allow_nan=False)
    assert written["total"]["bits"]["after"] is None


def test_the_bits_of_layers_are_adjusted_as_a_family() -> None:
    """Two layers of p = 0.04 and 0.03 and the correct symbols with 0.01, by hand: 0.03, then 0.06, then 0.06."""
    found = pair_of([0.9] * 10, [0.6] * 10)
    row, bits = found.total, found.total.bits
    rows = [replace(row, p=1.0, bits=replace(bits, p=p)) for p in (0.04, 0.03)]
    adjusted, others = _adjusted(rows, [replace(bits, p=0.01)], "holm")
    assert [each.bits.adjusted for each in adjusted] == pytest.approx([0.06, 0.06])
    assert others[0].adjusted == pytest.approx(0.03)
    endless, _ = _adjusted([replace(row, bits=replace(bits, p=None, adjusted=None)), rows[1]], [], "holm")
    assert [each.bits.adjusted for each in endless] == [None, 0.03]
    found_false, _ = _adjusted(rows, [replace(bits, p=0.01)], "bh")
    assert [each.bits.adjusted for each in found_false] == pytest.approx([0.04, 0.04])


def test_only_like_is_compared_with_like() -> None:
    log = log_of(Unit.CHAR, b"abc", [-1.0, -1.0, -1.0])
    peel = peel_of(log)
    with pytest.raises(BadInput, match="different texts"):
        compare(peel, peel_of(log_of(Unit.CHAR, b"abd", [-1.0, -1.0, -1.0])))
    with pytest.raises(BadInput, match="other units, char and byte"):
        compare(peel, peel_of(log_of(Unit.BYTE, b"abc", [-1.0, -1.0, -1.0])))
    with pytest.raises(BadInput, match="only 0 positions are predicted by all"):
        compare(
            peel_of(log_of(Unit.CHAR, b"abc", [math.nan, -1.0, math.nan])),
            peel_of(log_of(Unit.CHAR, b"abc", [-1.0, math.nan, -1.0])),
        )
    with pytest.raises(BadInput, match="peeled differently"):
        compare(peel, peel_of(log, PRESETS["text"]))
    assert compare(peel, peel).saved == 0


def test_a_correction_that_there_is_not_is_refused() -> None:
    peel = peel_of(log_of(Unit.CHAR, b"abcd", [-1.0, -0.1, -1.0, -0.1]))
    with pytest.raises(UsageError, match="there is no correction 'fdr'; there are holm, bh"):
        compare(peel, peel, correction="fdr")
    found = compare(peel, peel, Resampling(block=2), "bh")
    assert found.to_json()["correction"] == "bh" and found.signature.endswith("flips=20000,correction=bh")
