"""What a symbol is called in ARPA files and by KenLM, whose words stand between blanks.

| unit | names |
|---|---|
| byte | `<sp> <nl> <tab> <cr>`, the ASCII characters 33 to 126, others as `<e9>` |
| char | the character; blanks `<sp> <nl> <tab> <cr> <vt> <ff> <isp>`, and others (and NUL) as `<u+00a0>` |
| word | the word |
| token | its number, in decimal |

KenLM itself splits at NUL, tab, LF, CR and space only; but the `kenlm` module's sentences and most readers of ARPA
files split at other blanks too.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.special import BOS_NAME, EOS_NAME, UNK_NAME
from errtax.lm.text import END_OF_LINE, UNKNOWN, Sentences, Unit

UNK_CAPITAL = "<UNK>"
"""Another spelling of `<unk>`, to KenLM too."""
RESERVED = frozenset({UNK_NAME, UNK_CAPITAL, BOS_NAME, EOS_NAME})
"""Names with a meaning of their own; a word of a text that looks like one is an unknown word."""

NO_CODE = -1

_BLANKS = {" ": "<sp>", "\n": "<nl>", "\t": "<tab>", "\r": "<cr>"}
_CHAR_BLANKS = {**_BLANKS, "\v": "<vt>", "\f": "<ff>", "\u3000": "<isp>"}
_BYTE_NAMES = [_BLANKS.get(chr(b)) or (chr(b) if 33 <= b < 127 else f"<{b:02x}>") for b in range(256)]
_BYTE_CODES = {name: code for code, name in enumerate(_BYTE_NAMES)}
_CHAR_CODES = {name: ord(character) for character, name in _CHAR_BLANKS.items()}
_HEX_BYTE = re.compile(r"<[0-9a-f]{2}>")
_CODE_POINT = re.compile(r"<u\+([0-9a-f]{4,6})>")
_LARGEST_TOKEN = 2**31 - 1


def name_symbols(codes: Iterable[int], unit: Unit, words: Any = ()) -> list[str]:
    """The names of an alphabet's symbols; `words[code]` with `Unit.WORD`: a list, or a slower Arrow array, of strings.

    `END_OF_LINE` is `</s>`; `UNKNOWN` and a word that looks like a reserved name are `<unk>`.

    >>> name_symbols([97, 32, 233], Unit.BYTE), name_symbols([233, 0xA0], Unit.CHAR)
    (['a', '<sp>', '<e9>'], ['é', '<u+00a0>'])
    """

    def name_word(code: int) -> str:
        word = str(words[code])
        return UNK_NAME if word in RESERVED else word

    special = {END_OF_LINE: EOS_NAME, UNKNOWN: UNK_NAME}
    names: dict[Unit, Callable[[int], str]] = {
        Unit.BYTE: _BYTE_NAMES.__getitem__,
        Unit.CHAR: _name_character,
        Unit.WORD: name_word,
        Unit.TOKEN: str,
    }
    name = names[unit]
    return [special.get(code) or name(code) for code in map(int, codes)]


def _name_character(code: int) -> str:
    character = chr(code)
    plain = code != 0 and not character.isspace()
    return character if plain else _CHAR_BLANKS.get(character, f"<u+{code:04x}>")


def find_codes(names: Sequence[str], unit: Unit) -> NDArray[np.int64]:
    """The code of each name; `NO_CODE` for what names no symbol: reserved names, and in most units other words.

    With `Unit.WORD` each name is a word, and its code is its place in `names`.

    >>> find_codes(["a", "<sp>", "<e9>", "ab", "</s>"], Unit.BYTE)
    array([ 97,  32, 233,  -1,  -1])
    """
    codes = [NO_CODE if name in RESERVED else _code(name, place, unit) for place, name in enumerate(names)]
    return np.array(codes, np.int64)


def _code(name: str, place: int, unit: Unit) -> int:
    if unit is Unit.BYTE:
        return _BYTE_CODES.get(name, NO_CODE)
    if unit is Unit.CHAR:
        if len(name) == 1:
            return ord(name)
        point = _CODE_POINT.fullmatch(name)
        return int(point[1], 16) if point else _CHAR_CODES.get(name, NO_CODE)
    if unit is Unit.WORD:
        return place
    return int(name) if _is_token(name) else NO_CODE


def _is_token(name: str) -> bool:
    return name.isascii() and name.isdigit() and str(int(name)) == name and int(name) <= _LARGEST_TOKEN


def looks_special(name: str) -> bool:
    """Whether a name in `<...>` may stand for something that is not a symbol of a text, such as `<pad>`."""
    return name.startswith("<") and name.endswith(">")


def guess_unit(names: Sequence[str]) -> Unit:
    """The unit of a vocabulary: the first that fits.

    `BYTE` when all names are those of bytes and one is of the form `<e9>`; `CHAR` when all are single characters or
    `<...>`; `TOKEN` when all are decimal numbers; else `WORD`.  Reserved names do not count.  (The bytes of an ASCII
    text cannot be told from its characters, nor tokens below 10.)

    >>> guess_unit(["a", "<sp>", "<s>"]), guess_unit(["a", "<c3>"]), guess_unit(["7", "12"]), guess_unit(["cat", "7"])
    (<Unit.CHAR: 'char'>, <Unit.BYTE: 'byte'>, <Unit.TOKEN: 'token'>, <Unit.WORD: 'word'>)
    """
    plain = [name for name in names if name not in RESERVED]
    if all(name in _BYTE_CODES for name in plain) and any(_HEX_BYTE.fullmatch(name) for name in plain):
        return Unit.BYTE
    if all(len(name) == 1 or looks_special(name) for name in plain):
        return Unit.CHAR
    return Unit.TOKEN if all(map(_is_token, plain)) else Unit.WORD


def end_of_line(unit: Unit, sentences: Sentences) -> int | None:
    """The code that a model reads as `</s>`.

    Words and tokens have a code that is nothing else; a newline ends a sentence only where lines are sentences.
    """
    if unit in (Unit.WORD, Unit.TOKEN):
        return END_OF_LINE
    return ord("\n") if sentences is Sentences.LINES else None
