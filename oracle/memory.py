"""The dynamic memory oracle: how long ago the text itself last contained the word.

The automaton of Aho and Corasick (1975) over the distinct words that are asked about meets every occurrence of each of
them, inside longer words, too.  Where no word can lie across two others, as by the default rule, it reads each distinct
word of the text once, to learn which others are inside; otherwise it reads the whole text.  `latest` remembers where
each word last ended; a word asks when the text comes to its start, so that whatever it is told ends before.

Time O(n), and one step for each occurrence of a word.  Memory: 21 bytes per node of the trie and 24 to 48 per edge, of
which there are as many as the distinct words have symbols (in prose a tenth of the text's), and 8 bytes for each word
inside a distinct word.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, kernel, tight
from errtax.oracle.text_view import TextView
from errtax.oracle.word_rule import PATTERN

_SYMBOL_BITS = 21  # of a code point
_ROOT = 0
_MIX = np.uint64(0x9E3779B97F4A7C15)


class _Edges(NamedTuple):
    """The trie's edges: open addressing, a power of two of slots, at most half full."""

    keys: NDArray[np.int64]  # node << 21 | symbol; -1: free
    children: NDArray[np.int32]


class _Automaton(NamedTuple):
    """The trie of some words; a node stands for a string, 0 for the empty one."""

    edges: _Edges
    node_of: NDArray[np.int32]  # by word
    fail: NDArray[np.int32]  # by node: the node's longest proper suffix that is a node
    report: NDArray[np.int32]  # its longest suffix that is a word, itself or shorter; 0: none
    shorter: NDArray[np.int32]  # its longest proper suffix that is a word; 0: none
    is_first: NDArray[np.bool_]  # [symbol]: whether a word begins with it


class _Inside(NamedTuple):
    """The words inside each distinct word t: `begin[t]:begin[t + 1]`."""

    begin: NDArray[np.int64]
    node: NDArray[np.int32]
    end: NDArray[np.int32]  # the end of its last occurrence, counted from the start of t


def distances_to_earlier(view: TextView, own: slice = slice(None)) -> NDArray[np.int32]:
    """Symbols from the start of each word back to the start of its latest earlier occurrence; 0 where there is none.

    An occurrence is a substring (it may lie in a longer word), ends before the word starts, is in the same document
    (it may lie beyond a gap in the positions) and no farther back than the view's horizon.  `own`: the words that are
    asked about; shape (their number,).
    Karpathy et al. 2015, section 4.3: "dynamic n-long memory".
    """
    words, positions = view.words, view.positions
    starts, ends, types = words.start[own], words.end[own], words.type[own]
    if not len(starts):
        return np.empty(0, np.int32)
    asked, which = _renumbered(types, len(words.first))
    first = words.first[asked]
    asked_about = _build(view.symbols, words.start[first], words.end[first])
    found = np.empty(len(starts), np.int64)
    if view.word_rule == PATTERN and (words.start[1:] > words.end[:-1]).all():  # they touch where the horizon cut them
        inside = _find_inside(view.symbols, words.start[words.first], words.end[words.first], asked_about)
        begin = own.indices(len(words))[0]
        _look_back_by_words(words.start, words.type, inside, asked_about.node_of, which, begin, found)
    else:
        _look_back_by_symbols(view.symbols, view.gaps, asked_about, starts, which, found)
    found -= np.where(found >= 0, ends - starts, 0)
    document = view.documents[np.searchsorted(view.documents, starts, "right") - 1]
    known = found >= document  # the latest is in another document: so are all others
    distances = np.where(known, positions[starts] - positions[found], 0)  # across gaps of any length
    if view.horizon is not None:
        distances[distances > view.horizon] = 0
    return np.minimum(distances, np.iinfo(np.int32).max).astype(np.int32)


