"""A log on its way through the peel: windows of it in, evidence and verdicts out, block by block and on all cores."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.kernels import ordered_map, read_ahead
from errtax.lm.log_reader import LogSource, LogTally
from errtax.lm.ngram.model import NgramModel
from errtax.lm.prediction_log import BLOCK_ROWS, PredictionLog
from errtax.lm.text import Text
from errtax.lm.word_counts import WordCounts
from errtax.oracle import copy
from errtax.oracle.characters import WORD
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.excerpts import Excerpt
from errtax.oracle.text_view import TextView
from errtax.oracle.verbatim import LONGEST, Matches, SourceText, matches_of_view
from errtax.oracle.windows import HORIZON, Reach, Window, windows
from errtax.oracle.word_rule import PATTERN, count_without_spaces
from errtax.taxonomy.counted import Counted, signed
from errtax.taxonomy.examination import DoctorTally
from errtax.taxonomy.layers.registry import find_layer
from errtax.taxonomy.peel import Peel, leave_out, peel_log
from errtax.taxonomy.settings import Settings

logger = logging.getLogger("errtax")
Result = TypeVar("Result")
_PER_ROW, _MOST_ROWS = 16, 1 << 20
"""Symbols of a training text that are read for each row at most, and rows of a block beyond which more are."""


class Oracles(NamedTuple):
    """What the evidence comes from: an n-gram model and the training text's words, None where there are none."""

    model: NgramModel | None
    training_words: WordCounts | None
    words: str = PATTERN  # what a word is (`word_rule`)
    training: SourceText | None = None  # whose passages are looked for, where that is asked


