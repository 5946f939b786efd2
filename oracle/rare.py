"""The rare word oracle: how often the training text contained the word."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from errtax.lm import word_counting
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.model import NgramModel
from errtax.lm.text import Text
from errtax.lm.word_counting import WordRule
from errtax.lm.word_counts import WordCounts
from errtax.oracle.text_view import TextView
from errtax.oracle.word_rule import PATTERN, describe_words, word_spans


def word_rule_of(words: str = PATTERN) -> WordRule:
    """What a word is, as counting wants it: by the default, `icu` or a pattern."""
    return WordRule() if words == PATTERN else WordRule(describe_words(words), partial(word_spans, words=words))


def count_words(text: Text, words: str = PATTERN) -> WordCounts:
    """How often each word occurs in a training text."""
    return word_counting.count_words(text, word_rule_of(words))


def training_words(text: Text | None, model: NgramModel | None, words: str = PATTERN) -> WordCounts | None:
    """The words of a training text with their counts; None where there is no way to know them.

    An index has those of its own text, which are taken if no other text is given, and the rule is the same.
    """
    if isinstance(model, NgramIndex) and model.word_counts is not None:
        own = text is None or text.sha256 == model.text_sha256
        if own and model.word_counts.rule == word_rule_of(words).name:
            return model.word_counts
    return None if text is None else count_words(text, words)


def counts_in_training(view: TextView, counts: WordCounts, own: slice = slice(None)) -> NDArray[np.int64]:
    """The training count of each word of the text under test; shape (words,).  `own`: the words that are asked about.

    Karpathy et al. 2015, section 4.3: "rare words".
    """
    words = view.words
    occurs = np.zeros(len(words.first), bool)
    occurs[words.type[own]] = True
    by_type = np.zeros(len(words.first), np.int64)
    by_type[occurs] = counts.look_up(*words.bytes_of(np.flatnonzero(occurs)))
    return by_type[words.type[own]]
