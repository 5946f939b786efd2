"""Texts as arrays of symbols, and alphabets."""

import hashlib
import io
import re
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput
from errtax.lm.symbols import symbol_column
from errtax.lm.text import (
    END_OF_LINE,
    TEXT_UNITS,
    UNKNOWN,
    Alphabet,
    Sentences,
    Text,
    Unit,
    read_text,
    read_texts,
    recode,
    refuse_special_words,
    symbol_name,
    text_of_bytes,
)

STREAM, LINES = Sentences.STREAM, Sentences.LINES
EOL = "</s>"
BLANKS = st.sampled_from([" ", "\n", "\t", "\r", "\0", "\r\n", "  "])
NO_BLANKS = st.sampled_from(["a", "b", "ab", "\v", "\f", "\xa0", "\u3000", "\x85", "\x1c", "é", "猫", "<s>", "\ufeff"])
PROSE = st.lists(BLANKS | NO_BLANKS, max_size=40).map("".join)


def naive_words(string: str, sentences: Sentences) -> list[str]:
    """The words one by one, and `</s>` for each line end where lines are sentences."""
    separators = "[\0\t\r \n]" if sentences is STREAM else "[\0\t\r ]|(\n)"
    pieces = [EOL if piece == "\n" else piece for piece in re.split(separators, string)]
    return [piece for piece in pieces if piece]


def words_of(text: Text) -> list[str]:
    words = [*map(str, text.words)]
    return [words[code] if code < len(words) else symbol_name(int(code), text.unit) for code in text.codes.tolist()]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@given(data=st.binary(max_size=50))
def test_bytes_are_kept(data: bytes) -> None:
    text = text_of_bytes(data, Unit.BYTE)
    assert text.codes.tolist() == list(data)
    assert text.string == data.decode("utf-8", "surrogateescape")
    assert text.sha256 == hashlib.sha256(data).hexdigest()


@given(string=st.text(max_size=50))
def test_characters_are_code_points(string: str) -> None:
    text = text_of_bytes(string.encode(), Unit.CHAR)
    assert text.codes.tolist() == [ord(c) for c in string]
    assert text.string == string
    assert len(text) == len(string)


def test_a_byte_order_mark_and_line_ends_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\r")
    assert read_text(path, Unit.BYTE).codes.tobytes() == path.read_bytes()
    assert read_text(path, Unit.CHAR).string == "\ufeffa\r\nb\r"


def test_bad_utf8_is_refused_with_its_offset(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"ab\xe9c")
    assert len(read_text(path, Unit.BYTE)) == 4
    with pytest.raises(BadInput, match=r"a\.txt is not UTF-8: byte 0xe9 at offset 2; .*--unit byte"):
        read_text(path, Unit.CHAR)


def test_empty_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(BadInput, match="empty"):
        read_text(tmp_path / "empty", Unit.BYTE)
    with pytest.raises(BadInput, match="does not exist"):
        read_text(tmp_path / "none", Unit.BYTE)


@given(
    string=st.text(st.sampled_from("abé猫\n🙂"), min_size=1, max_size=30),
    unit=st.sampled_from([Unit.BYTE, Unit.CHAR, Unit.WORD]),
)
def test_alphabets_number_each_symbol_once(string: str, unit: Unit) -> None:
    codes = text_of_bytes(string.encode(), unit).codes
    first = Alphabet.by_first_appearance(codes)
    assert first.codes.tolist() == list(dict.fromkeys(codes.tolist()))
    assert Alphabet.sorted(codes).codes.tolist() == sorted(set(codes.tolist()))
    assert first.codes[first.encode(codes)].tolist() == codes.tolist()
    assert first.encode(codes, np.uint16, unknown=0, offset=3).tolist() == [
        3 + first.codes.tolist().index(c) for c in codes
    ]


def test_first_appearance_holds_far_into_a_long_text() -> None:
    codes = np.full(200_000, 97, np.uint8)
    codes[100] = 99
    codes[150_000] = 98
    codes[199_999] = 65
    assert Alphabet.by_first_appearance(codes).codes.tolist() == [97, 99, 98, 65]


def test_unknown_symbols_are_marked() -> None:
    alphabet = Alphabet(np.array([97, 98], np.uint32))
    assert alphabet.encode(np.array([98, 0x1F642, 97], np.uint32)).tolist() == [1, -1, 0]
    assert alphabet.encode(np.array([255, 97], np.uint8), np.uint8, unknown=0, offset=3).tolist() == [0, 3]


