"""The list of quotation marks is Unicode's; what opens and closes is in it."""

import unicodedata

import numpy as np
import pytest

from errtax.lm.text import Unit
from errtax.oracle import characters
from errtax.oracle.before import QUOTE
from errtax.oracle.characters import kinds_of
from errtax.oracle.quotes import APOSTROPHES, PAIRS, QUOTES
from errtax.oracle.text_view import TextView
from errtax.oracle.word import kinds_before
from strategies import log_of

# PropList.txt of Unicode 16.0, property Quotation_Mark
QUOTATION_MARK = [0x22, 0x27, 0xAB, 0xBB, *range(0x2018, 0x2020), 0x2039, 0x203A, 0x2E42, *range(0x300C, 0x3010)]
QUOTATION_MARK += [*range(0x301D, 0x3020), *range(0xFE41, 0xFE45), 0xFF02, 0xFF07, 0xFF62, 0xFF63]


def test_the_marks_are_those_of_unicode_and_the_grave_accent() -> None:
    assert sorted(QUOTES | set(APOSTROPHES)) == sorted({*map(chr, QUOTATION_MARK), "`"})
    assert not QUOTES & set(APOSTROPHES)
    assert all(len(pair) == 2 and set(pair) <= QUOTES for pair in PAIRS)
    assert all(unicodedata.category(mark)[0] in "PS" for mark in QUOTES)


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
def test_each_of_them_makes_what_follows_begin_after_a_quote(unit: Unit) -> None:
    for mark in sorted(QUOTES | set(APOSTROPHES)):
        kinds = kinds_before(TextView.of_log(log_of(unit, f"a {mark}b".encode())))
        own = characters.APOSTROPHE if mark in APOSTROPHES else characters.QUOTE
        assert (kinds[-1], kinds_of(np.array([ord(mark)], np.uint32))[0]) == (QUOTE, own | characters.PUNCTUATION), mark
    for mark in APOSTROPHES:
        assert kinds_before(TextView.of_log(log_of(unit, f"a{mark}b".encode())))[-1] == 0
