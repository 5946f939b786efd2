"""Whether what a file says is a tree: then no walk can leave its arrays, or loop for ever.

Right checksums say that a file is what somebody wrote, not that errtax wrote it.  All that kernels rely on is checked
here, in one pass over the nodes and leaves that needs no memory of its own and is cut into spans for all cores:

- children stand before their parent, as one whole run of siblings, and have longer strings and ascending labels;
- the leaves of siblings follow one another and lie within their parent's, none is empty;
- a leaf's string lies within S, and labels and symbols are ids of the alphabet.

The first child of a node begins where the node does, so nodes hang together in chains of first children; each chain is
followed from its top, where its first leaf is known: the end of the sibling before it.  No node is in two of them.
"""

import numpy as np

from errtax.lm.kernels import inlined, parallel_map, tight
from errtax.lm.ngram.suffix_tree import DEPTH, HAS_CHILDREN, LAST_SIBLING, Tree
from errtax.lm.special import BOS, END

_SPAN = 1 << 17
_PIECE = 1 << 24


def tree_problem(tree: Tree, n_ids: int, order: int) -> str | None:
    """What is wrong with the tree of an index with ids below `n_ids`, or None.

    The arrays must have the types and lengths of an index.  Time O(nodes + leaves), whatever they hold.
    """
    pieces = range(0, len(tree.symbols), _PIECE)
    largest = max(parallel_map(lambda start: int(tree.symbols[start : start + _PIECE].max()), pieces))
    if largest >= n_ids or tree.symbols[-1] != END:
        return "its symbols are not those of its alphabet"
    n_nodes = len(tree.nodes)
    bos_leaves = np.zeros(2, np.int64)
    if not _root_holds(tree, n_ids, bos_leaves):
        return "its nodes do not form a tree"
    spans = [(first, min(first + _SPAN, n_nodes)) for first in range(0, n_nodes, _SPAN)]
    held = parallel_map(lambda span: _nodes_hold(tree, n_ids, order, bos_leaves, *span), spans)
    return None if all(held) else "its nodes do not form a tree"


@tight
def _root_holds(tree, n_ids, bos_leaves):
    """Whether the last node can be a root of all leaves; fills in the leaves of strings that begin with <s>."""
    root = len(tree.nodes) - 1
    node = tree.nodes[root]
    if node["shape"] != HAS_CHILDREN | LAST_SIBLING or np.int64(node["end"]) != len(tree.leaf_position):
        return False
    # the run of children is one of ascending indices below the root, so that this ends
    c, begin = np.int64(node["child"]), np.int64(0)
    while 0 <= c < root:
        child = tree.nodes[c]
        if child["label"] == BOS:
            bos_leaves[0], bos_leaves[1] = begin, np.int64(child["end"])
        if child["label"] == END:
            return False
        if child["shape"] & LAST_SIBLING:
            return True
        begin = np.int64(child["end"])
        c += 1
    return False


@tight
def _nodes_hold(tree, n_ids, order, bos_leaves, first, last):
    """Whether the nodes first..last-1 hold together with their children and leaves."""
    n_nodes, n_leaves = len(tree.nodes), len(tree.leaf_position)
    visited = 0
    for v in range(first, last):
        node = tree.nodes[v]
        if (node["shape"] & DEPTH) > order or not 0 < np.int64(node["end"]) <= n_leaves:
            return False
        if node["shape"] & HAS_CHILDREN:
            n_children = _children_hold(tree, n_ids, bos_leaves, v)
            # a run of siblings has one parent: what claims more is refused before it takes long
            visited += n_children
            if n_children == 0 or visited > n_nodes:
                return False
        if v == n_nodes - 1 and not _chain_holds(tree, n_ids, bos_leaves, v, -1, 0):
            return False
    return True


@inlined
def _children_hold(tree, n_ids, bos_leaves, v):
    """How many children node v has, or 0 where they or the leaves after them do not hold together."""
    depth, end = np.int64(tree.nodes[v]["shape"] & DEPTH), np.int64(tree.nodes[v]["end"])
    # children v > c come in one run; labels ascend and are below n_ids, and `begin` is where the sibling before ended
    # (-1: the first child, which begins with v and is looked at in v's chain)
    label, begin, n_children = np.int64(-1), np.int64(-1), 0
    c = np.int64(tree.nodes[v]["child"])
    if c > v or (c > 0 and not tree.nodes[c - 1]["shape"] & LAST_SIBLING):
        return 0
    while 0 <= c < v:
        child = tree.nodes[c]
        if not label < child["label"] < n_ids or (child["shape"] & DEPTH) <= depth or np.int64(child["end"]) > end:
            return 0
        if begin >= 0 and not _chain_holds(tree, n_ids, bos_leaves, c, depth, begin):
            return 0
        label, begin, n_children = np.int64(child["label"]), np.int64(child["end"]), n_children + 1
        if child["shape"] & LAST_SIBLING:
            return n_children if _leaves_hold(tree, n_ids, depth, n_children, begin, end) else 0
        c += 1
    return 0  # the run of siblings does not end before its parent


@inlined
def _chain_holds(tree, n_ids, bos_leaves, v, depth, begin):
    """Whether node v, its first child and so on hold together; all begin at the leaf `begin`.

    depth: that of v's parent; -1 for the root.
    """
    n_leaves = len(tree.leaf_position)
    if begin >= n_leaves:
        return False
    # each node of the chain has a smaller index than the one before, so that it ends
    position = np.int64(tree.leaf_position[begin])
    is_bos = bos_leaves[0] <= begin < bos_leaves[1]
    while True:
        node = tree.nodes[v]
        below, end = np.int64(node["shape"] & DEPTH), np.int64(node["end"])
        if not begin < end <= n_leaves or position < 0 or position + below > len(tree.symbols):
            return False
        left = np.int64(node["left"])
        if depth >= 0 and (left > end - begin or (left == 0) != is_bos):
            return False
        if not node["shape"] & HAS_CHILDREN:
            return _leaves_hold(tree, n_ids, below, 0, begin, end)
        c = np.int64(node["child"])
        if not 0 <= c < v:
            return False
        v, depth = c, below


@inlined
def _leaves_hold(tree, n_ids, depth, n_children, first, last):
    """Whether the own leaves of a node lie within S and are sorted by labels, each of which continues it once."""
    # leaves of strings that end come first, then one leaf for each label, ascending; children and leaves together are
    # different continuations, so at most n_ids
    label, n = np.int64(END), n_children
    for leaf in range(first, last):
        position, here = np.int64(tree.leaf_position[leaf]), np.int64(tree.leaf_label[leaf])
        if here == END:
            if label != END or position < 0 or position + depth > len(tree.symbols):
                return False
        else:
            if not label < here < n_ids or position < 0 or position + depth + 1 >= len(tree.symbols):
                return False
            label = here
            n += 1
    return n <= n_ids
