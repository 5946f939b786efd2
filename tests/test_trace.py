"""Passages of a text that stand in the training text: against brute force, in any pieces, and as a command."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_verbatim as naive
from commands import Errtax, refused
from errtax.lm.text import Unit
from errtax.oracle import seeds, verbatim
from errtax.oracle.verbatim import SourceText, matches_ending, passages_of
from errtax.taxonomy.studies import trace
from errtax.taxonomy.studies.trace import Search, Trace, trace_text
from test_verbatim import FEW, NO_GAPS, texts


def source(symbols: list[int]) -> SourceText:
    return SourceText("text", Unit.TOKEN, "0" * 64, np.array(symbols, np.uint32))


def rows_of(found: Trace) -> list[tuple[int, naive.Match]]:
    begin, *match = (column.tolist() for column in found.passages)
    return [(b, naive.Match(*each)) for b, *each in zip(begin, *match, strict=True)]


@given(texts(), st.integers(1, 4), st.integers(1, 50))
@example(([0, 1, 0, 1], [0, 1, 0, 1]), 1, 2)
@example(([2, 2], [0]), 1, 1)
def test_passages_are_those_of_brute_force(found: tuple[list[int], list[int]], least: int, rows: int) -> None:
    text, training = ([max(symbol, 0) for symbol in each] for each in found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "_ROWS", rows)
        patch.setattr(seeds, "LEAST", 1)  # a filter for the shortest, too
        made = trace_text(source(text), source(training), Search(least))
    assert rows_of(made) == naive.passages(text, training, least)
    inside = {i for begin, match in rows_of(made) for i in range(begin, begin + match.length)}
    assert made.inside()[0] == (least, len(rows_of(made)), len(inside))


@given(FEW, FEW, st.integers(1, 4), st.integers(1, 9))
def test_passages_longer_than_the_limit_are_put_together_whatever_the_pieces(
    middle: list[int], training: list[int], limit: int, rows: int
) -> None:
    text = [*training[:9], *middle, *training]
    ending = matches_ending(np.array(text, np.uint32), NO_GAPS, source(training), limit)
    whole = passages_of(ending, (0, len(text)), limit)
    with pytest.MonkeyPatch.context() as patch:
        for name in (verbatim, trace):
            patch.setattr(name, "LONGEST", limit)
        for function, defaults in ((matches_ending, (limit, 1)), (passages_of, (limit,))):
            patch.setattr(function, "__defaults__", defaults)
        patch.setattr(verbatim.join_passages, "__defaults__", (limit,))
        patch.setattr(trace, "_ROWS", rows)
        pieces = trace_text(source(text), source(training), Search(1)).passages
    for one, other in zip(whole, pieces, strict=True):
        assert one.tolist() == other.tolist()
    for begin, length, _, place in zip(*whole, strict=True):
        assert text[begin : begin + length] == training[place : place + length]


def test_a_passage_longer_than_the_limit_is_one() -> None:
    rng = np.random.default_rng(5)
    passage = rng.integers(0, 50, 25_000).tolist()
    found = trace_text(source([99, *passage, 98]), source([97, *passage, 96]), Search())
    assert rows_of(found) == [(1, naive.Match(25_000, 1, 1))]


# --- the command -----------------------------------------------------------------------------------------------------

PASSAGE = "It was the best of times,\nit was the worst of times, it was the age of wisdom.\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.txt").write_text("First file.\nNo line feed at its end")
    (tmp_path / "train" / "b.txt").write_text(f"Second.\n\n{PASSAGE}The end. {PASSAGE}")
    (tmp_path / "test.txt").write_text(f"A test.\n{PASSAGE}Done")
    return tmp_path


def test_trace_says_where_passages_stand(errtax: Errtax, folder: Path) -> None:
    document = json.loads(errtax("trace", "test.txt", "--train-text", "train", "--json").out)
    due: dict[str, object] = {"position": 7, "line": 1, "length": len(PASSAGE) + 1, "count": 1}
    due |= {"file": "train/b.txt", "train_line": 2, "train_position": 8}  # with the line feed before it
    assert document["longest"] == [due]
    assert document["inside"][0] == {"length": 50, "passages": 1, "symbols": len(PASSAGE) + 1}
    table = pq.read_table("test.trace.parquet").to_pylist()
    assert table == [due]
    assert errtax("validate", "test.trace.parquet").out == "test.trace.parquet is a valid errtax.trace/1 file\n"


def test_trace_prints_tables(errtax: Errtax, folder: Path) -> None:
    said = errtax("trace", "test.txt", "--train-text", "train", "--at-least", "80").out
    assert ">= 80" in said and "train/b.txt, line 2, position 8" in said


def test_an_index_will_do(errtax: Errtax, folder: Path) -> None:
    Path("train/b.txt").rename("b.txt")
    errtax("build-ngram", "b.txt", "--order", "3", "-o", "b.ngram")
    by_text = json.loads(errtax("trace", "test.txt", "--train-text", "b.txt", "--json").out)
    by_index = json.loads(errtax("trace", "test.txt", "--ngram", "b.ngram", "--json", "--force").out)
    assert by_index == by_text


def test_characters_are_counted_where_it_is_asked(errtax: Errtax, folder: Path) -> None:
    Path("c.txt").write_text("é" * 60 + "x", encoding="utf-8")
    Path("d.txt").write_text("ä\n" + "é" * 60 + "y", encoding="utf-8")
    document = json.loads(errtax("trace", "c.txt", "--train-text", "d.txt", "--unit", "char", "--json").out)
    (found,) = document["longest"]
    assert (found["length"], found["train_line"], found["train_position"]) == (60, 2, 2)


def test_a_text_without_passages(errtax: Errtax, folder: Path) -> None:
    Path("c.txt").write_text("zzz")
    document = json.loads(errtax("trace", "c.txt", "--train-text", "train", "--json").out)
    assert document["longest"] == [] and document["inside"][0] == {"length": 50, "passages": 0, "symbols": 0}
    assert "valid" in errtax("validate", "c.trace.parquet").out


def test_edits_are_told(errtax: Errtax, folder: Path) -> None:
    Path("edited.txt").write_text(Path("test.txt").read_text().replace("worst", "Worst").replace("age", "ages"))
    exact = json.loads(errtax("trace", "edited.txt", "--train-text", "train", "--json").out)
    assert exact["longest"] == []
    found = errtax("trace", "edited.txt", "--train-text", "train", "--edits", "2", "--force", "--json")
    (near,) = json.loads(found.out)["longest"]
    due = {"position": 7, "length": len(PASSAGE) + 2, "train_position": 8, "train_length": len(PASSAGE) + 1, "edits": 2}
    assert near | due == near
    assert pq.read_table("edited.trace.parquet").to_pylist() == [near]
    assert "valid" in errtax("validate", "edited.trace.parquet").out
    assert "edits" in errtax("trace", "edited.txt", "--train-text", "train", "--edits", "2", "--force").out


@pytest.mark.parametrize("options", [[], ["--train-text", "train", "--ngram", "x.ngram"]])
def test_the_training_text_is_given_once(errtax: Errtax, folder: Path, options: list[str]) -> None:
    Path("x.ngram").touch()
    refused(errtax("trace", "test.txt", *options), 2, "one of them")
