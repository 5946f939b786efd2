"""Kernels over characters and words against Python's own decoding, `re` and dictionaries."""

import re
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from errtax.lm.text import Unit
from errtax.oracle import characters
from errtax.oracle.characters import decode, kinds_of
from errtax.oracle.quotes import APOSTROPHES, QUOTES
from errtax.oracle.text_view import TextView
from strategies import data, log_of, strings

# bytes at the borders of what may follow what in UTF-8
BORDERS = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE]
BORDERS += [0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]
octets = st.lists(st.sampled_from(BORDERS), max_size=30).map(bytes)
anything = st.one_of(octets, st.binary(max_size=60), data(), st.text(max_size=20).map(str.encode))


@given(content=anything)
@example(content="a\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff".encode())
def test_bytes_are_decoded_as_python_decodes_them(content: bytes) -> None:
    points, first = decode(np.frombuffer(content, np.uint8).copy())
    due = content.decode("utf-8", "surrogateescape")
    assert points.tolist() == [ord(c) for c in due]
    widths = [len(c.encode("utf-8", "surrogateescape")) for c in due]
    assert first.tolist() == [sum(widths[:m]) for m in range(len(due) + 1)]


def test_every_pair_of_bytes_and_every_cut_of_a_character() -> None:
    for lead in range(256):
        content = b"".join(bytes([lead, second, tail, 0x80]) for second in range(256) for tail in (0x41, 0x80, 0xBF))
        points, _ = decode(np.frombuffer(content, np.uint8).copy())
        assert "".join(map(chr, points)) == content.decode("utf-8", "surrogateescape"), lead
    for content in ("é".encode(), "猫".encode(), "🙂".encode()):
        for stop in range(len(content)):
            points, first = decode(np.frombuffer(b"a" + content[:stop], np.uint8).copy())
            assert points.tolist() == [ord("a"), *(0xDC00 + byte for byte in content[:stop])]
            assert first.tolist() == [*range(stop + 2)]


def test_kinds_are_python_s_of_every_character() -> None:
    points = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    kinds = kinds_of(points)
    words = re.compile(r"\w")
    for point in range(sys.maxunicode + 1):
        c, kind = chr(point), int(kinds[point])
        assert bool(kind & characters.WORD) == bool(words.match(c)), c
        assert bool(kind & characters.SPACE) == (c.isspace() and c not in "\r\n"), c
        assert bool(kind & characters.PUNCTUATION) == (unicodedata.category(c)[0] in "PS"), c
    assert {chr(p) for p in points[(kinds & characters.QUOTE) != 0]} == QUOTES
    assert {chr(p) for p in points[(kinds & characters.APOSTROPHE) != 0]} == {*APOSTROPHES}
    assert points[(kinds & characters.LINE_FEED) != 0].tolist() == [10]
    assert points[(kinds & characters.CARRIAGE_RETURN) != 0].tolist() == [13]


@given(content=st.one_of(data(), strings().map(str.encode)), horizon=st.sampled_from([None, 1, 2, 3, 5, 8]))
def test_words_are_those_of_the_regular_expression(content: bytes, horizon: int | None) -> None:
    view = TextView.of_log(log_of(Unit.BYTE, content), horizon=horizon)
    string = content.decode("utf-8", "surrogateescape")
    due = []
    for match in re.finditer(r"\w+", string):
        piece = ""
        for c in match[0]:
            if piece and horizon is not None and len((piece + c).encode()) > horizon:
                due.append(piece)
                piece = ""
            piece += c
        due.append(piece)
    words = view.words
    assert [words.types[kind] for kind in words.type] == due
    assert words.types == list(dict.fromkeys(due))
    assert [content[a:b].decode() for a, b in zip(words.start, words.end, strict=True)] == due
    assert words.characters.tolist() == [len(word) for word in due]


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
def test_many_distinct_words_have_types_of_their_own(unit: Unit) -> None:
    """More than the table of hashes begins with, and so many that some hashes of 31 bits are equal."""
    letters = np.random.default_rng(0).integers(97, 123, (200_000, 8)).astype(np.uint8)
    words = [bytes(row).decode() for row in letters]
    words += words[::-3]
    view = TextView.of_log(log_of(unit, " ".join(words).encode()))
    ids: dict[str, int] = {}
    assert view.words.type.tolist() == [ids.setdefault(word, len(ids)) for word in words]
    assert view.words.types == list(ids)
