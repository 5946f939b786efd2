"""A text under test as the oracles see it: symbols, their characters, and the words among them.

Rules about words, spaces, quotes and punctuation are rules about characters.  A byte log is decoded as UTF-8; each
byte belongs to its character, an invalid byte is a character of its own that belongs to no word.  So are the bytes of
tokens and spans, which hold several characters, or a part of one.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import kernel, tight
from errtax.lm.prediction_log import PredictionLog, bytes_of
from errtax.lm.surface import Surface
from errtax.lm.text import UNKNOWN, Codes, Unit
from errtax.oracle.characters import (
    APOSTROPHE,
    CARRIAGE_RETURN,
    LINE_FEED,
    PUNCTUATION,
    QUOTE,
    SPACE,
    WORD,
    decode,
    kinds_of,
)
from errtax.oracle.word_kernels import cut_spans, find_runs, number_words, spread_words
from errtax.oracle.word_rule import PATTERN, word_spans

NEWLINE = LINE_FEED
"""The bit of a newline among the classes of a text's characters; the other bits are those of `characters`."""
_GAP = {
    Unit.BYTE: 0xFF,
    Unit.CHAR: 0xFFFF,
    Unit.TOKEN: UNKNOWN,
    Unit.SPAN: UNKNOWN,
}  # never in UTF-8, never a character: stands where a log skips positions or another document begins


