"""A text under test as the oracles see it: symbols, their characters, and the words among them.

Rules about words, spaces, quotes and punctuation are rules about characters.  A byte log is decoded as UTF-8; each
byte belongs to its character, an invalid byte is a character of its own that belongs to no word.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.prediction_log import PredictionLog, bytes_of
from errtax.lm.text import Codes, Unit
from errtax.oracle.quotes import APOSTROPHES, QUOTES
from errtax.oracle.word_rule import PATTERN, word_spans

_WORD_CHARACTER = re.compile(r"\w")
_GAP = {
    Unit.BYTE: 0xFF,
    Unit.CHAR: 0xFFFF,
}  # never in UTF-8, never a character: stands where a log skips positions or another document begins


class Words(NamedTuple):
    """The words of a text, in order.  `start`, `length`, `end` count symbols, `characters` characters."""

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    characters: NDArray[np.int64]
    type: NDArray[np.int64]  # index into `types`
    types: list[str]

    @property
    def end(self) -> NDArray[np.int64]:
        """The symbol behind each word."""
        return self.start + self.length


class CharacterKinds(NamedTuple):
    """What single characters are, whatever stands beside them; all boolean, one entry per character."""

    word: NDArray[np.bool_]
    space: NDArray[np.bool_]
    quote: NDArray[np.bool_]
    apostrophe: NDArray[np.bool_]  # a quote unless it stands between two characters of words
    punctuation: NDArray[np.bool_]


def kinds_of(characters: list[str]) -> CharacterKinds:
    """The kinds of some characters.

    >>> [kind.tolist() for kind in kinds_of(["é", "\\n"])]
    [[True, False], [False, False], [False, False], [False, False], [False, False]]
    """
    rules: list[Callable[[str], bool]] = [
        lambda c: bool(_WORD_CHARACTER.match(c)),
        lambda c: c.isspace() and c not in "\r\n",
        lambda c: c in QUOTES,
        lambda c: c in APOSTROPHES,
        lambda c: unicodedata.category(c)[0] in "PS",
    ]
    return CharacterKinds(*(np.array([rule(c) for c in characters], bool) for rule in rules))


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
    (`word_rule`).
    """

    unit: Unit
    codes: Codes
    positions: NDArray[np.int64]
    rows: NDArray[np.int64] | slice
    gaps: NDArray[np.int64]
    documents: NDArray[np.int64]
    word_rule: str = PATTERN

    @classmethod
    def of_log(cls, log: PredictionLog, word_rule: str = PATTERN) -> "TextView":
        """The text that a log's rows spell."""
        is_break = np.diff(log.positions, prepend=-1) != 1
        starts = log.document_starts
        is_break[starts[1:]] = True  # the first document begins the text, or follows a gap in the positions
        breaks = np.flatnonzero(is_break)
        if not len(breaks):
            return cls(log.unit, log.codes, log.positions, slice(None), breaks, starts, word_rule)
        codes: NDArray[Any] = np.insert(log.codes, breaks, _GAP[log.unit])
        positions = np.insert(log.positions, breaks, log.positions[breaks] - 1)
        gaps = breaks + np.arange(len(breaks))
        documents = starts + np.searchsorted(breaks, starts)  # as many placeholders stand before it
        rows = np.delete(np.arange(len(codes)), gaps)
        return cls(log.unit, codes, positions, rows, gaps, documents, word_rule)

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def string(self) -> str:
        """The characters; an invalid byte is a lone surrogate."""
        data = bytes_of(self.codes, self.unit)
        return data.decode("utf-8", "surrogateescape")

    @cached_property
    def points(self) -> NDArray[np.uint32]:
        """Code point of each character; shape (m,)."""
        return np.frombuffer(self.string.encode("utf-32-le", "surrogatepass"), "<u4")

    @cached_property
    def first_symbol(self) -> NDArray[np.int64]:
        """Index of the first symbol of each character, and n at the end; shape (m + 1,)."""
        if self.unit is Unit.CHAR:
            return np.arange(len(self) + 1)
        points = self.points
        widths = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
        widths[(points >= 0xDC80) & (points <= 0xDCFF)] = 1  # an invalid byte
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(widths)])

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
    def _word_spans(self) -> NDArray[np.int64]:
        """The first character of each word and the one after its last; shape (words, 2)."""
        return word_spans(self.string, self.word_rule, self.gap_characters)

    @cached_property
    def words(self) -> Words:
        """The words, with their places in symbols."""
        string, spans = self.string, self._word_spans
        ids: dict[str, int] = {}
        types = [ids.setdefault(string[a:b], len(ids)) for a, b in spans.tolist()]
        start, end = self.first_symbol[spans[:, 0]], self.first_symbol[spans[:, 1]]
        return Words(start, end - start, spans[:, 1] - spans[:, 0], np.array(types, np.int64), list(ids))

    @cached_property
    def word_of(self) -> NDArray[np.int64]:
        """Index of the word that each symbol lies in, -1 outside words; shape (n,)."""
        words = self.words
        inside = np.full(len(self), -1, np.int64)
        total = int(words.length.sum())
        if total:
            first = np.cumsum(words.length) - words.length
            where = np.arange(total) + np.repeat(words.start - first, words.length)
            inside[where] = np.repeat(np.arange(len(words.start)), words.length)
        return inside

    @cached_property
    def classes(self) -> CharacterClasses:
        """Classes of characters: looked up once per distinct character."""
        points = self.points
        distinct, which = np.unique(points, return_inverse=True)
        kinds = kinds_of([chr(point) for point in distinct])
        _, space, quote, apostrophe, mark = (kind[which] for kind in kinds)
        edges = np.zeros((2, len(points) + 1), np.int64)
        edges[0, self._word_spans[:, 0]], edges[1, self._word_spans[:, 1]] = 1, 1
        word = np.cumsum(edges[0] - edges[1])[:-1] > 0
        before, after = np.roll(word, 1), np.roll(word, -1)
        before[:1] = after[-1:] = False
        line_feed, carriage_return = points == 0x0A, points == 0x0D
        bare = carriage_return & ~np.concatenate([line_feed[1:], [False]])
        return CharacterClasses(word, space, quote | (apostrophe & ~(before & after)), line_feed | bare, mark)
