"""Whole numbers all the way: sums, units and draws against slow twins, and the same results however a log is cut."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import naive_sums as naive
from cuts import Cut
from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import PredictionLog
from errtax.taxonomy import units as units_module
from errtax.taxonomy.block_sums import BlockSums, Quantity, block_sums
from errtax.taxonomy.bootstrap import Resampling, draw_sums, flip_sums
from errtax.taxonomy.calibration import calibration
from errtax.taxonomy.check import check
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.fixed_point import BIT, FAIR, carry, halves_of, joined, totals_of
from errtax.taxonomy.limits import Limit
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.philox import count_draws, fill_words
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.statistics import statistics
from errtax.taxonomy.summary import summarise
from errtax.taxonomy.trend import trend
from strategies import parted_logs, settings
from test_peel import peel_of
from test_units import log_with

SIZES = st.sampled_from([1, 2, 7, 1000])

# --- draws -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "due"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_the_generator_is_philox(counter: str, key: str, due: str) -> None:
    """The vectors of philox4x32 10 in `kat_vectors` of Random123 1.14, the authors' own library."""
    numbers = [[int(word, 16) for word in words.split()] for words in (counter, key, due)]
    words = np.zeros(4, np.uint64)
    fill_words(np.array(numbers[0], np.uint64), np.array(numbers[1], np.uint64), words)
    assert words.tolist() == numbers[2] == list(naive.philox(*numbers[:2]))


def draw_blocks(n: int, resampling: Resampling) -> NDArray[np.float64]:
    """How often each of n units is drawn in each replicate."""
    counts = np.empty((resampling.replicates, n))
    count_draws(0, resampling.key, counts)
    return counts


def test_blocks_are_drawn_as_many_as_there_are() -> None:
    drawn = draw_blocks(7, Resampling(replicates=50))
    assert (drawn.sum(axis=1) == 7).all()
    assert np.array_equal(drawn, draw_blocks(7, Resampling(replicates=50)))


@given(st.integers(1, 300), st.integers(0, 2**64 - 1))
def test_draws_and_signs_are_those_of_plain_loops(n: int, seed: int) -> None:
    made = Resampling(replicates=3, flips=3, seed=seed)
    assert draw_blocks(n, made).tolist() == [naive.drawn(n, r, seed) for r in range(3)]
    flipped = flip_sums(halves_of(np.eye(n, dtype=np.int64)), made)
    assert flipped.low.tolist() == [naive.signs(n, r, seed) for r in range(3)]


def test_replicates_go_on_where_the_first_of_them_end() -> None:
    few, many = (draw_blocks(9, Resampling(replicates=r)) for r in (3, 450))
    assert np.array_equal(many[:3], few)
    sums = draw_sums(halves_of(np.eye(9, dtype=np.int64)), Resampling(replicates=450))
    assert np.array_equal(sums.low, many)


@given(st.lists(st.lists(st.integers(-(2**61), 2**61), min_size=2, max_size=2), min_size=2, max_size=9))
def test_sums_of_replicates_are_exact(rows: list[list[int]]) -> None:
    """Also beyond 2^53, where a sum of floats depends on its order."""
    made = Resampling(replicates=4, flips=4)
    table = halves_of(np.array(rows, np.int64))
    for found, weigh in ((draw_sums(table, made), naive.drawn), (flip_sums(table, made), naive.signs)):
        for r in range(4):
            weights = weigh(len(rows), r, 1)
            due = [sum(w * row[q] for w, row in zip(weights, rows, strict=True)) for q in range(2)]
            assert [int(found.high[r, q]) * BIT + int(found.low[r, q]) for q in range(2)] == due
            assert found.of([0, 1])[r] == float(sum(due))


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1))
def test_halves_are_the_numbers(numbers: list[int]) -> None:
    table = halves_of(np.array(numbers, np.int64))
    assert ((table[:, 0] >= 0) & (table[:, 0] < BIT)).all()
    assert totals_of(table[:, None]) == [sum(numbers)]
    assert joined(table[:, 0], table[:, 1]).tolist() == [float(number) for number in numbers]
    sums = table.sum(axis=0)
    assert totals_of(carry(sums)[None, None]) == [sum(numbers)]


