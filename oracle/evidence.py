"""All oracles' evidence on one text: one number per position, independent of thresholds and of the order of layers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.ngram.model import NgramModel
from errtax.lm.word_counts import WordCounts
from errtax.oracle.custom import OracleRule, ask_oracle
from errtax.oracle.memory import distances_to_earlier
from errtax.oracle.ngram import NgramTally, smallest_context
from errtax.oracle.rare import counts_in_training
from errtax.oracle.text_view import TextView
from errtax.oracle.word import kinds_before, newline_distances

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
    custom: Mapping[str, NDArray[Any]] = {}  # by the name of a custom oracle: bool, or int32 with NONE

    def at(self, rows: Any) -> "Evidence":
        """The evidence on some rows only."""
        columns: dict[str, Any] = self._asdict()
        custom = {name: column[rows] for name, column in columns.pop("custom").items()}
        found: dict[str, Any] = {k: None if column is None else column[rows] for k, column in columns.items()}
        return self._replace(**found, custom=custom)


def collect_evidence(
    view: TextView,
    model: NgramModel | None,
    training_words: WordCounts | None,
    custom: Sequence[OracleRule] = (),
    tally: NgramTally | None = None,
) -> Evidence:
    """The evidence on every row of a log; an oracle without its model or counts leaves None.

    `tally`: gets the scores of the n-gram model, too.

    Time O(n) times the order of the model; about 60 bytes per symbol.
    """
    word_of = view.word_of
    inside = word_of >= 0
    place = np.where(inside, word_of, 0)

    def of_word(per_word: NDArray[np.int64] | NDArray[np.int32], missing: int = NONE) -> NDArray[np.int32]:
        if not len(per_word):
            return np.full(len(view), NONE, np.int32)
        values = np.where(inside, per_word[place], missing)
        return np.minimum(values, np.iinfo(np.int32).max).astype(np.int32)

    distances = distances_to_earlier(view)
    counts = None if training_words is None else of_word(counts_in_training(view, training_words))
    contexts, logprobs = (None, None) if model is None else smallest_context(model, view, tally)
    evidence = Evidence(
        ngram_context=contexts,
        ngram_logprob=logprobs,
        memory_distance=of_word(np.where(distances > 0, distances, NONE)),
        word_length=of_word(view.words.characters),
        word_offset=_offsets(view, inside, place),
        word_count=counts,
        after=kinds_before(view),
        newline_distance=newline_distances(view),
        punctuation=view.spread(view.classes.punctuation).astype(bool),
        custom={rule.name: ask_oracle(rule, view) for rule in custom},
    )
    return evidence.at(view.rows)


def _offsets(view: TextView, inside: NDArray[np.bool_], place: NDArray[np.int64]) -> NDArray[np.int32]:
    if not len(view.words.start):
        return np.full(len(view), NONE, np.int32)
    character: NDArray[Any] = view.spread(np.arange(len(view.first_symbol) - 1))
    first = character[view.words.start[place]]
    return np.where(inside, character - first, NONE).astype(np.int32)
