"""Evidence within a horizon against plain loops, and that of pieces of a log against that of the whole."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import naive
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.totals import NgramTotals
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.custom import REGISTRY, OracleRule, find_oracles, oracle
from errtax.oracle.evidence import Evidence, collect_evidence
from errtax.oracle.ngram import NgramTally, smallest_context
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.oracle.windows import Reach, Window, windows
from errtax.oracle.word_rule import PATTERN
from strategies import data, log_of, parted, parted_logs, strings
from test_oracles import facts_of
from test_peel import INDICES
from test_words import icu

HORIZONS = st.sampled_from([1, 2, 3, 4, 5, 7, 10, 16, 30, 1000])
TRAIN = "Natasha the naïve x 猫犬 _1 don't the the"


@given(log=parted_logs(), horizon=HORIZONS)
def test_nothing_is_seen_beyond_the_horizon(log: PredictionLog, horizon: int) -> None:
    assert log.docs is not None
    rows = log.positions.tolist(), log.codes.tolist(), log.docs.tolist()
    facts = naive.facts_of_documents(*rows, log.unit is Unit.BYTE, horizon)
    evidence = collect_evidence(TextView.of_log(log, horizon=horizon), None, None)
    for row, position in enumerate(log.positions.tolist()):
        found = facts_of(evidence, row)
        assert found == {name: getattr(facts[position], name) for name in found}, row


def test_a_horizon_by_hand() -> None:
    log = log_of(Unit.BYTE, "Natasha\né Natasha xabcabcabc".encode())
    evidence = collect_evidence(TextView.of_log(log, horizon=5), None, None)
    assert evidence.word_length.tolist() == [5] * 5 + [2] * 2 + [-1] + [1] * 2 + [-1] + [5] * 5 + [2] * 2 + [-1] + [
        5] * 5 + [5] * 5  # fmt: skip
    assert evidence.newline_distance[7:15].tolist() == [0, 1, 1, 2, 3, 4, 0, 0]  # é is of two bytes
    assert evidence.memory_distance[11:].max() == -1
    seen = collect_evidence(TextView.of_log(log, horizon=11), None, None).memory_distance
    assert (seen[11], collect_evidence(TextView.of_log(log, horizon=10), None, None).memory_distance[11]) == (11, -1)


# --- pieces ----------------------------------------------------------------------------------------------------------


def echo(view: TextView) -> NDArray[np.int64]:
    """Whether the symbol three before or two after is the same, as 0 or 1; -1 elsewhere."""
    codes = view.codes.astype(np.int64)
    codes[view.gaps] = -1 - np.arange(len(view.gaps))
    found = np.full(len(codes), -1)
    found[:-2][codes[:-2] == codes[2:]] = 1
    found[3:][codes[3:] == codes[:-3]] = 0
    return found


def cuts_of(view: TextView, rule: str) -> list[int]:
    """The rows at which a piece may begin."""
    word, points = view.classes.word, [chr(point) for point in view.points]
    gaps = {*view.gap_characters.tolist()}
    symbols = []
    for m in range(1, len(points)):
        before, here = points[m - 1], points[m]
        free = {
            PATTERN: not (word[m - 1] and word[m]),
            "icu": before.isspace() and before not in "\r\n" and here.isalnum(),
        }.get(rule, before == "\n")
        if (free or m - 1 in gaps) and m not in gaps:
            symbols.append(view.first_symbol[m])
    cuts: list[int] = np.searchsorted(np.arange(len(view))[view.rows], np.array(symbols, int)).tolist()
    return cuts


def part_of(log: PredictionLog, rows: slice) -> PredictionLog:
    docs = None if log.docs is None else log.docs[rows]
    return replace(log, positions=log.positions[rows], codes=log.codes[rows], logprobs=log.logprobs[rows],
                   argmax_codes=None, docs=docs)  # fmt: skip


def evidence_in_pieces(
    log: PredictionLog, rule: str, horizon: int, borders: Sequence[int], custom: Sequence[OracleRule]
) -> tuple[list[Evidence], NgramTotals]:
    """The evidence of each piece, seen with as few rows around it as it needs, and the n-gram's totals."""
    index = INDICES[log.unit]
    pieces: list[Window] = []
    for start, stop in pairwise(borders):
        least = log.positions[start] - max(horizon + 8, index.order - 1)
        before = int(np.searchsorted(log.positions, least))
        pieces.append(Window(part_of(log, slice(before, stop + 8)), slice(start - before, stop - before)))
    return evidence_of_windows(pieces, rule, horizon, custom)


