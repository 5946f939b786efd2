"""The rare word oracle: how often the training text contained the word."""

import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from errtax.lm.text import Text
from errtax.oracle.text_view import TextView
from errtax.oracle.word_rule import PATTERN, word_spans


def count_words(text: Text, word_rule: str = PATTERN) -> Counter[str]:
    """How often each word occurs in a training text."""
    string = text.string
    if word_rule == PATTERN:  # several times as fast
        return Counter(re.findall(PATTERN, string))
    return Counter(string[start:stop] for start, stop in word_spans(string, word_rule).tolist())


def counts_in_training(view: TextView, counts: Counter[str]) -> NDArray[np.int64]:
    """The training count of each word of the text under test; shape (words,).

    Karpathy et al. 2015, section 4.3: "rare words".
    """
    by_type = np.array([counts[word] for word in view.words.types], np.int64)
    return by_type[view.words.type]
