"""The verbatim oracle: which passages of a text stand word for word in the training text.

The evidence of a symbol is the longest match that contains it, a string of the text that also stands in the training
text.  So it looks ahead, too: unlike all other evidence it says nothing about what could be known before the symbol,
but whether the passage may have been learnt by heart.  A match is followed up to `LONGEST` symbols; no match reaches
across a gap, or into another document.

The text is made into a suffix automaton, a piece at a time, and the whole training text is read through it for each
piece.  Time O(n + N) with n symbols in the piece and N of training text, whatever repeats there are; memory some 150
bytes per symbol of the piece, and 40 more per thread; the training text itself stays where it is, mapped.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.kernels import even_spans, kernel, n_threads, parallel_map
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.special import SPECIAL
from errtax.lm.text import Alphabet, Codes, Text, Unit
from errtax.oracle.seeds import Seeds, seeds_of
from errtax.oracle.suffix_automaton import (
    SEEN,
    Automaton,
    add_seen,
    automaton_of,
    beginning,
    find_longest,
    read_piece,
)
from errtax.oracle.text_view import TextView

LONGEST = 10_000
"""Symbols up to which a match is followed."""
_NOTHING = (0, 0, -1)  # as a match
_PIECE = 1 << 20
"""Symbols of a training text that are read at a time."""


@dataclass(frozen=True, eq=False)
class SourceText:
    """The symbols of a text, from itself or from an index that was built from it."""

    name: str
    unit: Unit
    sha256: str
    symbols: NDArray[Any]  # codes, or what `names` gives the codes of
    names: NDArray[np.uint32] | None = None

    @classmethod
    def of_text(cls, text: Text) -> "SourceText":
        """That of a text."""
        return cls(text.name, text.unit, text.sha256, text.codes)

    @classmethod
    def of_index(cls, index: NgramIndex) -> "SourceText":
        """That of an index, which has its symbols.  Raises `UsageError` where each line is a sentence."""
        if index.end_of_line is not None:
            raise UsageError("an index of lines does not have its text in one piece; give --train-text train.txt.")
        codes = np.concatenate([np.zeros(SPECIAL, np.uint32), index.alphabet.codes])
        info = index.info
        return cls(info.text, index.unit, info.text_sha256, index.tree.symbols[1:-2], codes)  # without <s>, </s> and 0

    def __len__(self) -> int:
        return len(self.symbols)

    def codes(self, first: int, stop: int) -> Codes:
        """The symbols first .. stop - 1."""
        symbols: Any = self.symbols[first:stop]
        codes: Codes = symbols if self.names is None else self.names[symbols]
        return codes

    def lines_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The line of each of some symbols, from 1; bytes or characters.  Time O(the last of them)."""
        order = np.argsort(places)
        ordered, lines, before = places[order], np.empty(len(places), np.int64), 1
        for first in range(0, int(places.max(initial=-1)) + 1, _PIECE):
            ends = first + np.flatnonzero(self.codes(first, first + _PIECE) == ord("\n"))
            asked = slice(*np.searchsorted(ordered, (first, first + _PIECE)))
            lines[order[asked]] = before + np.searchsorted(ends, ordered[asked])
            before += len(ends)
        return lines


class Matches(NamedTuple):
    """One match per entry."""

    length: NDArray[np.int32]  # symbols, at most the limit; 0: none
    times: NDArray[np.int64]  # how often it stands in the training text
    place: NDArray[np.int64]  # where it begins there for the first time; -1: nowhere

    def at(self, entries: Any) -> "Matches":
        """Some of them."""
        return Matches(*(column[entries] for column in self))


class Passages(NamedTuple):
    """Matches that are part of no longer one, in order; they may overlap."""

    begin: NDArray[np.int64]  # the first symbol
    length: NDArray[np.int64]
    times: NDArray[np.int64]  # how often it stands in the training text; of more than `LONGEST` symbols, at most
    place: NDArray[np.int64]  # where it begins there, for the first time if it has up to `LONGEST` symbols

    def at(self, entries: Any) -> "Passages":
        """Some of them."""
        return Passages(*(column[entries] for column in self))


def matches_ending(
    codes: Codes, gaps: NDArray[np.int64], training: SourceText, limit: int = LONGEST, least: int = 1
) -> Matches:
    """The longest match that ends at each symbol of a text; `gaps`: symbols that are placeholders, in no match.

    Those of fewer than `least` symbols, and of fewer than `limit`, are left out: long ones alone are found many times
    as fast.
    """
    if not len(codes):
        return Matches(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))
    alphabet = Alphabet.sorted(codes)
    ids: NDArray[np.int32] = alphabet.encode(codes, np.int32)
    ids[gaps] = len(alphabet)
    machine, least = automaton_of(ids), min(least, limit)
    seen = _read(machine, seeds_of(ids, least), alphabet, training, limit)
    order = (np.argsort(machine.states["length"][1:], kind="stable") + 1).astype(np.int32)
    found = Matches(np.empty(len(ids), np.int32), np.empty(len(ids), np.int64), np.empty(len(ids), np.int64))
    find_longest(machine, order, seen, np.empty(len(machine.states), np.int32), *found)
    columns: list[NDArray[Any]] = [*found]
    short = found.length < least
    for column, nothing in zip(columns, _NOTHING, strict=True):
        column[short] = nothing
    return found