def evidence_of_windows(
    pieces: Iterable[Window], rule: str, horizon: int, custom: Sequence[OracleRule] = ()
) -> tuple[list[Evidence], NgramTotals]:
    found, totals = [], NgramTotals()
    for log, own in pieces:
        words = count_words(text_of_bytes(TRAIN.encode(), log.unit), rule)
        view = TextView.of_log(log, rule, horizon, own.start)
        tally = NgramTally(view, ~np.isnan(log.logprobs))
        found.append(collect_evidence(view, INDICES[log.unit], words, custom, tally, own))
        totals += tally.totals
    return found, totals


def require_same(log: PredictionLog, rule: str, horizon: int, share: float, seed: int) -> None:
    oracle("echo", rule="…", limits=(0, 1), reach=3)(echo)
    try:
        custom = find_oracles(["echo"])
        random = np.random.default_rng(seed)
        view = TextView.of_log(log, rule, horizon)
        inner = [cut for cut in sorted({*cuts_of(view, rule)}) if random.random() < share]
        (whole,), total = evidence_in_pieces(log, rule, horizon, [0, len(log)], custom)
        parts, sums = evidence_in_pieces(log, rule, horizon, [0, *inner, len(log)], custom)
    finally:
        del REGISTRY["echo"]
    require_equal(whole, parts)
    assert np.array_equal(whole.custom["echo"], np.concatenate([part.custom["echo"] for part in parts]))
    assert sums == total


def require_equal(whole: Evidence, parts: Sequence[Evidence]) -> None:
    for name in [name for name in Evidence._fields[:-1] if getattr(whole, name) is not None]:
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(getattr(whole, name), joined, equal_nan=name == "ngram_logprob"), name


@given(log=parted_logs(), horizon=HORIZONS, share=st.sampled_from([0.1, 0.5, 1]), seed=st.integers(0, 2**32))
def test_pieces_have_the_evidence_of_the_whole(log: PredictionLog, horizon: int, share: float, seed: int) -> None:
    require_same(log, PATTERN, horizon, share, seed)


@given(log=parted_logs(), rule=st.sampled_from([r"\S+", r"\w+(?:['’-]\w+)*", r"[^ ]+|.$", r"\b\w"]), horizon=HORIZONS)
def test_pieces_of_lines_have_the_words_of_a_pattern(log: PredictionLog, rule: str, horizon: int) -> None:
    require_same(log, rule, horizon, 0.7, 0)


@given(log=parted_logs(), horizon=HORIZONS)
def test_pieces_have_the_words_of_icu(log: PredictionLog, horizon: int) -> None:
    icu()
    require_same(log, "icu", horizon, 0.8, 0)


@given(
    content=st.one_of(data(300), strings(300).map(str.encode)),
    cuts=st.sets(st.integers(1, 400), max_size=3),
    horizon=st.integers(1, 60),
)
def test_long_texts_in_pieces(content: bytes, cuts: set[int], horizon: int) -> None:
    log = parted(log_of(Unit.BYTE, content), [0, 1], {cut for cut in cuts if cut < len(content)})
    require_same(log, PATTERN, horizon, 0.05, 0)


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
@pytest.mark.parametrize("horizon", [1, 2, 3, 100])
def test_texts_without_spaces_and_very_long_words(unit: Unit, horizon: int) -> None:
    for text in (
        "é" * 300,
        "ab" * 150,
        "我昨天在北京大学读书。我今天在北京。" * 5,
        "a" * 200 + "\r\n" + "a" * 100,
        "a",
    ):
        require_same(log_of(unit, text.encode()), PATTERN, horizon, 0.5, 0)


