"""The features that errtax has of its own: one state machine reads all of them in one pass, 40 ns per symbol.

The rules stand in docs/analyses.md.  Bytes and characters follow the same rules: quotation marks of bytes are
recognised as their UTF-8 sequences, at the last byte; lengths count symbols.

What C calls a string would swallow prose from an apostrophe on, and brackets that count in prose do not count within
strings.  So strings and comments exist in code alone (`Reading.CODE`), and there a newline ends a string, an
apostrophe after a letter or digit opens none, and a `}` at the beginning of a line closes all brackets; in prose a
blank line does.  A text that begins in the middle, or whose preprocessor branches open a brace twice, is thus read
rightly again after a few lines.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.lm.text import Codes
from errtax.oracle.feature_spec import Feature, FeatureKind, Scan
from errtax.oracle.quotes import OWN_PAIRS, PAIRS
from errtax.oracle.text_kind import Reading

# The state, one integer each
_TAIL = 0  # the last 3 bytes
_LINE = 1  # symbols since the newline
_FILLED = 2  # whether the line has anything but blanks
_INDENT = 3  # columns of white space at the line's beginning
_SPACE = 4  # symbols since white space
_QUOTE = 5  # 0 outside quotes, 2 in „…, the opening mark inside a pair of its own (`quotes`), else 1
_PAREN, _BRACKET, _BRACE = 6, 7, 8  # how many are open
_LEXIS = 9  # one of the states below
_WORD = 10  # what of `if (` was read: 0 nothing, 1 i, 2 if, 3 another word, 4 if and white space
_IF = 11  # how many parentheses were open after that of `if (`; 0 outside
_PREVIOUS = 12  # the last symbol
_SIZE = 13

_CODE, _SLASH, _LINE_COMMENT, _COMMENT, _COMMENT_STAR, _STRING, _LITERAL, _STRING_ESCAPE, _LITERAL_ESCAPE = range(9)
_TAB, _NEWLINE, _RETURN, _BLANK = 9, 10, 13, 32
_TAB_WIDTH = 8

_RULES = (
    ("line-position", FeatureKind.NUMBER, "symbols since the newline"),
    ("space-distance", FeatureKind.NUMBER, "symbols since the last space, tab or line end"),
    (
        "indentation",
        FeatureKind.NUMBER,
        "columns of white space at the start of the line, a tab reaching to the next 8th",
    ),
    (
        "quotes",
        FeatureKind.BINARY,
        'inside quotation marks: "…" “…” «…» „…“ ‹…› 「…」 etc., until the blank line',
    ),
    ("parentheses", FeatureKind.BINARY, "inside ( )"),
    ("brackets", FeatureKind.BINARY, "inside [ ]"),
    ("braces", FeatureKind.BINARY, "inside { }"),
    ("parenthesis-depth", FeatureKind.NUMBER, "how many ( are open"),
    ("bracket-depth", FeatureKind.NUMBER, "how many [ are open"),
    ("brace-depth", FeatureKind.NUMBER, "how many { are open"),
    ("depth", FeatureKind.NUMBER, "how many brackets of all kinds are open"),
    ("comment", FeatureKind.BINARY, "in code, inside /* */ or after //"),
    ("string", FeatureKind.BINARY, "in code, inside \"…\" or '…' on one line"),
    ("comment-or-string", FeatureKind.BINARY, "in code, inside one of the two"),
    ("if", FeatureKind.BINARY, "in code, inside the parentheses of if (…)"),
)


class _Marks(NamedTuple):
    """The quotation marks: an argument of the kernel, since its cache would not notice a change in another file.

    `known[point]`: whether a character opens or closes a quotation; `openers[k]`, `closers[k]`: a pair of its own.
    """

    known: NDArray[np.bool_]
    openers: NDArray[np.int64]
    closers: NDArray[np.int64]


_MARKS = _Marks(
    np.isin(np.arange(0x10000), [ord(mark) for mark in '"' + "".join(PAIRS)]),
    *(np.array([ord(pair[k]) for pair in OWN_PAIRS], np.int64) for k in range(2)),
)
FEATURES = tuple(Feature(*rule) for rule in _RULES)


def built_in(reading: Reading) -> Scan:
    """A scanner of the features above, in their order: codes (T,) -> values (T, 15)."""
    state: NDArray[np.int64] = np.zeros(_SIZE, np.int64)

    def scan(codes: Codes) -> NDArray[np.float32]:
        values: NDArray[np.float32] = np.empty((len(codes), len(_RULES)), np.float32)
        _scan(codes, state, reading is Reading.CODE, codes.dtype != np.uint8, _MARKS, values)
        return values

    return scan


@tight
def _scan(codes, state, code, wide, marks, values):
    """values[t]: the features after symbol t; `state` carries on from one call to the next."""
    for t in range(len(codes)):
        c = np.int64(codes[t])
        lexis = state[_LEXIS]
        if code:
            _follow_lexis(state, c)
            # a slash is taken for the beginning of a comment until the symbol after it says otherwise
            if lexis == _SLASH and state[_LEXIS] == _CODE:  # it was a division
                lexis = _CODE
        _follow_quotes(state, c, wide, marks)
        if c == _NEWLINE and not state[_FILLED]:  # a blank line ends: what is still open was not meant
            state[_QUOTE] = 0
            if not code:
                state[_PAREN], state[_BRACKET], state[_BRACE] = 0, 0, 0
        if lexis == _CODE and state[_LEXIS] == _CODE:  # neither c nor what it ends is comment or string
            _follow_brackets(state, c, code)
        else:
            state[_WORD] = 0
        _follow_line(state, c)  # after all that asks where in its line c stands
        state[_TAIL], state[_PREVIOUS] = (state[_TAIL] << 8 | c) & 0xFFFFFF, c
        _write(state, values, t)


@inlined
def _follow_lexis(state, c):
    """Comments and strings."""
    # `state` is that of all symbols before c; a slash is followed one symbol ahead of what it may begin
    now = state[_LEXIS]
    if now in (_CODE, _SLASH):
        if now == _SLASH and (c == ord("/") or c == ord("*")):
            now = _LINE_COMMENT if c == ord("/") else _COMMENT
        elif c == ord("/"):
            now = _SLASH
        elif c == ord('"'):
            now = _STRING
        elif c == ord("'") and not _in_word(state[_PREVIOUS]):
            now = _LITERAL
        else:
            now = _CODE
    elif now == _LINE_COMMENT:
        now = _CODE if c == _NEWLINE else now
    elif now in (_COMMENT, _COMMENT_STAR):
        star = now == _COMMENT_STAR
        now = _COMMENT_STAR if c == ord("*") else _CODE if star and c == ord("/") else _COMMENT
    elif now in (_STRING, _LITERAL):
        if c == _NEWLINE or c == (ord('"') if now == _STRING else ord("'")):
            now = _CODE
        elif c == ord("\\"):
            now = _STRING_ESCAPE if now == _STRING else _LITERAL_ESCAPE
    elif c != _RETURN:  # after a backslash; one before CR LF is one before the LF
        now = _STRING if now == _STRING_ESCAPE else _LITERAL
    state[_LEXIS] = now


@inlined
def _in_word(c):
    """Whether a symbol is a letter, a digit, _ or no ASCII."""
    return c >= 0x80 or (ord("a") <= (c | 0x20) <= ord("z")) or (ord("0") <= c <= ord("9")) or c == ord("_")


@inlined
def _follow_quotes(state, c, wide, marks):
    """Whether quoted; `c` is a character, or a byte, and then a mark counts with the last byte of its UTF-8."""
    mark = c if wide or c < 0x80 else _character(state[_TAIL], c)
    if mark >= len(marks.known) or not marks.known[mark]:
        return
    # 0, 1 and 2 are states of common marks, which mix; above 2 is an opener that only its own closer ends
    quote = state[_QUOTE]
    if mark > 0x7F and (quote == 0 or quote > 2):  # in a pair of its own, which nothing but its closer ends
        for k in range(len(marks.openers)):
            if quote == marks.openers[k] and mark == marks.closers[k]:
                state[_QUOTE] = 0
                return
            if quote == 0 and mark == marks.openers[k]:
                state[_QUOTE] = mark
                return
    if quote > 2:
        return
    if mark == ord('"'):
        state[_QUOTE] = 0 if quote else 1
    elif mark == 0x201C:  # “, which closes „
        state[_QUOTE] = 0 if quote == 2 else 1
    elif mark == 0xAB:  # «
        state[_QUOTE] = 1
    elif mark == 0x201E:  # „
        state[_QUOTE] = 2
    elif mark in (0x201D, 0xBB):  # ” »
        state[_QUOTE] = 0


@inlined
def _character(before, c):
    """The character of two or three bytes whose last one is c, after the bytes `before`; 0 where there is none."""
    if c & 0xC0 != 0x80:
        return 0
    if before & 0xE0 == 0xC0:
        return (before & 0x1F) << 6 | (c & 0x3F)
    if before & 0xF0C0 == 0xE080:
        return (before & 0xF00) << 4 | (before & 0x3F) << 6 | (c & 0x3F)
    return 0


@inlined
def _follow_brackets(state, c, code):
    """Brackets and, in code, `if (`; called for symbols outside comments and strings alone."""
    # depths never fall below 0: a closer without an opener is passed over. _IF is the depth that `if (` opened, until
    # that parenthesis closes; an `if` inside it changes nothing.
    word = state[_WORD]
    if c == ord("("):
        state[_PAREN] += 1
        if code and word in (2, 4) and not state[_IF]:
            state[_IF] = state[_PAREN]
    elif c == ord("["):
        state[_BRACKET] += 1
    elif c == ord("{"):
        state[_BRACE] += 1
    elif c == ord(")"):
        state[_PAREN] = max(state[_PAREN] - 1, 0)
    elif c == ord("]"):
        state[_BRACKET] = max(state[_BRACKET] - 1, 0)
    elif c == ord("}"):
        state[_BRACE] = max(state[_BRACE] - 1, 0)
        if code and not state[_LINE]:
            state[_PAREN], state[_BRACKET], state[_BRACE] = 0, 0, 0
    if state[_PAREN] < state[_IF]:
        state[_IF] = 0
    if _in_word(c):
        first = word in (0, 4)
        begins = first and c == ord("i") and state[_PREVIOUS] != ord("#")
        state[_WORD] = 1 if begins else 2 if word == 1 and c == ord("f") else 3
    elif c in (_BLANK, _TAB, _RETURN, _NEWLINE):
        state[_WORD] = 4 if word in (2, 4) else 0
    else:
        state[_WORD] = 0


@inlined
def _follow_line(state, c):
    """Lengths since the newline and since white space, and the indentation."""
    if c == _NEWLINE:
        state[_LINE], state[_FILLED], state[_INDENT], state[_SPACE] = 0, 0, 0, 0
        return
    state[_LINE] += 1
    if c in (_BLANK, _TAB, _RETURN):
        state[_SPACE] = 0
        if not state[_FILLED] and c != _RETURN:
            indent = state[_INDENT]
            state[_INDENT] = indent + 1 if c == _BLANK else indent + _TAB_WIDTH - indent % _TAB_WIDTH
    else:
        state[_SPACE] += 1
        state[_FILLED] = 1


@inlined
def _write(state, values, t):
    paren, bracket, brace, lexis = state[_PAREN], state[_BRACKET], state[_BRACE], state[_LEXIS]
    values[t, 0], values[t, 1], values[t, 2] = state[_LINE], state[_SPACE], state[_INDENT]
    values[t, 3] = state[_QUOTE] > 0
    values[t, 4], values[t, 5], values[t, 6] = paren > 0, bracket > 0, brace > 0
    values[t, 7], values[t, 8], values[t, 9], values[t, 10] = paren, bracket, brace, paren + bracket + brace
    values[t, 11], values[t, 12] = _LINE_COMMENT <= lexis <= _COMMENT_STAR, lexis >= _STRING
    values[t, 13], values[t, 14] = lexis >= _LINE_COMMENT, state[_IF] > 0