@pytest.mark.parametrize(
    ("code", "unit", "name"),
    [
        (97, Unit.BYTE, "a"),
        (10, Unit.BYTE, "↵"),
        (32, Unit.BYTE, "·"),
        (0xE9, Unit.BYTE, "‹E9›"),
        (0xE9, Unit.CHAR, "é"),
        (10, Unit.CHAR, "↵"),
        (32, Unit.CHAR, "·"),
        (0x200B, Unit.CHAR, "‹U+200B›"),
    ],
)
def test_symbol_names_can_be_seen(code: int, unit: Unit, name: str) -> None:
    assert symbol_name(code, unit) == name


# --- sentences -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "default", "end"),
    [
        (Unit.BYTE, STREAM, 10),
        (Unit.CHAR, STREAM, 10),
        (Unit.WORD, LINES, END_OF_LINE),
        (Unit.TOKEN, LINES, END_OF_LINE),
    ],
)
def test_what_a_sentence_is(unit: Unit, default: Sentences, end: int) -> None:
    assert text_of_bytes(b"1\n2", unit).sentences is default
    assert text_of_bytes(b"1\n2", unit, sentences=STREAM).end_of_line is None
    lines = text_of_bytes(b"1\n2", unit, sentences=LINES)
    assert lines.end_of_line == end
    assert (lines.codes == end).tolist() == [False, True, False]


@given(string=PROSE, unit=st.sampled_from([Unit.BYTE, Unit.CHAR]))
def test_lines_change_no_code_of_bytes_and_characters(string: str, unit: Unit) -> None:
    stream, lines = (text_of_bytes(string.encode(), unit, sentences=sentences) for sentences in Sentences)
    assert stream.codes.tolist() == lines.codes.tolist()
    assert lines.string == string


# --- words -----------------------------------------------------------------------------------------------------------


@given(string=PROSE, sentences=st.sampled_from(Sentences))
def test_words_are_split_at_five_bytes(string: str, sentences: Sentences) -> None:
    text = text_of_bytes(string.encode(), Unit.WORD, sentences=sentences)
    expected = naive_words(string, sentences)
    assert words_of(text) == expected
    assert text.words.to_pylist() == list(dict.fromkeys(word for word in expected if word != EOL))
    assert text.codes.dtype == np.uint32
    assert text.sha256 == hashlib.sha256(string.encode()).hexdigest()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a b\n", ["a", "b", EOL]),
        (b"a b", ["a", "b"]),  # lmplz gives a last line without newline no </s>
        (b"a b\n  \t", ["a", "b", EOL]),  # nor one of blanks
        (b"a b\n  \n", ["a", "b", EOL, EOL]),
        (b"\n\n", [EOL, EOL]),
        (b"a\r\nb\rc\r\n", ["a", EOL, "b", "c", EOL]),
        (b" a\0b\tc ", ["a", "b", "c"]),
        (b"a\vb\fc", ["a\vb\fc"]),
        (b"\xef\xbb\xbfa a", ["\ufeffa", "a"]),
        (b"", []),
        (b"   ", []),
    ],
)
def test_lines_are_lmplzs(data: bytes, words: list[str]) -> None:
    assert words_of(text_of_bytes(data, Unit.WORD)) == words
    assert words_of(text_of_bytes(data, Unit.WORD, sentences=STREAM)) == [word for word in words if word != EOL]


def test_a_large_vocabulary_keeps_its_numbers() -> None:
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, 30_000, 100_000).tolist()
    text = text_of_bytes(" ".join(f"word-{number}" for number in numbers).encode(), Unit.WORD)
    numbering = {number: code for code, number in enumerate(dict.fromkeys(numbers))}
    assert len(numbering) > 20_000
    assert text.codes.tolist() == [numbering[number] for number in numbers]
    assert text.words.to_pylist() == [f"word-{number}" for number in numbering]


def test_words_of_one_hash_are_two_words() -> None:
    text = text_of_bytes(b"pomkyqa zfpybts pomkyqa zfpybts", Unit.WORD)  # FNV-1a cut to 31 bits: 1307146665 twice
    assert text.codes.tolist() == [0, 1, 0, 1]