@dataclass(frozen=True, eq=False)
class Words:
    """The words of a text, in order.  `start`, `length`, `end` count symbols, `characters` characters.

    `letters`: what words are spelt in, one code each: bytes with a log of bytes, characters with any other; word w is
    letters[letter_start[w] : letter_end[w]].  With tokens, word w is the place of the symbols from `start` on that are
    judged by one of its characters, maybe of none.

    `type[w]`: number of what word w spells, by first appearance; `first[t]`: the first word of type t.
    """

    unit: Unit
    letters: NDArray[Any]
    letter_start: NDArray[np.int64]
    letter_end: NDArray[np.int64]  # the letter after each word
    start: NDArray[np.int64]
    end: NDArray[np.int64]  # the symbol after each word
    characters: NDArray[np.int64]
    type: NDArray[np.int64]
    first: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def length(self) -> NDArray[np.int64]:
        """Symbols of each word."""
        return self.end - self.start

    @cached_property
    def types(self) -> list[str]:
        """The distinct words."""
        content, ends = self.bytes_of(np.arange(len(self.first)))
        data = content.tobytes()
        return [data[a:b].decode("utf-8", "surrogateescape") for a, b in pairwise([0, *ends.tolist()])]

    def bytes_of(self, types: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The distinct words of some types in UTF-8, end to end, and where each ends."""
        start, end = self.letter_start[self.first[types]], self.letter_end[self.first[types]]
        ends = np.cumsum(end - start)
        letters = self.letters[np.arange(ends[-1] if len(ends) else 0) + np.repeat(end - ends, end - start)]
        if self.unit is Unit.BYTE:
            return letters, ends
        string = letters.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        widths = 1 + (letters >= 0x80).astype(np.int64) + (letters >= 0x800) + (letters >= 0x10000)
        bytes_before = np.concatenate([np.zeros(1, np.int64), np.cumsum(widths)])
        return np.frombuffer(string.encode("utf-8", "surrogatepass"), np.uint8), bytes_before[ends]


class CharacterClasses(NamedTuple):
    """What each character of the text is; all boolean, one entry per character."""

    word: NDArray[np.bool_]  # in a word, by the view's rule
    space: NDArray[np.bool_]
    quote: NDArray[np.bool_]
    newline: NDArray[np.bool_]
    punctuation: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TextView:
    """A text by symbols (n) and by characters (m: n for a character log, at most n for bytes, any for tokens).

    `codes[i]`: symbol i.  `positions[i]`: its index in the evaluated text.  `rows`: the symbols that are rows of the
    log; the others (`gaps`) are placeholders, one for each gap in the positions and each start of another document, so
    that no context and no word reaches across; a placeholder's position is that before the next row's.  `documents`:
    where documents begin, 0 first: the first symbol, or the placeholder before it.  `word_rule`: what a word is
    (`word_rule`).  `horizon`: how many letters back memory and newlines are looked for, and how many a word
    may have, before the next one begins; None: any number.  `border`: a symbol at which a word begins, even where the
    horizon has cut it from the one before.
    """

    unit: Unit
    codes: Codes
    positions: NDArray[np.int64]
    rows: NDArray[np.int64] | slice
    gaps: NDArray[np.int64]
    documents: NDArray[np.int64]
    word_rule: str = PATTERN
    horizon: int | None = None
    border: int = 0
    surface: Surface | None = None  # of tokens and spans, a byte 0xFF for each placeholder
    skipped: NDArray[np.int64] | None = None  # of these, the letters that each placeholder stands for

    @classmethod
    def of_log(
        cls, log: PredictionLog, word_rule: str = PATTERN, horizon: int | None = None, border: int = 0
    ) -> "TextView":
        """The text that a log's rows spell; `border` is a row of it."""
        is_break = np.diff(log.positions, prepend=-1) != 1
        starts = log.document_starts
        is_break[starts[1:]] = True  # the first document begins the text, or follows a gap in the positions
        breaks = np.flatnonzero(is_break)
        if not len(breaks):
            plain = (log.unit, log.codes, log.positions, slice(None), breaks, starts, word_rule, horizon, border)
            return cls(*plain, log.surface, breaks)
        codes: NDArray[Any] = np.insert(log.codes, breaks, _GAP[log.unit])
        positions = np.insert(log.positions, breaks, log.positions[breaks] - 1)
        gaps = breaks + np.arange(len(breaks))
        documents = starts + np.searchsorted(breaks, starts)  # as many placeholders stand before it
        rows = np.delete(np.arange(len(codes)), gaps)
        border += int(np.searchsorted(breaks, border, "right"))
        common = (log.unit, codes, positions, rows, gaps, documents, word_rule, horizon, border)
        if log.surface is None:
            return cls(*common)
        return cls(*common, _with_placeholders(log.surface, breaks), _skipped(log, breaks))

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def string(self) -> str:
        """The characters; an invalid byte is a lone surrogate."""
        data = bytes_of(self.codes, self.unit) if self.surface is None else self.surface.joined.tobytes()
        return data.decode("utf-8", "surrogateescape")

    @cached_property
    def letters(self) -> NDArray[Any]:
        """What words are spelt in and distances counted in: bytes with a log of bytes, characters with any other.

        Of one of two types, and writable, so that each kernel is compiled twice at most.
        """
        if self.surface is not None:
            return self.points
        dtype: Any = np.uint8 if self.unit is Unit.BYTE else np.uint32
        return np.array(self.codes, dtype)

    @property
    def first_letter(self) -> NDArray[np.int64]:
        """The first letter of each character, and their number at the end; shape (m + 1,)."""
        return self.first_symbol if self.surface is None else np.arange(len(self.points) + 1)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Where each letter stands: the difference of two is their distance, across gaps of any length."""
        if self.surface is None or self.skipped is None:
            return self.positions
        steps = np.ones(len(self.points), np.int64)
        steps[self.gap_characters] = self.skipped
        return np.cumsum(steps)

    @cached_property
    def _characters(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Code point of each character, and where each begins: its first symbol, or with a surface its first byte."""
        if self.surface is not None:
            return decode(np.array(self.surface.joined))
        if self.unit is Unit.BYTE:
            return decode(self.letters.astype(np.uint8, copy=False))
        return self.letters.astype(np.uint32, copy=False), np.arange(len(self) + 1)

    @property
    def points(self) -> NDArray[np.uint32]:
        """Code point of each character; shape (m,)."""
        return self._characters[0]

    @property
    def first_symbol(self) -> NDArray[np.int64]:
        """Index of the first symbol that is judged by each character, and n at the end; shape (m + 1,), ascending.

        This is the map between symbols and characters, whatever a symbol holds.  A symbol that holds a part of a
        character (a byte) is judged by that character, one that holds several (a token) by the first of them that is
        not white space.  So character m judges the symbols first_symbol[m] .. first_symbol[m + 1] - 1, maybe none, and
        words and classes of symbols follow from those of characters.
        """
        return self._characters[1] if self.surface is None else self._first_judged

    @cached_property
    def _first_judged(self) -> NDArray[np.int64]:
        """`first_symbol` of tokens and spans; of white space alone, the first character judges."""
        found = np.empty(len(self.points) + 1, np.int64)
        ends = np.asarray(self.surface.ends if self.surface else self.gaps)
        white = SPACE | LINE_FEED | CARRIAGE_RETURN
        _judge(self._characters[1], ends - ends[:1], self._kinds, white, found)
        return found

    @property
    def splits_judge(self) -> NDArray[np.bool_]:
        """Which symbols begin inside the character that judges them; shape (n,)."""
        begins = np.arange(len(self)) if self.surface is None else (self.surface.ends - self.surface.ends[0])[:-1]
        splits: NDArray[np.bool_] = begins > self.spread(self._characters[1][:-1])
        return splits

    def characters_at(self, symbols: NDArray[np.int64]) -> NDArray[np.int64]:
        """The character with which each of some symbols begins, or that begins first after it began."""
        begins: NDArray[np.int64] = (
            symbols if self.surface is None else (self.surface.ends - self.surface.ends[0])[symbols]
        )
        return np.searchsorted(self._characters[1], begins)

    @property
    def gap_characters(self) -> NDArray[np.int64]:
        """The characters that are placeholders."""
        return self.characters_at(self.gaps)

    def letters_at(self, symbols: NDArray[np.int64]) -> NDArray[np.int64]:
        """The letter with which each of some symbols begins; they begin with a character."""
        return symbols if self.surface is None else self.characters_at(symbols)

    def spread(self, per_character: NDArray[Any]) -> NDArray[Any]:
        """Values of characters as values of their symbols; shape (m,) -> (n,)."""
        if self.surface is None and len(per_character) == len(self):
            return per_character
        return np.repeat(per_character, np.diff(self.first_symbol))

    @cached_property
    def _kinds(self) -> NDArray[np.uint8]:
        return kinds_of(self.points)

    @cached_property
    def word_spans(self) -> NDArray[np.int64]:
        """The first character of each word and the one after its last; shape (words, 2)."""
        if self.word_rule == PATTERN:  # at gaps stands nothing that it matches
            spans: NDArray[np.int64] = find_runs(self._kinds, WORD)
        else:
            spans = word_spans(self.string, self.word_rule, self.gap_characters)
        if self.horizon is not None:
            spans = cut_spans(self._parted(spans), self.first_letter, self.horizon)
        return spans

    def _parted(self, spans: NDArray[np.int64]) -> NDArray[np.int64]:
        """The spans, the one around the border as two."""
        character = int(self.characters_at(np.array([self.border]))[0])
        k = int(np.searchsorted(spans[:, 1], character, "right"))  # the first that ends after it
        if k == len(spans) or spans[k, 0] >= character:
            return spans
        return np.insert(spans.reshape(-1), 2 * k + 1, [character, character]).reshape(-1, 2)

    @cached_property
    def words(self) -> Words:
        """The words, with their places in symbols."""
        spans = self.word_spans
        place = start, end = self.first_letter[spans[:, 0]], self.first_letter[spans[:, 1]]
        if self.surface is not None:
            place = self.first_symbol[spans[:, 0]], self.first_symbol[spans[:, 1]]
        numbered = number_words(self.letters, start, end)
        return Words(self.unit, self.letters, start, end, *place, spans[:, 1] - spans[:, 0], *numbered)

    @cached_property
    def word_of(self) -> NDArray[np.int64]:
        """Index of the word that each symbol lies in, -1 outside words; shape (n,)."""
        inside = np.full(len(self), -1, np.int64)
        spread_words(self.words.start, self.words.end, np.arange(len(self.words)), inside)
        return inside

    @cached_property
    def marks(self) -> NDArray[np.uint8]:
        """The classes of each character as bits: `WORD`, `SPACE`, `QUOTE`, `NEWLINE`, `PUNCTUATION`; shape (m,)."""
        kinds = self._kinds
        if self.word_rule != PATTERN:
            kinds = kinds & np.uint8(0xFF ^ WORD)
            _mark_words(self.word_spans, kinds)
        marks = np.empty(len(kinds), np.uint8)
        _resolve(kinds, marks)
        return marks

    @cached_property
    def classes(self) -> CharacterClasses:
        """The classes of each character, one array each."""
        bits = (WORD, SPACE, QUOTE, NEWLINE, PUNCTUATION)
        return CharacterClasses(*((self.marks & bit) != 0 for bit in bits))


def _with_placeholders(surface: Surface, breaks: NDArray[np.int64]) -> Surface:
    """The symbols, before each of some a byte 0xFF."""
    ends = surface.ends - surface.ends[0]
    lengths = np.insert(surface.lengths, breaks, 1)
    data = np.insert(surface.joined, ends[breaks], _GAP[Unit.BYTE])
    return Surface(data, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))


