"""Probabilities of a text by all orders at once: its suffixes walk down the tree in sorted order.

The walk that begins at position j meets position i = j + n - 1 at order n, and gives the recursion's coefficients

    p_n(i) = G p_{n-1}(i) + A,    A = max(0, a(hw) - D) / den(h),    G = gamma(h)        (Chen & Goodman, eq. 24, 25)

once with adjusted counts a and once with the raw counts of the highest order.  Neighbours in sorted order share the
start of their walks, so a context's children are summed up once for all of them, and the tree is read from front to
back: an index larger than memory is read in sequence.  A second pass, from right to left, runs the recursion: where
start j comes to position i, p(i) already holds p_{n-1} from start j + 1.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.lm.ngram.query import LEAF, NOWHERE, Smoothing, find_label, sum_up
from errtax.lm.ngram.suffix_sort import Plan, scratch_of, sort_suffixes
from errtax.lm.ngram.suffix_tree import DEPTH, HAS_CHILDREN, LAST_SIBLING, Tree
from errtax.lm.special import BOS, END, EOS, UNK


class Walk(NamedTuple):
    """The path of the latest start, by length L of the string read so far."""

    node: NDArray[np.int64]  # [L]: the place where the string ends (`query`)
    begin: NDArray[np.int64]
    # of a string that ends at a node, once they were needed:
    denominator: NDArray[np.float64]  # adjusted counts of its continuations, summed up; 0: not yet
    total: NDArray[np.float64]  # their counts
    gamma: NDArray[np.float64]
    raw_gamma: NDArray[np.float64]
    own: NDArray[np.int64]  # its first own leaf
    child: NDArray[np.int64]  # where to look for the next, greater symbol; -1: children are exhausted
    leaf: NDArray[np.int64]  # the first leaf below that child


class Rows(NamedTuple):
    """Coefficients by start: rows[j, n - 1] for the orders n = 2..length[j]; the context of order n occurred."""

    weights: NDArray[np.float32]  # (starts, N, 4): G, A, and G, A as the highest order
    length: NDArray[np.uint8]


def new_walk(order: int) -> Walk:
    """Nothing read yet."""
    floats = {"denominator", "total", "gamma", "raw_gamma"}
    columns: list[Any] = [np.zeros(order + 2, np.float64 if name in floats else np.int64) for name in Walk._fields]
    return Walk(*columns)


def score_span(
    tree: Tree, smoothing: Smoothing, plan: Plan, ids: NDArray[Any], span: tuple[int, int], out: Any
) -> None:
    """out[i - span[0], n - 1]: P_n of ids[i] given the n - 1 ids before it, for positions span[0] <= i < span[1].

    `ids` must end with a 0 that is not scored.
    """
    begin, end = span
    first = max(begin - plan.order + 1, 0)
    starts = np.arange(first, end, dtype=np.uint32)
    common = np.zeros(len(starts) + 1, np.uint8)
    sort_suffixes(ids, starts, common, 0, plan, scratch_of(len(starts), plan.order, np.uint32))
    rows = Rows(np.empty((len(starts), plan.order, 4), np.float32), np.empty(len(starts), np.uint8))
    _walk(tree, smoothing, ids, starts, common, new_walk(plan.order), rows)
    _recurse(smoothing, ids, first, span, rows, np.empty(end - begin), out)


@tight
def _walk(tree, smoothing, ids, starts, common, walk, rows):
    """Fill the rows of all starts, which are sorted; common[r]: shared symbols of starts r - 1 and r."""
    order = rows.weights.shape[1]
    first = np.int64(starts[0])
    for r in range(1, len(starts)):
        first = min(first, np.int64(starts[r]))
    before, done = 0, 0  # the row before, and its length
    for r in range(len(starts)):
        row = np.int64(starts[r]) - first
        shared = np.int64(common[r]) if r > 0 else 0
        # weights[n] depend on the first n + 1 symbols alone
        for n in range(1, min(shared, done)):
            for t in range(4):
                rows.weights[row, n, t] = rows.weights[before, n, t]
        if shared < done or r == 0:  # else the walk ends for the same reason
            done = _descend(tree, smoothing, ids, first + row, max(shared, 1), order, walk, rows.weights[row])
        rows.length[row] = done
        before = row


@inlined
def _descend(tree, smoothing, ids, j, n, order, walk, weights):
    """Read on from the string of n >= 1 symbols at j; returns up to which order the contexts occurred."""
    if n == 1 and (walk.node[1] != smoothing.root_node[ids[j]] or walk.begin[1] != smoothing.root_begin[ids[j]]):
        walk.node[1], walk.begin[1] = smoothing.root_node[ids[j]], smoothing.root_begin[ids[j]]
        walk.denominator[1] = 0.0
    # walk[n] is the place of the first n symbols of this start; what stands above n is of an earlier one. The walk ends
    # after N symbols, with the sentence, or where the context never occurred.
    is_bos = ids[j] == BOS
    while n < order and walk.node[n] != NOWHERE and ids[j + n - 1] != EOS:
        node = walk.node[n]
        if node == LEAF or n < (tree.nodes[node]["shape"] & DEPTH):
            seen = _inside_edge(tree, smoothing, ids[j + n], n, is_bos, walk, weights)
        else:
            if walk.denominator[n] == 0.0:
                _sum_up(tree, smoothing, n, is_bos, walk)
            seen = walk.denominator[n] > 0.0
            if seen:
                _at_node(tree, smoothing, ids[j + n], n, is_bos, walk, weights)
        if not seen:
            break
        n += 1
        walk.denominator[n] = 0.0
    return n


@inlined
def _inside_edge(tree, smoothing, symbol, n, is_bos, walk, weights):
    """Order n + 1 where the string of n symbols has one continuation; False where the text ends instead."""
    node, begin = walk.node[n], walk.begin[n]
    # the one symbol that follows; the string with it ends on the same edge or at its node, so the place is the same
    expected = tree.symbols[np.int64(tree.leaf_position[begin]) + n]
    if expected == END:
        return False
    count, left = np.int64(1), np.int64(1)
    if node != LEAF:
        count = np.int64(tree.nodes[node]["end"]) - begin
        left = count if is_bos else np.int64(tree.nodes[node]["left"])
    discount, raw_discount = smoothing.adjusted[n + 1, min(left, 3)], smoothing.raw[n + 1, min(count, 3)]
    weights[n, 0], weights[n, 1] = discount / left, 0.0
    weights[n, 2], weights[n, 3] = raw_discount / count, 0.0
    walk.node[n + 1] = NOWHERE
    if expected == symbol:
        weights[n, 1], weights[n, 3] = (left - discount) / left, (count - raw_discount) / count
        walk.node[n + 1], walk.begin[n + 1] = node, begin
    return True


@inlined
def _at_node(tree, smoothing, symbol, n, is_bos, walk, weights):
    """Order n + 1 where the string of n symbols ends at a node; what has a smaller label was passed before."""
    weights[n, 0], weights[n, 1] = walk.gamma[n], 0.0
    weights[n, 2], weights[n, 3] = walk.raw_gamma[n], 0.0
    walk.node[n + 1] = NOWHERE
    if symbol == UNK:
        return
    # starts come in sorted order, so the next symbol asked for after the same string is never smaller
    c, begin = walk.child[n], walk.leaf[n]
    while c >= 0 and tree.nodes[c]["label"] < symbol:
        begin = np.int64(tree.nodes[c]["end"])
        c = -1 if tree.nodes[c]["shape"] & LAST_SIBLING else c + 1
    walk.child[n], walk.leaf[n] = c, begin
    count, left = np.int64(1), np.int64(1)
    if c >= 0 and tree.nodes[c]["label"] == symbol:
        count = np.int64(tree.nodes[c]["end"]) - begin
        left = count if is_bos else np.int64(tree.nodes[c]["left"])
        walk.node[n + 1], walk.begin[n + 1] = c, begin
    else:
        leaf = find_label(tree.leaf_label, walk.own[n], np.int64(tree.nodes[walk.node[n]]["end"]), symbol)
        if leaf < 0:
            return
        walk.node[n + 1], walk.begin[n + 1] = LEAF, leaf
    weights[n, 1] = (left - smoothing.adjusted[n + 1, min(left, 3)]) / walk.denominator[n]
    weights[n, 3] = (count - smoothing.raw[n + 1, min(count, 3)]) / walk.total[n]


@inlined
def _sum_up(tree, smoothing, n, is_bos, walk):
    """Sum up the continuations of the string of n symbols, which ends at a node."""
    node, begin = walk.node[n], walk.begin[n]
    denominator, total, gamma, raw_gamma, own = sum_up(tree, smoothing, node, begin, n, is_bos)
    walk.denominator[n], walk.total[n], walk.gamma[n], walk.raw_gamma[n] = denominator, total, gamma, raw_gamma
    walk.own[n], walk.leaf[n] = own, begin
    walk.child[n] = np.int64(tree.nodes[node]["child"]) if tree.nodes[node]["shape"] & HAS_CHILDREN else -1


@tight
def _recurse(smoothing, ids, first, span, rows, p, out):
    """Run the recursion over the rows of the starts first..span[1]-1; p[i - span[0]]: the lower order's probability."""
    begin, end = span
    order = out.shape[1]
    weights = rows.weights
    # here p[i] of each i > j is that of order i - j, from the start j + 1
    limit = 0  # how far the string at j goes: to its sentence's end, at most N symbols
    for j in range(end - 1, first - 1, -1):
        limit = 1 if ids[j] == EOS else min(limit + 1, order)
        row = j - first
        if j >= begin:
            p[j - begin] = smoothing.unigram_adjusted[ids[j]]
            out[j - begin, 0] = smoothing.unigram_raw[ids[j]]
        length = min(np.int64(rows.length[row]), limit)
        for n in range(max(1, begin - j), length):
            i = j + n - begin
            lower = p[i]
            p[i] = weights[row, n, 0] * lower + weights[row, n, 1]
            out[i, n] = weights[row, n, 2] * lower + weights[row, n, 3]
        # the context of these orders was never seen: back off with weight 1
        for n in range(max(length, begin - j), limit):
            out[j + n - begin, n] = p[j + n - begin]
        if ids[j] == BOS:  # no context reaches beyond the sentence's start
            if j >= begin:
                for n in range(order):
                    out[j - begin, n] = 1.0
            for i in range(max(j + 1, begin), min(j + order, end)):
                if ids[i] == BOS:
                    break
                for n in range(i - j + 1, order):
                    out[i - begin, n] = p[i - begin]