def test_a_long_word_is_kept() -> None:
    long = b"x" * 100_000
    assert text_of_bytes(long + b" a " + long, Unit.WORD).words.to_pylist() == [long.decode(), "a"]


@given(start=st.integers(0, 3), length=st.integers(1, 3))
def test_words_that_are_not_utf8_are_refused_with_their_offset(start: int, length: int) -> None:
    data = b"ab \nc " * start + "🙂".encode()[:length] + b" d"
    with pytest.raises(BadInput, match=rf"text is not UTF-8: byte 0xf0 at offset {6 * start}; .*--unit byte"):
        text_of_bytes(data, Unit.WORD)


@given(string=PROSE, known=st.sets(NO_BLANKS).map(sorted), large=st.booleans())
def test_recoding_keeps_the_words(string: str, known: list[str], large: bool) -> None:
    text = text_of_bytes(string.encode(), Unit.WORD)
    codes = recode(text, pa.array(known, pa.large_string() if large else pa.string()))
    special = {EOL: END_OF_LINE, "<s>": UNKNOWN}
    numbers = {word: code for code, word in enumerate(known)} | special
    assert codes.tolist() == [numbers.get(word, UNKNOWN) for word in naive_words(string, LINES)]
    assert codes.dtype == np.uint32


def test_special_words_are_unknown_to_every_model() -> None:
    text = text_of_bytes(b"a <unk> <s> </s> <UNK>", Unit.WORD)
    assert recode(text, pa.array(["</s>", "<unk>", "<UNK>", "a", "<s>"])).tolist() == [3, *[UNKNOWN] * 3, 2]


def test_only_words_are_recoded() -> None:
    with pytest.raises(BadInput, match="in units of byte"):
        recode(text_of_bytes(b"a", Unit.BYTE), pa.array(["a"]))


@pytest.mark.parametrize("word", ["<unk>", "<s>", "</s>"])
def test_special_words_are_refused_in_training(word: str) -> None:
    refuse_special_words(text_of_bytes(b"<UNK> <S> s> <unk>x\n", Unit.WORD))
    data = f"a b\n\n b {word} <unk> <s> </s> a\n".encode()
    with pytest.raises(BadInput, match=rf"text: line 3 has the word {word}, .* replace it"):
        refuse_special_words(text_of_bytes(data, Unit.WORD))
    with pytest.raises(BadInput, match=f"text: word 4 has the word {word}"):
        refuse_special_words(text_of_bytes(data, Unit.WORD, sentences=STREAM))
    refuse_special_words(text_of_bytes(data, Unit.BYTE))
    refuse_special_words(text_of_bytes(data, Unit.CHAR))


# --- several files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", TEXT_UNITS)
def test_words_and_lines_do_not_run_from_file_to_file(tmp_path: Path, unit: Unit) -> None:
    contents = [b"1 2\n3", b"", b"4\n", b"5"]
    paths = [write(tmp_path / f"{name}.txt", data) for name, data in zip("abcd", contents, strict=True)]
    lines = read_texts(paths, unit, LINES)
    separate = b"1 2\n3\n4\n5"
    assert lines.codes.tolist() == text_of_bytes(separate, unit, sentences=LINES).codes.tolist()
    assert lines.sha256 == hashlib.sha256(separate).hexdigest()
    stream = read_texts(paths, unit, STREAM)
    joined = b"".join(contents) if unit in (Unit.BYTE, Unit.CHAR) else separate
    assert stream.codes.tolist() == text_of_bytes(joined, unit, sentences=STREAM).codes.tolist()
    assert read_texts([tmp_path], unit, LINES).codes.tolist() == lines.codes.tolist()


def test_of_several_files_the_bad_one_is_named(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "a.txt", b"1 2\n3\n"), write(tmp_path / "b.txt", b"4\n\xe9\n")
    with pytest.raises(BadInput, match=r"b\.txt: line 2 has '\\\\xe9'"):
        read_texts([good, bad], Unit.TOKEN)
    for unit in (Unit.WORD, Unit.CHAR):
        with pytest.raises(BadInput, match=r"b\.txt is not UTF-8: byte 0xe9 at offset 2"):
            read_texts([good, bad], unit)


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"to be\n")))
    assert words_of(read_text(Path("-"), Unit.WORD)) == ["to", "be", EOL]


