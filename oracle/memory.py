"""The dynamic memory oracle: how long ago the text itself last contained the word.

An automaton over the distinct words that are asked about meets every occurrence of each of them, inside longer words,
too.  Where no word can lie across two others, as by the default rule, it reads each distinct word of the text once, to
learn which others are inside; otherwise it reads the whole text.  `latest` remembers where each word last ended; a word
asks when the text comes to its start, so that whatever it is told ends before.

Time O(n), and one step for each occurrence of a word.  Memory: that of the automaton, in prose of a tenth as many
symbols as the text has, and 8 bytes for each word inside a distinct word.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import tight
from errtax.oracle.automaton import ROOT, Automaton, automaton_of, next_node
from errtax.oracle.text_view import TextView
from errtax.oracle.word_rule import PATTERN

_DONE = -1


class _Inside(NamedTuple):
    """The words inside each distinct word t: `begin[t]:begin[t + 1]`."""

    begin: NDArray[np.int64]
    node: NDArray[np.int32]
    end: NDArray[np.int32]  # the end of its last occurrence, counted from the start of t


def distances_to_earlier(view: TextView, own: slice = slice(None)) -> NDArray[np.int32]:
    """Letters from the start of each word back to the start of its latest earlier occurrence; 0 where there is none.

    An occurrence is a substring (it may lie in a longer word), ends before the word starts, is in the same document
    (it may lie beyond a gap in the positions) and no farther back than the view's horizon.  `own`: the words that are
    asked about; shape (their number,).
    Karpathy et al. 2015, section 4.3: "dynamic n-long memory".
    """
    words, places = view.words, view.places
    starts, ends, types = words.letter_start[own], words.letter_end[own], words.type[own]
    if not len(starts):
        return np.empty(0, np.int32)
    asked, which = _renumbered(types, len(words.first))
    first = words.first[asked]
    automaton = automaton_of(view.letters, words.letter_start[first], words.letter_end[first])
    latest, found = np.full(len(automaton.fail), -1), np.empty(len(starts), np.int64)
    asking = automaton.node_of[which]
    apart = (words.letter_start[1:] > words.letter_end[:-1]).all()
    if view.word_rule == PATTERN and apart:  # they touch where the horizon cut them
        inside = _words_inside(view, automaton)
        _look_back_by_words(words.letter_start, words.type, inside, asking, own.indices(len(words))[0], latest, found)
    else:
        _look_back_by_letters(view.letters, view.letters_at(view.gaps), automaton, starts, asking, latest, found)
    found -= np.where(found >= 0, ends - starts, 0)
    documents = view.letters_at(view.documents)
    document = documents[np.searchsorted(documents, starts, "right") - 1]
    known = found >= document  # the latest is in another document: so are all others
    distances = np.where(known, places[starts] - places[found], 0)  # across gaps of any length
    if view.horizon is not None:
        distances[distances > view.horizon] = 0
    return np.minimum(distances, np.iinfo(np.int32).max).astype(np.int32)


def _renumbered(types: NDArray[np.int64], n_types: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The types that occur, and for each entry which of them it is."""
    occurs = np.zeros(n_types, bool)
    occurs[types] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[types]


def _words_inside(view: TextView, automaton: Automaton) -> _Inside:
    words = view.words
    starts, ends = words.letter_start[words.first], words.letter_end[words.first]
    place = np.full(len(automaton.fail), -1)
    inside = _Inside(np.zeros(len(starts) + 1, np.int64), *(np.empty(4 * len(starts), np.int32) for _ in range(2)))
    t, n = 0, np.zeros(1, np.int64)
    while (t := _read_words(view.letters, starts, ends, t, automaton, place, inside, n)) != _DONE:
        inside = _Inside(inside.begin, *(np.concatenate([column, column]) for column in inside[1:]))
    return inside


@tight
def _read_words(letters, starts, ends, first, automaton, place, inside, n):
    """List the automaton's words inside the words from `first` on; returns where there was no room, or `_DONE`.

    n[0]: the words in the list so far.  place[node]: where a word stands in the list, if from begin[t] on; what was
    listed of a word before there was no room stays.
    """
    report, shorter = automaton.report, automaton.shorter
    for t in range(first, len(starts)):
        node = np.int64(ROOT)
        begin = inside.begin[t]
        for i in range(starts[t], ends[t]):
            node = next_node(automaton, node, np.int64(letters[i]))
            seen = report[node]
            while seen:
                if place[seen] < begin:
                    if n[0] == len(inside.node):
                        return t
                    place[seen], inside.node[n[0]] = n[0], seen
                    n[0] += 1
                inside.end[place[seen]] = i + 1 - starts[t]
                seen = shorter[seen]
        inside.begin[t + 1] = n[0]
    return _DONE


@tight
def _look_back_by_words(starts, types, inside, asking, begin, latest, found):
    """found[w]: where the latest occurrence of word begin + w that ends before it ends, or -1.

    starts, types: of all words.  asking[w]: the node of word begin + w.
    """
    for w in range(begin + len(found)):
        if w >= begin:
            found[w - begin] = latest[asking[w - begin]]
        for k in range(inside.begin[types[w]], inside.begin[types[w] + 1]):
            latest[inside.node[k]] = starts[w] + inside.end[k]


@tight
def _look_back_by_letters(letters, gaps, automaton, starts, asking, latest, found):
    """found[w]: where the latest occurrence of word w that ends at or before starts[w] ends, or -1.

    asking[w]: the node of word w.  No occurrence has a gap.
    """
    report, shorter = automaton.report, automaton.shorter
    node, gap, w = np.int64(ROOT), 0, 0
    for i in range(starts[-1] + 1):
        if w < len(starts) and starts[w] == i:
            found[w] = latest[asking[w]]
            w += 1
        if gap < len(gaps) and gaps[gap] == i:
            node = np.int64(ROOT)
            gap += 1
            continue
        node = next_node(automaton, node, np.int64(letters[i]))
        seen = report[node]
        while seen:
            latest[seen] = i + 1
            seen = shorter[seen]
