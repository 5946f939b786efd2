"""A text under test as the oracles see it: symbols, their characters, and the words among them.

Rules about words, spaces, quotes and punctuation are rules about characters.  A byte log is decoded as UTF-8; each
byte belongs to its character, an invalid byte is a character of its own that belongs to no word.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import kernel
from errtax.lm.prediction_log import PredictionLog, bytes_of
from errtax.lm.text import Codes, Unit
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
}  # never in UTF-8, never a character: stands where a log skips positions or another document begins


@dataclass(frozen=True, eq=False)
class Words:
    """The words of a text, in order.  `start`, `length`, `end` count symbols, `characters` characters.

    `type[w]`: number of what word w spells, by first appearance; `first[t]`: the first word of type t.
    """

    unit: Unit
    symbols: NDArray[Any]
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
        start, end = self.start[self.first[types]], self.end[self.first[types]]
        ends = np.cumsum(end - start)
        symbols = self.symbols[np.arange(ends[-1] if len(ends) else 0) + np.repeat(end - ends, end - start)]
        if self.unit is Unit.BYTE:
            return symbols, ends
        string = symbols.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        widths = 1 + (symbols >= 0x80).astype(np.int64) + (symbols >= 0x800) + (symbols >= 0x10000)
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
    """A text by symbols (n) and by characters (m <= n; m = n for a character log).

    `codes[i]`: symbol i.  `positions[i]`: its index in the evaluated text.  `rows`: the symbols that are rows of the
    log; the others (`gaps`) are placeholders, one for each gap in the positions and each start of another document, so
    that no context and no word reaches across; a placeholder's position is that before the next row's.  `documents`:
    where documents begin, 0 first: the first symbol, or the placeholder before it.  `word_rule`: what a word is
    (`word_rule`).  `horizon`: how many positions back memory and newlines are looked for, and how many symbols a word
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
            return cls(log.unit, log.codes, log.positions, slice(None), breaks, starts, word_rule, horizon, border)
        codes: NDArray[Any] = np.insert(log.codes, breaks, _GAP[log.unit])
        positions = np.insert(log.positions, breaks, log.positions[breaks] - 1)
        gaps = breaks + np.arange(len(breaks))
        documents = starts + np.searchsorted(breaks, starts)  # as many placeholders stand before it
        rows = np.delete(np.arange(len(codes)), gaps)
        border += int(np.searchsorted(breaks, border, "right"))
        return cls(log.unit, codes, positions, rows, gaps, documents, word_rule, horizon, border)

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def string(self) -> str:
        """The characters; an invalid byte is a lone surrogate."""
        data = bytes_of(self.codes, self.unit)
        return data.decode("utf-8", "surrogateescape")

    @cached_property
    def symbols(self) -> NDArray[Any]:
        """The codes as kernels take them: of one of two types, and writable, so that each is compiled twice at most."""
        dtype: Any = np.uint8 if self.unit is Unit.BYTE else np.uint32
        return np.array(self.codes, dtype)

    @cached_property
    def _characters(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        if self.unit is Unit.BYTE:
            return decode(self.symbols.astype(np.uint8, copy=False))
        return self.symbols.astype(np.uint32, copy=False), np.arange(len(self) + 1)

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
        return self._characters[1]

    @property
    def gap_characters(self) -> NDArray[np.int64]:
        """The characters that are placeholders."""
        return np.searchsorted(self.first_symbol, self.gaps)

    def spread(self, per_character: NDArray[Any]) -> NDArray[Any]:
        """Values of characters as values of their symbols; shape (m,) -> (n,)."""
        if len(per_character) == len(self):
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
            spans = cut_spans(self._parted(spans), self.first_symbol, self.horizon)
        return spans

    def _parted(self, spans: NDArray[np.int64]) -> NDArray[np.int64]:
        """The spans, the one around the border as two."""
        character = int(np.searchsorted(self.first_symbol, self.border))
        k = int(np.searchsorted(spans[:, 1], character, "right"))  # the first that ends after it
        if k == len(spans) or spans[k, 0] >= character:
            return spans
        return np.insert(spans.reshape(-1), 2 * k + 1, [character, character]).reshape(-1, 2)

    @cached_property
    def words(self) -> Words:
        """The words, with their places in symbols."""
        spans = self.word_spans
        start, end = self.first_symbol[spans[:, 0]], self.first_symbol[spans[:, 1]]
        numbered = number_words(self.symbols, start, end)
        return Words(self.unit, self.symbols, start, end, spans[:, 1] - spans[:, 0], *numbered)

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
