"""Texts as arrays of symbols: bytes, the characters (code points) of UTF-8, words, or the tokens of some tokenizer.

A *code* is the number of a symbol outside any model (a byte's value, a code point, the number of a word in the text's
own vocabulary, a token's id); an *id* is its number inside one model's alphabet.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.files import files_below, map_bytes, require_input, sha256_of_file
from errtax.lm.special import EOS_NAME, SPECIAL_NAMES, UNK_NAME
from errtax.lm.table import arrow_of_names, nulls_of, numpy_of
from errtax.lm.tokens import SUFFIXES, parse_tokens, read_token_files
from errtax.lm.visible import visible, visible_symbol
from errtax.lm.words import decode_utf8, split_words

Codes = NDArray[np.uint8] | NDArray[np.uint32]
Ids = NDArray[Any]

END_OF_LINE = 0xFFFFFFFF
"""The code after the last word or token of a line; a model scores it as `</s>`."""
UNKNOWN = 0xFFFFFFFE
"""The code of a word that a model does not know."""
_NEWLINE = 10
_SMALL_CODE = 1 << 21
"""Codes below it are counted in a table, of at most 16 MB; the distinct ones of larger codes are found by sorting."""
_PIECE = 1 << 22


class Unit(StrEnum):
    """What one symbol is."""

    BYTE = "byte"
    CHAR = "char"
    WORD = "word"
    TOKEN = "token"
    SPAN = "span"  # one or more tokens, up to where the tokens of several models end together

    @property
    def of_text(self) -> "Unit":
        """The unit in which a text is read to go with a log in this one: bytes, with tokens and spans."""
        return Unit.BYTE if self in (Unit.TOKEN, Unit.SPAN) else self


TEXT_UNITS = (Unit.BYTE, Unit.CHAR, Unit.WORD, Unit.TOKEN)
"""What a text is read in: spans are in logs alone."""


class Sentences(StrEnum):
    """What a sentence `<s> ... </s>` of an n-gram model is: the whole text, or each of its lines."""

    STREAM = "stream"
    LINES = "lines"


@dataclass(frozen=True)
class Text:
    """A text and where it came from.

    `codes[i]`: byte value (uint8), code point, number of a word, or token id (uint32) of symbol i.  `sha256` is that
    of the bytes.  `words[code]`: the words of a text of words by first appearance, a `pa.StringArray`.  Of a text that
    was made into tokens here, `surface` is its bytes, uint8, and `tokenizer_sha256` names the tokenizer.
    """

    name: str
    unit: Unit
    codes: Codes
    sha256: str
    sentences: Sentences = Sentences.STREAM
    words: Any = None
    surface: NDArray[np.uint8] | None = None
    tokenizer_sha256: str = ""

    @property
    def spelt(self) -> "Text | None":
        """The text in bytes or characters, whose words can be counted; None where they are not kept."""
        if self.unit in (Unit.BYTE, Unit.CHAR):
            return self
        return None if self.surface is None else Text(self.name, Unit.BYTE, self.surface, self.sha256)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def end_of_line(self) -> int | None:
        """The code that ends a line, where each line is a sentence: one code per line end, and none without one.

        So the last line has none if it does not end in a newline: lmplz gives it no `</s>` either.
        """
        if self.sentences is Sentences.STREAM:
            return None
        return _NEWLINE if self.unit in (Unit.BYTE, Unit.CHAR) else END_OF_LINE

    @cached_property
    def string(self) -> str:
        """The characters of the text; invalid bytes of a byte text become lone surrogates.

        Raises `BadInput` for words and tokens, whose blanks are not kept.
        """
        if self.unit is Unit.BYTE:
            return self.codes.tobytes().decode("utf-8", "surrogateescape")
        if self.unit is Unit.CHAR:
            return self.codes.astype("<u4").tobytes().decode("utf-32-le")
        raise BadInput(f"{self.name} is read in units of {self.unit}, without its characters; use --unit byte or char.")


def read_text(path: Path, unit: Unit, sentences: Sentences | None = None) -> Text:
    """The text of a file.

    `sentences`: None means that each line is a sentence with words and with tokens (but not in an array of them), and
    that the text is one sentence with bytes and characters.

    Raises `BadInput` for a missing or empty file; for bytes that are not UTF-8, with characters and words; and for
    anything that is not a token id, with tokens (see `tokens.read_token_files` for `.npy` and `.parquet`).

    Time O(n).  Memory: none of its own with `Unit.BYTE`, where the file is mapped; 4 bytes per symbol with the others.
    """
    return read_texts([path], unit, sentences)


def read_texts(paths: Sequence[Path], unit: Unit, sentences: Sentences | None = None) -> Text:
    """The concatenation of several files, or of the files in a folder (in the order of their names); `-` is stdin.

    Words, tokens and sentences do not run from one file into the next: a file that lacks its last newline gets one.
    """
    files, name = [file for path in paths for file in _files(path)], " + ".join(map(str, paths))
    if unit is Unit.TOKEN and any(file.suffix in SUFFIXES for file in files):
        text = _token_text(files, name, sentences)
    else:
        chosen = sentences or default_sentences(unit)
        separate = unit in (Unit.WORD, Unit.TOKEN) or chosen is Sentences.LINES
        text = _text_of_files(files, unit, name, chosen, separate)
    if not len(text):
        raise BadInput(f"{name} is empty, without a single {unit}; a text of at least one symbol is needed.")
    return text


def _files(path: Path) -> list[Path]:
    return files_below(path) if path.is_dir() else [path]


def _token_text(files: list[Path], name: str, sentences: Sentences | None) -> Text:
    others = [file for file in files if file.suffix not in SUFFIXES]
    if others:
        raise BadInput(f"{others[0]} is not {' or '.join(SUFFIXES)} as others of {name} are; give files of one kind.")
    lines = None if sentences is None else sentences is Sentences.LINES
    codes, ends_lines, sha256 = read_token_files(files, END_OF_LINE, lines)
    return Text(name, Unit.TOKEN, codes, sha256, Sentences.LINES if ends_lines else Sentences.STREAM)


def _text_of_files(files: list[Path], unit: Unit, name: str, sentences: Sentences, separate: bool) -> Text:
    if unit is Unit.BYTE and len(files) == 1 and str(files[0]) != "-":
        file = require_input(files[0])
        return Text(name, unit, map_bytes(file), sha256_of_file(file), sentences)
    data = _joined(files, separate)
    try:
        return text_of_bytes(data, unit, name, sentences)
    except BadInput:
        for file in files if len(files) > 1 else []:  # say which of them is at fault, and where in it
            if str(file) != "-":
                text_of_bytes(file.read_bytes(), unit, str(file), sentences)
        raise


def _joined(files: list[Path], separate: bool) -> bytes:
    pieces = [sys.stdin.buffer.read() if str(file) == "-" else require_input(file).read_bytes() for file in files]
    if len(pieces) == 1:
        return pieces[0]
    if separate:
        inner = ((piece, b"\n" if piece and not piece.endswith(b"\n") else b"") for piece in pieces[:-1])
        pieces = [part for pair in inner for part in pair] + pieces[-1:]
    return b"".join(pieces)


def default_sentences(unit: Unit) -> Sentences:
    """What a sentence is where nothing is said: a line of words or tokens, a whole text of bytes or characters."""
    return Sentences.LINES if unit in (Unit.WORD, Unit.TOKEN) else Sentences.STREAM


def text_of_bytes(data: bytes, unit: Unit, name: str = "text", sentences: Sentences | None = None) -> Text:
    """The text of UTF-8 (or, with `Unit.BYTE`, any) bytes.

    >>> text_of_bytes("né".encode(), Unit.BYTE).codes
    array([110, 195, 169], dtype=uint8)
    >>> text_of_bytes("né".encode(), Unit.CHAR).codes
    array([110, 233], dtype=uint32)
    >>> text_of_bytes(b"to be\\nor to", Unit.WORD).codes
    array([         0,          1, 4294967295,          2,          0],
          dtype=uint32)
    """
    sentences = sentences or default_sentences(unit)
    end_of_line = END_OF_LINE if sentences is Sentences.LINES else None
    codes: Codes
    words = None
    if unit is Unit.BYTE:
        codes = np.frombuffer(data, np.uint8)
    elif unit is Unit.CHAR:
        utf32 = decode_utf8(data, name).encode("utf-32-le")
        codes = np.frombuffer(utf32, "<u4").astype(np.uint32, copy=False)
    elif unit is Unit.WORD:
        codes, words = split_words(data, name, end_of_line)
    else:
        codes = parse_tokens(data, name, end_of_line)
    return Text(name, unit, codes, hashlib.sha256(data).hexdigest(), sentences, words)


def text_of_tokens(text: Text, ids: Ids, tokenizer_sha256: str) -> Text:
    """A text of bytes in the tokens that a tokenizer makes of it, one stream; the bytes are kept as its surface."""
    return Text(
        text.name,
        Unit.TOKEN,
        ids.astype(np.uint32),
        text.sha256,
        surface=np.asarray(text.codes, np.uint8),
        tokenizer_sha256=tokenizer_sha256,
    )


def refuse_special_words(text: Text) -> None:
    """Raise `BadInput` where a training text has one of the words `<unk>`, `<s>`, `</s>`, as lmplz does."""
    found = [] if text.unit is not Unit.WORD else np.flatnonzero(_is_special(text.words)).tolist()
    if found:
        code = found[0]
        place = int(np.argmax(text.codes == code))
        line = 1 + int(np.count_nonzero(text.codes[:place] == END_OF_LINE))
        where = f"line {line}" if text.sentences is Sentences.LINES else f"word {place + 1}"
        raise BadInput(
            f"{text.name}: {where} has the word {text.words[code]}, which every n-gram model keeps for itself; "
            "replace it by another in the training text (such as [unk]), or remove it."
        )


def _is_special(words: Any) -> NDArray[np.bool_]:
    return numpy_of(pc.is_in(words, value_set=arrow_of_names(SPECIAL_NAMES)))


def recode(text: Text, words: Any) -> NDArray[np.uint32]:
    """The codes of a text of words in another numbering: `words[code]`, an Arrow array of strings (a model's).

    `UNKNOWN` for a word that is not in it, and for the special words; `END_OF_LINE` stays.

    >>> text = text_of_bytes(b"to be\\n", Unit.WORD)
    >>> recode(text, arrow_of_names(["or", "to"])).tolist() == [1, UNKNOWN, END_OF_LINE]
    True
    """
    if text.unit is not Unit.WORD:
        raise BadInput(f"{text.name} is in units of {text.unit}; only words have another numbering in each text.")
    found = pc.index_in(text.words, value_set=words.cast(text.words.type))
    unknown = nulls_of(found) | _is_special(text.words)
    other = np.where(unknown, UNKNOWN, numpy_of(found, missing=0).astype(np.int64))
    table = np.append(other, END_OF_LINE).astype(np.uint32)
    return table[np.minimum(text.codes, len(other))]


def symbol_name(code: int, unit: Unit, words: Any = None) -> str:
    """A visible name of a symbol for tables and messages: `a`, `·`, `↵`, `‹E9›` for a byte, `word`, `17`, `</s>`."""
    if code in (END_OF_LINE, UNKNOWN):
        return EOS_NAME if code == END_OF_LINE else UNK_NAME
    if unit is Unit.WORD and words is not None:
        return visible(str(words[code]))
    if unit in (Unit.WORD, Unit.TOKEN):
        return str(code)
    return visible_symbol(chr(code + 0xDC00 if unit is Unit.BYTE and code >= 0x80 else code))


@dataclass(frozen=True)
class Alphabet:
    """The symbols a model knows: `codes[id]` is the code of symbol `id`; each code stands once."""

    codes: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def sorted(cls, codes: Codes) -> "Alphabet":
        """The distinct symbols of a text, in the order of their codes."""
        if codes.dtype != np.uint8 and codes.max(initial=0) >= _SMALL_CODE:
            return cls(np.unique(codes).astype(np.uint32, copy=False))
        return cls(np.flatnonzero(_count_codes(codes)).astype(np.uint32))

    @classmethod
    def by_first_appearance(cls, codes: Codes) -> "Alphabet":
        """The distinct symbols of a text, in the order in which they first appear (as KenLM numbers words)."""
        distinct = cls.sorted(codes).codes
        first = np.full(len(distinct), len(codes), np.int64)  # first[r]: where distinct[r] first stands
        remaining, start, width = len(distinct), 0, 1 << 16
        while remaining:  # most symbols appear early: look at ever longer pieces until all are found
            found, where = np.unique(codes[start : start + width], return_index=True)
            ranks = np.searchsorted(distinct, found)
            new = first[ranks] == len(codes)
            first[ranks[new]] = start + where[new]
            remaining -= int(new.sum())
            start, width = start + width, min(2 * width, _PIECE)
        return cls(distinct[np.argsort(first)])

    def encode(self, codes: Codes, dtype: type[np.integer[Any]] = np.int64, unknown: int = -1, offset: int = 0) -> Ids:
        """`ids[i]`: `offset` + the id of symbol i of a text, or `unknown` for a symbol not in the alphabet.

        >>> Alphabet.by_first_appearance(np.frombuffer(b"banana", np.uint8)).encode(np.frombuffer(b"nab!", np.uint8))
        array([ 2,  1,  0, -1])
        """
        ids = np.arange(offset, offset + len(self.codes), dtype=dtype)
        largest = int(self.codes.max(initial=0))
        if largest >= max(_SMALL_CODE, 4 * len(codes)):
            return _look_up(codes, self.codes, ids, unknown)
        table = np.full(max(largest + 2, 256), unknown, dtype)
        table[self.codes] = ids
        if codes.max(initial=0) >= len(table):
            codes = np.minimum(codes, largest + 1)  # where the table says unknown
        return table[codes]


def _look_up(codes: Codes, known: NDArray[np.uint32], ids: Ids, unknown: int) -> Ids:
    order = np.argsort(known)
    ordered, found = known[order], np.empty(len(codes), ids.dtype)
    for start in range(0, len(codes), _PIECE):
        piece = codes[start : start + _PIECE]
        rank = np.minimum(np.searchsorted(ordered, piece), len(known) - 1)
        found[start : start + _PIECE] = np.where(ordered[rank] == piece, ids[order[rank]], unknown)
    return found


def _count_codes(codes: Codes) -> NDArray[np.int64]:
    # np.bincount of the whole array would first copy it to int64: 8 bytes per symbol
    counts = np.zeros(256 if codes.dtype == np.uint8 else int(codes.max(initial=0)) + 1, np.int64)
    for start in range(0, len(codes), _PIECE):
        counts += np.bincount(codes[start : start + _PIECE], minlength=len(counts))
    return counts
