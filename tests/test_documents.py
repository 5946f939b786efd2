"""Documents part contexts: each is peeled as if it were a log of its own; files, comparisons and pages keep them."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

import errtax
import naive
from errtax.lm.errors import BadInput
from errtax.lm.log_reader import log_of_frame
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.evidence import Evidence, collect_evidence
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.reports.excerpts import excerpt
from errtax.reports.windows import DOCUMENT_MARK, LENGTH, worst_passages
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.peel_file import peel_problems, read_peel, write_peel
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import PRESETS, Settings
from errtax.taxonomy.studies.predictors import Sources, read_predictors
from strategies import log_of, parted, parted_logs
from test_oracles import facts_of
from test_peel import evidence_of, peel_of


def pieces(log: PredictionLog) -> list[PredictionLog]:
    """Each document as a log of its own, its positions kept."""
    assert log.docs is not None
    borders = [0, *(row for row in range(1, len(log)) if log.docs[row] != log.docs[row - 1]), len(log)]
    spans = [slice(a, b) for a, b in pairwise(borders)]
    return [replace(log, positions=log.positions[s], codes=log.codes[s], logprobs=log.logprobs[s], argmax_codes=None,
                    docs=None) for s in spans]  # fmt: skip


def joined(parts: list[Evidence], name: str) -> Any:
    return np.concatenate([getattr(part, name) for part in parts])


@given(log=parted_logs())
def test_documents_have_the_evidence_of_logs_of_their_own(log: PredictionLog) -> None:
    whole = evidence_of(log)
    alone = [evidence_of(part) for part in pieces(log)]
    assert len(log.document_starts) == len(alone)
    for name in [name for name in Evidence._fields[:-1] if getattr(whole, name) is not None]:
        assert np.array_equal(getattr(whole, name), joined(alone, name), equal_nan=name == "ngram_logprob"), name


@given(log=parted_logs())
def test_documents_have_the_evidence_of_plain_loops(log: PredictionLog) -> None:
    assert log.docs is not None
    rows = log.positions.tolist(), log.codes.tolist(), log.docs.tolist()
    facts = naive.facts_of_documents(*rows, log.unit is Unit.BYTE)
    evidence = collect_evidence(TextView.of_log(log), None, count_words(text_of_bytes(b" ", Unit.BYTE)))
    for row, position in enumerate(log.positions.tolist()):
        found = facts_of(evidence, row)
        assert found == {name: getattr(facts[position], name) for name in found}, row


def test_nothing_is_carried_into_the_next_document() -> None:
    """A word, its memory, a newline, a context and an apostrophe at a border, with and without documents."""
    index = NgramIndex.build(text_of_bytes(b"abababab" * 20, Unit.BYTE), 3)
    log = log_of(Unit.BYTE, b"Natasha\nNatashas ab'ab'")
    cut = parted(log, [0, 1], {8, 14, 20})
    one, other = (collect_evidence(TextView.of_log(each), index, None) for each in (log, cut))
    assert (one.memory_distance[8], other.memory_distance[8]) == (-1, -1)  # Natashas never stood before
    assert one.word_length[8:16].tolist() == [8] * 8
    assert other.word_length[8:16].tolist() == [6] * 6 + [2] * 2
    assert (one.newline_distance[8], other.newline_distance[8]) == (1, 0)
    assert one.ngram_context is not None and other.ngram_context is not None
    assert (one.ngram_context[18], other.ngram_context[18]) == (1, 1)
    assert [int(e.after[20]) for e in (one, other)] == [0, 0]
    again = log_of(Unit.BYTE, b"Natasha Natasha")
    assert collect_evidence(TextView.of_log(again), None, None).memory_distance[8] == 8
    assert collect_evidence(TextView.of_log(parted(again, [0, 1], {8})), None, None).memory_distance[8] == -1


def test_memory_reaches_across_gaps_of_a_document_and_not_into_another() -> None:
    log = log_of(Unit.CHAR, b"Natasha......Natasha", positions=[*range(7), *range(13, 20)])
    assert collect_evidence(TextView.of_log(log), None, None).memory_distance[7] == 13
    assert collect_evidence(TextView.of_log(parted(log, [4, -1], {7})), None, None).memory_distance[7] == -1


def test_the_first_document_begins_the_text_and_the_next_does_not() -> None:
    index = NgramIndex.build(text_of_bytes(b"zaabbabbabaababab", Unit.BYTE), 3)
    view = TextView.of_log(parted(log_of(Unit.BYTE, b"zz"), [0, 1], {1}))
    scores = np.concatenate(list(index.score_blocks(view.codes, unknown=view.gaps)))
    assert view.gaps.tolist() == [1]
    assert view.documents.tolist() == [0, 1]
    assert scores[0, 1] > np.log(0.5) > scores[2, 1]  # z follows <s>; after a placeholder nothing is known


# --- files, comparisons ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", [["a", None, "b", "a"], [7, None, -3, 7]])
def test_a_peel_keeps_its_documents(tmp_path: Path, ids: list[Any]) -> None:
    text = "the Natasha, the Natasha"
    doc = pa.array([ids[k // 6] for k in range(len(text))])
    columns = {"position": np.arange(len(text)), "symbol": list(text), "logprob": np.full(len(text), -1.0), "doc": doc}
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    peel = errtax.peel(tmp_path / "log.parquet", layers=["memory", "word", "boost"]).peel
    assert "|n:24|docs:4|" in peel.signature
    write_peel(tmp_path / "x.peel.parquet", peel)
    assert pq.read_table(tmp_path / "x.peel.parquet")["doc"].to_pylist() == doc.to_pylist()
    assert peel_problems(tmp_path / "x.peel.parquet") == []
    again = repeel(read_peel(tmp_path / "x.peel.parquet"), Settings(layers=("word",)))
    assert again.log.document_starts.tolist() == [0, 6, 12, 18]
    assert again.log.docs is not None and peel.log.docs is not None
    assert again.log.docs.tolist() == peel.log.docs.tolist() == [0] * 6 + [-1] * 6 + [1] * 6 + [0] * 6
    write_peel(tmp_path / "y.peel.parquet", again)
    assert pq.read_table(tmp_path / "y.peel.parquet")["doc"].to_pylist() == doc.to_pylist()
    assert "docs:4" in again.signature


def test_documents_of_python_objects_are_written_as_their_numbers(tmp_path: Path) -> None:
    peel = peel_of(parted(log_of(Unit.CHAR, b"abcdef"), [5, -1], {3}))
    write_peel(tmp_path / "x.peel.parquet", peel)
    assert pq.read_table(tmp_path / "x.peel.parquet")["doc"].to_pylist() == [5, 5, 5, None, None, None]


def test_logs_of_one_document_say_nothing_of_it(tmp_path: Path) -> None:
    frame = pd.DataFrame({"position": range(4), "symbol": list("abcd"), "logprob": -1.0, "doc": "x"})
    peel = errtax.peel(frame, layers=["word", "boost"])
    assert "docs" not in peel.signature
    assert "doc" in peel.to_pandas()
    assert "doc" not in errtax.peel(frame.drop(columns="doc"), layers=["word", "boost"]).to_pandas()
    assert log_of_frame(frame).document_starts.tolist() == [0]


def test_peels_of_different_documents_are_not_compared() -> None:
    log = log_of(Unit.CHAR, b"abcdef")
    with pytest.raises(BadInput, match=r"different documents.*'doc'"):
        compare(peel_of(log), peel_of(parted(log, [0, 1], {3})))
    compare(peel_of(parted(log, [0, 1], {3})), peel_of(parted(log, [8, 9], {3})))


def test_one_log_with_documents_parts_the_contexts_of_all(tmp_path: Path) -> None:
    frame = pd.DataFrame({"position": range(4), "symbol": list("abcd"), "logprob": -1.0})
    frame.to_parquet(tmp_path / "plain.parquet")
    frame.assign(doc=[1, 1, 2, 2]).to_parquet(tmp_path / "parted.parquet")
    found = read_predictors(Sources((tmp_path / "plain.parquet", tmp_path / "parted.parquet")))
    assert found.view.gaps.tolist() == [2]


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_an_excerpt_keeps_to_its_document() -> None:
    peel = peel_of(parted(log_of(Unit.BYTE, "abc é".encode() + b"\xa9def"), [0, 1], {5, 7}), PRESETS["text"])
    shown = [excerpt(peel, row) for row in (4, 5, 6, 9)]
    assert [(item.before, item.symbol, item.after) for item in shown] == [
        ("abc ", "‹C3›", ""),
        ("", "‹A9›‹A9›", ""),
        ("", "‹A9›‹A9›", ""),
        ("de", "f", ""),
    ]


def test_passages_mark_where_another_document_begins() -> None:
    text = ("é" * LENGTH).encode()
    log = parted(log_of(Unit.BYTE, text), [0, 1], {LENGTH + 7, LENGTH + 100})
    made = worst_passages(peel_of(log))
    assert made.count(DOCUMENT_MARK) == 2
    assert f"‹C3›</u>{DOCUMENT_MARK}" in made  # the two bytes of a character, in two documents
    assert DOCUMENT_MARK not in worst_passages(peel_of(log_of(Unit.BYTE, text)))