@dataclass(eq=False)
class PeelFlow:
    """The peel of a log that is made while its blocks are asked for, once; a `PeelSource`.

    `head`, which says the text's digest, the number of rows and the n-gram model's own score, is there when the last
    block is.
    """

    log: LogSource
    oracles: Oracles
    settings: Settings
    sources: Mapping[str, str]  # what the peel is made from, by the keys of its file's metadata
    metadata: Mapping[str, str]  # of the log, with what was said of its model and is known of its text
    text: Text | None = None  # if given, the log must be a log of it
    part: Excerpt | None = None  # what of the log is peeled, if it is not all of it
    counted: Counted = field(default_factory=Counted, init=False)  # complete when the last block is made
    _head: Peel | None = field(default=None, init=False)

    def __len__(self) -> int:
        return len(self._source)

    @property
    def _source(self) -> LogSource:
        return self.log if self.part is None else self.part

    @property
    def head(self) -> Peel:
        """The peel without rows, once all rows are made; that of a part is not signed."""
        if self._head is None:
            raise RuntimeError("the head of a peel is known when its last block is made")
        return self._head

    @property
    def reach(self) -> Reach:
        """How far back and ahead of a row its evidence depends on the log."""
        horizon = max(
            [HORIZON, *(find_layer(name, self.settings).reach(self.settings) for name in self.settings.layers)]
        )
        own = [rule.reach for rule in self.settings.custom if rule.reach is not None]
        own += [] if self.oracles.model is None else [self.oracles.model.order]
        own += [] if self.oracles.training is None else [LONGEST]
        before = copy.LENGTHS[0] + self.copy_horizon if self.log.head.surface is not None else 0
        return Reach(horizon, max([0, *own]), before)

    @property
    def _horizons(self) -> dict[str, str]:
        """What a file's metadata say of it."""
        of_copies = {} if self.log.head.surface is None else {"copy_horizon": str(self.copy_horizon)}
        return {"horizon": str(self.reach.horizon), **of_copies}

    @property
    def copy_horizon(self) -> int:
        """How many tokens back copies are looked for."""
        chosen = (find_layer(name, self.settings) for name in self.settings.layers)
        return max([copy.HORIZON, *(layer.reach_in_rows(self.settings) for layer in chosen)])

    @property
    def in_one_block(self) -> bool:
        """Whether an oracle looks at the whole text, so that it must be in memory."""
        return any(rule.reach is None for rule in self.settings.custom)  # asked whether or not they are layers

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Peel]:
        """The peel in blocks of about so many rows: they end where no word is."""
        return self.map_blocks(lambda peel: peel, rows)

    def map_blocks(self, function: Callable[[Peel], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        """What `function` makes of each block, in order, computed on all cores.

        Raises `BadInput` for a log that is none, or in which nothing is predicted.
        """
        tally, reach, words = LogTally(), self.reach, self.oracles.words
        if self.in_one_block and rows < len(self):
            logger.warning("An oracle of yours needs the whole text in memory; say how far it looks: @oracle(reach=N).")
            rows = len(self)

        def work(window: Window) -> tuple[Peel, Counted, Result]:
            peel, counted = self._peeled(window, reach)
            return peel.head, counted, function(peel)

        if self.oracles.training is not None:  # which is read once for each block
            rows = max(rows, min(len(self.oracles.training) // _PER_ROW, _MOST_ROWS))
        margins = (0, 0) if self.part is None else (self.part.before, self.part.after)
        for head, counted, result in ordered_map(
            work, read_ahead(windows(self._read(tally, rows), words, reach, *margins))
        ):
            self.counted += counted
            self._head = replace(head, sources={**self.sources, **self._horizons})
            yield result
        if self.part is None:
            self._head = signed(self.head, tally, self.counted)

    def _read(self, tally: LogTally, rows: int) -> Iterator[PredictionLog]:
        for block in self._source.blocks(rows):
            tally.add(block)
            if self.text is not None:
                _require_text(block, self.text)
            yield replace(block, metadata=dict(self.metadata))

    def _peeled(self, window: Window, reach: Reach) -> tuple[Peel, Counted]:
        log, own = window
        model, training_words, words, training = self.oracles
        view = TextView.of_log(log, words, reach.horizon, own.start)
        verbatim = None if training is None else _verbatim(view, training, own)
        whole, (log, left_out) = log, _without(log, verbatim, own, self.settings)
        tally = DoctorTally(view, whole, model, sample=True, counted=~np.isnan(log.logprobs))
        evidence = collect_evidence(
            view, model, training_words, self.settings.custom, tally, own, self.copy_horizon, verbatim
        )
        peel = peel_log(log.part(own.start, own.stop), evidence, self.settings)
        return peel, Counted(tally.totals, _letters(view, own), tally.sums, left_out)


def _verbatim(view: TextView, training: SourceText, own: slice) -> Matches:
    """What each of the own rows has in common with the training text."""
    symbols = np.arange(len(view))[view.rows][own]
    first, stop = int(symbols[0]), int(symbols[-1]) + 1
    return matches_of_view(view, training, (first, stop)).at(symbols - first)


def _without(log: PredictionLog, verbatim: Matches | None, own: slice, settings: Settings) -> tuple[PredictionLog, int]:
    """The log without the own rows that the settings leave out, and how many these are."""
    length = np.zeros(len(log), np.int32)
    if verbatim is not None:
        length[own] = verbatim.length
    return leave_out(log, length, settings)


def _letters(view: TextView, own: slice) -> NDArray[np.int64]:
    """Of the own rows' characters in words: those of scripts without spaces, and all; none where words are found."""
    if view.word_rule != PATTERN:
        return np.zeros(2, np.int64)
    symbols = np.arange(len(view))[view.rows][own]
    characters = slice(*np.searchsorted(view.first_symbol, (symbols[0], symbols[-1] + 1)))
    letters = view.points[characters][(view.marks[characters] & WORD) != 0]
    return np.array([count_without_spaces(letters), len(letters)])


def _require_text(log: PredictionLog, text: Text) -> None:
    """Raise `BadInput` unless the rows are symbols of the text."""
    if log.surface is not None:
        return _require_bytes(log, text)
    if log.positions[-1] >= len(text):
        found = f"{log.name} has position {log.positions[-1]}, {text.name} has {len(text)} symbols"
        raise BadInput(f"{found}; give the text that the log was made on.")
    differs = text.codes[log.positions] != log.codes
    if differs.any():
        raise _another_text(log, text, int(differs.argmax()))


def _require_bytes(log: PredictionLog, text: Text) -> None:
    """The same of tokens or spans, of which each has its place in the bytes of the text."""
    if log.starts is None or log.surface is None:
        raise BadInput(f"{log.name} has no column 'start', without which it cannot be compared with {text.name}.")
    lengths = log.surface.lengths
    ends = np.cumsum(lengths)
    places = np.arange(ends[-1]) + np.repeat(log.starts - (ends - lengths), lengths)
    inside = places < len(text)
    same = inside & (text.codes[np.where(inside, places, 0)] == log.surface.joined)
    if not same.all():
        raise _another_text(log, text, int(np.searchsorted(ends, same.argmin(), "right")))


def _another_text(log: PredictionLog, text: Text, row: int) -> BadInput:
    position = int(log.positions[row])
    return BadInput(f"{log.name} is a log of another text than {text.name}: they differ first at position {position}.")
