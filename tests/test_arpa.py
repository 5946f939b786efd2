"""ARPA files: what is read, what is refused, and scores against the slow reader."""

import gzip
import hashlib
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arpa import read_arpa as read_slowly
from arpa import score
from arpa_models import WORDS, Layout, Model, layouts, models, score_lines, write_model
from errtax.lm.errors import BadInput
from errtax.lm.ngram import arpa_kernels, arpa_reader, token_names
from errtax.lm.ngram.arpa import ArpaModel
from errtax.lm.ngram.arpa_reader import read_arpa
from errtax.lm.ngram.model import NgramModel, score_all
from errtax.lm.text import END_OF_LINE, UNKNOWN, Sentences, Text, Unit, text_of_bytes
from golden.make import TEXTS

GOLDEN = Path(__file__).parent / "golden"
ALL_FILES = sorted(path for path in GOLDEN.glob("*.arpa*") if path.stem != "srilm")
FILES = [path for path in ALL_FILES if TEXTS[path.name.split(".")[0]].unit == "char"]

SMALL = """\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-1.5\t<unk>\t0
-99\t<s>\t-0.5
-1\t</s>\t0
-0.75\ta\t-0.25
-0.5\tb\t-0.125

\\2-grams:
-0.3\t<s> a\t-0.1
-0.2\ta b\t0
-0.1\tb </s>\t0

\\3-grams:
-0.05\t<s> a b

\\end\\
"""


def write(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


def log10_scores(model: NgramModel, text: Text) -> np.ndarray:
    return score_all(model, model.codes_of(text)) / math.log(10)


def held_out(name: str) -> str:
    text = (GOLDEN / f"{name}.txt").read_bytes().decode()
    return text[:40] + "☃" + text[::-1][:300] + "☃☃" + text[50:350] + text[::3] + text[-60:]


# --- golden files: KenLM's own ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_scores_are_the_slow_readers_at_each_order(path: Path) -> None:
    text, slow = held_out(path.name.split(".")[0]), read_slowly(path)
    found = log10_scores(ArpaModel.open(path, Unit.CHAR), text_of_bytes(text.encode(), Unit.CHAR))
    tokens = token_names.name_symbols(map(ord, text), Unit.CHAR)
    assert found.shape == (len(text), int(path.name.split(".")[1]))
    for n in range(1, found.shape[1] + 1):
        assert np.abs(found[:, n - 1] - score(slow, tokens, n)).max() < 1e-5


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda path: path.name)
def test_the_unit_is_guessed(path: Path) -> None:
    assert ArpaModel.open(path).unit == TEXTS[path.name.split(".")[0]].unit


def test_srilms_format_scores_as_kenlm_says() -> None:
    """The numbers are those of KenLM's query (golden/README.md)."""
    model = ArpaModel.open(GOLDEN / "srilm.arpa")
    found = log10_scores(model, text_of_bytes(b"the cat ran\nthe dog zzz the\n", Unit.WORD))[:, -1]
    first = [-0.09691001, -0.2218487, -0.60205996, -0.154902]
    assert found == pytest.approx([*first, -0.09691001, -0.6197887, -100.30103, -0.60206, -1.1760913], abs=1e-5)


def test_every_line_is_a_sentence() -> None:
    path = GOLDEN / "prose.3.arpa"
    text = 'the mill\n\nthe wheel\n"'
    lines = [token_names.name_symbols(map(ord, line), Unit.CHAR) for line in text.split("\n")]
    found = ArpaModel.open(path, Unit.CHAR, Sentences.LINES)
    symbols = text_of_bytes(text.encode(), Unit.CHAR, sentences=Sentences.LINES)
    for n in (1, 2, 3):
        expected = score_lines(read_slowly(path), lines, n, ended=False)
        assert np.allclose(log10_scores(found, symbols)[:, n - 1], expected, atol=1e-5)
    stream = score_all(ArpaModel.open(path, Unit.CHAR), symbols.codes) / math.log(10)
    assert np.abs(stream[:, 2] - expected).max() > 0.1


def test_what_a_model_says_of_itself() -> None:
    path = GOLDEN / "prose.5.arpa.gz"
    model = ArpaModel.open(path, Unit.CHAR)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (model.order, model.text_sha256) == (5, "")
    assert model.description == f"arpa,order=5,sha256={digest[:8]}"
    assert model.sentences is Sentences.STREAM
    with pytest.raises(BadInput, match="units of byte, the model in units of char"):
        model.codes_of(text_of_bytes(b"x", Unit.BYTE, "test.txt"))


# --- random models ----------------------------------------------------------------------------------------------------

lines_of_words = st.lists(st.lists(st.sampled_from([*WORDS, "unseen", "<s>", "<UNK>"]), max_size=6), min_size=1)


