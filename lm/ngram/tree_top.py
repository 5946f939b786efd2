"""The nodes above the buckets: those whose strings are shorter than a bucket's prefix, up to the root.

In: each bucket's prefix, size and top node, in order.  Out: these nodes and their parents, the root last.
"""

import numpy as np

from errtax.lm.kernels import inlined, kernel
from errtax.lm.ngram.suffix_tree import DEPTH, HAS_CHILDREN, LAST_SIBLING, count_edge
from errtax.lm.special import BOS


@kernel
def finish_top(plan, codes, sizes, roots, first_node, top, counts):
    """Join the buckets' roots: fill `top` with them and the nodes above them, and return how many there are.

    codes, sizes, roots: the first m symbols of each bucket that is not empty, its suffixes and its top node.
    top: (2 * buckets + 1,) nodes; they are numbered from `first_node`.  The last is the tree's root.
    """
    lefts = _lefts_of_prefixes(plan, codes)
    # levels 0..level are the open nodes, as in `suffix_tree`, with a bucket's top node in place of a suffix. `pending`
    # are the closed nodes that wait for a parent, those of the deepest open node last.
    depth = np.zeros(plan.prefix + 2, np.int64)
    count = np.zeros(plan.prefix + 2, np.int64)
    n_children = np.zeros(plan.prefix + 2, np.int64)
    pending = np.empty(len(codes), roots.dtype)
    level, n_pending, n = 0, 0, 0
    for b in range(len(codes)):
        shared = _n_shared_digits(codes[b], codes[b + 1], plan) if b + 1 < len(codes) else 0
        is_bos = _digit(codes[b], 0, plan) == BOS
        if shared > depth[level]:
            level += 1
            depth[level], count[level], n_children[level] = shared, 0, 0
        pending[n_pending] = roots[b]
        pending[n_pending]["label"] = _digit(codes[b], depth[level], plan)
        n_pending += 1
        n_children[level] += 1
        count[level] += sizes[b]
        count_edge(counts, depth[level], roots[b]["shape"] & DEPTH, sizes[b], np.int64(roots[b]["left"]), is_bos)
        # close what the next bucket does not share; left symbols of a string are those of prefixes one symbol longer
        while depth[level] > shared:
            parent = max(depth[level - 1], shared)
            prefix = codes[b] >> (plan.bits * (plan.prefix - depth[level]))
            left = 0 if is_bos else lefts[depth[level], prefix]
            n_pending -= n_children[level]
            _emit_top(pending, n_pending, n_children[level], top, n)
            node = pending[n_pending]
            node["child"], node["end"], node["left"] = first_node + n, roots[b]["end"], left
            node["label"] = _digit(codes[b], parent, plan)
            node["shape"] = depth[level] | HAS_CHILDREN
            n += n_children[level]
            n_pending += 1
            count_edge(counts, parent, depth[level], count[level], left, is_bos)
            if depth[level - 1] < shared:
                depth[level], n_children[level] = shared, 1
            else:
                n_children[level - 1] += 1
                count[level - 1] += count[level]
                level -= 1
    _emit_top(pending, 0, n_pending, top, n)
    root = top[n + n_pending]
    root["child"], root["end"], root["label"], root["left"] = first_node + n, roots[len(roots) - 1]["end"], 0, 0
    root["shape"] = HAS_CHILDREN | LAST_SIBLING
    return n + n_pending + 1


@kernel
def _emit_top(pending, first, n, top, at):
    for k in range(n):
        top[at + k] = pending[first + k]
    top[at + n - 1]["shape"] |= np.uint8(LAST_SIBLING)


@inlined
def _digit(code, k, plan):
    """Symbol k of a bucket's prefix."""
    return (code >> (plan.bits * (plan.prefix - 1 - k))) & ((1 << plan.bits) - 1)


@inlined
def _n_shared_digits(a, b, plan):
    n = 0
    while _digit(a, n, plan) == _digit(b, n, plan):
        n += 1
    return n


@kernel
def _lefts_of_prefixes(plan, codes):
    """lefts[d, w]: distinct symbols before the string w of d < m symbols: the strings of d + 1 that end with it."""
    lefts = np.zeros((plan.prefix, 1 << (plan.bits * (plan.prefix - 1))), np.int64)
    for d in range(1, plan.prefix):
        # codes ascend, so equal prefixes stand in one run
        seen = -1
        for b in range(len(codes)):
            longer = codes[b] >> (plan.bits * (plan.prefix - d - 1))
            if longer != seen:
                lefts[d, longer & ((1 << (plan.bits * d)) - 1)] += 1
                seen = longer
    return lefts
