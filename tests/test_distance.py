"""Pairs, their distances and the probability of their closing symbols, against plain loops; `errtax distance`."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import naive_analyses as naive
from commands import Errtax
from errtax.lm.errors import UsageError
from errtax.lm.log_reader import read_log
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.pairs import Matches, Pair, Skip, breaks_of, match_pair, roles_of
from errtax.oracle.text_kind import share_of_code_lines
from errtax.oracle.text_view import TextView
from errtax.reports.figure import svg_of
from errtax.reports.studies.distances import distance_figure
from errtax.taxonomy.studies.distance import PAPER_EDGES, DistanceSettings, bin_probabilities, measure_distances
from errtax.taxonomy.studies.predictors import Predictors, ngram_logs

PIECES = ["{", "}", "(", ")", '"', "'", "\\", "/", "*", "//", "/*", "*/", "\n", "\n\n", "\r\n", "\r", " ", "\t"]
PIECES += ["a", "é", "“", "”", "«", "»", "’", "don't", '\\"', "|", "猫", "\x85"]
PAIRS = ["{}", "()", '""', "''", "“”", "«»", "||", "({", "’’"]


def log_of(text: bytes, unit: Unit = Unit.BYTE, kept: Sequence[int] | None = None) -> PredictionLog:
    """A log of a text with different probabilities, or of the symbols in `kept`."""
    codes = text_of_bytes(text, unit).codes
    rows = np.arange(len(codes)) if kept is None else np.array(kept, np.int64)
    p = np.random.default_rng(len(codes)).uniform(0.01, 1, len(codes))
    return PredictionLog("log", unit, rows, codes[rows], np.log(p[rows]))


def matches_of(log: PredictionLog, pair: str, skip: Skip, starts: Sequence[int] = ()) -> Matches:
    view = TextView.of_log(log)
    symbols = np.arange(len(view))[view.rows][np.array(starts, np.int64)]
    breaks = breaks_of(view, symbols)
    return match_pair(view, Pair.parse(pair), skip, roles_of(view, skip, breaks), breaks)


def pairs(text: str, pair: str, skip: Skip = Skip.NONE) -> tuple[list[tuple[int, int]], int, int]:
    found = matches_of(log_of(text.encode(), Unit.CHAR), pair, skip)
    spans = list(zip(found.opener.tolist(), found.closer.tolist(), strict=True))
    return spans, found.unmatched_openers, found.unmatched_closers


def same_as_naive(log: PredictionLog, pair: str, skip: Skip, starts: Sequence[int] = ()) -> int:
    """Compare with the twin; how many pairs there were."""
    found = matches_of(log, pair, skip, starts)
    as_bytes = log.unit is Unit.BYTE
    due = naive.pairs_of(log.positions.tolist(), log.codes.tolist(), as_bytes, pair, skip is Skip.CODE, starts)
    row_of = {symbol: row for row, symbol in enumerate(np.arange(len(TextView.of_log(log)))[TextView.of_log(log).rows])}
    spans = [(row_of[a], row_of[b]) for a, b in zip(found.opener.tolist(), found.closer.tolist(), strict=True)]
    assert spans == due.found
    assert (found.unmatched_openers, found.unmatched_closers) == (due.opened, due.closed)
    return len(spans)


@given(data=st.data(), unit=st.sampled_from([Unit.BYTE, Unit.CHAR]), pair=st.sampled_from(PAIRS))
def test_pairs_are_the_naive_ones(data: st.DataObject, unit: Unit, pair: str) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from([*PIECES, *pair * 4]), min_size=1, max_size=50))).encode()
    if unit is Unit.BYTE and data.draw(st.booleans()):
        text = text[data.draw(st.integers(0, 2)) :] + b"\xff{"
    n = len(text_of_bytes(text, unit).codes)
    kept = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=max(1, n - 3))))
    starts = sorted(data.draw(st.sets(st.integers(1, len(kept) - 1), max_size=2))) if len(kept) > 1 else []
    for skip in (Skip.CODE, Skip.NONE):
        same_as_naive(log_of(text, unit, kept), pair, skip, starts)


@pytest.mark.parametrize(
    ("text", "pair", "skip", "due"),
    [
        ("{a{b}c}", "{}", "none", ([(2, 4), (0, 6)], 0, 0)),
        ("}{}{", "{}", "none", ([(1, 2)], 1, 1)),
        ("( [ ) ]", "()", "none", ([(0, 4)], 0, 0)),
        ("( [ ) ]", "[]", "none", ([(2, 6)], 0, 0)),
        ('{ "}" }', "{}", "code", ([(0, 6)], 0, 0)),
        ('{ "}" }', "{}", "none", ([(0, 3)], 0, 1)),
        ("{ '}' '\\'' }", "{}", "code", ([(0, 11)], 0, 0)),
        ("{ // }\n}", "{}", "code", ([(0, 7)], 0, 0)),
        ("{ /*/ } */ }", "{}", "code", ([(0, 11)], 0, 0)),
        ('{ "//" }', "{}", "code", ([(0, 7)], 0, 0)),
        ('{ "a\\\\" }', "{}", "code", ([(0, 8)], 0, 0)),
        ('{ "a\\" } "}', "{}", "code", ([(0, 10)], 0, 0)),
        ("don't {\n}", "{}", "code", ([], 0, 1)),  # the stray apostrophe costs its line, no more
        ('{ "a\\\n}" }', "{}", "code", ([(0, 9)], 0, 0)),  # a backslash continues the literal
        ('{ "a\\\r\n}" }', "{}", "code", ([(0, 10)], 0, 0)),
        ('"a" b "c" /* "d" */', '""', "code", ([(0, 2), (6, 8)], 0, 0)),
        ("'\"' \"'\"", '""', "code", ([(4, 6)], 0, 0)),
        ('"a \\" b"', '""', "none", ([(0, 7)], 0, 0)),
        ('"a \\\\" b', '""', "none", ([(0, 5)], 0, 0)),
        ('"one\n\n"two"', '""', "none", ([(6, 10)], 1, 0)),
        ('"one\r\n \t\r\n"two"', '""', "none", ([(10, 14)], 1, 0)),
        ('"one\ntwo"', '""', "none", ([(0, 8)], 0, 0)),
        ("'don't'", "''", "none", ([(0, 6)], 0, 0)),
        ("“a “b” c”", "“”", "none", ([(3, 5), (0, 8)], 0, 0)),
        ("«", "«»", "none", ([], 1, 0)),
    ],
)
def test_what_a_reader_would_pair(text: str, pair: str, skip: str, due: Any) -> None:
    assert pairs(text, pair, Skip(skip)) == due


def test_code_is_known_by_its_lines() -> None:
    def share(text: str) -> float:
        return share_of_code_lines(np.frombuffer(text.encode(), np.uint8))

    assert share("int f() {\n\n  return 1;  \n  // x\n}, \n") == 3 / 4
    assert share("He said:\n'Well; it's so.'\n") == 0
    assert share("\n \n") == 0


@given(arrays(np.int64, 30, elements=st.integers(0, 12)), st.sets(st.integers(0, 12), min_size=2, max_size=6))
def test_bins_are_the_naive_ones(distance: np.typing.NDArray[np.int64], edges: set[int]) -> None:
    p = np.random.default_rng(int(distance.sum())).uniform(size=len(distance))
    due = naive.bins_of(distance.tolist(), p.tolist(), sorted(edges))
    for b, (n, mean, sem) in zip(bin_probabilities(distance, p, sorted(edges)), due, strict=True):
        assert b.n == n and (b.mean is None) == (mean is None) and (b.sem is None) == (sem is None)
        assert [b.mean or 0, b.sem or 0] == pytest.approx([mean or 0, sem or 0], abs=1e-12)


def one(log: PredictionLog, *pair: str, **settings: Any) -> Any:
    predictors = Predictors((log,), ("model",), (None,), TextView.of_log(log))
    return measure_distances(predictors, DistanceSettings(tuple(map(Pair.parse, pair)), **settings))


def test_a_closer_of_several_bytes_has_the_product_of_their_probabilities() -> None:
    text = "“ab”".encode()
    log = log_of(text)
    found = one(log, "“”", edges=(0, 5, 6)).pairs[0].curves[0]
    assert [b.n for b in found.bins] == [0, 1]  # 3 bytes of “ and 2 letters
    assert found.bins[1].mean == pytest.approx(math.exp(log.logprobs[-3:].sum()))
    log.logprobs[-1] = math.nan
    assert one(log, "“”").pairs[0].curves[0].unpredicted == 1


def test_what_is_left_out_adds_up() -> None:
    log = log_of(b"{}" + b"{" + b"x" * 30 + b"}" + b"{   }" + b"}{" + b"{ }")
    log.logprobs[-1] = math.nan
    pair = one(log, "{}", edges=(2, 10)).pairs[0]
    assert (pair.matched, pair.below, pair.beyond, pair.unmatched_openers, pair.unmatched_closers) == (4, 1, 1, 1, 1)
    assert (pair.curves[0].bins[0].n, pair.curves[0].unpredicted) == (1, 1)


def test_streams_and_documents_part_the_text() -> None:
    log = log_of(b"({ )} { )}")
    assert one(log, "()", "{}").pairs[1].matched == 2
    assert [pair.matched for pair in one(log, "()", "{}", streams=2).pairs] == [1, 2]
    assert [pair.matched for pair in one(log, "{}", streams=5).pairs] == [0]
    log = replace(log, docs=np.array([0] * 4 + [-1] + [0] * 5))
    assert [pair.matched for pair in one(log, "()", "{}").pairs] == [1, 1]
    stated = log_of(b"({ )} { )}")
    stated.metadata["signature"] = "errtax:0|streams:2"  # for people
    stated.metadata["streams"] = "5"
    assert "|streams:5|" in one(stated, "{}").signature
    for nonsense in ("0", "3", "five", "9" * 5000):
        stated.metadata["streams"] = nonsense
        assert "|streams:1|" in one(stated, "{}").signature
    with pytest.raises(UsageError, match="10 rows"):
        one(log, "{}", streams=3)


def test_the_first_20000_symbols_of_war_and_peace(warpeace_parts: tuple[bytes, bytes, bytes]) -> None:
    train, _, test = warpeace_parts
    log = log_of(test[:20_000])
    view = TextView.of_log(log)
    index = NgramIndex.build(text_of_bytes(train[:200_000], Unit.BYTE), order=5)
    gram = ngram_logs(index, (4,), log, view)[0]
    assert np.array_equal(gram.logprobs, index.score(log.codes)[:, 3].astype(np.float64))
    both = Predictors((log, gram), ("noise", gram.model), (None, 4), view)
    found = measure_distances(both, DistanceSettings((Pair('"', '"'), Pair("(", ")")), PAPER_EDGES))
    assert found.skip is Skip.NONE
    assert same_as_naive(log, '""', Skip.NONE) > 30
    for pair, each in zip(found.pairs, ('""', "()"), strict=True):
        due = naive.pairs_of(range(20_000), log.codes.tolist(), True, each, code=False)
        for curve, source in zip(pair.curves, (log, gram), strict=True):
            p = [naive.probability(source.logprobs.tolist(), b, each[1], True) for _, b in due.found]
            bins = naive.bins_of([b - a for a, b in due.found], p, PAPER_EDGES)
            assert [b.n for b in curve.bins] == [n for n, _, _ in bins]
            assert [b.mean or 0 for b in curve.bins] == pytest.approx([mean or 0 for _, mean, _ in bins], abs=1e-12)
            assert [b.sem or 0 for b in curve.bins] == pytest.approx([sem or 0 for _, _, sem in bins], abs=1e-9)


# --- the command ----------------------------------------------------------------------------------------------------

CODE = b'int f(char *s) {\n  if (s[0] == \'}\') { puts("it\\"s }"); } // }\n  return 1;\n}\n' * 6


@pytest.fixture
def errtax(errtax_alone: Errtax) -> Errtax:
    Path("train.txt").write_bytes(CODE)
    for name, seed in (("a", 1), ("b", 2)):
        write_log(Path(f"{name}.parquet"), CODE, seed)
    return errtax_alone


def write_log(path: Path, text: bytes, seed: int, **columns: Any) -> None:
    p = np.random.default_rng(seed).uniform(0.01, 0.99, len(text))
    frame = pd.DataFrame({"position": np.arange(len(text)), "symbol": [bytes([b]) for b in text], "logprob": np.log(p)})
    frame.assign(**columns).to_parquet(path)


def test_tables_pictures_and_json(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt", "--order", 5)
    logs = ["--preds", "a.parquet", "--preds", "b.parquet", "--ngram", "train.ngram", "--orders", "2,5"]
    code, out, err = errtax("distance", *logs, "--pair", "{}", "--pair", '""', "--figure", "d.svg")
    assert code == 0, err
    assert "This is code" in err and "4-gram (order 5)" in out and "12 pairs; left out: 0 at 300" in out
    picture = Path("d.svg").read_text()
    for words in ("How sure of the closing symbol", "mean probability of }", "n = 6", "1-gram (order 2)", "errtax:0"):
        assert words in picture, words
    assert errtax("validate", "distance.parquet")[:2] == (0, "distance.parquet is a valid errtax.distance/1 file\n")
    document = json.loads(errtax("distance", *logs, "--force", "--json")[1])
    assert next(iter(document)) == "schema"
    frame, bins = pd.read_parquet("distance.parquet"), document["pairs"][0]["curves"][3]["bins"]
    assert frame[frame.order == 5]["mean"].dropna().tolist() == [b["mean"] for b in bins if b["n"]]
    table = pq.read_table("distance.parquet")
    assert table.schema.metadata[b"signature"].decode() == document["signature"]
    changed = table.set_column(5, "n", [frame.n + 1]).replace_schema_metadata(table.schema.metadata)
    pq.write_table(changed, "bad.parquet")
    code, out, _ = errtax("validate", "bad.parquet")
    assert code == 1 and "the bins hold" in out and "mean must be null where n = 0" in out


def test_prose_by_rule_and_by_request(errtax: Errtax) -> None:
    write_log(Path("prose.parquet"), b"It's (so) he said.\n" * 3, 1)
    code, _, err = errtax("distance", "--preds", "prose.parquet", "--pair", "()")
    assert code == 0 and "This is prose" in err
    document = json.loads(errtax("distance", "--preds", "a.parquet", "--skip", "none", "--force", "--json")[1])
    assert document["pairs"][0]["unmatched_closers"] > 0


def test_documents_are_read_from_the_log(errtax: Errtax) -> None:
    docs = ["x" if k < len(CODE) // 2 else None for k in range(len(CODE))]
    write_log(Path("docs.parquet"), CODE, 1, doc=docs)
    assert np.array_equal(read_log(Path("docs.parquet")).docs, np.repeat([0, -1], len(CODE) // 2))  # type: ignore[arg-type]
    write_log(Path("docs.parquet"), CODE, 1, doc=np.arange(len(CODE)))
    document = json.loads(errtax("distance", "--preds", "docs.parquet", "--json")[1])
    assert document["pairs"][0]["matched"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--preds", "a.parquet", "--preds", "c.parquet"], 3, ["a.parquet and c.parquet", "texts", "position 3"]),
        (["--preds", "a.parquet", "--pair", "{"], 2, ["'{' is not a pair", "two characters"]),
        (["--preds", "a.parquet", "--edges", "5,5"], 2, ["increasing"]),
        (["--preds", "a.parquet", "--orders", "5"], 2, ["--ngram"]),
        (["--preds", "a.parquet", "--ngram", "train.ngram", "--orders", "9"], 2, ["1..5"]),
        (["--preds", "a.parquet", "--preds", "./a.parquet"], 2, ["given twice"]),
        (["--preds", "a.parquet", "--pair", "{}", "--pair", "{}"], 2, ["each once"]),
        (["--preds", "a.parquet", "-o", "a.parquet", "--force"], 2, ["is an input of this command"]),
        (["--preds", "a.parquet", "--figure", "x.gif"], 2, [".svg"]),
        (["--preds", "train.txt"], 3, ["train.txt", "Parquet"]),
    ],
)
def test_what_is_refused(errtax: Errtax, arguments: list[str], code: int, words: list[str]) -> None:
    errtax("build-ngram", "train.txt", "--order", 5)
    write_log(Path("c.parquet"), CODE[:3] + b"X" + CODE[4:], 3)
    before = Path("a.parquet").read_bytes()
    found, out, err = errtax("distance", *arguments)
    assert (found, out) == (code, "") and "Traceback" not in err
    assert all(word in err for word in words), err
    assert not Path("distance.parquet").exists() and Path("a.parquet").read_bytes() == before


def test_a_configured_model_takes_part_only_with_orders(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt", "--order", 5)
    Path("errtax.toml").write_text("ngram = 'train.ngram'\npreds = 'a.parquet'\n")
    code, out, err = errtax("distance")
    assert code == 0 and "No n-gram model takes part" in err and "(order" not in out


def test_names_are_text_in_pictures() -> None:
    log = log_of(b"$a$ $b$\n")
    predictors = Predictors((log, log), ("_$x^{$", "b$猫"), (None, None), TextView.of_log(log))
    figure = distance_figure(measure_distances(predictors, DistanceSettings((Pair("$", "$"),))))
    picture = svg_of(figure).decode()
    assert "_$x^{$" in picture and "b$‹U+732B›" in picture and "mean probability of $" in picture
