"""Kernels that read counts and probabilities off a `Tree`, one string at a time.

A *place* is where a string that occurs ends in the tree: `node` is the node at or below it, or LEAF for a leaf, and
`begin` the first leaf below that node, or the leaf itself.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, kernel, tight
from errtax.lm.ngram.smoothing import Discounts
from errtax.lm.ngram.suffix_tree import DEPTH, HAS_CHILDREN, LAST_SIBLING, Tree
from errtax.lm.special import BOS, END, EOS

NOWHERE, LEAF = -2, -1


class Smoothing(NamedTuple):
    """What the recursion needs besides the counts; V + 1 ids: the alphabet, `<unk>`, `<s>` and `</s>`."""

    adjusted: NDArray[np.float64]  # (N + 1, 4) discounts below the top
    raw: NDArray[np.float64]  # (N + 1, 4) discounts of the highest order
    unigram_adjusted: NDArray[np.float64]  # (V + 1,) p_1 by id; 0 for <s>
    unigram_raw: NDArray[np.float64]  # (V + 1,) the same as the model of order 1
    root_node: NDArray[np.int64]  # (V + 1,) child of the root by first symbol, or NOWHERE
    root_begin: NDArray[np.int64]  # (V + 1,) its first leaf


def prepare_smoothing(tree: Tree, n_ids: int, discounts: Discounts) -> Smoothing:
    """The tables above for ids 0 .. n_ids - 1 (`<unk>`, `<s>`, `</s>`, alphabet)."""
    smoothing = Smoothing(
        discounts.adjusted.copy(),  # what was read from a file may not be written to: to numba that is another type,
        discounts.raw.copy(),  # for which each kernel would be compiled once more
        np.zeros(n_ids),
        np.zeros(n_ids),
        np.full(n_ids, NOWHERE, np.int64),
        np.zeros(n_ids, np.int64),
    )
    _fill_smoothing(tree, smoothing)
    return smoothing


@kernel
def _fill_smoothing(tree, smoothing):
    n_ids = len(smoothing.root_node)
    counts = np.zeros((2, n_ids), np.int64)
    # the root's children are the strings of one symbol, sorted by label; `begin`: where the sibling before ended
    begin = 0
    c = np.int64(tree.nodes[len(tree.nodes) - 1]["child"])
    while True:
        node = tree.nodes[c]
        symbol, end = node["label"], np.int64(node["end"])
        smoothing.root_node[symbol], smoothing.root_begin[symbol] = c, begin
        if symbol != BOS:  # never predicted, counts nowhere
            counts[0, symbol], counts[1, symbol] = node["left"], end - begin
        begin = end
        c += 1
        if node["shape"] & LAST_SIBLING:
            break
    # p_1 (eq. 24 at k = 1, interpolated with 1/V); lmplz counts `</s>` among the V types only where it occurs
    n_types = n_ids - 1 if counts[1, EOS] > 0 else n_ids - 2
    for top in range(2):
        discounts = smoothing.raw[1] if top else smoothing.adjusted[1]
        table = smoothing.unigram_raw if top else smoothing.unigram_adjusted
        denominator, mass = 0.0, 0.0
        for s in range(n_ids):
            denominator += counts[top, s]
            mass += discounts[min(counts[top, s], 3)]
        for s in range(n_ids):
            if s != BOS:
                discounted = counts[top, s] - discounts[min(counts[top, s], 3)]
                table[s] = discounted / denominator + mass / denominator / n_types


@inlined
def find_label(labels, low, high, symbol):
    """The index of `symbol` in the sorted labels[low:high], or -1."""
    # labels[low] <= symbol < labels[high] wherever the symbol is in the range; the last eight are compared one by one
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


@inlined
def sum_up(tree, smoothing, node, begin, n, is_bos):
    """What the continuations of the string of n symbols that ends at `node` add up to (eq. 25).

    Returns (denominator, total, gamma, raw gamma, first own leaf that is not the text's end): the sums of adjusted
    counts and of counts, and the mass that each leaves.  The denominator is 0 where nothing follows.
    """
    adjusted, raw = smoothing.adjusted, smoothing.raw
    denominator, total, mass, raw_mass, own = 0.0, 0.0, 0.0, 0.0, begin
    if tree.nodes[node]["shape"] & HAS_CHILDREN:
        c = np.int64(tree.nodes[node]["child"])
        while True:
            child = tree.nodes[c]
            end = np.int64(child["end"])
            if child["label"] != END:
                count = end - own
                left = count if is_bos else np.int64(child["left"])
                denominator += left
                total += count
                mass += adjusted[n + 1, min(left, 3)]
                raw_mass += raw[n + 1, min(count, 3)]
            own = end
            if child["shape"] & LAST_SIBLING:
                break
            c += 1
    # `own` has passed the leaves of all children; the strings of the others occur once, the text's end first
    n_leaves = np.int64(tree.nodes[node]["end"]) - own
    if n_leaves > 0 and tree.leaf_label[own] == END:
        own += 1
        n_leaves -= 1
    denominator += n_leaves
    total += n_leaves
    if denominator == 0:
        return 0.0, 0.0, 1.0, 1.0, own
    mass += n_leaves * adjusted[n + 1, 1]
    raw_mass += n_leaves * raw[n + 1, 1]
    return denominator, total, mass / denominator, raw_mass / total, own


@inlined
def step(tree, place, length, symbol):
    """The place of a string of `length` >= 1 symbols, which ends at `place`, with one more symbol."""
    # an edge, or a leaf, has one continuation: that of any suffix below it
    node, begin = place
    if node == LEAF or length < (tree.nodes[node]["shape"] & DEPTH):  # inside an edge
        there = tree.symbols[np.int64(tree.leaf_position[begin]) + length] == symbol and symbol != END
        return place if there else (NOWHERE, 0)
    shape = tree.nodes[node]["shape"]
    # else it is a child, or an own leaf after the leaves of all children
    own = begin
    if shape & HAS_CHILDREN:
        c = np.int64(tree.nodes[node]["child"])
        while True:
            child = tree.nodes[c]
            if child["label"] == symbol and symbol != END:
                return c, own
            own = np.int64(child["end"])
            if child["shape"] & LAST_SIBLING:
                break
            c += 1
    if symbol != END:
        leaf = find_label(tree.leaf_label, own, np.int64(tree.nodes[node]["end"]), symbol)
        if leaf >= 0:
            return LEAF, leaf
    return NOWHERE, 0


@inlined
def locate(tree, smoothing, ids):
    """The place of the string `ids` (at least one symbol), or NOWHERE."""
    # `place` is that of the first n ids; nothing in the tree follows `</s>`
    place = smoothing.root_node[ids[0]], smoothing.root_begin[ids[0]]
    for n in range(1, len(ids)):
        if place[0] == NOWHERE or ids[n - 1] == EOS:
            return NOWHERE, 0
        place = step(tree, place, n, ids[n])
    return place


@inlined
def occurrences_at(tree, place):
    """The first and one past the last of the leaves below a place."""
    node, begin = place
    return (begin, begin + 1) if node == LEAF else (begin, np.int64(tree.nodes[node]["end"]))


@tight
def count_strings(tree, smoothing, strings, n_symbols, counts):
    """counts[b]: (count, adjusted count) of the first n_symbols[b] ids of strings[b]; 0, 0 where it does not occur."""
    for b in range(len(strings)):
        ids = strings[b, : n_symbols[b]]
        place = locate(tree, smoothing, ids)
        counts[b, 0] = counts[b, 1] = 0
        if place[0] != NOWHERE:
            first, last = occurrences_at(tree, place)
            counts[b, 0] = last - first
            counts[b, 1] = last - first if ids[0] == BOS or place[0] == LEAF else tree.nodes[place[0]]["left"]


@tight
def find_occurrences(tree, smoothing, ids):
    """The first and one past the last of the leaves of the string `ids`."""
    place = locate(tree, smoothing, ids)
    return occurrences_at(tree, place) if place[0] != NOWHERE else (np.int64(0), np.int64(0))


@tight
def continuations_of(tree, smoothing, ids, symbols, counts):
    """Fill symbols[k], counts[k] = (count, adjusted count) with what follows the string `ids`; return how many.

    The empty string is followed by all symbols but `<s>`.
    """
    n = 0
    is_bos = len(ids) > 0 and ids[0] == BOS
    # the root, if nothing is read; inside an edge one symbol follows, at a node its children and then its own leaves
    node, begin = len(tree.nodes) - 1, np.int64(0)
    if len(ids):
        node, begin = locate(tree, smoothing, ids)
        if node == NOWHERE or ids[len(ids) - 1] == EOS:
            return 0
        if node == LEAF or len(ids) < (tree.nodes[node]["shape"] & DEPTH):
            symbol = tree.symbols[np.int64(tree.leaf_position[begin]) + len(ids)]
            if symbol == END:
                return 0
            first, last = occurrences_at(tree, (node, begin))
            symbols[0], counts[0, 0] = symbol, last - first
            counts[0, 1] = last - first if is_bos or node == LEAF else tree.nodes[node]["left"]
            return 1
    own = begin
    if tree.nodes[node]["shape"] & HAS_CHILDREN:
        c = np.int64(tree.nodes[node]["child"])
        while True:
            child = tree.nodes[c]
            end = np.int64(child["end"])
            if child["label"] != END and not (child["label"] == BOS and len(ids) == 0):
                symbols[n], counts[n, 0] = child["label"], end - own
                counts[n, 1] = end - own if is_bos else child["left"]
                n += 1
            own = end
            if child["shape"] & LAST_SIBLING:
                break
            c += 1
    for leaf in range(own, np.int64(tree.nodes[node]["end"])):
        if tree.leaf_label[leaf] != END:
            symbols[n], counts[n, 0], counts[n, 1] = tree.leaf_label[leaf], 1, 1
            n += 1
    return n


@kernel
def distribution_of(tree, smoothing, context, symbols, counts, out):
    """out[n - 1, s]: P_n(s | the last n - 1 ids of `context`) for all ids s and orders n = 1..N.

    symbols, counts: room for the continuations of one context (number of ids).
    """
    # p: the distribution of order n - 1 by adjusted counts, to which both kinds of order n back off
    p = smoothing.unigram_adjusted.copy()
    out[0] = smoothing.unigram_raw
    for n in range(2, len(out) + 1):
        out[n - 1] = p
        if n - 1 > len(context):
            continue
        m = continuations_of(tree, smoothing, context[len(context) - n + 1 :], symbols, counts)
        if m == 0:  # a context that never occurred: back off with weight 1
            continue
        for top in range(2):
            discounts = smoothing.raw[n] if top else smoothing.adjusted[n]
            column = 0 if top else 1
            denominator, mass = 0.0, 0.0
            for k in range(m):
                denominator += counts[k, column]
                mass += discounts[min(counts[k, column], 3)]
            row = out[n - 1] if top else p
            if top == 0:
                lower = p.copy()
            for s in range(len(p)):
                row[s] = mass / denominator * lower[s]
            for k in range(m):
                row[symbols[k]] += (counts[k, column] - discounts[min(counts[k, column], 3)]) / denominator