# --- units -----------------------------------------------------------------------------------------------------------


@given(
    steps=st.lists(st.sampled_from([1, 1, 1, 2, 3, 900, 1 << 40]), min_size=1, max_size=60),
    docs=st.none() | st.lists(st.sampled_from(["a", "b", None]), min_size=60, max_size=60),
    size=SIZES,
    most=st.integers(1, 9),
)
def test_merged_units_are_those_of_a_plain_loop(
    steps: list[int], docs: list[str | None] | None, size: int, most: int
) -> None:
    n = len(steps)
    log = log_with(n, None if docs is None else docs[:n], positions=np.cumsum(steps))
    numbers, kind = (log.positions // 1000).tolist(), "block"
    if docs is not None and len(log.document_starts) > 1:
        numbers, kind = (
            np.repeat(np.arange(len(log.document_starts)), np.diff([*log.document_starts, n])).tolist(),
            "doc",
        )
    level, due = naive.merged(numbers, most)
    blocks = Cut(peel_of_log(log), size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units_module, "MOST_UNITS", most)
        patch.setattr(units_module, "_CELLS", 3)
        found = block_sums(blocks, Resampling())
    assert (found.units.kind, found.units.merged) == (kind, level)
    assert found.column("positions").tolist() == [len(rows) for rows in due]
    said = f",merged=2^{level}," if level else "replicates"
    assert said in found.units.describe(Resampling())


def peel_of_log(log: PredictionLog) -> Peel:
    return peel_of(log, Settings(layers=("punctuation", "boost")))


def test_a_text_of_many_blocks_has_8192_units_at_most() -> None:
    log = log_with(30_000, positions=np.arange(30_000) * 1000)
    found = statistics(Cut(peel_of_log(log), 1234))
    assert (found.blocks, found.units.merged) == (7500, 2)
    assert "unit=block,block=1000,merged=2^2,replicates=2000" in found.signature


# --- sums ------------------------------------------------------------------------------------------------------------


@given(log=parted_logs(), wanted=settings(), factor=st.sampled_from([1.0, 1e4, 1e6]))
def test_sums_are_those_of_plain_loops(log: PredictionLog, wanted: Settings, factor: float) -> None:
    """`factor`: also surprisals of thousands of bits, and of more than are counted."""
    peel = peel_of(replace(log, logprobs=log.logprobs * factor), wanted)
    found, due = block_sums(peel, Resampling(1000)), plain_sums(peel)
    assert {q: found.exactly([q]) for q in found.quantities} == {q: due.get(q, 0) for q in found.quantities}
    assert due.keys() <= set(found.quantities)
    for quantity in found.quantities:
        infinite = quantity.infinite is not None and due.get(quantity.infinite, 0) > 0
        exact = due.get(quantity, 0) / quantity.scale
        assert found.total(*quantity) == (math.inf if infinite else exact)


def plain_sums(peel: Peel) -> dict[Quantity, int]:
    """Each quantity, row by row."""
    due: dict[Quantity, int] = {}

    def add(amount: int, what: str, layer: str = "", part: str = "") -> None:
        due[Quantity(what, layer, part)] = due.get(Quantity(what, layer, part), 0) + amount

    players = [name for name in peel.settings.layers if name != "boost"]
    bit_of = {name: 1 << k for k, name in enumerate(("ngram", "memory", "rare", "word", "punctuation", "boost"))}
    for row in np.flatnonzero(peel.predicted).tolist():
        bits = naive.surprisal(float(peel.log.logprobs[row]))
        infinite, bits = (1, 0.0) if math.isinf(bits) else (0, bits)
        amount = naive.in_units(bits)
        add(1, "positions")
        add(amount, "surprisal")
        add(infinite, "infinite")
        if not peel.error[row]:
            add(amount, "correct")
            add(infinite, "infinite_correct")
            continue
        add(1, "errors")
        layer = peel.layer_names[peel.layer[row]]
        part = peel.slice_names(layer)[peel.slice[row]]
        add(1, "count", layer, part)
        add(amount, "bits", layer, part)
        add(infinite, "infinite", layer, part)
        add(max(amount - BIT, 0), "excess", layer, part)
        if layer == "ngram" and peel.evidence.ngram_logprob is not None:
            saved = bits + float(peel.evidence.ngram_logprob[row]) / math.log(2)
            add(naive.in_units(max(saved, 0.0)), "recoverable", layer, part)
        claimed = [name for name in players if peel.claims[row] & bit_of[name]]
        for name in claimed:
            add(FAIR // len(claimed), "fair", name)
            add(round(bits * 2**32 / len(claimed)), "fair_bits", name)
            add(infinite, "infinite", name)
            add(int(len(claimed) == 1), "unique", name)
            add(1, "solo", name)
    return due


def test_a_unit_of_very_many_bits_does_not_overflow() -> None:
    """3 x 2^62 units of 2^-32 bit: more than 64 bits hold."""
    sums = BlockSums((Quantity("surprisal"),), np.concatenate([halves_of(np.array([[2**62]]))] * 3))
    assert sums.exactly([Quantity("surprisal")]) == 3 * 2**62
    assert sums.total("surprisal") == 3 * 2**30


# --- the same results however a log is cut ---------------------------------------------------------------------------


@given(log=parted_logs(), wanted=settings(), size=SIZES, seed=st.integers(0, 2**32), streams=st.sampled_from([0, 3]))
def test_results_do_not_depend_on_blocks(
    log: PredictionLog, wanted: Settings, size: int, seed: int, streams: int
) -> None:
    rng = np.random.default_rng(seed)
    metadata = {"streams": str(streams), "symbols": str(int(log.positions[-1]) + 1)} if streams else {}
    log = replace(log, metadata=metadata, argmax_logprobs=np.log(rng.random(len(log))))
    other = np.where(np.isnan(log.logprobs), np.nan, np.log(rng.random(len(log))))
    peels = [peel_of(replace(log, logprobs=p), wanted) for p in (log.logprobs, other, other / 2)]
    peels = [replace(peel, sources={**peel.sources, "parameters": str(10**k)}) for k, peel in enumerate(peels, 1)]
    made = Resampling(replicates=20)
    limits = [Limit.parse("errors:+1"), Limit.parse("bits:2bits")]

    def results(sources: list[Any]) -> str:
        found: list[Any] = [summarise(sources[0]), statistics(sources[0], made), compare(sources[0], sources[1], made)]
        found += [trend(sources, resampling=made), calibration(sources[0], made)]
        found += check(sources[1], limits, sources[0], resampling=made)
        return json.dumps([each.to_json() for each in found])

    if log.unpredicted < len(log):
        assert results([Cut(peel, size) for peel in peels]) == results(peels)


@given(log=parted_logs(), size=SIZES, row=st.integers(0, 30))
def test_what_cannot_be_compared_is_refused_in_whatever_block_it_is(log: PredictionLog, size: int, row: int) -> None:
    peel = peel_of(log)
    row %= len(log)
    codes = log.codes.copy()
    codes[row] ^= 1
    docs = np.arange(len(log)) if log.docs is None else np.where(np.arange(len(log)) < row, log.docs, 7)
    for changed, words in (
        (replace(peel, log=replace(log, codes=codes)), "different texts"),
        (replace(peel, log=replace(log, docs=docs)), "different documents"),
    ):
        starts = [each.log.document_starts.tolist() for each in (peel, changed)]
        if words != "different documents" or starts[0] != starts[1]:
            with pytest.raises(BadInput, match=words):
                compare(Cut(peel, size), Cut(changed, size))
