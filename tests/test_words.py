"""What a word is: patterns against plain loops, ICU's words, and how a peel keeps the rule."""

import re
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import errtax
import naive
from commands import Errtax
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.oracle.word_rule import PATTERN, count_without_spaces, require_words, word_spans
from errtax.taxonomy.peel import peel_log
from errtax.taxonomy.peel_file import read_peel
from errtax.taxonomy.settings import Settings
from pages import make_peel
from strategies import log_of, units_and_texts
from test_oracles import facts_of
from test_page_numbers import differences, due_rows

PATTERNS = [r"\w+", r"[a-z]+", r"[\w']+", r"\w+(?:['’-]\w+)*", r"\S+", r"[^ ]+", r"(?i)NATASHA|.", r"\b\w", r".\b"]
PATTERNS += [r"^.|.$", r"\s+", r"(?s).\w", r"\w\W\w"]
CHINESE = "我昨天在北京大学读书。我今天在北京。"
JAPANESE = "日本語の文章を書きます。"
THAI = "ภาษาไทยไม่มีช่องว่าง"


def icu() -> None:
    pytest.importorskip("icu4py", reason="icu4py is not installed: pip install 'errtax[icu]'")


def words_of(string: str, rule: str) -> list[str]:
    return [string[a:b] for a, b in word_spans(string, rule).tolist()]


# --- patterns --------------------------------------------------------------------------------------------------------


@given(case=units_and_texts(), pattern=st.sampled_from(PATTERNS), seed=st.integers(0, 2**32), gaps=st.booleans())
def test_words_of_a_pattern_are_those_of_plain_loops(
    case: tuple[Unit, bytes], pattern: str, seed: int, gaps: bool
) -> None:
    unit, content = case
    n = len(text_of_bytes(content, unit))
    kept = np.flatnonzero(np.random.default_rng(seed).random(n) < (0.8 if gaps else 2)).tolist() or [0]
    log = log_of(unit, content, positions=kept)
    train = text_of_bytes(content * 2, unit)
    training = count_words(train, pattern)
    assert training == Counter(train.string[a:b] for a, b in naive.word_spans(train.string, pattern))
    evidence = collect_evidence(TextView.of_log(log, pattern), None, training)
    facts = naive.facts_of(naive.track_of(kept, log.codes.tolist()), unit is Unit.BYTE, pattern)
    assert evidence.word_count is not None
    for row, position in enumerate(kept):
        found = facts_of(evidence, row)
        assert found == {name: getattr(facts[position], name) for name in found}, (row, pattern)
        word = facts[position].word
        assert evidence.word_count[row] == (-1 if word is None else training.get(word, 0))


