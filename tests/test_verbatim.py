"""The verbatim oracle: longest matches against brute force; planted passages; repeats that would take for ever."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_verbatim as naive
from errtax.lm.errors import UsageError
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Sentences, Text, Unit, text_of_bytes
from errtax.oracle import seeds, verbatim
from errtax.oracle.verbatim import Matches, SourceText, matches_around, matches_ending

FEW = st.lists(st.integers(0, 2), min_size=1, max_size=24)
NO_GAPS = np.empty(0, np.int64)


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """A training text, and one with gaps that has pieces of it."""
    training = draw(FEW)
    if draw(st.booleans()):
        training = (training[:5] * 8)[:30]
    pieces = [draw(FEW)[:6]]
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(training) - 1))
        pieces += [training[start : start + draw(st.integers(1, 12))], draw(FEW)[: draw(st.integers(0, 3))]]
    text = [symbol for piece in pieces for symbol in piece]
    for place in draw(st.lists(st.integers(0, len(text) - 1), max_size=3)):
        text[place] = naive.GAP
    return text, training


def found_around(
    text: list[int], spans: list[tuple[int, int]], training: SourceText | list[int], limit: int
) -> list[naive.Match]:
    if isinstance(training, list):
        training = SourceText("train", Unit.TOKEN, "", np.array(training, np.uint32))
    codes = np.array(text, np.int64)
    gaps = np.flatnonzero(codes == naive.GAP)
    codes[gaps] = 1  # a symbol that is there, too
    ending = matches_ending(codes.astype(np.uint32), gaps, training, limit)
    begins, ends = np.array(spans, np.int64).reshape(-1, 2).T
    around = matches_around(ending, begins, ends)
    return [naive.Match(*map(int, each)) for each in zip(*around, strict=True)]


@given(texts(), st.sampled_from([1, 2, 5, 100]))
@example(([0, 1, 0, 1, 0], [0, 1, 0, 1, 0]), 100)  # the same text
@example(([0, 1, 0, 1, 0], [0, 1, 0, 1, 0]), 3)
@example(([0] * 9, [0] * 20), 4)
@example(([0] * 20, [0] * 9), 100)  # longer than the training text
@example(([2], [0, 1]), 100)  # nothing in common
@example(([-1], [0, 1]), 100)
@example(([0, -1, 1], [0, 1, 1, 0]), 100)  # not across a gap
def test_the_longest_match_is_that_of_brute_force(found: tuple[list[int], list[int]], limit: int) -> None:
    text, training = found
    spans = [(i, i + 1) for i in range(len(text))]
    due = [naive.longest_around(text, span, training, limit) for span in spans]
    assert found_around(text, spans, training, limit) == due


@given(texts(), st.lists(st.integers(0, 3), min_size=1, max_size=12), st.sampled_from([2, 100]))
def test_a_match_contains_the_whole_of_a_token(
    found: tuple[list[int], list[int]], lengths: list[int], limit: int
) -> None:
    text, training = found
    ends = [min(end, len(text)) for end in accumulate(lengths)]
    spans = list(zip([0, *ends[:-1]], ends, strict=True))
    due = [naive.longest_around(text, span, training, limit) for span in spans]
    assert found_around(text, spans, training, limit) == due


@given(texts(), st.integers(1, 7), st.sampled_from([1, 3, 100]))
def test_pieces_of_the_training_text_on_several_threads_change_nothing(
    found: tuple[list[int], list[int]], size: int, limit: int
) -> None:
    text, training = found
    spans = [(i, i + 1) for i in range(len(text))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbatim, "_PIECE", size)
        patch.setattr(verbatim, "n_threads", lambda: 3)
        pieces = found_around(text, spans, training, limit)
    assert pieces == found_around(text, spans, training, limit)


@given(texts(), st.integers(1, 9), st.sampled_from([1, 3, 9, 100]), st.integers(1, 7))
@example(([1, *[0] * 9], [0] * 20), 5, 100, 3)
def test_long_matches_alone_are_the_same(found: tuple[list[int], list[int]], least: int, limit: int, size: int) -> None:
    text, training = found
    codes = np.array(text, np.int64)
    gaps = np.flatnonzero(codes == naive.GAP)
    codes[gaps] = 1
    source = SourceText("train", Unit.TOKEN, "", np.array(training, np.uint32))
    whole = matches_ending(codes.astype(np.uint32), gaps, source, limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbatim, "_PIECE", size)
        patch.setattr(verbatim, "n_threads", lambda: 3)
        patch.setattr(seeds, "LEAST", 1)
        long = matches_ending(codes.astype(np.uint32), gaps, source, limit, least)
    kept = whole.length >= min(least, limit)
    for name in Matches._fields:
        assert getattr(long, name)[kept].tolist() == getattr(whole, name)[kept].tolist()
    assert not long.length[~kept].any()


@given(texts())
def test_an_index_has_its_text(found: tuple[list[int], list[int]]) -> None:
    text, training = found
    index = NgramIndex.build(Text("train", Unit.TOKEN, np.array(training, np.uint32), ""), 2)
    spans = [(i, i + 1) for i in range(len(text))]
    assert found_around(text, spans, SourceText.of_index(index), 9) == found_around(text, spans, training, 9)


def test_an_index_of_lines_has_not() -> None:
    index = NgramIndex.build(text_of_bytes(b"a b\nc\n", Unit.BYTE, sentences=Sentences.LINES), 2)
    with pytest.raises(UsageError, match="give --train-text"):
        SourceText.of_index(index)


def around_bytes(text: bytes, training: bytes) -> Matches:
    codes = np.frombuffer(text, np.uint8)
    known = SourceText.of_text(text_of_bytes(training, Unit.BYTE))
    places = np.arange(len(codes))
    return matches_around(matches_ending(codes, NO_GAPS, known), places, places + 1)


def test_planted_passages_are_found_where_they_come_from() -> None:
    rng = np.random.default_rng(19)
    training = rng.integers(97, 123, 200_000).astype(np.uint8).tobytes()
    pieces, planted, length = [], [], 0
    for _ in range(100):
        size = int(rng.integers(20, 2_001))
        place = int(rng.integers(0, len(training) - size))
        other = rng.integers(65, 91, int(rng.integers(1, 500))).astype(np.uint8).tobytes()
        planted.append((length + len(other), size, place))
        pieces += [other, training[place : place + size]]
        length += len(other) + size
    found = around_bytes(b"".join(pieces), training)
    inside = np.zeros(length, bool)
    for start, size, place in planted:
        rows = slice(start, start + size)
        inside[rows] = True
        assert (found.length[rows] == size).all()
        assert (found.place[rows] == place).all()
        assert (found.times[rows] == 1).all()
    assert not found.length[~inside].any()


def test_ten_thousand_equal_headers() -> None:
    header = b'Licensed under the Apache License, Version 2.0 (the "License").\n'
    training = b"".join(header + b"file %d\n" % k for k in range(10_000))
    text = b"".join(header + b"test %d\n" % k for k in range(10_000))
    found = around_bytes(text, training)  # by pairs of headers it would take hours
    length = len(header) + 1  # the line feed before it, of all but the first
    assert (found.length[text.rindex(b"Licensed") :][: len(header)] >= length).all()
    assert found.times[5] == 10_000
    assert found.place[5] == 0


def test_a_long_copy_counts_up_to_the_limit() -> None:
    rng = np.random.default_rng(3)
    passage = rng.integers(97, 123, 25_000).astype(np.uint8).tobytes()
    found = around_bytes(b"A" + passage + b"B", b"..." + passage + b"...")
    assert (found.length[1:-1] == verbatim.LONGEST).all()
    assert found.length[[0, -1]].tolist() == [0, 0]
    assert found.place[1] == 3
    assert found.place[-2] == 3 + 25_000 - verbatim.LONGEST


def test_lines_are_counted_from_one() -> None:
    training = SourceText.of_text(text_of_bytes(b"ab\ncd\n\nx", Unit.BYTE))
    assert training.lines_of(np.array([0, 2, 3, 6, 7])).tolist() == [1, 1, 2, 3, 4]
