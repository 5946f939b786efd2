"""Where passages of a text come from: the longest strings of it that its model's training text has, too.

What is contamination in a test text, and memorisation in a text that a model wrote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.files import files_below
from errtax.lm.kernels import even_spans, n_threads
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Text, Unit, read_text, symbol_name
from errtax.oracle.near import SEED, near_passages
from errtax.oracle.verbatim import LONGEST, Passages, SourceText, join_passages, matches_ending, passages_of

SCHEMA = "errtax.trace/1"
LEAST = 50
"""Symbols of the shortest passage that is told, unless somebody says otherwise."""
STEPS = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Lengths by which passages are summed up."""
_ROWS, _FEWEST = 1 << 21, 1 << 16
_BASE, _BYTES, _BYTES_PER_THREAD = 250_000_000, 150, 40
"""What a piece of the text takes: of the program, and per symbol."""


class Inside(NamedTuple):
    """Passages of at least `length` symbols: how many, and how many symbols of the text lie in one of them."""

    length: int
    passages: int
    symbols: int


@dataclass(frozen=True)
class Search:
    """What is looked for: passages of at least so many symbols, with at most so many edits; in how much memory."""

    at_least: int = LEAST
    edits: int = 0
    memory: int | None = None  # bytes, roughly; None: that of two million symbols at a time

    def __post_init__(self) -> None:
        """Raise `UsageError` for what cannot be meant."""
        if self.at_least < 1:
            raise UsageError(f"passages have at least 1 symbol; got {self.at_least}.")
        if self.edits and self.at_least < SEED:
            raise UsageError(f"with edits, passages have at least {SEED} symbols; got {self.at_least}.")

    @property
    def rows(self) -> int:
        """Symbols of the text that are looked for at a time; for each such piece the training text is read once."""
        if self.memory is None:
            return _ROWS
        return max((self.memory - _BASE) // (_BYTES + _BYTES_PER_THREAD * n_threads()), _FEWEST)


@dataclass(frozen=True, eq=False)
class Trace:
    """The passages of a text that its training text has."""

    text: SourceText
    training: SourceText
    search: Search
    passages: Passages  # in order
    edits: NDArray[np.int64]  # between each and the training text
    there: NDArray[np.int64]  # symbols that the training text has for each
    lines: NDArray[np.int64] | None  # of the first symbol of each, from 1; None: the unit has no lines
    training_lines: NDArray[np.int64] | None
    files: Sequence[str]  # of the training text
    file: NDArray[np.int64]  # whose of them each passage is
    place: NDArray[np.int64]  # where it begins in this file

    @property
    def signature(self) -> str:
        """How the passages were found."""
        found = f"unit:{self.text.unit}|n:{len(self.text)}|len>={self.search.at_least}|limit:{LONGEST}"
        found += "" if self.search.edits == 0 else f"|edits<={self.search.edits},seed>={SEED}"
        return f"{found}|text:{self.text.sha256[:12]}|train:{self.training.sha256[:12]}"

    def inside(self) -> list[Inside]:
        """The sums by length, from the shortest passage that is told up to the longest there is."""
        longest = int(self.passages.length.max(initial=0))
        steps = [self.search.at_least, *(step for step in STEPS if self.search.at_least < step <= longest)]
        return [self._inside(step) for step in steps]

    def _inside(self, least: int) -> Inside:
        chosen = self.passages.length >= least
        begin = self.passages.begin[chosen]
        end = begin + self.passages.length[chosen]  # none contains another: both ascend
        before = np.concatenate([np.zeros(1, np.int64), end])[:-1]
        return Inside(least, len(begin), int((end - np.maximum(begin, before)).sum()))

    def longest(self, n: int) -> NDArray[np.int64]:
        """The numbers of the n longest passages, the longest first."""
        return np.argsort(-self.passages.length, kind="stable")[:n]

    def excerpt(self, number: int, width: int) -> str:
        """The first symbols of a passage, as they are shown."""
        begin, length = int(self.passages.begin[number]), int(self.passages.length[number])
        codes: Any = self.text.codes(begin, begin + min(length, width))
        if self.text.unit is Unit.BYTE:
            return bytes(codes).decode("utf-8", "replace")
        if self.text.unit is Unit.CHAR:
            return "".join(map(chr, codes.tolist()))
        return " ".join(symbol_name(code, self.text.unit) for code in codes.tolist())


def trace_text(text: SourceText, training: SourceText, search: Search, folder: Path | None = None) -> Trace:
    """The passages that are looked for, and where each stands first in the training text.

    `folder`: the training text is all its files, one after another; each passage is given its file then.

    Time O(n + N) for each piece of n symbols of the text, N being those of the training text; memory some 150 bytes
    per symbol of such a piece and 40 more per thread, whatever the training text.
    """
    least = SEED if search.edits else search.at_least
    parts = [_passages(text, training, span, least) for span in even_spans(0, len(text), search.rows)]
    exact = join_passages(parts)
    exact = exact.at(exact.length >= least)
    found, edits, there = near_passages(exact, text, training, search.edits)
    long = found.length >= search.at_least
    found, edits, there = found.at(long), edits[long], there[long]
    files, starts = _files_of(training, folder)
    file = np.searchsorted(starts, found.place, "right") - 1
    place = found.place - starts[file]
    lines, training_lines = None, None
    if text.unit in (Unit.BYTE, Unit.CHAR):
        lines, training_lines = text.lines_of(found.begin), training.lines_of(found.place)
        training_lines = training_lines - training.lines_of(starts)[file] + 1
    return Trace(text, training, search, found, edits, there, lines, training_lines, files, file, place)


def _passages(text: SourceText, training: SourceText, span: tuple[int, int], least: int) -> Passages:
    first = max(span[0] - LONGEST, 0)
    codes = text.codes(first, span[1] + 1)
    ending = matches_ending(codes, np.empty(0, np.int64), training, least=least)
    found = passages_of(ending, (span[0] - first, span[1] - first))
    return found._replace(begin=found.begin + first)


def _files_of(training: SourceText, folder: Path | None) -> tuple[list[str], NDArray[np.int64]]:
    """The files of a training text, and where each begins in it; of characters, those of a folder are one."""
    if folder is None or not folder.is_dir() or training.unit is not Unit.BYTE:
        return [training.name], np.zeros(1, np.int64)
    files = [file for file in files_below(folder) if file.stat().st_size]
    sizes = np.array([file.stat().st_size for file in files], np.int64)
    return [str(file) for file in files], np.cumsum(sizes) - sizes


def trace_files(
    text: Path, train_text: Path | None, ngram: Path | None, search: Search, unit: Unit = Unit.BYTE
) -> Trace:
    """The passages of a file.  The training text is a file or folder, or what an index was built from.

    Raises `UsageError` unless one of them is given, and for an index of lines.
    """
    if (train_text is None) == (ngram is None):
        raise UsageError("give the training text with --train-text, or its index with --ngram: one of them.")
    if ngram is not None:
        index = NgramIndex.open(ngram)
        training, read = SourceText.of_index(index), read_text(text, index.unit, index.sentences)
        return trace_text(_of_codes(read, index), training, search)
    training_text = read_text(train_text or Path(), unit)
    tested = SourceText.of_text(read_text(text, unit))
    return trace_text(tested, SourceText.of_text(training_text), search, train_text)


def _of_codes(text: Text, index: NgramIndex) -> SourceText:
    return SourceText(text.name, text.unit, text.sha256, index.codes_of(text))
