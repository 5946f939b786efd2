"""ARPA files: what is read, and scores against the slow reader."""

import gzip
import hashlib
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arpa import read_arpa as read_slowly
from arpa import score
from arpa_models import WORDS, Layout, Model, layouts, models, score_all, score_lines, write_model
from errtax.lm.errors import BadInput
from errtax.lm.ngram import arpa_kernels, arpa_reader, token_names
from errtax.lm.ngram.arpa import ArpaModel
from errtax.lm.ngram.arpa_reader import read_arpa
from errtax.lm.ngram.model import NgramModel
from errtax.lm.text import Sentences, Text, Unit, text_of_bytes
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