def _read(machine: Automaton, seeds: Seeds, alphabet: Alphabet, training: SourceText, limit: int) -> NDArray[Any]:
    """What is seen of an automaton's strings when the training text is read through it, on all cores."""

    def read(span: tuple[int, int]) -> NDArray[Any]:
        first = max(span[0] - limit, 0)  # so many symbols before tell which strings of up to `limit` end here
        seen, at = np.zeros(len(machine.states), SEEN), beginning(seeds, first)
        for start in range(first, span[1], _PIECE):
            stop = min(start + _PIECE, span[1])
            begin = max(start - seeds.step, 0)
            ids = alphabet.encode(training.codes(begin, min(stop + seeds.width, len(training))), np.int32)
            read_piece(machine, seeds, ids, begin, (stop, span[0], limit), seen, at)
        return seen

    parts = max(min(n_threads(), len(training) // _PIECE), 1)
    first, *others = parallel_map(read, even_spans(0, len(training), -(-len(training) // parts)))
    for other in others:
        add_seen(machine.states, first, other)
    return first


def matches_around(ending: Matches, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> Matches:
    """The longest match that contains the symbols begins[t] .. ends[t] - 1, for each t; of equal ones the leftmost.

    `ending`: those that end at each symbol.  Both bounds ascend; of no symbols there is no match.
    """
    best = np.empty(len(begins), np.int64)
    _find_around(ending.length, begins, ends, best)
    there = best >= 0
    found: list[NDArray[Any]] = [np.full(len(best), nothing) for nothing in _NOTHING]
    columns: list[NDArray[Any]] = [*ending]
    for column, values in zip(found, columns, strict=True):
        column[there] = values[best[there]]
    return Matches(found[0].astype(np.int32), found[1], found[2])


def matches_of_view(view: TextView, training: SourceText, span: tuple[int, int]) -> Matches:
    """The longest match that contains each of the symbols span[0] .. span[1] - 1 of a text under test.

    Letters are what is compared: the bytes of tokens and spans, of which a match contains all.  Up to `LONGEST` letters
    before and after the span are looked at.
    """
    data: Any = view.codes if view.surface is None else view.surface.joined
    ends = np.arange(len(view) + 1) if view.surface is None else view.surface.ends - view.surface.ends[0]
    first, stop = span
    begin, end = max(int(ends[first]) - LONGEST, 0), min(int(ends[stop]) + LONGEST, len(data))
    gaps = ends[view.gaps]  # a placeholder is one letter
    gaps = gaps[(gaps >= begin) & (gaps < end)] - begin
    ending = matches_ending(data[begin:end], gaps, training)
    return matches_around(ending, ends[first:stop] - begin, ends[first + 1 : stop + 1] - begin)


@kernel
def _find_around(lengths: Any, begins: Any, ends: Any, best: Any) -> None:
    """best[t]: where the match ends, or -1."""
    # one that ends later never begins earlier: those that contain a span end in a window that only moves on.  In the
    # queue each is longer than, or as long as, all that end later
    queue = np.empty(len(lengths), np.int64)
    head, tail, j = 0, 0, 0
    for t in range(len(begins)):
        while j < len(lengths) and j - lengths[j] < begins[t]:
            while tail > head and lengths[queue[tail - 1]] < lengths[j]:
                tail -= 1
            queue[tail] = j
            tail += 1
            j += 1
        while head < tail and queue[head] < ends[t] - 1:
            head += 1
        best[t] = queue[head] if head < tail and ends[t] > begins[t] else -1


def passages_of(ending: Matches, span: tuple[int, int], limit: int = LONGEST) -> Passages:
    """The passages that end at the symbols span[0] .. span[1] - 1; the one after them tells whether the last goes on.

    Matches as long as the limit that follow one another in both texts are one passage.
    """
    length, times, place = ending
    goes_on = np.append(length[1:] == length[:-1] + 1, False)
    ends = span[0] + np.flatnonzero((length > 0)[slice(*span)] & ~goes_on[slice(*span)])
    full = length[ends] == limit
    joined = full[1:] & full[:-1] & (np.diff(ends) == 1) & (np.diff(place[ends]) == 1)
    heads = np.flatnonzero(np.append(True, ~joined)) if len(ends) else ends
    return _joined(ends - length[ends] + 1, ends + 1, times[ends], place[ends], heads)


def join_passages(parts: list[Passages], limit: int = LONGEST) -> Passages:
    """The passages of consecutive pieces of a text; one that the next piece goes on with is one."""
    begin, length, times, place = (np.concatenate(column) for column in zip(*parts, strict=True))
    joined = np.zeros(max(len(begin) - 1, 0), bool)
    borders = np.cumsum([len(part.begin) for part in parts])[:-1]
    before = np.unique(borders[(borders > 0) & (borders < len(begin))]) - 1
    shift = length[before] - limit + 1  # from where the one before begins to where its last match would go on
    full = (shift > 0) & (length[before + 1] >= limit)
    goes_on = (begin[before] + shift == begin[before + 1]) & (place[before] + shift == place[before + 1])
    joined[before] = full & goes_on
    heads = np.flatnonzero(np.append(True, ~joined)) if len(begin) else borders[:0]
    return _joined(begin, begin + length, times, place, heads)


def _joined(begin: Any, ends: Any, times: Any, place: Any, heads: Any) -> Passages:
    """Passages, each of a run of matches that begins at one of the heads."""
    if not len(heads):
        return Passages(*(np.empty(0, np.int64) for _ in range(4)))
    lasts = np.append(heads[1:], len(begin)) - 1
    return Passages(begin[heads], ends[lasts] - begin[heads], np.minimum.reduceat(times, heads), place[heads])
