"""The automaton of Aho and Corasick (1975), which meets every occurrence of some words in one pass over a text.

In: words, as places in an array of symbols.  Out: a trie whose nodes stand for the words' beginnings, with the links
along which a text is read.  Memory: 21 bytes per node and 24 to 48 per edge; there are at most as many as the words
have symbols.

All that loops is `tight`: the counting of references to a record's arrays took several times as long as the rest.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight

ROOT = 0
_SYMBOL_BITS = 21  # of a code point
_MIX = np.uint64(0x9E3779B97F4A7C15)
_DONE = -1


class Edges(NamedTuple):
    """The edges of a trie by open addressing: a power of two of slots, at most half of them full."""

    keys: NDArray[np.int64]  # node << 21 | symbol; -1: free
    children: NDArray[np.int32]

    @classmethod
    def empty(cls, size: int) -> "Edges":
        """Slots without edges."""
        return cls(np.full(size, -1, np.int64), np.empty(size, np.int32))


class Automaton(NamedTuple):
    """The trie of some words; a node stands for a string, 0 for the empty one."""

    edges: Edges
    node_of: NDArray[np.int32]  # by word
    fail: NDArray[np.int32]  # by node: the node's longest proper suffix that is a node
    report: NDArray[np.int32]  # its longest suffix that is a word, itself or shorter; 0: none
    shorter: NDArray[np.int32]  # its longest proper suffix that is a word; 0: none
    is_first: NDArray[np.bool_]  # [symbol]: whether a word begins with it


class _Nodes(NamedTuple):
    parent: NDArray[np.int32]  # has a smaller number
    label: NDArray[np.uint32]  # the last symbol of the node's string
    is_word: NDArray[np.bool_]


def automaton_of(symbols: NDArray[Any], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Automaton:
    """The automaton of one or more distinct words `symbols[starts[w]:ends[w]]`, each of one symbol or more."""
    most = 1 + int((ends - starts).sum())
    nodes = _Nodes(np.zeros(most, np.int32), np.zeros(most, np.uint32), np.zeros(most, bool))
    node_of = np.empty(len(starts), np.int32)
    edges = Edges.empty(1 << 12)
    w, n = 0, np.ones(1, np.int64)
    while (w := _add_words(symbols, starts, ends, w, edges, nodes, node_of, n)) != _DONE:
        full, edges = edges, Edges.empty(2 * len(edges.keys))
        _move(full, edges)
    fail, report, shorter, depth = (np.zeros(n[0], np.int32) for _ in range(4))
    automaton = Automaton(edges, node_of, fail, report, shorter, _flags(symbols[starts]))
    _measure(nodes.parent, depth)
    _link(automaton, nodes, np.argsort(depth, kind="stable"))
    return automaton


def _flags(symbols: NDArray[Any]) -> NDArray[np.bool_]:
    flags = np.zeros(int(symbols.max()) + 1, bool)
    flags[symbols] = True
    return flags


@tight
def _add_words(symbols, starts, ends, first, edges, nodes, node_of, n):
    """Add the words from `first` on to the trie; returns the one at which there were too few slots, or `_DONE`.

    n[0]: the number of nodes.  A word may have got some of its nodes before; they are found then.
    """
    keys, children = edges.keys, edges.children
    for w in range(first, len(starts)):
        node = np.int64(ROOT)
        for i in range(starts[w], ends[w]):
            key = node << _SYMBOL_BITS | np.int64(symbols[i])
            slot = _slot_of(keys, key)
            if keys[slot] < 0:
                if 2 * n[0] >= len(keys):
                    return w
                keys[slot], children[slot] = key, n[0]
                nodes.parent[n[0]], nodes.label[n[0]] = node, symbols[i]
                n[0] += 1
            node = np.int64(children[slot])
        nodes.is_word[node], node_of[w] = True, node
    return _DONE


@inlined
def _slot_of(keys, key):
    """The slot of a key, or the free one where it belongs."""
    mask = len(keys) - 1
    slot = np.int64((np.uint64(key) * _MIX) >> np.uint64(32)) & mask
    while keys[slot] >= 0 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@tight
def _move(full, edges):
    for k in range(len(full.keys)):
        if full.keys[k] >= 0:
            slot = _slot_of(edges.keys, full.keys[k])
            edges.keys[slot], edges.children[slot] = full.keys[k], full.children[k]


@tight
def _measure(parent, depth):
    for node in range(1, len(depth)):
        depth[node] = depth[parent[node]] + 1


@tight
def _link(automaton, nodes, order):
    """Set `fail`, `report` and `shorter` of each node, by increasing depth: each looks at less deep nodes alone."""
    fail, report, shorter = automaton.fail, automaton.report, automaton.shorter
    for k in range(1, len(order)):
        node = order[k]
        parent = np.int64(nodes.parent[node])
        if parent != ROOT:
            fail[node] = next_node(automaton, np.int64(fail[parent]), np.int64(nodes.label[node]))
        shorter[node] = report[fail[node]]
        report[node] = node if nodes.is_word[node] else shorter[node]


@inlined
def next_node(automaton, node, symbol):
    """The longest suffix of a node's string and a symbol that is a node."""
    keys, children = automaton.edges.keys, automaton.edges.children
    while node != ROOT:
        slot = _slot_of(keys, node << _SYMBOL_BITS | symbol)
        if keys[slot] >= 0:
            return np.int64(children[slot])
        node = np.int64(automaton.fail[node])
    # most symbols that end up here begin no word
    if symbol < len(automaton.is_first) and automaton.is_first[symbol]:
        return np.int64(children[_slot_of(keys, symbol)])
    return np.int64(ROOT)