@pytest.mark.parametrize(("unit", "data"), [(Unit.WORD, b" \r\0\t"), (Unit.TOKEN, b"  "), (Unit.CHAR, b"")])
def test_texts_without_a_symbol_are_refused(tmp_path: Path, unit: Unit, data: bytes) -> None:
    with pytest.raises(BadInput, match=rf"a\.txt is empty, without a single {unit}"):
        read_text(write(tmp_path / "a.txt", data), unit)


# --- what is shown ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [Unit.WORD, Unit.TOKEN])
def test_words_and_tokens_have_no_characters(unit: Unit) -> None:
    with pytest.raises(BadInput, match=f"text is read in units of {unit}, without its characters; use --unit byte or"):
        _ = text_of_bytes(b"1 2", unit).string


def test_words_and_tokens_have_names() -> None:
    words = pa.array(["cat", "a b"])
    assert [symbol_name(code, Unit.WORD, words) for code in (0, 1)] == ["cat", "a b"]
    assert [symbol_name(code, Unit.TOKEN) for code in (65, 2**31 - 1)] == ["65", "2147483647"]
    for unit in (Unit.WORD, Unit.TOKEN):
        assert [symbol_name(code, unit, words) for code in (END_OF_LINE, UNKNOWN)] == [EOL, "<unk>"]


@given(string=PROSE, start=st.integers(0, 50), length=st.integers(0, 50))
def test_columns_of_symbols(string: str, start: int, length: int) -> None:
    data, part = string.encode(), slice(start, start + length)
    expected: dict[Unit, list[Any]] = {
        Unit.BYTE: [bytes([byte]) for byte in data],
        Unit.CHAR: list(string),
        Unit.WORD: naive_words(string, LINES),
    }
    for unit, symbols in expected.items():
        column = symbol_column(text_of_bytes(data, unit), start, start + length)
        assert column.to_pylist() == symbols[part]
        assert column.type == (pa.binary() if unit is Unit.BYTE else pa.string())
    assert symbol_column(text_of_bytes(b"5 0\n2147483647", Unit.TOKEN)).to_pylist() == ["5", "0", EOL, "2147483647"]


# --- alphabets of large codes ----------------------------------------------------------------------------------------

SPARSE = st.lists(st.sampled_from([0, 1, 2, 7, 2**21 - 1, 2**21, 2**31 - 1, UNKNOWN, END_OF_LINE]), max_size=20)


@given(listed=SPARSE, known=SPARSE)
def test_large_codes_are_as_small_ones(listed: list[int], known: list[int]) -> None:
    codes, alphabet = np.array(listed, np.uint32), Alphabet(np.array(list(dict.fromkeys(known)), np.uint32))
    assert Alphabet.sorted(codes).codes.tolist() == sorted(set(listed))
    assert Alphabet.by_first_appearance(codes).codes.tolist() == list(dict.fromkeys(listed))
    ids = {code: id for id, code in enumerate(alphabet.codes.tolist())}
    assert alphabet.encode(codes).tolist() == [ids.get(code, -1) for code in listed]
    assert alphabet.encode(codes, np.uint8, unknown=0, offset=3).tolist() == [ids.get(code, -3) + 3 for code in listed]


def test_large_codes_need_no_large_tables() -> None:
    codes = np.array([5, END_OF_LINE, 2**31 - 1, 5], np.uint32)
    tracemalloc.start()
    alphabet = Alphabet.by_first_appearance(codes)
    assert alphabet.encode(codes).tolist() == [0, 1, 2, 0]
    assert Alphabet(np.array([5], np.uint32)).encode(codes).tolist() == [0, -1, -1, 0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_large_text_is_not_held_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"to be or not to be\n" * 40_000)
    size = path.stat().st_size
    read_text(write(tmp_path / "b.txt", b"1\n"), Unit.WORD)  # compile the kernels
    for unit, most in ((Unit.BYTE, 1.1), (Unit.WORD, 3.0)):
        tracemalloc.start()
        read_text(path, unit)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most * size


def test_war_and_peace_is_the_papers(warpeace: bytes) -> None:
    assert len(warpeace) == 3_258_246
    digest = "fb66ba999dafe24017cdd59e04c56d385a9c8466993d374fd4c6f08b2142985e"
    assert hashlib.sha256(warpeace).hexdigest() == digest
    assert len(Alphabet.sorted(text_of_bytes(warpeace, Unit.BYTE).codes)) == 87
