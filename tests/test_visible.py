"""Whatever names and texts hold, what is shown of them is one line of characters that can be seen."""

import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.text import Unit, symbol_name
from errtax.lm.visible import (
    LONGEST_MESSAGE,
    LONGEST_NAME,
    shown_message,
    shown_name,
    visible,
    visible_symbol,
    whole_number,
)
from errtax.reports.figure import drawable

HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def can_be_seen(text: str) -> bool:
    return not {unicodedata.category(c) for c in text} & HIDDEN


def test_controls_directions_and_bad_bytes_have_signs() -> None:
    assert visible("a\x00\t\r\n\x9b\u202e\ufeff\udcff é\xa0中") == "a‹U+0000›→←↵‹U+009B›‹U+202E›‹U+FEFF›‹FF› é\xa0中"


def test_every_character_can_be_seen_and_those_that_could_stay() -> None:
    for code in range(sys.maxunicode + 1):
        hidden = unicodedata.category(chr(code)) in HIDDEN
        shown = visible(chr(code))
        assert can_be_seen(shown) and (shown != chr(code)) == hidden


def test_no_two_symbols_have_one_name() -> None:
    for unit, codes in ((Unit.BYTE, range(256)), (Unit.CHAR, range(0x3000))):
        names = [symbol_name(code, unit) for code in codes]
        assert len(set(names)) == len(names)
        assert all(can_be_seen(name) and name.strip() == name for name in names)


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_names_are_short_lines(name: str) -> None:
    shown = shown_name(name)
    assert can_be_seen(shown) and len(shown) <= LONGEST_NAME
    if len(name) <= LONGEST_NAME and can_be_seen(name):
        assert shown == name


def test_the_font_of_the_pictures_has_all_signs() -> None:
    signs = "".join(visible(chr(code)) for code in (0, 9, 10, 13, 0x202E, 0xDCFF)) + visible_symbol(" ") + "►◄…"
    assert drawable(signs) == signs and drawable("\u240a") != "\u240a"


def test_long_values_keep_both_ends() -> None:
    for shown in (shown_name("a" + "x" * 20_000 + "z"), shown_message("a" + "\n" * 20_000 + "z")):
        assert shown[0] == "a" and "…" in shown and shown[-1] == "z"
    assert len(shown) == LONGEST_MESSAGE


def test_numbers_of_metadata() -> None:
    assert whole_number("46000") == 46000
    for wrong in (None, "", "-1", "1e5", "²", "٣", "9" * 5000):
        assert whole_number(wrong) is None