@pytest.mark.parametrize(("unit", "text"), [(Unit.BYTE, b"a..a\xff"), (Unit.CHAR, "a..a\uffff".encode())])
def test_a_symbol_that_is_a_placeholder_elsewhere_is_not_found_in_a_gap(unit: Unit, text: bytes) -> None:
    log = log_of(unit, text, positions=[0, 3, 4])
    evidence = collect_evidence(TextView.of_log(log, r"\S+"), None, None)
    assert (evidence.word_length[1], evidence.memory_distance[1]) == (2, -1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("[a", "is neither .unterminated character set"),
        ("(?<=a*)b", "is neither"),
        (r"\w*", "matches the empty string"),
        ("", "matches the empty string"),
        ("(a+)+", "consists of repeats alone"),
        ("x(?:a|b+)*", "consists of repeats alone"),
        (r"(?:[a-z]+[.]?)*x", "consists of repeats alone"),
        (r"((\w+)){1,99}y", "consists of repeats alone"),
        ("a\nb", "control characters"),
        ("[[a]", "Possible nested set"),
        ("a{99999999999}", "number is too large"),
        ("(" * 490 + "a" + ")" * 490, "recursion"),
        ("a" * 2000, "2,000 characters"),
    ],
)
def test_what_is_no_pattern_of_words_is_refused_in_one_line(words: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        require_words(words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("words", [*PATTERNS, r"(?>a+)+b", r"(?:\w+-)*\w+", r"(a{2})+", r"[a-z]++", r"(?:ab|c)+"])
def test_harmless_patterns_are_taken(words: str) -> None:
    require_words(words)


def test_a_pattern_sees_one_line_at_a_time() -> None:
    assert words_of("ab \ncd\r\n", r"\s+|[^ ]+") == ["ab", " ", "cd\r"]
    assert words_of("ab\ncd\n\nef", "^.") == ["a", "c", "e"]
    assert words_of("ab\ncd", r"b\ncd|(?<=\n)c") == []


def test_a_pattern_that_matches_nothing_somewhere_is_refused_there() -> None:
    require_words("(?=a)")
    with pytest.raises(UsageError, match="matches the empty string"):
        word_spans("banana", "(?=a)")


# --- ICU -------------------------------------------------------------------------------------------------------------


def test_icu_finds_the_words_of_texts_without_spaces() -> None:
    icu()
    assert words_of(CHINESE, "icu") == [*["我", "昨天", "在", "北京", "大学", "读书", "我", "今天", "在", "北京"]]
    assert words_of(JAPANESE, "icu") == [*["日本語", "の", "文章", "を", "書き", "ます"]]
    assert words_of(THAI, "icu") == [*["ภาษา", "ไทย", "ไม่มี", "ช่อง", "ว่าง"]]
    assert words_of("🙂 naïve 😀, don't! 3.14\n_ -", "icu") == ["naïve", "don't", "3.14"]
    assert words_of("", "icu") == words_of("。 ", "icu") == []


PIECES = st.sampled_from(
    ["我昨天在北京", "読む", "ไทยไม่มี", "a", "b", " ", "🙂", "𝒳", "'", "\udcff", "\n", "\u0301", "."]
)


@given(pieces=st.lists(PIECES, max_size=12), cuts=st.lists(st.integers(0, 60), max_size=3))
@settings(max_examples=100)
def test_icu_words_have_letters_and_keep_between_breaks(pieces: list[str], cuts: list[int]) -> None:
    icu()
    string = "".join(pieces)
    breaks = sorted({cut for cut in cuts if cut < len(string)})
    spans = word_spans(string, "icu", np.array(breaks, np.int64)).tolist()
    edges = [-1, *breaks, len(string)]
    due = []
    for before, stop in pairwise(edges):
        due += [[before + 1 + a, before + 1 + b] for a, b in word_spans(string[before + 1 : stop], "icu").tolist()]
    assert spans == due
    assert all(any(c.isalnum() for c in string[a:b]) for a, b in spans)
    inside = {c for a, b in spans for c in range(a, b)}
    assert all(c in inside or not string[c].isalnum() for c in range(len(string)) if c not in breaks)
    assert all(a >= b for (_, b), (a, _) in pairwise(spans))


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
def test_memory_and_rare_words_of_chinese(unit: Unit) -> None:
    icu()
    train = count_words(text_of_bytes("北京很大。".encode(), unit), "icu")
    assert train["北京"] == 1
    log = log_of(unit, CHINESE.encode())
    width = 3 if unit is Unit.BYTE else 1
    evidence = collect_evidence(TextView.of_log(log, "icu"), None, train)
    plain = collect_evidence(TextView.of_log(log), None, train)
    assert evidence.word_count is not None
    later = CHINESE.rindex("北京")
    assert evidence.memory_distance[later * width] == (later - CHINESE.index("北京")) * width
    assert evidence.word_count[later * width] == 1
    assert evidence.word_offset[later * width : (later + 2) * width].tolist() == [0] * width + [1] * width
    assert evidence.word_length[later * width] == 2
    assert plain.word_length[0] == 10  # the whole clause
    assert (plain.memory_distance == -1).all()


def test_without_icu_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icu4py.breakers", None)
    with pytest.raises(UsageError, match=r"pip install 'errtax\[icu\]'"):
        require_words("icu")


# --- the peel --------------------------------------------------------------------------------------------------------


@pytest.fixture
def chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    Path("train.txt").write_text("北京很大。" * 20, encoding="utf-8")
    text = CHINESE * 3
    frame = pd.DataFrame({"position": range(len(text)), "symbol": list(text), "logprob": -1.0})
    frame.to_parquet("preds.parquet")
    return frame


OPTIONS = ("--preds", "preds.parquet", "--train-text", "train.txt", "--layers", "memory,rare,boost")


def test_a_peel_keeps_its_words(errtax: Errtax, chinese: pd.DataFrame) -> None:
    icu()
    assert errtax("peel", *OPTIONS, "--words", "icu", "-o", "icu.parquet")[0] == 0
    peel = read_peel(Path("icu.parquet"))
    assert re.search(r"\|words:icu [\d.]+\|", peel.signature)
    assert peel.sources["words"].startswith("icu ")
    assert errtax("repeel", "icu.parquet", "--layers", "rare,memory", "-o", "again.parquet")[0] == 0
    again = read_peel(Path("again.parquet"))
    assert again.sources["words"] == peel.sources["words"]
    assert errtax("compare", "icu.parquet", "icu.parquet")[0] == 0
    assert errtax("peel", *OPTIONS, "--words", r"\w|x", "-o", "other.parquet")[0] == 0
    assert read_peel(Path("other.parquet")).signature.count(r"|words:\w%7Cx|") == 1
    code, _, said = errtax("compare", "icu.parquet", "other.parquet")
    assert code == 3 and "peeled differently" in said
    code, _, said = errtax("peel", *OPTIONS, "--words", "(a+)+", "-o", "x.parquet")
    assert code == 2 and "repeats alone" in said and said.count("\n") == 1


def test_python_takes_words(chinese: pd.DataFrame) -> None:
    icu()
    peel = errtax.peel(chinese, train="train.txt", words="icu", layers=["memory", "rare", "boost"])
    assert "|words:icu " in peel.signature
    assert (peel.peel.layer == peel.peel.layer_names.index("rare")).any()
    assert "words" not in errtax.peel(chinese, layers=["boost"], words=PATTERN).signature
    with pytest.raises(BadInput, match="peeled differently"):
        errtax.peel(chinese, layers=["boost"]).compare(errtax.peel(chinese, layers=["boost"], words="icu"))


def test_a_notice_says_that_clauses_count_as_words(errtax: Errtax, chinese: pd.DataFrame) -> None:
    code, _, said = errtax("peel", *OPTIONS)
    assert code == 0 and "100 % of the text's letters are of scripts that put no spaces" in said
    assert "--words icu" in said
    assert "spaces" not in errtax("peel", *OPTIONS, "--words", r"\w", "--force")[2]


@pytest.mark.parametrize(
    ("text", "due"),
    [("我昨天", 1.0), ("の文章ヲ", 1.0), ("ไทย", 1.0), ("naïveété", 0.0), ("Привет", 0.0), ("ab北京", 0.5), ("", 0.0)],
)
def test_the_share_of_scripts_without_spaces(text: str, due: float) -> None:
    assert count_without_spaces(np.array([ord(c) for c in text], np.uint32)) == due * len(text)


@pytest.mark.parametrize("rule", ["icu", r"\w+(?:['’]\w+)*", r"[^ ]"])
@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
def test_the_page_counts_by_the_words_of_the_peel(show: Any, unit: Unit, rule: str) -> None:
    if rule == "icu":
        icu()
    text = "我昨天在北京大学读书, don't 'x' l'été \r\n" * 40
    log = make_peel(unit, text=text).log
    words = count_words(text_of_bytes(text.encode()[:300], Unit.BYTE), rule)
    evidence = collect_evidence(TextView.of_log(log, rule), None, words)
    peel = peel_log(log, evidence, Settings(layers=("memory", "rare", "word", "boost"), memory_min_length=2))
    assert differences(due_rows([peel]), show([peel]).rows()) == []
