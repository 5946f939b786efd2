"""What a peel shows in its context – worst errors, examples, passages – is the same in whatever blocks it is read."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_excerpts as naive
from cuts import Cut
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.reports import page as page_module
from errtax.reports import windows
from errtax.reports.excerpts import Examples, WorstErrors, excerpt, worst_errors
from errtax.reports.page import report_page
from errtax.reports.results import results_of
from errtax.reports.windows import WorstPassages, worst_passages
from errtax.taxonomy.peel import Peel, join_peels, whole_peel
from errtax.taxonomy.peel_columns import frame_of_peel
from errtax.taxonomy.peel_file import PeelFile, write_peel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.summary import summarise
from errtax.taxonomy.surroundings import read_through, surrounded
from pages import NASTY, make_peel
from strategies import parted_logs, settings
from test_peel import peel_of

ROWS = st.sampled_from([1, 7, 100, 10**6])
WIDTHS = st.sampled_from([1, 2, 3, 9])


@st.composite
def peels(draw: st.DrawFn) -> Peel:
    """Peels of several documents whose names are numbered, and of logs without any."""
    log: PredictionLog = draw(parted_logs())
    made: Settings = draw(settings())
    named = replace(log, doc_ids=pa.array(["a", "b", "c"]))
    return peel_of(draw(st.sampled_from([log, named, replace(log, docs=None)])), made)


@given(peels(), ROWS, WIDTHS)
def test_a_block_is_surrounded_by_the_rows_next_to_it(peel: Peel, rows: int, width: int) -> None:
    first = 0
    for block in surrounded(Cut(peel), width, rows):
        assert block.first == first
        for row in range(len(block.peel)):
            part, place = block.around(row, width, width)
            start = first + row - place
            assert start == max(first + row - width, 0)
            due = frame_of_peel(peel.part(start, first + row + width + 1))
            assert frame_of_peel(part).equals(due)
        first += len(block.peel)
    assert first == len(peel)


@given(peels(), st.lists(st.integers(0, 60), max_size=3))
def test_parts_of_a_peel_join_to_it(peel: Peel, cuts: list[int]) -> None:
    borders = [0, *sorted(min(cut, len(peel)) for cut in cuts), len(peel)]
    joined = join_peels([peel.part(a, b) for a, b in pairwise(borders)])
    assert frame_of_peel(joined).equals(frame_of_peel(peel))
    assert joined.log.document_starts.tolist() == peel.log.document_starts.tolist()
    assert frame_of_peel(whole_peel(Cut(peel))).equals(frame_of_peel(peel))


@given(peels(), ROWS, WIDTHS, st.integers(1, 30), st.data())
def test_worst_errors_are_the_same_in_any_blocks(
    peel: Peel, rows: int, width: int, n: int, data: st.DataObject
) -> None:
    layer = data.draw(st.sampled_from([None, *peel.layer_names]))
    part = data.draw(st.sampled_from([None, *(peel.slice_names(layer) if layer else [])]))
    worst = WorstErrors(peel.head, n, layer, part, width)
    read_through(Cut(peel), [worst], rows)
    due = [excerpt(peel, row, width) for row in naive.worst_rows(peel, n, layer, part)]
    assert worst.excerpts == due == worst_errors(peel, n, layer, part, width)


@given(peels(), ROWS, st.integers(1, 8))
def test_examples_are_the_same_in_any_blocks(peel: Peel, rows: int, n: int) -> None:
    examples = Examples({layer.name: layer.count for layer in summarise(peel).layers}, n)
    examples.width = 3
    read_through(Cut(peel), [examples], rows)
    due = {name: [excerpt(peel, row, 3) for row in naive.even_rows(peel, name, n)] for name in peel.layer_names}
    assert examples.excerpts == {name: found for name, found in due.items() if name in examples.excerpts}
    assert all(name in examples.excerpts for name, found in due.items() if found)


@given(peels(), st.sampled_from([5, 10, 35, 10**6]), st.integers(1, 5))
def test_worst_passages_are_the_same_in_any_blocks(peel: Peel, rows: int, count: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "LENGTH", 5)
        patch.setattr(windows, "COUNT", count)
        made = worst_passages(Cut(peel), rows)
        assert made == worst_passages(peel, len(peel) * 5)
        starts = naive.worst_passages(peel, 5, count)
    found = [int(number.replace(",", "")) for number in re.findall(r"<h3>position ([\d,]+):", made)]
    assert found == [int(peel.log.positions[start_of_character(peel, start)]) for start in starts]


def start_of_character(peel: Peel, row: int) -> int:
    """The row at which the character begins that a byte lies in: at most three before, in its document."""
    first = row
    while (
        peel.log.unit is Unit.BYTE
        and row - first < 3
        and first not in peel.log.document_starts
        and 0x80 <= peel.log.codes[first] < 0xC0
    ):
        first -= 1
    return first


def test_passages_of_a_long_text_are_the_same_from_small_blocks() -> None:
    peel = make_peel(Unit.BYTE, gaps=False, text="猫犬naïve \n" * 3000)
    made = worst_passages(peel)
    assert made.count("<h3>") == 40 and "‹" not in made
    assert worst_passages(Cut(peel), 300) == worst_passages(Cut(peel), 3000) == made


def test_a_page_of_a_file_is_that_of_the_peel_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_peel(tmp_path / "made.parquet", make_peel(Unit.BYTE, gaps=False, text=NASTY * 10))
    file = PeelFile(tmp_path / "made.parquet")
    peel = whole_peel(file)
    for limit in (10**6, 100):
        monkeypatch.setattr(page_module, "LIMIT", limit)
        monkeypatch.setattr(page_module, "PASSAGE_ROWS", 300)
        assert report_page(results_of([file])) == report_page(results_of([peel]))
        monkeypatch.setattr(page_module, "whole_peel", None)  # a longer one is never read whole


def test_one_pass_serves_several_readers() -> None:
    peel = make_peel(Unit.CHAR, gaps=False, text=NASTY * 10)
    examples, passages = Examples({"ngram": summarise(peel).layers[0].count}, 6), WorstPassages(peel.head)
    read_through(Cut(peel), [examples, passages], 300)
    assert passages.html() == worst_passages(peel)
    assert examples.excerpts["ngram"] == [excerpt(peel, row) for row in naive.even_rows(peel, "ngram", 6)]
