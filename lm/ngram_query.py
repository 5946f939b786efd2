"""Kernels that read probabilities off a `Tree`: all orders of each position, and next-symbol distributions."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import kernel
from errtax.lm.lcp_intervals import BOS, EOS
from errtax.lm.suffix_tree import Tree

TRUNK = 1 << 16
"""Nodes near the root whose context masses are computed once.  They have many children and are met at each step; a
deeper node has few, and summing over them anew costs less than 12 more bytes a node."""


class Smoothing(NamedTuple):
    """What the recursion needs besides the counts.  V types: the alphabet, `<unk>` and `</s>`."""

    adjusted: NDArray[np.float64]  # (N + 1, 4) discounts below the top
    raw: NDArray[np.float64]  # (N + 1, 4) discounts of the highest order
    unigram_adjusted: NDArray[np.float64]  # (V + 1,) p_1 by id; 0 for <s>
    unigram_raw: NDArray[np.float64]  # (V + 1,) the same as the model of order 1
    root_child: NDArray[np.int64]  # (V + 1,) child of the root by first symbol: node v, leaf -1 - l, or 0
    trunk: NDArray[np.float64]  # (TRUNK, 3) denominator, gamma, gamma as the highest order


def prepare_smoothing(tree: Tree, n_ids: int, adjusted: NDArray[np.float64], raw: NDArray[np.float64]) -> Smoothing:
    """The tables above for ids 0 .. n_ids - 1 (`<unk>`, `<s>`, `</s>`, alphabet)."""
    smoothing = Smoothing(
        adjusted,
        raw,
        np.zeros(n_ids),
        np.zeros(n_ids),
        np.zeros(n_ids, np.int64),
        np.zeros((min(TRUNK, len(tree.depth)), 3)),
    )
    _fill_smoothing(tree, smoothing)
    return smoothing


@kernel
def _masses(tree, smoothing, v):
    """Denominator and gamma (eq. 25) of the context at node v below the top, and gamma as the highest order."""
    n = tree.depth[v] + 1
    adjusted, raw = smoothing.adjusted[n], smoothing.raw[n]
    leaves = np.int64(tree.leaf[v + 1]) - np.int64(tree.leaf[v])
    denominator, mass, raw_mass = float(leaves), leaves * adjusted[1], leaves * raw[1]
    for c in range(tree.child[v], tree.child[v + 1]):
        denominator += tree.left[c]
        mass += adjusted[min(tree.left[c], 3)]
        raw_mass += raw[min(tree.frequency[c], 3)]
    return denominator, mass / denominator, raw_mass / tree.frequency[v]


@kernel
def _fill_smoothing(tree, smoothing):
    for v in range(1, len(smoothing.trunk)):
        if tree.child[v + 1] > tree.child[v] or tree.leaf[v + 1] > tree.leaf[v]:
            d, g, h = _masses(tree, smoothing, v)
            smoothing.trunk[v, 0], smoothing.trunk[v, 1], smoothing.trunk[v, 2] = d, g, h
    # p_1 (eq. 24 at k = 1, interpolated with 1/V); <s> is never predicted and counts nowhere
    n_ids = len(smoothing.root_child)
    counts = np.zeros((2, n_ids))
    for c in range(tree.child[0], tree.child[1]):
        smoothing.root_child[tree.label[c]] = c
        counts[0, tree.label[c]], counts[1, tree.label[c]] = tree.left[c], tree.frequency[c]
    for c in range(tree.leaf[0], tree.leaf[1]):
        smoothing.root_child[tree.leaf_label[c]] = -1 - c
        counts[0, tree.leaf_label[c]] = counts[1, tree.leaf_label[c]] = 1
    for top in range(2):
        discounts = smoothing.raw[1] if top else smoothing.adjusted[1]
        table = smoothing.unigram_raw if top else smoothing.unigram_adjusted
        counts[top, BOS] = 0
        denominator, mass = 0.0, 0.0
        for s in range(n_ids):
            denominator += counts[top, s]
            mass += discounts[min(int(counts[top, s]), 3)]
        for s in range(n_ids):
            if s != BOS:
                discounted = counts[top, s] - discounts[min(int(counts[top, s]), 3)]
                table[s] = discounted / denominator + mass / denominator / (n_ids - 1)


@kernel
def _find(labels, low, high, symbol):
    """The index of `symbol` in the sorted labels[low:high], or -1."""
    while high - low > 8:
        middle = (low + high) // 2
        if labels[middle] <= symbol:
            low = middle
        else:
            high = middle
    for k in range(low, high):
        if labels[k] == symbol:
            return k
    return -1


@kernel
def score_positions(tree, smoothing, ids, begin, end, out):  # noqa: PLR0912, PLR0915
    """out[i - begin, n - 1]: P_n of ids[i] given the n - 1 ids before it, for positions begin <= i < end.

    Start j, read down the tree, meets position i = j + n - 1 at order n.  Starts are taken from right to left, so
    when start j comes to position i, p[i] already holds p_{n-1} from start j + 1: no memory but one number a
    position.  P_n differs from p_n in that order n, as the highest, uses raw counts.
    """
    order = out.shape[1]
    adjusted, raw = smoothing.adjusted, smoothing.raw
    p = np.empty(end - begin)
    for j in range(end - 1, max(begin - order, -1), -1):
        limit = min(order, end - j)
        symbol = ids[j]
        if j >= begin:
            p[j - begin] = smoothing.unigram_adjusted[symbol]
            out[j - begin, 0] = smoothing.unigram_raw[symbol]
        node = smoothing.root_child[symbol]  # the node below the string read so far; negative: a leaf
        n = 2
        while n <= limit and node != 0 and symbol != EOS:
            i = j + n - 1
            symbol = ids[i]
            hit, next_node = False, 0
            if node < 0:  # inside the edge of a leaf: one continuation, seen once
                a, count, denominator, total = 1, 1, 1.0, 1.0
                gamma, raw_gamma = adjusted[n, 1], raw[n, 1]
                if tree.symbols[np.int64(tree.leaf_position[-1 - node]) + n - 1] == symbol:
                    hit, next_node = True, node
            elif n - 1 < tree.depth[node]:  # inside an edge: one continuation
                a, count = np.int64(tree.left[node]), np.int64(tree.frequency[node])
                denominator, total = float(a), float(count)
                gamma, raw_gamma = adjusted[n, min(a, 3)] / denominator, raw[n, min(count, 3)] / total
                if tree.symbols[np.int64(tree.position[node]) + n - 1] == symbol:
                    hit, next_node = True, node
            else:
                a, count, total = 1, 1, float(tree.frequency[node])
                if node < len(smoothing.trunk):
                    denominator = smoothing.trunk[node, 0]
                    gamma, raw_gamma = smoothing.trunk[node, 1], smoothing.trunk[node, 2]
                else:
                    denominator, gamma, raw_gamma = _masses(tree, smoothing, node)
                c = _find(tree.label, np.int64(tree.child[node]), np.int64(tree.child[node + 1]), symbol)
                if c >= 0:
                    a, count = np.int64(tree.left[c]), np.int64(tree.frequency[c])
                    hit, next_node = True, c
                else:
                    c = _find(tree.leaf_label, np.int64(tree.leaf[node]), np.int64(tree.leaf[node + 1]), symbol)
                    if c >= 0:
                        hit, next_node = True, -1 - c
            if i >= begin:
                lower = p[i - begin]
                p[i - begin] = gamma * lower
                out[i - begin, n - 1] = raw_gamma * lower
                if hit:
                    p[i - begin] += (a - adjusted[n, min(a, 3)]) / denominator
                    out[i - begin, n - 1] = raw_gamma * lower + (count - raw[n, min(count, 3)]) / total
            node = next_node
            n += 1
        # the context of these orders was never seen: back off with weight 1
        while n <= limit and ids[j + n - 1] != BOS:
            i = j + n - 1
            if i >= begin:
                out[i - begin, n - 1] = p[i - begin]
            n += 1
        if ids[j] == BOS:  # no context reaches beyond the sentence's start
            for i in range(j + 1, min(j + order, end)):
                if ids[i] == BOS:
                    break
                for k in range(i - j + 1, order):
                    if i >= begin:
                        out[i - begin, k] = p[i - begin]


@kernel
def _locate(tree, smoothing, ids):
    """The node at or below the string `ids` (negative: a leaf), or 0 where it does not occur."""
    node = smoothing.root_child[ids[0]]
    for n in range(1, len(ids)):
        symbol = ids[n]
        if node == 0:
            break
        if node < 0:
            if tree.symbols[np.int64(tree.leaf_position[-1 - node]) + n] != symbol:
                node = 0
        elif n < tree.depth[node]:
            if tree.symbols[np.int64(tree.position[node]) + n] != symbol:
                node = 0
        else:
            c = _find(tree.label, np.int64(tree.child[node]), np.int64(tree.child[node + 1]), symbol)
            if c < 0:
                c = -1 - _find(tree.leaf_label, np.int64(tree.leaf[node]), np.int64(tree.leaf[node + 1]), symbol)
            node = c
    return node


@kernel
def distribution_of(tree, smoothing, context, out):
    """out[n - 1, s]: P_n(s | the last n - 1 ids of `context`) for all ids s and orders n = 1..N."""
    adjusted, raw = smoothing.adjusted, smoothing.raw
    p = smoothing.unigram_adjusted.copy()
    out[0] = smoothing.unigram_raw
    for n in range(2, len(out) + 1):
        out[n - 1] = p
        node = _locate(tree, smoothing, context[len(context) - n + 1 :]) if n - 1 <= len(context) else 0
        if node == 0:
            continue
        if node < 0 or n - 1 < tree.depth[node]:  # one continuation
            a = 1 if node < 0 else np.int64(tree.left[node])
            count = 1 if node < 0 else np.int64(tree.frequency[node])
            start = np.int64(tree.leaf_position[-1 - node]) if node < 0 else np.int64(tree.position[node])
            symbol = tree.symbols[start + n - 1]
            d, e = adjusted[n, min(a, 3)] / a, raw[n, min(count, 3)] / count
            out[n - 1] = e * p
            out[n - 1, symbol] += 1 - e
            p *= d
            p[symbol] += 1 - d
        else:
            denominator, gamma, raw_gamma = _masses(tree, smoothing, node)
            total = tree.frequency[node]
            out[n - 1] = raw_gamma * p
            p *= gamma
            for c in range(tree.child[node], tree.child[node + 1]):
                a, count = np.int64(tree.left[c]), np.int64(tree.frequency[c])
                p[tree.label[c]] += (a - adjusted[n, min(a, 3)]) / denominator
                out[n - 1, tree.label[c]] += (count - raw[n, min(count, 3)]) / total
            for c in range(tree.leaf[node], tree.leaf[node + 1]):
                p[tree.leaf_label[c]] += (1 - adjusted[n, 1]) / denominator
                out[n - 1, tree.leaf_label[c]] += (1 - raw[n, 1]) / total
