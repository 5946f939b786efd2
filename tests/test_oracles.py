"""The oracles' evidence against plain loops over the text."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import naive
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.lm.word_counts import WordCounts
from errtax.oracle.before import AFTER_NAMES
from errtax.oracle.evidence import Evidence, collect_evidence
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from strategies import log_of, strings, units_and_texts


def plain(value: Any, nothing: int) -> int | None:
    return None if int(value) == nothing else int(value)


def facts_of(evidence: Evidence, row: int) -> dict[str, Any]:
    return {
        "memory_distance": plain(evidence.memory_distance[row], -1),
        "word_length": plain(evidence.word_length[row], -1),
        "word_offset": plain(evidence.word_offset[row], -1),
        "after": AFTER_NAMES[evidence.after[row]] or None,
        "newline_distance": plain(evidence.newline_distance[row], 0),
        "punctuation": bool(evidence.punctuation[row]),
    }


def compare_facts(log: PredictionLog, training: WordCounts) -> None:
    evidence = collect_evidence(TextView.of_log(log), None, training)
    track = naive.track_of(log.positions.tolist(), log.codes.tolist())
    facts = naive.facts_of(track, log.unit is Unit.BYTE)
    assert evidence.word_count is not None
    for row, position in enumerate(log.positions.tolist()):
        fact = facts[position]
        due = {name: getattr(fact, name) for name in facts_of(evidence, row)}
        found = facts_of(evidence, row)
        assert found == due, (row, track)
        count = None if fact.word is None else training.get(fact.word, 0)
        assert plain(evidence.word_count[row], -1) == count, (row, track)


@given(case=units_and_texts(), training=strings())
def test_evidence_is_that_of_plain_loops(case: tuple[Unit, bytes], training: str) -> None:
    unit, content = case
    words = count_words(text_of_bytes(training.encode(), unit))
    compare_facts(log_of(unit, content), words)


@given(case=units_and_texts(), seed=st.integers(0, 2**32))
@settings(max_examples=100)
def test_nothing_reaches_across_gaps(case: tuple[Unit, bytes], seed: int) -> None:
    unit, content = case
    n = len(text_of_bytes(content, unit))
    kept = np.flatnonzero(np.random.default_rng(seed).random(n) < 0.8)
    assume(len(kept))
    compare_facts(log_of(unit, content, positions=kept.tolist()), count_words(text_of_bytes(b"the the", unit)))


def test_newline_distances_do_not_reach_across_gaps() -> None:
    log = log_of(Unit.CHAR, b"\nab" + b"x" * 50 + b"cd", positions=[0, 1, 2, 53, 54])
    evidence = collect_evidence(TextView.of_log(log), None, None)
    assert evidence.newline_distance.tolist() == [0, 1, 2, 0, 0]


@given(
    train=st.text("ab c", min_size=1, max_size=40),
    text=st.text("ab cz", min_size=1, max_size=25),
    order=st.integers(1, 6),
    seed=st.integers(0, 2**32),
    gaps=st.booleans(),
)
def test_the_smallest_context_is_the_naive_one(train: str, text: str, order: int, seed: int, gaps: bool) -> None:
    kept = np.flatnonzero(np.random.default_rng(seed).random(len(text)) < (0.85 if gaps else 2))
    assume(len(kept))
    index = NgramIndex.build(text_of_bytes(train.encode(), Unit.BYTE), order)
    log = log_of(Unit.BYTE, text.encode(), positions=kept.tolist())
    track = naive.track_of(kept.tolist(), log.codes.tolist())
    scores = naive.KneserNey([ord(c) for c in train], order).scores([ord(c) for c in track])
    assume(all(abs(p - np.log(0.5)) > 1e-6 for row in scores for p in row))
    evidence = collect_evidence(TextView.of_log(log), index, None)
    assert evidence.ngram_context is not None
    assert evidence.word_count is None
    due = [naive.smallest_context(scores[position]) or 0 for position in kept]
    assert evidence.ngram_context.tolist() == due


def test_an_invalid_byte_in_the_training_text_does_not_bridge_gaps() -> None:
    """The byte that stands for a gap must not be one that a model may know."""
    index = NgramIndex.build(text_of_bytes(b"a\xffb" * 50 + b"a" * 20, Unit.BYTE), 4)
    log = log_of(Unit.BYTE, b"aa....bb", positions=[0, 1, 6, 7])
    evidence = collect_evidence(TextView.of_log(log), index, None)
    assert evidence.ngram_context is not None
    assert evidence.ngram_context[2] == 0


def test_a_log_that_begins_later_does_not_begin_with_the_start_of_a_text() -> None:
    index = NgramIndex.build(text_of_bytes(b"zaabbabbabaababab", Unit.BYTE), 3)
    view = TextView.of_log(log_of(Unit.BYTE, b"zzz", positions=[1, 2]))
    evidence = collect_evidence(view, index, None)
    assert evidence.ngram_context is not None
    assert evidence.ngram_context.tolist() == [0, 0]
    whole = collect_evidence(TextView.of_log(log_of(Unit.BYTE, b"z")), index, None)
    assert whole.ngram_context is not None
    assert whole.ngram_context.tolist() == [1]


def test_a_quiet_word_is_remembered_from_inside_a_longer_one() -> None:
    log = log_of(Unit.BYTE, b"xNatashas Natasha")
    evidence = collect_evidence(TextView.of_log(log), None, None)
    assert evidence.memory_distance.tolist() == [-1] * 10 + [9] * 7


def test_an_occurrence_must_end_before_the_word_starts() -> None:
    evidence = collect_evidence(TextView.of_log(log_of(Unit.BYTE, b"aa aa")), None, None)
    assert evidence.memory_distance.tolist() == [-1, -1, -1, 3, 3]
    evidence = collect_evidence(TextView.of_log(log_of(Unit.BYTE, b"\xc3\xa9\xc3\xa9\xc3\xa9 \xc3\xa9")), None, None)
    assert evidence.memory_distance.tolist() == [-1] * 7 + [3, 3]


def test_bytes_of_a_character_share_its_evidence() -> None:
    evidence = collect_evidence(TextView.of_log(log_of(Unit.BYTE, " «é\nß".encode())), None, None)
    assert [AFTER_NAMES[k] for k in evidence.after] == [
        "",
        "space",
        "space",
        "quote",
        "quote",
        "",
        "newline",
        "newline",
    ]
    assert evidence.word_offset.tolist() == [-1, -1, -1, 0, 0, -1, 0, 0]
    assert evidence.newline_distance.tolist() == [0] * 6 + [1, 1]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("don't", ["", "", "", "", ""]),
        ("'a' ", ["", "quote", "", "quote"]),
        ("a\r\nb", ["", "", "", "newline"]),
        ("a\rb", ["", "", "newline"]),
        ("a\r", ["", ""]),
        ("a\t\xa0b", ["", "", "space", "space"]),
    ],
)
def test_kinds(text: str, kinds: list[str]) -> None:
    evidence = collect_evidence(TextView.of_log(log_of(Unit.CHAR, text.encode())), None, None)
    assert [AFTER_NAMES[k] for k in evidence.after] == kinds
