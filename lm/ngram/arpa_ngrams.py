"""All n-grams of a tree with their probabilities and back-off weights, order by order: what an ARPA file lists.

The recursion runs over the training text itself: p[i] holds p_{k-1} of the (k-1)-gram that ends at position i, and each
k-gram of the tree turns it, at all the places where it occurs, into p_k (Chen & Goodman, eq. 24).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.lm.ngram.query import sum_up
from errtax.lm.ngram.suffix_tree import DEPTH, HAS_CHILDREN, LAST_SIBLING, Tree
from errtax.lm.special import BOS, END, EOS


class Ngrams(NamedTuple):
    """The n-grams of one order, as many as there is room for."""

    position: NDArray[Any]  # where in S it begins
    p: NDArray[np.float64]  # its probability by a model of order N
    backoff: NDArray[np.float64]  # gamma of it as a context; 1 where nothing follows


class Stack(NamedTuple):
    """Nodes to visit."""

    node: NDArray[np.int64]
    begin: NDArray[np.int64]


def stack_of(tree: Tree, n_ids: int, order: int) -> Stack:
    """Room for the children of all nodes on one path."""
    size = min((order + 1) * n_ids, len(tree.nodes)) + 1
    return Stack(np.empty(size, np.int64), np.empty(size, np.int64))


@tight
def count_ngrams(tree, stack, counts):
    """counts[k]: distinct n-grams of order k = 1..N, N at most the tree's depth; `<s>` is one of them."""
    # counts as differences (+1 at the first order of an edge, -1 after its last), summed up at the end. The stack holds
    # nodes still to visit: their strings are shorter than `order`, which ends the walk.
    order = len(counts) - 1
    top = _push(stack, 0, len(tree.nodes) - 1, 0)
    while top > 0:
        top -= 1
        node, begin = tree.nodes[stack.node[top]], stack.begin[top]
        depth = np.int64(node["shape"] & DEPTH)
        if node["shape"] & HAS_CHILDREN:
            c = np.int64(node["child"])
            while True:
                child = tree.nodes[c]
                if child["label"] != END:
                    start = np.int64(tree.leaf_position[begin])
                    last = _length(tree.symbols, start, depth, min(np.int64(child["shape"] & DEPTH), order))
                    _count_orders(counts, depth, last)
                    if np.int64(child["shape"] & DEPTH) < order:
                        top = _push(stack, top, c, begin)
                begin = np.int64(child["end"])
                if child["shape"] & LAST_SIBLING:
                    break
                c += 1
        for leaf in range(begin, np.int64(node["end"])):
            if tree.leaf_label[leaf] != END:
                _count_orders(counts, depth, _length(tree.symbols, np.int64(tree.leaf_position[leaf]), depth, order))
    for k in range(1, order + 1):
        counts[k] += counts[k - 1]


@inlined
def _count_orders(counts, depth, last):
    if last > depth:
        counts[depth + 1] += 1
        if last + 1 < len(counts):
            counts[last + 1] -= 1


@inlined
def _length(symbols, start, depth, limit):
    """How many symbols, at most `limit`, the n-grams have that begin at `start`; the first `depth` are known."""
    n = depth
    while n < limit and symbols[start + n] != END:
        n += 1
        if symbols[start + n - 1] == EOS:
            break
    return n


@inlined
def _push(stack, top, node, begin):
    stack.node[top], stack.begin[top] = node, begin
    return top + 1