def _renumbered(types: NDArray[np.int64], n_types: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The types that occur, and for each entry which of them it is."""
    occurs = np.zeros(n_types, bool)
    occurs[types] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[types]


@kernel
def _look_back_by_words(starts, types, inside, node_of, which, begin, found):
    """found[w]: where the latest occurrence of word begin + w that ends before it ends, or -1.

    starts, types: of all words.  which[w]: the one of the automaton's words that word begin + w is.
    """
    latest = np.full(inside.node.max() + 1 if len(inside.node) else 1, -1, np.int64)
    for w in range(begin + len(found)):
        if w >= begin:
            found[w - begin] = latest[node_of[which[w - begin]]]
        for k in range(inside.begin[types[w]], inside.begin[types[w] + 1]):
            latest[inside.node[k]] = starts[w] + inside.end[k]


@kernel
def _find_inside(symbols, starts, ends, automaton):
    """The automaton's words inside each of some words."""
    begin = np.zeros(len(starts) + 1, np.int64)
    nodes, stops = np.empty(1 << 12, np.int32), np.empty(1 << 12, np.int32)
    place = np.full(len(automaton.fail), -1, np.int64)  # of a node in the list, if that is of the word at hand
    n = 0
    for t in range(len(starts)):
        node = _ROOT
        for i in range(starts[t], ends[t]):
            node = _step(automaton, node, np.int64(symbols[i]))
            seen = automaton.report[node]
            while seen:
                if place[seen] < begin[t]:
                    if n == len(nodes):
                        nodes, stops = _longer(nodes), _longer(stops)
                    place[seen], nodes[n] = n, seen
                    n += 1
                stops[place[seen]] = i + 1 - starts[t]
                seen = automaton.shorter[seen]
        begin[t + 1] = n
    return _Inside(begin, nodes[:n], stops[:n])


@kernel
def _longer(values):
    longer = np.empty(2 * len(values), values.dtype)
    longer[: len(values)] = values
    return longer


@kernel
def _look_back_by_symbols(symbols, gaps, automaton, starts, which, found):
    """found[w]: where the latest occurrence of word w that ends at or before starts[w] ends, or -1.

    which[w]: the one of the automaton's words that w is.  No occurrence has a gap.
    """
    latest = np.full(len(automaton.fail), -1, np.int64)
    node, gap, w = _ROOT, 0, 0
    for i in range(starts[-1] + 1):
        if w < len(starts) and starts[w] == i:
            found[w] = latest[automaton.node_of[which[w]]]
            w += 1
        if gap < len(gaps) and gaps[gap] == i:
            node = _ROOT
            gap += 1
            continue
        node = _step(automaton, node, np.int64(symbols[i]))
        seen = automaton.report[node]
        while seen:
            latest[seen] = i + 1
            seen = automaton.shorter[seen]


@tight
def _step(automaton, node, symbol):
    """The longest suffix that is a node, one symbol on."""
    while node != _ROOT:
        child = _child(automaton.edges, node, symbol)
        if child >= 0:
            return child
        node = np.int64(automaton.fail[node])
    if symbol < len(automaton.is_first) and automaton.is_first[symbol]:
        return _child(automaton.edges, _ROOT, symbol)
    return np.int64(_ROOT)


@kernel
def _build(symbols, starts, ends):
    """The automaton of some words."""
    edges = _Edges(np.full(1 << 12, -1, np.int64), np.empty(1 << 12, np.int32))
    most = 1 + (ends - starts).sum()
    parent, label, is_word = np.zeros(most, np.int32), np.zeros(most, np.uint32), np.zeros(most, np.bool_)
    node_of = np.empty(len(starts), np.int32)
    highest, n = 0, 1  # the greatest symbol that a word begins with, and the number of nodes
    for p in range(len(starts)):
        node = _ROOT
        highest = max(highest, np.int64(symbols[starts[p]]))
        for i in range(starts[p], ends[p]):
            symbol = np.int64(symbols[i])
            child = _child(edges, node, symbol)
            if child < 0:
                child = n
                if 2 * n >= len(edges.keys):
                    edges = _grown(edges)
                _insert(edges, node << _SYMBOL_BITS | symbol, child)
                parent[child], label[child] = node, symbol
                n += 1
            node = child
        is_word[node], node_of[p] = True, node
    is_first = np.zeros(highest + 1, np.bool_)
    for p in range(len(starts)):
        is_first[symbols[starts[p]]] = True
    fail, report, shorter = _link(edges, parent[:n], label[:n], is_word[:n])
    return _Automaton(edges, node_of, fail, report, shorter, is_first)


@kernel
def _link(edges, parent, label, is_word):
    """`fail`, `report` and `shorter` of each node, by increasing depth: each looks at less deep nodes alone."""
    n = len(parent)
    fail, report, shorter = np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(n, np.int32)
    for node in _by_depth(parent):
        if node == _ROOT:
            continue
        suffix, child = np.int64(parent[node]), np.int64(-1)
        while child < 0 and suffix != _ROOT:
            suffix = np.int64(fail[suffix])
            child = _child(edges, suffix, np.int64(label[node]))
        fail[node] = max(child, _ROOT)
        shorter[node] = report[fail[node]]
        report[node] = node if is_word[node] else shorter[node]
    return fail, report, shorter


@kernel
def _by_depth(parent):
    """The nodes in the order of their depths; a node's parent has a smaller number."""
    depth = np.zeros(len(parent), np.int32)
    for node in range(1, len(parent)):
        depth[node] = depth[parent[node]] + 1
    begin = np.zeros(depth.max() + 2, np.int64)
    for node in range(len(parent)):
        begin[depth[node] + 1] += 1
    begin = np.cumsum(begin)
    order = np.empty(len(parent), np.int32)
    for node in range(len(parent)):
        order[begin[depth[node]]] = node
        begin[depth[node]] += 1
    return order


@tight
def _child(edges, node, symbol):
    """The node that a symbol leads to; -1 where there is none."""
    key = np.int64(node) << _SYMBOL_BITS | np.int64(symbol)
    mask = len(edges.keys) - 1
    slot = _slot(key) & mask
    while edges.keys[slot] >= 0:
        if edges.keys[slot] == key:
            return np.int64(edges.children[slot])
        slot = (slot + 1) & mask
    return np.int64(-1)


@inlined
def _slot(key):
    return np.int64((np.uint64(key) * _MIX) >> np.uint64(32))


@tight
def _insert(edges, key, child):
    mask = len(edges.keys) - 1
    slot = _slot(key) & mask
    while edges.keys[slot] >= 0:
        slot = (slot + 1) & mask
    edges.keys[slot], edges.children[slot] = key, child


@kernel
def _grown(edges):
    grown = _Edges(np.full(2 * len(edges.keys), -1, np.int64), np.empty(2 * len(edges.keys), np.int32))
    for slot in range(len(edges.keys)):
        if edges.keys[slot] >= 0:
            _insert(grown, edges.keys[slot], edges.children[slot])
    return grown
