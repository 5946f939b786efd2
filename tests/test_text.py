"""Texts as arrays of symbols, and alphabets."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput
from errtax.lm.text import Alphabet, Unit, read_text, symbol_name, text_of_bytes


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


@given(string=st.text(st.sampled_from("abé猫\n🙂"), min_size=1, max_size=30), unit=st.sampled_from(list(Unit)))
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
        (10, Unit.BYTE, "0x0a"),
        (32, Unit.BYTE, "0x20"),
        (0xE9, Unit.BYTE, "0xe9"),
        (0xE9, Unit.CHAR, "é"),
        (10, Unit.CHAR, "U+000A"),
        (32, Unit.CHAR, "U+0020"),
        (0x200B, Unit.CHAR, "U+200B"),
    ],
)
def test_symbol_names_can_be_seen(code: int, unit: Unit, name: str) -> None:
    assert symbol_name(code, unit) == name


def test_war_and_peace_is_the_papers(warpeace: bytes) -> None:
    assert len(warpeace) == 3_258_246
    digest = "fb66ba999dafe24017cdd59e04c56d385a9c8466993d374fd4c6f08b2142985e"
    assert hashlib.sha256(warpeace).hexdigest() == digest
    assert len(Alphabet.sorted(text_of_bytes(warpeace, Unit.BYTE).codes)) == 87
