"""ARPA files that are refused, with which words; and names of symbols that would break one."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from errtax.lm.errors import BadInput
from errtax.lm.ngram import token_names
from errtax.lm.ngram.arpa import ArpaModel
from errtax.lm.ngram.arpa_reader import read_arpa
from errtax.lm.text import END_OF_LINE, UNKNOWN, Sentences, Unit, text_of_bytes
from test_arpa import EXPECTED, SMALL, log10_scores, score_ab, write

ERRORS: list[tuple[str, Callable[[str], str], str]] = [
    ("empty", lambda s: "", r"m\.arpa is empty"),
    ("no data", lambda s: s.replace("\\data\\", "data"), r"m\.arpa is not an ARPA file: it has no line \\data\\"),
    ("no end", lambda s: s.replace("\\end\\", ""), r"ends without a line \\end\\: it was cut"),
    ("cut in a section", lambda s: s[: s.index("-0.1\tb")], r"ends without a line \\end\\"),
    ("cut in the header", lambda s: s[: s.index("ngram 3")], r"ends without a line \\end\\"),
    ("cut in the marker", lambda s: s[:-4], r"line 21: found '\\\\e' where '\\\\end\\\\' is expected"),
    ("section missing", lambda s: s.replace("\\2-grams:", ""), r"line 18: found '\\\\3-grams:' where '\\\\2-grams:'"),
    ("section extra", lambda s: s.replace("ngram 3=1\n", ""), r"line 17: found '\\\\3-grams:' where '\\\\end\\\\'"),
    ("count missing", lambda s: s.replace("ngram 2=3\n", ""), r"line 3: found 'ngram 3=1' where 'ngram 2='"),
    ("no counts", lambda s: "\\data\\\n\n\\end\\\n", r"line 3: the header promises no 1-grams"),
    (
        "bad count",
        lambda s: s.replace("2=3", "2=x"),
        r"line 3: found 'ngram 2=x' where 'ngram 2=' and a count are expected",
    ),
    ("too few", lambda s: s.replace("2=3", "2=4"), r"line 13: the header promises 4 2-grams, but there are 3"),
    ("too many", lambda s: s.replace("1=5", "1=4"), r"line 6: the header promises 4 1-grams, but there are 5"),
    ("absurd", lambda s: s.replace("2=3", "2=999999999999"), r"line 13: the header promises 999,999,999,999 2-grams"),
    ("short", lambda s: s.replace("a b\t0", "a"), r"line 15: '-0\.2\\ta' has too few fields: .* 2 words and at most"),
    ("long", lambda s: s.replace("a b\t0", "a b b\t0"), r"line 15: 'b' stands where a back-off weight or"),
    ("word for backoff", lambda s: s.replace("a b\t0", "a b\tb"), r"line 15: 'b' stands where a back-off weight or"),
    (
        "long at the top",
        lambda s: s.replace("<s> a b\n", "<s> a b b\n"),
        r"line 19: 'b' stands where a back-off weight or",
    ),
    (
        "longer",
        lambda s: s.replace("a b\t0", "a b\t0\t0"),
        r"line 15: '-0\.2\\ta b\\t0\\t0' has too many fields: .* 2 words",
    ),
    (
        "backoff",
        lambda s: s.replace("-0.25", "-0,25"),
        r"line 10: '-0,25' stands where a back-off weight or .* 1-gram's",
    ),
    ("no words", lambda s: s.replace("-0.5\tb\t-0.125", "-0.5"), r"line 11: '-0\.5' has too few fields: .* 1 word and"),
    (
        "no number",
        lambda s: s.replace("-0.2\t", "-0,2\t"),
        r"line 15: '-0,2' stands where the log10 probability of a 2-",
    ),
    ("not finite", lambda s: s.replace("-0.2\t", "-inf\t"), r"line 15: '-inf' stands where"),
    ("positive", lambda s: s.replace("-0.2\t", "0.2\t"), r"line 15: the log10 probability 0\.2 is above 0"),
    ("no such word", lambda s: s.replace("a b\t0", "a c\t0"), r"line 15: 'c' is not among the 1-grams"),
    ("twice", lambda s: s.replace("\tb\t", "\ta\t"), r"line 11: the 1-gram 'a' occurs twice"),
    ("2-gram twice", lambda s: s.replace("a b\t0", "b </s>\t0"), r"the 2-gram 'b </s>' occurs twice"),
    (
        "no prefix",
        lambda s: s.replace("<s> a b\n", "b a b\n"),
        r"3-gram 'b a b' .* its first words, the 2-gram 'b a', do",
    ),
    ("no <s>", lambda s: s.replace("<s>", "<t>"), r"m\.arpa has no 1-gram <s>"),
    ("no </s>", lambda s: s.replace("</s>", "</t>"), r"m\.arpa has no 1-gram </s>"),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_what_is_refused(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    with pytest.raises(BadInput, match=message) as raised:
        read_arpa(write(tmp_path / "m.arpa", change(SMALL)))
    assert str(tmp_path / "m.arpa") in str(raised.value)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.arpa"
    path.write_bytes(SMALL.replace("b", "é").encode("latin-1"))
    with pytest.raises(BadInput, match="line 11: the word '\ufffd' is not UTF-8"):
        read_arpa(path)


@pytest.mark.parametrize("cut", [1, 9, 40])
def test_a_damaged_gzip_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "m.arpa.gz"
    path.write_bytes(gzip.compress(SMALL.encode())[:-cut])
    with pytest.raises(BadInput, match="is a damaged gzip file"):
        read_arpa(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        read_arpa(tmp_path / "m.arpa")


def test_words_must_be_symbols_of_the_unit(tmp_path: Path) -> None:
    path = write(tmp_path / "m.arpa", SMALL.replace("\tb\t", "\tbee\t").replace("b ", "bee ").replace(" b", " bee"))
    for unit in (Unit.BYTE, Unit.CHAR, Unit.TOKEN):
        with pytest.raises(BadInput, match=f"1-gram '(a|bee)', which is not a {unit}; open it with --unit word"):
            ArpaModel.open(path, unit)
    assert ArpaModel.open(path).unit is Unit.WORD
    padded = write(
        tmp_path / "p.arpa", SMALL.replace("\tb\t", "\t<pad>\t").replace("b ", "<pad> ").replace(" b", " <pad>")
    )
    assert ArpaModel.open(padded, Unit.BYTE).unit is Unit.BYTE


def test_these_tests_can_fail(tmp_path: Path) -> None:
    other = SMALL.replace("-0.05", "-0.06")
    assert score_ab(write(tmp_path / "m.arpa", other)) != pytest.approx(EXPECTED, abs=1e-6)


# --- names of symbols -------------------------------------------------------------------------------------------------


def test_every_byte_has_a_name() -> None:
    names = token_names.name_symbols(range(256), Unit.BYTE)
    assert len(set(names)) == 256 and all(name.split() == [name] and name.isascii() for name in names)
    assert token_names.find_codes(names, Unit.BYTE).tolist() == list(range(256))
    assert token_names.guess_unit(names) is Unit.BYTE


def test_every_character_has_a_name() -> None:
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    names = token_names.name_symbols(codes, Unit.CHAR)
    assert len(set(names)) == len(codes) and all(name.split() == [name] for name in names)
    assert np.array_equal(token_names.find_codes(names, Unit.CHAR), codes)
    renamed = [name for name, code in zip(names, codes, strict=True) if name != chr(code)]
    assert {"<sp>", "<nl>", "<tab>", "<cr>", "<vt>", "<ff>", "<isp>", "<u+0000>", "<u+00a0>", "<u+2003>"} <= set(
        renamed
    )
    assert len(renamed) < 40


def test_names_of_words_and_tokens() -> None:
    words = ["cat", "<s>", "</s>", "<unk>", "<UNK>"]
    named = token_names.name_symbols([0, 1, 2, 3, 4, END_OF_LINE, UNKNOWN], Unit.WORD, words)
    assert named == ["cat", "<unk>", "<unk>", "<unk>", "<unk>", "</s>", "<unk>"]
    assert token_names.find_codes(words, Unit.WORD).tolist() == [0, -1, -1, -1, -1]
    assert token_names.name_symbols([7, 50257, END_OF_LINE], Unit.TOKEN) == ["7", "50257", "</s>"]
    found = token_names.find_codes(["7", "007", "4294967295", "x", "²", "</s>"], Unit.TOKEN)
    assert found.tolist() == [7, -1, -1, -1, -1, -1]


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
def test_blanks_of_a_text_are_their_names(tmp_path: Path, unit: Unit) -> None:
    """In the words of SMALL, b is é."""
    name = {Unit.BYTE: "<e9>", Unit.CHAR: "é"}[unit]
    content = SMALL.replace("\ta\t", "\t<sp>\t").replace("a ", "<sp> ").replace(" a", " <sp>")
    content = content.replace("\tb\t", f"\t{name}\t").replace("b ", f"{name} ").replace(" b", f" {name}")
    model = ArpaModel.open(write(tmp_path / "m.arpa", content))
    assert model.unit is unit
    text = text_of_bytes(" é?".encode("latin-1" if unit is Unit.BYTE else "utf-8"), unit)
    assert log10_scores(model, text)[:, -1] == pytest.approx(EXPECTED[:3], abs=1e-6)


def test_tokens_are_numbers(tmp_path: Path) -> None:
    content = SMALL.replace("\ta\t", "\t50256\t").replace("a ", "50256 ").replace(" a", " 50256")
    content = content.replace("\tb\t", "\t17\t").replace("b ", "17 ").replace(" b", " 17")
    model = ArpaModel.open(write(tmp_path / "m.arpa", content))
    assert (model.unit, model.sentences) == (Unit.TOKEN, Sentences.LINES)
    text = text_of_bytes(b"50256 17 1\n", Unit.TOKEN)
    assert log10_scores(model, text)[:, -1] == pytest.approx(EXPECTED, abs=1e-6)
    assert replace(model, sentences=Sentences.STREAM).order == 3
