"""Passages that stand nearly verbatim in the training text: against whole tables of edit distances, and planted."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_near as naive
from errtax.lm.errors import UsageError
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Text, Unit, text_of_bytes
from errtax.oracle.near import near_passages
from errtax.oracle.verbatim import Passages, SourceText
from errtax.taxonomy.studies.trace import Search, trace_text
from test_verbatim import FEW


def source(symbols: list[int]) -> SourceText:
    return SourceText("text", Unit.TOKEN, "0" * 64, np.array(symbols, np.uint32))


def one_passage(begin: int, length: int, place: int) -> Passages:
    return Passages(*(np.array([number]) for number in (begin, length, 1, place)))


@given(FEW, FEW, FEW, FEW, st.integers(1, 4))
@example([1, 2], [1, 0, 2], [0], [0, 0], 2)
@example([], [], [0, 1, 0, 1], [0, 0, 1], 3)
def test_an_extension_is_that_of_whole_tables(
    before: list[int], there_before: list[int], after: list[int], there_after: list[int], k: int
) -> None:
    seed = [7, 8, 9]
    text, training = [*before, *seed, *after], [*there_before, *seed, *there_after]
    found = near_passages(one_passage(len(before), 3, len(there_before)), source(text), source(training), k)
    due = naive.extended(text, training, len(before), 3, len(there_before), k)
    begin, length, _, place = (int(column[0]) for column in found.passages)
    assert naive.Near(begin, length, place, int(found.there[0]), int(found.edits[0])) == due
    theirs = training[place : place + due.there]
    assert naive.distances(text[begin : begin + length], theirs)[-1][-1] <= k


def test_planted_copies_with_edits_are_found_whole() -> None:
    rng = np.random.default_rng(8)
    training = rng.integers(97, 123, 100_000).astype(np.uint8).tobytes()
    text, planted = b"", []
    for _ in range(30):
        size, edits = int(rng.integers(200, 1_000)), int(rng.integers(0, 4))
        place = int(rng.integers(0, len(training) - size))
        copy = bytearray(training[place : place + size])
        for spot in sorted(rng.choice(np.arange(30, size - 30, 40), edits, replace=False).tolist(), reverse=True):
            copy[spot : spot + int(rng.integers(0, 2))] = b"A" * int(rng.integers(0, 2)) or b"BB"
        text += rng.integers(65, 91, 100).astype(np.uint8).tobytes()
        planted.append((len(text), len(copy), place, size))
        text += bytes(copy)
    found = trace_text(
        SourceText.of_text(text_of_bytes(text, Unit.BYTE)),
        SourceText.of_text(text_of_bytes(training, Unit.BYTE)),
        Search(edits=6),
    )
    rows = list(zip(found.passages.begin, found.passages.length, found.place, found.there, strict=True))
    assert rows == planted
    exact = trace_text(found.text, found.training, Search())
    assert len(exact.passages.begin) > 30  # in pieces, where the edits are
    assert exact.edits.tolist() == [0] * len(exact.passages.begin)
    assert exact.there.tolist() == exact.passages.length.tolist()


def test_an_index_has_its_text_in_its_own_numbers() -> None:
    rng = np.random.default_rng(4)
    training = rng.integers(5, 500, 300).tolist()
    text = [1, *training[40:90], 2, *training[91:140], 3]
    index = NgramIndex.build(Text("train", Unit.TOKEN, np.array(training, np.uint32), ""), 3)
    for known in (SourceText.of_index(index), source(training)):
        found = trace_text(source(text), known, Search(at_least=30, edits=1))
        assert (found.passages.begin.tolist(), found.passages.length.tolist()) == ([1], [100])
        assert (found.place.tolist(), found.edits.tolist()) == ([40], [1])


def test_edits_need_an_exact_part() -> None:
    with pytest.raises(UsageError, match="at least 20 symbols; got 19"):
        Search(at_least=19, edits=1)


def test_memory_makes_larger_pieces() -> None:
    assert Search().rows == Search(memory=None).rows < Search(memory=6 * 10**9).rows
    assert Search(memory=1).rows > 0
