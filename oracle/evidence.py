"""All oracles' evidence on one text: one number per position, independent of thresholds and of the order of layers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.model import NgramModel
from errtax.lm.word_counts import WordCounts
from errtax.oracle import copy
from errtax.oracle.characters import PUNCTUATION
from errtax.oracle.custom import OracleRule, ask_oracle
from errtax.oracle.memory import distances_to_earlier
from errtax.oracle.ngram import NgramTally, knows_best, smallest_best_context, smallest_context
from errtax.oracle.piece import is_white_space, starts_inside_word
from errtax.oracle.rare import counts_in_training
from errtax.oracle.text_view import TextView
from errtax.oracle.verbatim import Matches
from errtax.oracle.word import kinds_before, newline_distances
from errtax.oracle.word_kernels import spread_offsets, spread_words

NONE = -1
"""Stands for "the oracle has nothing to say" in the word columns; in files it is null."""


class Evidence(NamedTuple):
    """One entry per row of the log, in every column.  None: the oracle could not be asked."""

    ngram_context: NDArray[np.uint8] | None  # smallest context whose model gives p > 0.5; 0: none does
    ngram_logprob: NDArray[np.float32] | None  # natural log of the probability that this model gives; NaN
    memory_distance: NDArray[np.int32]  # start of word to start of its latest earlier occurrence; NONE
    word_length: NDArray[np.int32]  # in characters; NONE outside words
    word_offset: NDArray[np.int32]  # characters from the word's start; NONE outside words
    word_count: NDArray[np.int32] | None  # in the training text; NONE outside words
    after: NDArray[np.uint8]  # kind of the character before: 0, SPACE, QUOTE, NEWLINE
    newline_distance: NDArray[np.int32]  # characters since the last newline, from 1; 0: none before
    punctuation: NDArray[np.bool_]  # the correct symbol is punctuation
    # of tokens and spans alone, None with bytes and characters:
    ngram_best: NDArray[np.uint8] | None = None  # smallest context after which it is the most probable; 0: none
    ngram_best_logprob: NDArray[np.float32] | None = None  # natural log of the probability that this model gives; NaN
    copy_3: NDArray[np.int32] | None = None  # tokens back to where the 3 before were followed by this one, too; NONE
    copy_2: NDArray[np.int32] | None = None
    copy_1: NDArray[np.int32] | None = None
    piece: NDArray[np.bool_] | None = None  # it begins inside a word
    space: NDArray[np.bool_] | None = None  # it is white space alone
    # where a training text was compared, else None:
    verbatim_length: NDArray[np.int32] | None = None  # letters of the longest match that contains it; 0: none
    verbatim_count: NDArray[np.int32] | None = None  # how often that stands in the training text; 0: none
    verbatim_place: NDArray[np.int64] | None = None  # where it begins there first; NONE
    rank: NDArray[np.int32] | None = None  # that the model gave it, from 1; 0: not known; None: the log does not say
    custom: Mapping[str, NDArray[Any]] = {}  # by the name of a custom oracle: bool, or int32 with NONE

    def at(self, rows: Any) -> "Evidence":
        """The evidence on some rows only."""
        columns: dict[str, Any] = self._asdict()
        custom = {name: column[rows] for name, column in columns.pop("custom").items()}
        found: dict[str, Any] = {k: None if column is None else column[rows] for k, column in columns.items()}
        return self._replace(**found, custom=custom)


def join_evidence(parts: Sequence[Evidence]) -> Evidence:
    """The evidence on the rows of some parts of a log, one after another, copied."""
    columns: dict[str, Any] = {}
    for name in Evidence._fields[:-1]:
        pieces = [getattr(part, name) for part in parts]
        columns[name] = None if pieces[0] is None else np.concatenate(pieces)
    custom = {name: np.concatenate([part.custom[name] for part in parts]) for name in parts[0].custom}
    return Evidence(**columns, custom=custom)


def collect_evidence(
    view: TextView,
    model: NgramModel | None,
    training_words: WordCounts | None,
    custom: Sequence[OracleRule] = (),
    tally: NgramTally | None = None,
    own: slice = slice(None),
    copy_horizon: int = copy.HORIZON,
    verbatim: Matches | None = None,
) -> Evidence:
    """The evidence on every row of a log, or on the rows `own`; an oracle without its model or counts leaves None.

    The view of a part of a log gives `own` what that of the whole log would: if no word lies across their borders (the
    view's `border` is where they begin); if as many positions as the view's horizon and 8 more precede them, and as
    many as the model's contexts have symbols; if 8 rows follow them; and as many as the oracles in `custom` reach
    precede and follow.  `tally`: gets the scores of the n-gram model on these rows, too.  `verbatim`: what the rows'
    symbols have in common with the training text, where it was compared.

    Time O(n), and that of the model; memory 60 bytes per symbol.
    """
    rows: Any = np.arange(len(view))[view.rows][own]
    span = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
    within = rows - span[0]
    if len(rows) == span[1] - span[0]:
        rows, within = slice(*span), slice(None)
    first, last = np.searchsorted(view.words.start, span).tolist()
    asked = slice(first, last)
    words = _OfWords(view, asked, span)
    distances = distances_to_earlier(view, asked)
    counts = None if training_words is None else words.spread(counts_in_training(view, training_words, asked))[within]
    contexts, logprobs = (None, None) if model is None else smallest_context(model, view, tally, span)
    offsets = words.offsets()
    evidence = Evidence(
        ngram_context=None if contexts is None else contexts[within],
        ngram_logprob=None if logprobs is None else logprobs[within],
        memory_distance=words.spread(np.where(distances > 0, distances, NONE))[within],
        word_length=words.spread(view.words.characters[asked])[within],
        word_offset=offsets[within],
        word_count=counts,
        after=kinds_before(view)[rows],
        newline_distance=newline_distances(view)[rows],
        punctuation=view.spread((view.marks & PUNCTUATION) != 0)[rows],
        custom={rule.name: ask_oracle(rule, view)[rows] for rule in custom},
    )
    if verbatim is not None:
        times = np.minimum(verbatim.times, np.iinfo(np.int32).max).astype(np.int32)
        length, place = verbatim.length, verbatim.place
        evidence = evidence._replace(verbatim_length=length, verbatim_count=times, verbatim_place=place)
    if view.surface is None:
        return evidence
    copies = [copy.distances_to_copy(view, length, copy_horizon, span)[within] for length in copy.LENGTHS]
    three, two, one = (np.where(found > 0, found, NONE).astype(np.int32) for found in copies)
    best, best_logprobs = None, None
    if isinstance(model, NgramIndex) and knows_best(model):
        best, best_logprobs = (column[within] for column in smallest_best_context(model, view, span))
    return evidence._replace(
        ngram_best=best,
        ngram_best_logprob=best_logprobs,
        copy_3=three,
        copy_2=two,
        copy_1=one,
        piece=starts_inside_word(offsets, view.splits_judge[slice(*span)])[within],
        space=is_white_space(view)[rows],
    )


class _OfWords(NamedTuple):
    """Values of some words as values of the symbols first to last."""

    view: TextView
    asked: slice
    span: tuple[int, int]

    def spread(self, per_word: NDArray[Any]) -> NDArray[np.int32]:
        """The value of the word that each symbol lies in, NONE outside words; shape (symbols,)."""
        first, last = self.span
        values = np.minimum(per_word, np.iinfo(np.int32).max).astype(np.int32)
        found = np.full(last - first, NONE, np.int32)
        words = self.view.words
        spread_words(words.start[self.asked] - first, words.end[self.asked] - first, values, found)
        return found

    def offsets(self) -> NDArray[np.int32]:
        """The characters between the start of its word and each symbol, NONE outside words; shape (symbols,)."""
        found = np.full(self.span[1] - self.span[0], NONE, np.int32)
        spread_offsets(self.view.word_spans[self.asked], self.view.first_symbol, self.span[0], found)
        return found
