"""Word counts: those of `re.findall`, whatever the pieces, the memory and the unit; looked up; found wanting."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm import word_counting
from errtax.lm.errors import BadInput
from errtax.lm.text import Text, Unit, text_of_bytes
from errtax.lm.word_counting import count_words
from errtax.lm.word_counts import PATTERN, WordCounts, arrays_of_words
from errtax.oracle import word_rule
from errtax.oracle.rare import count_words as count_training_words
from errtax.oracle.rare import word_rule_of
from strategies import INVALID, PIECES, units_and_texts

CHARS = [piece.encode() for piece in PIECES]
BYTES = [
    *CHARS,
    *INVALID,
    b"\xf0\x9f",
    b"\xed\xa0\x80",
    b"\xc1\xa1",
    b"\xe0\x81\xa1",
    b"\xf0\x80\x81\xa1",
    b"\xf4\x90\x80\x80",
]
BYTES += [b"a", b"b", b"\xf5"]
WORDS = ["", "a", "ab", "b", "猫", "猫犬", "x" * 9, "\udcff"]


@st.composite
def longer_texts(draw: st.DrawFn) -> Text:
    """Some hundred pieces, so that tables are full and words stand at every border."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pieces = BYTES if draw(st.booleans()) else CHARS
    content = b"".join(pieces[k] for k in rng.integers(len(pieces), size=draw(st.sampled_from([3, 300, 3000]))))
    return text_of_bytes(content, Unit.BYTE if pieces is BYTES else Unit.CHAR)


def due(text: Text, pattern: str = PATTERN) -> Counter[str]:
    """The slow twin: a Counter of all words, line by line."""
    return Counter(match[0] for line in text.string.split("\n") for match in re.finditer(pattern, line))


@given(case=units_and_texts())
def test_counts_are_those_of_findall(case: tuple[Unit, bytes]) -> None:
    text = text_of_bytes(case[1], case[0])
    counts = count_words(text)
    assert counts == Counter(re.findall(r"\w+", text.string))
    assert counts.problem() is None


@given(text=longer_texts(), piece=st.sampled_from([1, 2, 7, 64, 1 << 22]), memory=st.sampled_from([1, 1000, 1 << 28]))
def test_pieces_and_memory_do_not_show(text: Text, piece: int, memory: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_counting, "_PIECE", piece)
        patch.setattr(word_counting, "_SLOTS", 4)
        counts = count_words(text, memory=memory)
    assert counts == Counter(re.findall(r"\w+", text.string))
    assert counts.problem() is None
    whole = count_words(text)
    for name in ("content", "ends", "counts"):
        assert np.array_equal(getattr(counts, name), getattr(whole, name)), name


@given(text=longer_texts(), piece=st.sampled_from([1, 64, 1 << 22]), pattern=st.sampled_from([r"[\w']+", r"\S+", "."]))
def test_own_patterns_are_counted_line_by_line(text: Text, piece: int, pattern: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_counting, "_PIECE", piece)
        patch.setattr(word_counting, "_SLOTS", 4)
        counts = count_words(text, word_rule_of(pattern), memory=10_000)
    assert counts.rule == pattern
    assert counts.problem() is None
    assert counts == due(text, pattern)


def test_icu_counts_do_not_depend_on_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("icu4py", reason="icu4py is not installed: pip install 'errtax[icu]'")
    text = text_of_bytes(("我昨天在北京大学读书。don't stop\r\n\n北京很大。\n" * 30).encode(), Unit.CHAR)
    whole = count_training_words(text, "icu")
    assert (whole["北京"], whole["don't"]) == (60, 30)
    assert whole.rule.startswith("icu ")
    monkeypatch.setattr(word_counting, "_PIECE", 10)
    assert count_training_words(text, "icu") == whole


def test_a_word_longer_than_pieces_and_memory_is_one_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_counting, "_PIECE", 100)
    content = b"a " + "é".encode() * 40_000 + b" a"
    counts = count_words(text_of_bytes(content, Unit.BYTE), memory=1000)
    assert dict(counts) == {"a": 2, "é" * 40_000: 1}


def test_nothing_is_left_of_what_memory_did_not_hold(tmp_path: Path) -> None:
    numbers = np.random.default_rng(1).permutation(40_000).tolist()
    text = text_of_bytes(" ".join(map(str, numbers)).encode(), Unit.BYTE)
    counts = count_words(text, memory=100_000, folder=tmp_path)
    assert counts == {str(number): 1 for number in numbers}
    assert list(tmp_path.iterdir()) == []


@given(
    words=st.lists(st.sampled_from(["", "a", "ab", "b", "猫", "猫犬", "x" * 9, "\udcff"]), max_size=8),
    text=longer_texts(),
)
def test_many_words_are_looked_up_at_once(words: list[str], text: Text) -> None:
    counts = count_words(text)
    known = Counter(re.findall(r"\w+", text.string))
    asked = [*words, *list(known)[::3]]
    assert counts.look_up(*arrays_of_words(asked)).tolist() == [known[word] for word in asked]
    assert all((word in counts) is (word in known) for word in asked)


def test_words_and_tokens_have_no_surface() -> None:
    with pytest.raises(BadInput, match="without its characters"):
        count_words(text_of_bytes(b"1 2", Unit.TOKEN))


def test_the_default_rule_has_one_name() -> None:
    assert PATTERN == word_rule.PATTERN == word_rule_of().name == word_rule_of(word_rule.PATTERN).name


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("ends", [1, 1, 3]),
        ("ends", [1, 3, 2]),
        ("ends", [1, 2]),
        ("ends", [1, 2, 4]),
        ("ends", [-1, 2, 3]),
        ("ends", [1, 2**62, 3]),
        ("counts", [1, 0, 1]),
        ("counts", [1, -5, 1]),
        ("content", [97, 99, 98]),
        ("content", [97, 97, 98]),
    ],
)
def test_what_is_no_table_is_found(field: str, values: list[int]) -> None:
    counts = count_words(text_of_bytes(b"a b c b", Unit.BYTE))
    assert counts.problem() is None
    changed: Any = {field: np.array(values, getattr(counts, field).dtype)}
    assert replace(counts, **changed).problem() is not None


def test_an_empty_table_is_one() -> None:
    counts = count_words(text_of_bytes(b"...", Unit.BYTE))
    assert (len(counts), counts["a"], counts.problem()) == (0, 0, None)
    assert isinstance(counts, WordCounts)