@tight
def list_ngrams(tree, smoothing, k, order, stack, p, out):  # noqa: PLR0912, PLR0915
    """Fill `out` with the n-grams of order k of the model of that order, and turn `p` into p_k; return how many.

    p[i]: p_{k-1} at position i of S; for k = 1 it is p_1 already.  More than `out` has room for means that the leaves
    are not those of S.
    """
    # the n-grams of order k are the strings that end on the edges which cross depth k; nodes above are pushed, and
    # below none is visited. `begin` is the first leaf of what comes next.
    discounts = smoothing.raw if k == order else smoothing.adjusted
    n = 0
    top = _push(stack, 0, len(tree.nodes) - 1, 0)
    while top > 0:
        top -= 1
        v, begin = stack.node[top], stack.begin[top]
        node = tree.nodes[v]
        depth = np.int64(node["shape"] & DEPTH)
        first = np.int64(tree.leaf_position[begin])
        is_bos = depth > 0 and tree.symbols[first] == BOS
        # what all n-grams of order k share whose context is this node's string
        denominator, gamma = 1.0, 1.0
        if 0 < depth == k - 1:
            denominator, gamma = _sum_up(tree, smoothing, v, begin, k, order, is_bos)
        if node["shape"] & HAS_CHILDREN:
            c = np.int64(node["child"])
            while True:
                child = tree.nodes[c]
                end, child_depth = np.int64(child["end"]), np.int64(child["shape"] & DEPTH)
                if child["label"] != END:
                    start = np.int64(tree.leaf_position[begin])
                    if child_depth < k:
                        top = _push(stack, top, c, begin)
                    elif tree.symbols[start + k - 1] != END:
                        bos = is_bos or tree.symbols[start] == BOS
                        a = end - begin if k == order or bos else np.int64(child["left"])
                        if k > 1:
                            discount = discounts[k, min(a, 3)]
                            inside = depth < k - 1  # an edge has one continuation
                            g, d = (discount / a, float(a)) if inside else (gamma, denominator)
                            for leaf in range(begin, end):
                                i = np.int64(tree.leaf_position[leaf]) + k - 1
                                p[i] = (a - discount) / d + g * p[i]
                        if n == len(out.position):
                            return n + 1
                        out.position[n], out.p[n] = start, p[start + k - 1]
                        out.backoff[n] = _backoff(tree, smoothing, c, begin, start, k, order, bos)
                        n += 1
                begin = end
                if child["shape"] & LAST_SIBLING:
                    break
                c += 1
        # own leaves: strings that occur once
        for leaf in range(begin, np.int64(node["end"])):
            start = np.int64(tree.leaf_position[leaf])
            if tree.leaf_label[leaf] != END and _length(tree.symbols, start, depth, k) == k:
                i = start + k - 1
                if k > 1:
                    g, d = (discounts[k, 1], 1.0) if depth < k - 1 else (gamma, denominator)
                    p[i] = (1 - discounts[k, 1]) / d + g * p[i]
                if n == len(out.position):
                    return n + 1
                out.position[n], out.p[n] = start, p[i]
                out.backoff[n] = 1.0
                if k < order and tree.symbols[i] != EOS and tree.symbols[i + 1] != END:
                    out.backoff[n] = smoothing.raw[k + 1, 1] if k + 1 == order else smoothing.adjusted[k + 1, 1]
                n += 1
    return n


@inlined
def _backoff(tree, smoothing, c, begin, start, k, order, is_bos):
    """gamma of the n-gram of order k that is on the edge to node c, or ends at c."""
    if k == order or tree.symbols[start + k - 1] == EOS:
        return 1.0
    if k == (tree.nodes[c]["shape"] & DEPTH):
        denominator, gamma = _sum_up(tree, smoothing, c, begin, k + 1, order, is_bos)
        return gamma if denominator > 0 else 1.0
    if tree.symbols[start + k] == END:
        return 1.0
    a = np.int64(tree.nodes[c]["end"]) - begin if k + 1 == order or is_bos else np.int64(tree.nodes[c]["left"])
    return (smoothing.raw[k + 1, min(a, 3)] if k + 1 == order else smoothing.adjusted[k + 1, min(a, 3)]) / a


@inlined
def _sum_up(tree, smoothing, v, begin, k, order, is_bos):
    """Denominator and gamma of the context that ends at node v, for the n-grams of order k."""
    denominator, total, gamma, raw_gamma, _ = sum_up(tree, smoothing, v, begin, k - 1, is_bos)
    return (total, raw_gamma) if k == order else (denominator, gamma)


def ngram_room(n: int, offset: Any) -> Ngrams:
    """Room for n n-grams."""
    return Ngrams(np.empty(n, offset), np.empty(n), np.empty(n))


@inlined
def _append(source, first, last, out, size):
    if len(out):
        for k in range(first, last):
            out[size + k - first] = source[k]
    return size + last - first


@tight
def fill_lines(positions, symbols, k, content, ends, p, backoff, out):
    """Fill `out` with the lines, or only return how many bytes they take where it is empty."""
    # with an empty `out` the same walk measures: size is what would be written
    size = 0
    for r in range(len(positions)):
        size = _append(p[0], p[1][r], p[1][r + 1], out, size)
        for t in range(k):
            if len(out):
                out[size] = 9 if t == 0 else 32
            symbol = np.int64(symbols[np.int64(positions[r]) + t])
            size = _append(content, ends[symbol], ends[symbol + 1], out, size + 1)
        if len(backoff[1]) > 1:
            if len(out):
                out[size] = 9
            size = _append(backoff[0], backoff[1][r], backoff[1][r + 1], out, size + 1)
        if len(out):
            out[size] = 10
        size += 1
    return size
