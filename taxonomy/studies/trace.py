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
from errtax.lm.kernels import even_spans
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Text, Unit, read_text, symbol_name
from errtax.oracle.verbatim import LONGEST, Passages, SourceText, join_passages, matches_ending, passages_of

SCHEMA = "errtax.trace/1"
LEAST = 50
"""Symbols of the shortest passage that is told, unless somebody says otherwise."""
STEPS = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Lengths by which passages are summed up."""
_ROWS = 1 << 21
"""Symbols of the text that are looked for at a time; for each such piece the training text is read once."""


class Inside(NamedTuple):
    """Passages of at least `length` symbols: how many, and how many symbols of the text lie in one of them."""

    length: int
    passages: int
    symbols: int


@dataclass(frozen=True, eq=False)
class Trace:
    """The passages of a text that its training text has."""

    text: SourceText
    training: SourceText
    at_least: int  # symbols of a passage
    passages: Passages  # in order
    lines: NDArray[np.int64] | None  # of the first symbol of each, from 1; None: the unit has no lines
    training_lines: NDArray[np.int64] | None
    files: Sequence[str]  # of the training text
    file: NDArray[np.int64]  # whose of them each passage is
    place: NDArray[np.int64]  # where it begins in this file

    @property
    def signature(self) -> str:
        """How the passages were found."""
        found = f"unit:{self.text.unit}|n:{len(self.text)}|len>={self.at_least}|limit:{LONGEST}"
        return f"{found}|text:{self.text.sha256[:12]}|train:{self.training.sha256[:12]}"

    def inside(self) -> list[Inside]:
        """The sums by length, from the shortest passage that is told up to the longest there is."""
        longest = int(self.passages.length.max(initial=0))
        steps = [self.at_least, *(step for step in STEPS if self.at_least < step <= longest)]
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


def trace_text(text: SourceText, training: SourceText, at_least: int = LEAST, folder: Path | None = None) -> Trace:
    """The passages of at least so many symbols, and where each stands first in the training text.

    `folder`: the training text is all its files, one after another; each passage is given its file then.

    Time O(n + N) for each two million symbols n of the text, N being those of the training text; memory some 150 bytes
    per symbol of such a piece and 40 more per thread, whatever the training text.
    """
    if at_least < 1:
        raise UsageError(f"passages have at least 1 symbol; got {at_least}.")
    parts = [_passages(text, training, span) for span in even_spans(0, len(text), _ROWS)]
    found = join_passages(parts)
    found = Passages(*(column[found.length >= at_least] for column in found))
    files, starts = _files_of(training, folder)
    file = np.searchsorted(starts, found.place, "right") - 1
    place = found.place - starts[file]
    lines, training_lines = None, None
    if text.unit in (Unit.BYTE, Unit.CHAR):
        lines, training_lines = text.lines_of(found.begin), training.lines_of(found.place)
        training_lines = training_lines - training.lines_of(starts)[file] + 1
    return Trace(text, training, at_least, found, lines, training_lines, files, file, place)


def _passages(text: SourceText, training: SourceText, span: tuple[int, int]) -> Passages:
    first = max(span[0] - LONGEST, 0)
    codes = text.codes(first, span[1] + 1)
    ending = matches_ending(codes, np.empty(0, np.int64), training)
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
    text: Path, train_text: Path | None, ngram: Path | None, unit: Unit = Unit.BYTE, at_least: int = LEAST
) -> Trace:
    """The passages of a file.  The training text is a file or folder, or what an index was built from.

    Raises `UsageError` unless one of them is given, and for an index of lines.
    """
    if (train_text is None) == (ngram is None):
        raise UsageError("give the training text with --train-text, or its index with --ngram: one of them.")
    if ngram is not None:
        index = NgramIndex.open(ngram)
        training, read = SourceText.of_index(index), read_text(text, index.unit, index.sentences)
        return trace_text(_of_codes(read, index), training, at_least)
    training_text = read_text(train_text or Path(), unit)
    return trace_text(
        SourceText.of_text(read_text(text, unit)), SourceText.of_text(training_text), at_least, train_text
    )


def _of_codes(text: Text, index: NgramIndex) -> SourceText:
    return SourceText(text.name, text.unit, text.sha256, index.codes_of(text))