@given(models(), layouts, lines_of_words, st.booleans(), st.booleans())
def test_any_model_in_any_layout(
    tmp_path_factory: pytest.TempPathFactory,
    model: Model,
    layout: Layout,
    lines: list[list[str]],
    reverse: bool,
    zipped: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / ("model.arpa.gz" if zipped else "model.arpa")
    found = ArpaModel.open(write_model(path, model, layout, reverse), Unit.WORD)
    symbols = text_of_bytes("\n".join(map(" ".join, lines)).encode(), Unit.WORD)
    # in a text these are words that no model knows
    known = [[word if word not in ("<s>", "<UNK>") else "<unk>" for word in line] for line in lines]
    blocks = list(found.score_blocks(found.codes_of(symbols), block=3))
    assert all(len(block) <= 3 for block in blocks)
    assert found.order == max(map(len, model))
    if blocks:
        for n in range(1, found.order + 1):
            expected = score_lines(model, known, n, ended=False)
            assert np.allclose(np.concatenate(blocks)[:, n - 1] / math.log(10), expected, atol=2e-5)


@given(models(), st.integers(1, 80), st.integers(1, 5))
def test_pieces_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory, model: Model, piece: int, rows: int
) -> None:
    path = write_model(tmp_path_factory.getbasetemp() / "pieces.arpa", model)
    whole = read_arpa(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arpa_reader, "_PIECE", piece)
        patch.setattr(arpa_reader, "_ROWS", rows)
        parts = read_arpa(path)
    assert whole.words.equals(parts.words)
    for column in whole.trie._fields:
        assert np.array_equal(getattr(whole.trie, column), getattr(parts.trie, column))


@given(st.lists(st.sampled_from(["a", "b", "?"]), min_size=1, max_size=12), st.sets(st.integers(0, 11)))
def test_unknown_positions_are_unknown_words(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], places: set[int]
) -> None:
    model = ArpaModel.open(write(tmp_path_factory.getbasetemp() / "unknown.arpa", SMALL), Unit.WORD)
    unknown = sorted(place for place in places if place < len(words))
    replaced = ["?" if place in unknown else word for place, word in enumerate(words)]
    codes = model.codes_of(text_of_bytes(" ".join(words).encode(), Unit.WORD))
    found = np.concatenate(list(model.score_blocks(codes, np.array(unknown, np.int64), block=5)))
    expected = score_all(model, model.codes_of(text_of_bytes(" ".join(replaced).encode(), Unit.WORD)))
    assert np.array_equal(found, expected)


def test_long_texts_are_scored_in_pieces() -> None:
    """More positions than one thread takes: the joints must not show."""
    model = ArpaModel.open(GOLDEN / "prose.5.arpa.gz", Unit.CHAR)
    rng = random.Random(3)
    text = "".join(rng.choices("the mill\n", k=9000))
    codes = text_of_bytes(text.encode(), Unit.CHAR).codes
    whole = score_all(model, codes)
    for start in (4090, 4096, 8190):
        tail = score_all(model, codes[start - 4 : start + 20])
        assert np.allclose(whole[start : start + 20], tail[4:], atol=1e-6)


def test_a_text_without_symbols_has_no_scores(tmp_path: Path) -> None:
    model = ArpaModel.open(write(tmp_path / "m.arpa", SMALL), Unit.CHAR)
    assert score_all(model, np.empty(0, np.uint32)).shape == (0, 3)


# --- what is accepted -------------------------------------------------------------------------------------------------


def score_ab(path: Path) -> list[float]:
    """log10 p of `a b ?` and the line's end, at the highest order."""
    model = ArpaModel.open(path, Unit.WORD)
    return [float(x) for x in log10_scores(model, text_of_bytes(b"a b ?\n", Unit.WORD))[:, -1]]


EXPECTED = [-0.3, -0.05, -1.5 - 0.125, -1.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s,
        lambda s: s.replace("\n", "\r\n"),
        lambda s: s.replace("\t", " "),
        lambda s: s.replace("\n-", "\n  -").replace("a b\n", "a b \t \n"),
        lambda s: "\ufeff" + s,
        lambda s: "made by hand, see \\data\\\n\\note\\\n\n" + s,
        lambda s: s.replace("\t0\n", "\n"),
        lambda s: s.replace("ngram 1=5", "ngram  1 =    5"),
        lambda s: s.replace("\n-", "\n\n-"),
        lambda s: s.replace("<unk>", "<UNK>"),
        lambda s: s.replace("-0.125", "-1.25e-1").replace("-0.25", "-.25").replace("-1\t", "-1.\t"),
        lambda s: s + "\nmore\n",
        lambda s: s.removesuffix("\n"),
        lambda s: s.replace("a b\n\n\\end", "a b\t0\n\n\\end"),
        lambda s: s.replace("ngram 3=1\n", "ngram 3=1\nngram 4=0\n").replace("\\end", "\\4-grams:\n\n\\end"),
    ],
)
def test_what_files_may_look_like(tmp_path: Path, change: Callable[[str], str]) -> None:
    assert score_ab(write(tmp_path / "m.arpa", change(SMALL))) == pytest.approx(EXPECTED, abs=1e-6)


def test_a_file_without_unk_gets_kenlms(tmp_path: Path) -> None:
    without = SMALL.replace("-1.5\t<unk>\t0\n", "").replace("1=5", "1=4")
    assert score_ab(write(tmp_path / "m.arpa", without)) == pytest.approx(
        [*EXPECTED[:2], -100.0 - 0.125, EXPECTED[3]], abs=1e-5
    )


