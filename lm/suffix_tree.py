"""The suffix tree of a symbol sequence, cut at depth N: the counts of all n-grams of orders 1..N at once.

An n-gram that ends inside an edge has one continuation, hence the same occurrences as the node below it.  So all
that modified Kneser-Ney smoothing needs lives on the nodes (Kärkkäinen, Kempa & Puglisi 2009 for the LCP intervals;
Shareghi et al. 2016 for Kneser-Ney on suffix trees):

    count(v)   occurrences of v's string                               = suffixes in v's LCP interval
    left(v)    distinct symbols before it (Kneser-Ney's adjusted count) = sum over children - duplicates

In: the sequence S (ids; sentences `<s> ... </s>`).  Out: a `Tree`, nodes in breadth-first order, the children of a
node adjacent and sorted by their first symbol.  Strings never cross a sentence's end.
Time O(n N), memory at peak about 50 bytes a symbol.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import kernel, parallel_map
from errtax.lm.lcp_intervals import BOS, MAX_DEPTH, Intervals, Suffixes, Symbols, Uint32, find_intervals


class Tree(NamedTuple):
    """The truncated suffix tree.  Inner nodes v = 0 (root), 1, ...; a leaf is a string that occurs once.

    The inner children of v are `child[v]:child[v+1]`, its leaves `leaf[v]:leaf[v+1]`.  A node that ends at depth N or
    with `</s>` has neither.
    """

    symbols: Symbols  # (n,) the sequence S
    child: Uint32  # (nodes + 1,) first inner child
    leaf: Uint32  # (nodes + 1,) first leaf
    label: Symbols  # (nodes,) first symbol of the edge from the parent
    depth: NDArray[np.uint8]  # (nodes,) length of the node's string, in symbols
    position: Uint32  # (nodes,) where in S the string occurs (one of its occurrences)
    frequency: Uint32  # (nodes,) its occurrences: count(v)
    left: Uint32  # (nodes,) distinct symbols before it; = frequency where the string starts with <s>
    leaf_label: Symbols  # (leaves,) first symbol of the edge
    leaf_position: Uint32  # (leaves,) where in S the string occurs


def build_tree(symbols: Symbols, order: int) -> tuple[Tree, NDArray[np.int64], NDArray[np.int64]]:
    """The tree of depth `order`, and the counts of counts of all orders as `find_intervals` gives them."""
    suffixes, intervals, adjusted, raw = find_intervals(symbols, order)
    parts = parallel_map(
        lambda item: _number_range(symbols, suffixes, item[0], item[1]),
        list(zip(intervals, suffixes.ranges, strict=True)),
    )
    return _merge_levels(symbols, parts), adjusted, raw


def _empty_tree(symbols: Symbols, n_nodes: int, n_leaves: int) -> Tree:
    return Tree(
        symbols=symbols,
        child=np.empty(n_nodes + 1, np.uint32),
        leaf=np.empty(n_nodes + 1, np.uint32),
        label=np.zeros(n_nodes, symbols.dtype),
        depth=np.empty(n_nodes, np.uint8),
        position=np.empty(n_nodes, np.uint32),
        frequency=np.empty(n_nodes, np.uint32),
        left=np.empty(n_nodes, np.uint32),
        leaf_label=np.empty(n_leaves, symbols.dtype),
        leaf_position=np.empty(n_leaves, np.uint32),
    )


def _number_range(
    symbols: Symbols, suffixes: Suffixes, intervals: Intervals, ends: tuple[int, int]
) -> tuple[Tree, NDArray[np.int64]]:
    """The part of the tree below one range, under a root of its own, and the first node of each of its levels."""
    room, ranks = suffixes.room, suffixes.ranks
    size = len(intervals.depth) + 1
    root = (0, ends[0], ends[1], 0, size)
    columns: list[Any] = list(intervals)
    rooted = Intervals(*(np.append(a, a.dtype.type(x)) for a, x in zip(columns, root, strict=True)))
    n_leaves = ends[1] - ends[0] - _suffixes_in_deepest(room, ranks, rooted)
    tree = _empty_tree(symbols, size, n_leaves)
    levels = np.zeros(MAX_DEPTH + 3, np.int64)
    widest = int(symbols.max()) + 1
    n_levels = _breadth_first(room, ranks, rooted, tree, np.empty(size, np.uint32), np.empty(widest, np.int64), levels)
    return tree, levels[: n_levels + 1]


def _merge_levels(symbols: Symbols, parts: list[tuple[Tree, NDArray[np.int64]]]) -> Tree:
    """One tree from the parts, whose roots become one.

    Within a level the nodes of one part follow those of the part before, so numbers in a part and level all shift
    by the same amount, and the children of neighbours still touch.  (Numbering the whole tree in one go took 0.30 s
    of a build of 1.0 s on 2.6 MB: it cannot use two cores, and jumps about in the suffix array.)
    """
    n_levels = max(len(levels) for _, levels in parts)
    # first[p, l], first_leaf[p, l]: number of the first node and leaf of level l in part p
    first = np.array([[*levels, *[levels[-1]] * (n_levels + 1 - len(levels))] for _, levels in parts])
    first_leaf = np.array([tree.leaf[row] for (tree, _), row in zip(parts, first, strict=True)], np.int64)
    sizes, leaf_sizes = np.diff(first, axis=1), np.diff(first_leaf, axis=1)
    sizes[1:, 0] = 0  # one root for all
    total, total_leaves = int(sizes.sum()), int(leaf_sizes.sum())
    out = _empty_tree(symbols, total, total_leaves)
    start = np.append(0, np.cumsum(sizes.T)).astype(np.int64)  # levels outside, parts inside
    start_leaf = np.append(0, np.cumsum(leaf_sizes.T)).astype(np.int64)
    for level in range(n_levels):
        for p, (tree, _) in enumerate(parts):
            here, there = level * len(parts) + p, (level + 1) * len(parts) + p
            a, z = start[here], start_leaf[here]
            source = slice(first[p, level], first[p, level] + sizes[p, level])
            leaves = slice(first_leaf[p, level], first_leaf[p, level + 1])
            target = slice(a, a + sizes[p, level])
            child_shift = (start[there] if there < len(start) else total) - first[p, min(level + 1, n_levels)]
            out.child[target] = tree.child[source].astype(np.int64) + child_shift
            out.leaf[target] = tree.leaf[source].astype(np.int64) + z - first_leaf[p, level]
            for name in ("label", "depth", "position", "frequency", "left"):
                getattr(out, name)[target] = getattr(tree, name)[source]
            for name in ("leaf_label", "leaf_position"):
                getattr(out, name)[z : z + leaf_sizes[p, level]] = getattr(tree, name)[leaves]
    out.child[total], out.leaf[total] = total, total_leaves
    out.frequency[0], out.position[0] = len(symbols), 0
    return out


@kernel
def _suffixes_in_deepest(room, ranks, intervals):
    """How many suffixes lie in nodes that end at depth N or with `</s>`; all others are leaves."""
    n = 0
    for v in range(len(intervals.depth)):
        if intervals.depth[v] == room[ranks[intervals.begin[v]]]:
            n += intervals.end[v] - intervals.begin[v]
    return n


@kernel
def _breadth_first(room, ranks, intervals, tree, source, children, levels):
    """Fill `tree` and `levels` (first node of each level, then their number); returns the number of levels.

    source[v]: the interval of node v.
    """
    last = len(intervals.depth) - 1
    source[0] = last
    n_nodes, n_leaves, n_levels, level_end = 1, 0, 1, 1
    for v in range(last + 1):
        if v == level_end:
            levels[n_levels] = v
            n_levels += 1
            level_end = n_nodes
        q = np.int64(source[v])
        p = ranks[intervals.begin[q]]
        depth = intervals.depth[q]
        tree.child[v], tree.leaf[v] = n_nodes, n_leaves
        tree.depth[v], tree.position[v] = depth, p
        tree.frequency[v], tree.left[v] = intervals.end[q] - intervals.begin[q], intervals.left[q]
        if depth == room[p]:
            continue
        # in post-order the last child stands just before its parent, its sibling before the child's subtree
        n_children = 0
        c = q - 1
        while c > q - np.int64(intervals.nodes[q]):
            children[n_children] = c
            n_children += 1
            c -= np.int64(intervals.nodes[c])
        r = np.int64(intervals.begin[q])
        for k in range(n_children, -1, -1):  # k = 0 stands for the leaves after the last child
            c = children[k - 1]
            stop = intervals.begin[c] if k > 0 else intervals.end[q]
            while r < stop:
                tree.leaf_position[n_leaves] = ranks[r]
                tree.leaf_label[n_leaves] = tree.symbols[ranks[r] + depth]
                n_leaves += 1
                r += 1
            if k > 0:
                source[n_nodes] = c
                tree.label[n_nodes] = tree.symbols[ranks[r] + depth]
                n_nodes += 1
                r = np.int64(intervals.end[c])
    tree.child[last + 1], tree.leaf[last + 1] = n_nodes, n_leaves
    levels[n_levels] = n_nodes
    return n_levels


def last_in_suffix_order(symbols: Symbols, order: int) -> NDArray[Any]:
    """The longest n-gram (at most `order` symbols) whose suffixes sort last, compared from their ends.

    It is the last n-gram in the order in which lmplz counts: by the last word's id, then the word before it, ...;
    it begins with `<s>` where the sentence is shorter than `order`.
    """
    ends = np.flatnonzero(symbols == symbols.max())
    length = 1
    while length < order and symbols[ends[0] - length + 1] != BOS:
        before = symbols[ends - length]
        ends = ends[before == before.max()]
        length += 1
    result: NDArray[Any] = symbols[ends[0] - length + 1 : ends[0] + 1]
    return result