def _skipped(log: PredictionLog, breaks: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many letters are missing before each of some rows: the bytes if the log says where symbols begin.

    Else as many as symbols; 0 before the first row, of which nothing stands here, and where only documents meet.
    """
    before = np.maximum(breaks - 1, 0)
    missing = log.positions[breaks] - log.positions[before] - 1
    if log.starts is not None and log.surface is not None:
        missing = np.where(missing > 0, log.starts[breaks] - log.starts[before] - log.surface.lengths[before], 0)
    return np.maximum(np.where(breaks > 0, missing, 0), 0)


@tight
def _judge(first: Any, ends: Any, kinds: Any, white: int, found: Any) -> None:
    """found[m]: the first symbol that is judged by character m or a later one.

    first[m]: the first byte of character m; ends[i]: that of symbol i; both with the number of bytes at the end.  A
    symbol's judge is never before that of the symbol before it.
    """
    held, done = 0, 0  # the character that holds the symbol's first byte; characters of which `found` is known
    for i in range(len(ends) - 1):
        while first[held + 1] <= ends[i]:
            held += 1
        judge = held
        while kinds[judge] & white and judge + 1 < len(kinds) and first[judge + 1] < ends[i + 1]:
            judge += 1
        if kinds[judge] & white:
            judge = held
        while done <= judge:
            found[done] = i
            done += 1
    while done < len(found):
        found[done] = len(ends) - 1
        done += 1


@kernel
def _mark_words(spans: Any, kinds: Any) -> None:
    for w in range(len(spans)):
        for m in range(spans[w, 0], spans[w, 1]):
            kinds[m] |= WORD


@kernel
def _resolve(kinds: Any, marks: Any) -> None:
    """What characters are beside their neighbours: an apostrophe is a quote or not, a CR before LF no newline."""
    for m in range(len(kinds)):
        kind = np.int64(kinds[m])
        mark = kind & (WORD | SPACE | QUOTE | PUNCTUATION | LINE_FEED)
        if kind & APOSTROPHE:
            before = m > 0 and kinds[m - 1] & WORD
            if not (before and m + 1 < len(kinds) and kinds[m + 1] & WORD):
                mark |= QUOTE
        if kind & CARRIAGE_RETURN and not (m + 1 < len(kinds) and kinds[m + 1] & LINE_FEED):
            mark |= LINE_FEED
        marks[m] = mark