def test_n_grams_with_unk_are_used(tmp_path: Path) -> None:
    """SRILM's -unk; lmplz never writes them."""
    changed = SMALL.replace("a b\t0\n", "a b\t0\n-0.7\tb <unk>\t-0.4\n-0.6\t<unk> </s>\t0\n").replace("2=3", "2=5")
    assert score_ab(write(tmp_path / "m.arpa", changed)) == pytest.approx([-0.3, -0.05, -0.7, -0.4 - 0.6], abs=1e-6)


def test_gzip_needs_no_suffix(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(gzip.compress(SMALL.encode()))
    assert score_ab(path) == pytest.approx(EXPECTED, abs=1e-6)


@given(st.floats(-1e5, 0, width=32), st.sampled_from(["{!r}", "{:.9g}", "{:e}", "{:.12f}", "{:+.8f}"]))
def test_numbers_are_read_as_python_does(value: float, form: str) -> None:
    written = form.format(value)
    data = np.frombuffer(f"x{written}\n".encode(), np.uint8)
    fine, found = arpa_kernels._read_number(data, 1, len(data) - 1)
    assert fine and found == pytest.approx(float(written), rel=1e-14)


@pytest.mark.parametrize(
    "written", ["-" + "123456789" * 4, "-0." + "987654321" * 4, "-" + "1" * 30 + ".5e-20", "-1e-400"]
)
def test_numbers_of_many_digits(written: str) -> None:
    fine, found = arpa_kernels._read_number(np.frombuffer(written.encode(), np.uint8), 0, len(written))
    assert fine and found == pytest.approx(float(written), rel=1e-14)


def test_words_of_one_hash_are_told_apart() -> None:
    slot = np.array([-1, -1, -1, -1, -1, 0, -1, -1])
    words = arpa_kernels.Vocabulary(np.array([0]), np.array([5]), slot)
    data = np.frombuffer(b"a b ab\n", np.uint8)
    found = [arpa_kernels._find_slot(words, data, begin, end, 5) for begin, end in ((0, 1), (2, 3), (4, 6), (5, 6))]
    assert found == [5, 6, 6, 6]
    longer = words._replace(begin=np.array([4]))
    assert [arpa_kernels._find_slot(longer, data, 0, end, 5) for end in (1, 2)] == [6, 6]
    assert arpa_kernels._find_slot(longer, data, 4, 6, 5) == 5


@pytest.mark.parametrize("written", ["", "-", ".", "1e", "1e+", "1.2.3", "--1", "1-", "0x1", "nan", "inf", "1e999"])
def test_what_is_no_number(written: str) -> None:
    data = np.frombuffer(f"{written} ".encode(), np.uint8)
    assert not arpa_kernels._read_number(data, 0, len(written))[0]


# --- what is refused --------------------------------------------------------------------------------------------------

ERRORS: list[tuple[str, Callable[[str], str], str]] = [
    ("empty", lambda s: "", r"m\.arpa is empty"),
    ("no data", lambda s: s.replace("\\data\\", "data"), r"m\.arpa is no ARPA file: it has no line \\data\\"),
    ("no end", lambda s: s.replace("\\end\\", ""), r"ends without a line \\end\\: it was cut"),
    ("cut in a section", lambda s: s[: s.index("-0.1\tb")], r"ends without a line \\end\\"),
    ("cut in the header", lambda s: s[: s.index("ngram 3")], r"ends without a line \\end\\"),
    ("cut in the marker", lambda s: s[:-4], r"line 21: found '\\\\e' where '\\\\end\\\\' is due"),
    ("section missing", lambda s: s.replace("\\2-grams:", ""), r"line 18: found '\\\\3-grams:' where '\\\\2-grams:'"),
    ("section extra", lambda s: s.replace("ngram 3=1\n", ""), r"line 17: found '\\\\3-grams:' where '\\\\end\\\\'"),
    ("count missing", lambda s: s.replace("ngram 2=3\n", ""), r"line 3: found 'ngram 3=1' where 'ngram 2='"),
    ("no counts", lambda s: "\\data\\\n\n\\end\\\n", r"line 3: the header promises no 1-grams"),
    ("bad count", lambda s: s.replace("2=3", "2=x"), r"line 3: found 'ngram 2=x' where 'ngram 2=' and a count are due"),
    ("too few", lambda s: s.replace("2=3", "2=4"), r"line 13: the header promises 4 2-grams, here are 3"),
    ("too many", lambda s: s.replace("1=5", "1=4"), r"line 6: the header promises 4 1-grams, here are 5"),
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
    ("twice", lambda s: s.replace("\tb\t", "\ta\t"), r"line 11: the 1-gram 'a' stands twice"),
    ("2-gram twice", lambda s: s.replace("a b\t0", "b </s>\t0"), r"the 2-gram 'b </s>' stands twice"),
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
        with pytest.raises(BadInput, match=f"1-gram '(a|bee)', which is no {unit}; open it with --unit word"):
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
