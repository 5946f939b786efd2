"""The distinct contexts of a piece of a text that occurred in the training text, each with what follows it summed up.

In: the starts of the piece in sorted order, as in `sorted_scores`: neighbours share the start of their walks down the
tree, so each context is met once.  Out: the contexts by number, and the numbers of those of each start.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.lm.ngram.query import LEAF, NOWHERE, find_label, sum_up
from errtax.lm.ngram.suffix_tree import DEPTH, HAS_CHILDREN, LAST_SIBLING
from errtax.lm.special import BOS, END, EOS, UNK

NONE = -1


class Contexts(NamedTuple):
    """The distinct contexts of a piece that something follows, by number.

    There is room for all that can come; what is not needed is never touched, and takes no memory.
    """

    depth: NDArray[np.uint8]  # symbols
    row: NDArray[np.int32]  # a start at which it stands
    lower: NDArray[np.int32]  # the context without its first symbol; NONE: the empty one
    is_bos: NDArray[np.bool_]  # whether it begins with <s>
    node: NDArray[np.int64]  # its place (`query`)
    begin: NDArray[np.int64]
    last: NDArray[np.int64]  # its last child, NONE without children; inside an edge the one symbol that follows
    own: NDArray[np.int64]  # its first own leaf; NONE inside an edge
    denominator: NDArray[np.float64]  # adjusted counts of what follows, summed up
    total: NDArray[np.float64]  # their counts
    gamma: NDArray[np.float64]
    raw_gamma: NDArray[np.float64]
    p: NDArray[np.float64]  # largest probability by adjusted counts
    symbol: NDArray[np.int32]  # and whose it is
    raw_p: NDArray[np.float64]  # the same of the model whose highest order this is
    raw_symbol: NDArray[np.int32]


def room_for(n: int) -> Contexts:
    """Room for n contexts."""
    floats = {"denominator", "total", "gamma", "raw_gamma", "p", "raw_p"}
    small: dict[str, Any] = {"depth": np.uint8, "is_bos": np.bool_}
    numbers = {"row", "lower", "symbol", "raw_symbol"}
    columns: list[Any] = [
        np.empty(n, np.float64 if name in floats else small.get(name, np.int32 if name in numbers else np.int64))
        for name in Contexts._fields
    ]
    return Contexts(*columns)


@tight
def find_contexts(tree, smoothing, ids, starts, common, path, piece):
    """Number the distinct contexts of all starts, which are sorted; returns how many there are.

    path[m]: the number of the latest start's first m symbols.  common[r]: shared symbols of starts r - 1 and r.
    """
    contexts = piece.contexts
    n_contexts, done = np.int64(0), np.int64(0)
    for r in range(len(starts)):
        j = np.int64(starts[r])
        row = j - piece.first
        # the longest context of the last position, and of the longest model
        limit = min(piece.numbers.shape[1], piece.span[1] - 1 - j)
        m = min(np.int64(common[r]) if r > 0 else 0, done, limit)
        while m < limit:
            if not _add_context(tree, smoothing, ids, j, m, path, contexts, n_contexts):
                break
            contexts.row[n_contexts] = row
            m += 1
            path[m] = n_contexts
            n_contexts += 1
        done = m
        piece.length[row] = m
        for k in range(m):
            piece.numbers[row, k] = path[k + 1]
    for e in range(n_contexts):  # only now all starts are known
        m = np.int64(contexts.depth[e])
        contexts.lower[e] = piece.numbers[contexts.row[e] + 1, m - 2] if m > 1 else NONE
    return n_contexts


@inlined
def _add_context(tree, smoothing, ids, j, m, path, contexts, e):
    """Enter the first m + 1 symbols at j as context e; False where nothing follows them, or they never occurred."""
    symbol = np.int64(ids[j + m])
    if symbol in (EOS, UNK):
        return False
    node, begin = smoothing.root_node[symbol], smoothing.root_begin[symbol]
    if m > 0:
        node, begin = _next_place(tree, contexts, np.int64(path[m]), symbol)
    if node == NOWHERE:
        return False
    n = m + 1
    is_bos = ids[j] == BOS
    contexts.depth[e], contexts.is_bos[e], contexts.node[e], contexts.begin[e] = n, is_bos, node, begin
    if node == LEAF or n < (tree.nodes[node]["shape"] & DEPTH):  # inside an edge one symbol follows
        expected = tree.symbols[np.int64(tree.leaf_position[begin]) + n]
        if expected == END:
            return False
        count, left = np.int64(1), np.int64(1)
        if node != LEAF:
            count = np.int64(tree.nodes[node]["end"]) - begin
            left = count if is_bos else np.int64(tree.nodes[node]["left"])
        contexts.last[e], contexts.own[e] = expected, NONE
        contexts.denominator[e], contexts.total[e] = left, count
        contexts.gamma[e] = discount(smoothing.adjusted, n, left) / left
        contexts.raw_gamma[e] = discount(smoothing.raw, n, count) / count
        return True
    denominator, total, gamma, raw_gamma, own = sum_up(tree, smoothing, node, begin, n, is_bos)
    if denominator == 0.0:
        return False
    contexts.denominator[e], contexts.total[e] = denominator, total
    contexts.gamma[e], contexts.raw_gamma[e] = gamma, raw_gamma
    contexts.own[e], contexts.last[e] = own, NONE
    if tree.nodes[node]["shape"] & HAS_CHILDREN:
        c = np.int64(tree.nodes[node]["child"])
        while not tree.nodes[c]["shape"] & LAST_SIBLING:
            c += 1
        contexts.last[e] = c
    return True


@inlined
def discount(table, n, count):
    """What is taken from a count after a context of n symbols."""
    return table[n + 1, min(count, 3)]


@inlined
def _next_place(tree, contexts, e, symbol):
    """The place of context e with one more symbol."""
    node, begin = contexts.node[e], contexts.begin[e]
    if contexts.own[e] == NONE:
        return (node, begin) if contexts.last[e] == symbol else (NOWHERE, np.int64(0))
    c = _find_child(tree, contexts, e, symbol)
    if c != NONE:
        first = np.int64(tree.nodes[node]["child"])
        return c, (begin if c == first else np.int64(tree.nodes[c - 1]["end"]))
    leaf = find_label(tree.leaf_label, contexts.own[e], np.int64(tree.nodes[node]["end"]), symbol)
    if leaf >= 0:
        return np.int64(LEAF), np.int64(leaf)
    return np.int64(NOWHERE), np.int64(0)


@inlined
def _find_child(tree, contexts, e, symbol):
    """The child of a context's node with this label, or NONE; they are sorted."""
    low, high = np.int64(tree.nodes[contexts.node[e]]["child"]), contexts.last[e]
    if high == NONE:
        return np.int64(NONE)
    while low < high:
        middle = (low + high) // 2
        if tree.nodes[middle]["label"] < symbol:
            low = middle + 1
        else:
            high = middle
    return low if tree.nodes[low]["label"] == symbol else np.int64(NONE)


@inlined
def counts_after(tree, contexts, e, symbol):
    """Count and adjusted count of context e with one more symbol; 0, 0 where that never followed."""
    if contexts.own[e] == NONE:
        if contexts.last[e] != symbol:
            return np.int64(0), np.int64(0)
        return np.int64(contexts.total[e]), np.int64(contexts.denominator[e])
    node, begin = _next_place(tree, contexts, e, symbol)
    if node == NOWHERE or symbol == END:
        return np.int64(0), np.int64(0)
    if node == LEAF:
        return np.int64(1), np.int64(1)
    count = np.int64(tree.nodes[node]["end"]) - begin
    return count, count if contexts.is_bos[e] else np.int64(tree.nodes[node]["left"])