@given(log=parted_logs(), rows=st.integers(1, 40), horizon=HORIZONS, rule=st.sampled_from([PATTERN, r"\S+", "icu"]))
def test_windows_have_the_evidence_of_the_whole(log: PredictionLog, rows: int, horizon: int, rule: str) -> None:
    if rule == "icu":
        icu()
    require_same_in_windows(log, rows, rule, horizon)


def require_same_in_windows(log: PredictionLog, rows: int, rule: str, horizon: int) -> None:
    blocks = [log.part(start, min(start + rows, len(log))) for start in range(0, len(log), rows)]
    (whole,), total = evidence_of_windows([Window(log, slice(0, len(log)))], rule, horizon)
    reach = Reach(horizon, INDICES[log.unit].order)
    parts, sums = evidence_of_windows(windows(blocks, rule, reach), rule, horizon)
    require_equal(whole, parts)
    assert sums == total


@pytest.mark.parametrize("horizon", [1, 2, 3, 10, 64, 250])
@pytest.mark.parametrize("rows", [7, 100])
def test_windows_inside_words_longer_than_them(rows: int, horizon: int) -> None:
    for text in ("é" * 300, "ab" * 150 + " abab" + "c" * 600, "我昨天在北京大学读书我今天在北京" * 9, "🙂" + "a" * 900):
        require_same_in_windows(log_of(Unit.BYTE, text.encode()), rows, PATTERN, horizon)


@given(text=st.text("ab", min_size=2, max_size=60), order=st.integers(1, 5), choice=st.data())
def test_the_model_reads_the_contexts_of_a_span(text: str, order: int, choice: st.DataObject) -> None:
    index = NgramIndex.build(text_of_bytes(b"abaabbbabababbaaababbab" * 3 + b"aaaa", Unit.BYTE), order)
    view = TextView.of_log(log_of(Unit.BYTE, text.encode()))
    first = choice.draw(st.integers(0, len(text) - 1))
    stop = choice.draw(st.integers(first + 1, len(text)))
    tallies = [NgramTally(view, (np.arange(len(text)) >= first) & (np.arange(len(text)) < stop)) for _ in range(2)]
    whole = smallest_context(index, view, tallies[0])
    part = smallest_context(index, view, tallies[1], (first, stop))
    assert np.array_equal(whole[0][first:stop], part[0])
    assert np.array_equal(whole[1][first:stop], part[1], equal_nan=True)
    assert tallies[0].totals == tallies[1].totals


# --- totals ----------------------------------------------------------------------------------------------------------


def test_totals_are_exact_and_keep_infinities_apart() -> None:
    log = log_of(Unit.BYTE, b"abcd", [-1.0] * 4)
    tally = NgramTally(TextView.of_log(log), np.array([True, True, False, True]))
    scores = np.array([[-1.5, -np.inf], [-(2.0**-34), -0.25], [-9, -9], [-(2.0**21), -(2.0**20)]], np.float32)
    for i in range(4):
        tally.add(scores[i : i + 1], i)
    totals = tally.totals
    assert totals == NgramTotals(3, (3 << 31, (1 << 30) + (1 << 52)), (1, 1), (2, 2))
    best = totals.best()
    assert best is not None
    assert (best.order, best.nats, best.errors) == (1, math.inf, 2)
    assert totals + NgramTotals() == NgramTotals() + totals == totals
    many: Any = sum([totals] * 5000, NgramTotals())
    assert (many.units[1], many.positions) == (5000 * totals.units[1], 15000)
    assert NgramTotals().best() is None
