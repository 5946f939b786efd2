"""Features of a text, against their slow twins, and across any windows."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.text import Codes
from errtax.oracle import features as registry
from errtax.oracle import plug_ins
from errtax.oracle.features import (
    REGISTRY,
    Feature,
    FeatureKind,
    FeatureReader,
    Scan,
    feature,
    features,
    known_features,
)
from errtax.oracle.scanners import built_in
from errtax.oracle.text_kind import Reading, reading_of
from naive_features import naive_features

NAMES = [item.name for item in known_features()]
ALPHABETS = ["/*\n\"'\\a", "()[]{}\n i", 'if( )\n/#"', '"“”„«»\n (', " \t\r\na", "if(){}\n\"'/*\\\r “ä"]
ALPHABETS += ['‹›‚‘「」『』"\n a', "｢｣〝〞〟﹁﹂﹃﹄＂“”"]
TEXTS = st.sampled_from(ALPHABETS).flatmap(lambda letters: st.text(letters, max_size=40))


def wide(text: str) -> Codes:
    return np.array([ord(character) for character in text], np.uint32)


def values_of(codes: Codes, reading: Reading = Reading.PROSE) -> NDArray[np.float32]:
    return built_in(reading)(codes)


def column(text: str, name: str, reading: Reading = Reading.PROSE) -> str:
    """The values of one feature, a digit a symbol of a byte text."""
    values = values_of(np.frombuffer(text.encode(), np.uint8), reading)[:, NAMES.index(name)]
    return "".join(str(int(value)) for value in values)


@settings(max_examples=5 * settings().max_examples)  # few of its texts have a bracket behind an escaped quote, say
@given(TEXTS, st.sampled_from(Reading))
def test_each_character_has_what_its_prefix_has(text: str, reading: Reading) -> None:
    due = naive_features(text, reading is Reading.CODE)
    found = values_of(wide(text), reading)
    np.testing.assert_array_equal(found, due)


@given(TEXTS, st.sampled_from(Reading))
def test_bytes_have_what_their_characters_have(text: str, reading: Reading) -> None:
    found = values_of(np.frombuffer(text.encode(), np.uint8), reading)
    last = np.cumsum([len(character.encode()) for character in text], dtype=np.int64) - 1
    due = values_of(wide(text), reading)
    np.testing.assert_array_equal(found[last][:, 2:], due[:, 2:])  # the first two count symbols
    if text.isascii():
        np.testing.assert_array_equal(found, due)


@given(TEXTS, st.lists(st.integers(0, 40)), st.sampled_from(Reading), st.booleans())
def test_windows_change_nothing(text: str, cuts: list[int], reading: Reading, as_bytes: bool) -> None:
    codes: Codes = np.frombuffer(text.encode(), np.uint8) if as_bytes else wide(text)
    scan = built_in(reading)
    edges = [0, *sorted(min(cut, len(codes)) for cut in cuts), len(codes)]
    pieces = [scan(codes[start:stop]) for start, stop in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(pieces), values_of(codes, reading))


@given(st.binary(max_size=60))
def test_any_bytes_can_be_read(data: bytes) -> None:
    for reading in Reading:
        assert np.isfinite(values_of(np.frombuffer(data, np.uint8), reading)).all()


@pytest.mark.parametrize(
    ("name", "text", "due"),
    [
        ("quotes", '"Oh," he', "11110000"),
        ("quotes", '"Oh\n\nhe', "1111000"),  # the newline of the blank line closes
        ("quotes", "«é»!", "0111100"),  # a mark of two bytes is there with its last one
        ("quotes", "「a『b』“c」d", "00" + "1" * 15 + "00"),  # the outermost pair counts; 3 bytes a mark
        ("quotes", "»‹a„›b", "0000" + "1" * 7 + "00"),
        ("parentheses", "it's (a) (", "0000011001"),
        ("parentheses", "(a\n\nb", "11100"),
        ("line-position", "ab\nc", "1201"),
        ("space-distance", "ab\tc d", "120101"),
        ("indentation", " \ta\n\t ", "188089"),
        ("depth", "([{}])}", "1232100"),
        ("string", '"a(" b', "000000"),  # not in prose
    ],
)
def test_prose(name: str, text: str, due: str) -> None:
    assert column(text, name) == due


@pytest.mark.parametrize(
    ("name", "text", "due"),
    [
        ("comment", "a/*b*/c", "0011100"),
        ("comment", "/*/ */a", "0111100"),  # the star that opens does not close
        ("comment", "a//b\nc", "001100"),
        ("comment", "a/b*/", "00000"),
        ("comment", '"//"', "0000"),
        ("string", '"a\\"b"c', "1111100"),
        ("string", '"a\nb"', "11001"),
        ("string", "'\"'a", "1100"),
        ("string", "isn't", "00000"),
        ("string", "/* isn't */ 'a'", "000000000000110"),
        ("parentheses", 'f("(")', "011110"),
        ("string", '"\\\r\n"a', "111100"),  # a backslash before CR LF
        ("brace-depth", "{{}x}", "12110"),
        ("braces", "{{\n}\nx", "111000"),  # a } at the beginning of a line closes all
        ("if", "if (a(b))c", "0001111100"),
        ("if", "elif (a)", "00000000"),
        ("if", "if\n(a) (b)", "0001100000"),
        ("if", "#if (a)", "0000000"),
        ("if", "if x (a)", "00000000"),
        ("comment-or-string", '"a"//b', "110011"),
    ],
)
def test_code(name: str, text: str, due: str) -> None:
    assert column(text, name, Reading.CODE) == due


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("int f(void)\n{\n\treturn 0;\n}\n", Reading.CODE),
        ("int f(void)\r\n{ \r\n\treturn 0;\r\n}\r\n", Reading.CODE),
        ("{\nlong line that says much,\n},\n" + "x,\n" * 17, Reading.PROSE),  # exactly a tenth
        ("{\n\n\n\n\n },\n" + "x,\n" * 17, Reading.CODE),
        ("Il été:\n" * 19 + "fini;\n\n", Reading.PROSE),
    ],
)
def test_what_is_code(text: str, due: Reading) -> None:
    assert reading_of(np.frombuffer(text.encode(), np.uint8)) is reading_of(wide(text)) is due


def test_rows_are_read_each_with_its_own_state_and_after_what_stands_before() -> None:
    rows = np.frombuffer(b'a" b"c"d', np.uint8).reshape(2, 4)
    before = np.frombuffer(b' " x', np.uint8).reshape(2, 2)
    (quotes,) = known_features(["quotes"])
    reader = FeatureReader([quotes], Reading.PROSE, before)
    values = np.concatenate([reader.read(rows[:, :1]), reader.read(rows[:, 1:])])
    assert values[:, :, 0].T.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0]]


@pytest.fixture
def added() -> Any:
    """Features that a test registers are gone after it."""
    kept = dict(REGISTRY)
    yield REGISTRY
    REGISTRY.clear()
    REGISTRY.update(kept)


def other(reading: Reading) -> Scan:
    return lambda codes: np.zeros(len(codes), np.float32)


def constant(*values: float) -> Any:
    def start(reading: Reading) -> Scan:
        return lambda codes: np.tile(np.array(values, np.float32), (len(codes), 1))

    return start


@pytest.mark.usefixtures("added")
def test_features_of_ones_own_stand_beside_the_others() -> None:
    features(Feature("seven", FeatureKind.NUMBER, "7"), Feature("one", FeatureKind.BINARY, "1"))(constant(7, 1))
    chosen = known_features(["one", "line-position", "seven"])
    values = FeatureReader(chosen, Reading.PROSE, wide("")[None]).read(wide("ab")[None])
    assert values[:, 0].tolist() == [[1, 1, 7], [1, 2, 7]]
    with pytest.raises(UsageError, match="'one' already"):
        feature("one", FeatureKind.BINARY, "again")(other)
    feature("one", FeatureKind.BINARY, "replaced")(constant(0))
    assert known_features(["one"])[0].rule == "replaced"


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (FeatureKind.BINARY, [2.0], "other values than 0 and 1"),
        (FeatureKind.NUMBER, [np.nan], "other values than finite numbers"),
        (FeatureKind.NUMBER, [1.0, 2.0], r"shape \(2, 2\); \(2,\) is needed"),
    ],
)
def test_a_feature_that_is_not_what_it_says_is_refused(
    kind: FeatureKind, values: Sequence[float], message: str
) -> None:
    feature("odd", kind, "is odd")(constant(*values))
    reader = FeatureReader(known_features(["odd"]), Reading.PROSE, wide("")[None])
    with pytest.raises(UsageError, match=message):
        reader.read(wide("ab")[None])


def test_unknown_and_ill_named_features_are_refused() -> None:
    with pytest.raises(UsageError, match="no feature 'quote'; there are line-position, "):
        known_features(["quote"])
    with pytest.raises(UsageError, match="small letters"):
        Feature("a,b", FeatureKind.BINARY, "")


@pytest.mark.usefixtures("added")
def test_plug_ins_are_found_and_a_broken_one_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = [EntryPoint("broken", "no_such_package.features", registry.ENTRY_POINTS)]
    monkeypatch.setattr(plug_ins, "entry_points", lambda group: points)
    registry._register_packages.cache_clear()
    with caplog.at_level("WARNING", "errtax"):
        assert [item.name for item in known_features()] == NAMES
    assert "no_such_package.features are left out" in caplog.text
    registry._register_packages.cache_clear()
