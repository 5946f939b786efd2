"""The suffix tree of a symbol sequence, cut at depth N: the counts of all n-grams of orders 1..N at once.

An n-gram that ends inside an edge has one continuation, hence the same occurrences as the node below it.  So all
that modified Kneser-Ney smoothing needs lives on the nodes (Shareghi et al. 2016 for Kneser-Ney on suffix trees):

    count(v)   occurrences of v's string                               = suffixes below v
    left(v)    distinct symbols before it (Kneser-Ney's adjusted count) = sum over children - duplicates

In: the suffixes of a bucket.  Out: the bucket's nodes and leaves, children before their parents, in one pass over the
sorted suffixes with a stack of open nodes (Abouelhoda, Kurtz & Ohlebusch 2004).  At the end `tree_top` joins the
buckets' roots under the nodes that are shorter than a bucket's prefix.  Time O(n N).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.lm.ngram.suffix_sort import Plan, Scratch, Symbols, scratch_of, sort_suffixes
from errtax.lm.special import BOS, END, EOS

HAS_CHILDREN, LAST_SIBLING, DEPTH = 64, 128, 63
"""Bits of a node's `shape`; the lowest six are the length of its string."""


class Tree(NamedTuple):
    """The truncated suffix tree.  A node is a record of `node_dtype`; the root is the last one.

    Siblings stand together, sorted by label.  The leaves below a node are begin:end, where begin is the end of the
    sibling before it, or else the begin of its parent; the leaves of its children come first, then its own: strings
    that occur once, sorted by label.  A string that ends at depth N or with its sentence has no children, and its
    own leaves are all its occurrences, in the order of the text.
    """

    symbols: Symbols  # (n + 1,) the sequence S, and 0
    nodes: NDArray[Any]
    leaf_position: NDArray[Any]  # (leaves,) where in S the suffix begins
    leaf_label: Symbols  # (leaves,) the symbol after the parent's string; 0 where that ends


def node_dtype(symbol: Any, offset: Any) -> Any:
    """A node's record for these types of symbols and offsets: 11 bytes with uint8 and uint32."""
    return np.dtype(
        [
            ("child", offset),  # its first child, where it has one
            ("end", offset),  # one past its last leaf
            ("label", symbol),  # the first symbol of the edge from its parent
            ("left", symbol),  # distinct symbols before its string; 0 where that begins with <s>
            ("shape", np.uint8),  # length of its string, HAS_CHILDREN, LAST_SIBLING
        ]
    )


class Counts(NamedTuple):
    """Sums over the n-grams of order k that are on nodes, as differences: row k less row k - 1."""

    adjusted: NDArray[np.int64]  # [k, c]: n-grams with adjusted count c = 1..4
    raw: NDArray[np.int64]  # [k, c]: n-grams with count c
    covered: NDArray[np.int64]  # [k]: their occurrences


class Task(NamedTuple):
    """Some neighbouring buckets to sort and grow."""

    symbols: Symbols
    plan: Plan
    starts: NDArray[np.int64]  # the suffixes of bucket b are starts[b]:starts[b + 1] of `Growth.leaf_position`
    first_leaf: int  # how many suffixes of S sort before all of these


class Growth(NamedTuple):
    """What the buckets grow into; there is room for all that can come."""

    nodes: NDArray[Any]
    leaf_position: NDArray[Any]  # first the suffixes in the order of the text: no leaf is written before it is read
    leaf_label: Symbols
    roots: NDArray[Any]  # (buckets,) the buckets' top nodes, whose parents are not known yet
    counts: Counts


class Frames(NamedTuple):
    """The open nodes, from the bucket's root down; at most one per depth."""

    depth: NDArray[np.int64]
    begin: NDArray[np.int64]  # first suffix
    position: NDArray[np.int64]  # where in S that is
    left: NDArray[np.int64]
    n_children: NDArray[np.int64]  # closed children that wait for it
    n_leaves: NDArray[np.int64]  # own leaves that wait for it


class Pending(NamedTuple):
    """The children and leaves of the open nodes, as stacks."""

    nodes: NDArray[Any]
    leaf_position: NDArray[Any]
    leaf_label: Symbols
    sizes: NDArray[np.int64]  # nodes grown, leaves grown, nodes pending, leaves pending


NODES, LEAVES, PENDING_NODES, PENDING_LEAVES = range(4)


class Work(NamedTuple):
    """One thread's room for growing buckets."""

    scratch: Scratch
    common: NDArray[np.uint8]  # common prefixes of the bucket's suffixes
    left: Symbols  # the symbol before each
    label: Symbols  # and that after the string it shares with a neighbour; 0 where it ends there
    previous: NDArray[np.int64]  # the last suffix with each left symbol
    frames: Frames
    pending: Pending


def new_counts(order: int) -> Counts:
    """No n-grams yet."""
    return Counts(np.zeros((order + 2, 5), np.int64), np.zeros((order + 2, 5), np.int64), np.zeros(order + 2, np.int64))


def work_of(plan: Plan, n_ids: int, size: int, node: Any) -> Work:
    """Room for buckets of at most `size` suffixes: 21 bytes each and the symbols' type four times."""
    offset, symbol = node["end"], node["label"]
    n_nodes = min(size + 1, (plan.order + 2) * (n_ids + 1))
    pending = Pending(np.empty(n_nodes, node), np.empty(size, offset), np.empty(size, symbol), np.zeros(4, np.int64))
    frames = Frames(*(np.zeros(plan.order + 2, np.int64) for _ in range(6)))
    previous = np.full(n_ids, -1, np.int64)
    symbols = np.empty(size, symbol), np.empty(size, symbol)
    return Work(scratch_of(size, plan.order, offset), np.empty(size, np.uint8), *symbols, previous, frames, pending)


@tight
def grow_buckets(task, work, growth):
    """Sort and grow the task's buckets one by one; returns the number of nodes.  Children are counted from 0."""
    # nodes count from 0 in a task, leaves from its first suffix on: a leaf is written where a suffix was read already,
    # so both have one array
    sizes = work.pending.sizes
    for k in range(4):
        sizes[k] = 0
    sizes[LEAVES] = task.starts[0]
    for b in range(len(task.starts) - 1):
        first, last = task.starts[b], task.starts[b + 1]
        if first < last:
            positions = growth.leaf_position[first:last]
            shared = _common_start(task.symbols, np.int64(positions[0]), task.plan, last - first == 1)
            # negative: all suffixes of the bucket are one string; else they are sorted from the symbols that they share
            if shared < 0:
                for r in range(last - first):
                    work.common[r] = -shared
            elif last - first > 1:
                sort_suffixes(task.symbols, positions, work.common, shared, task.plan, work.scratch)
            _read_around(task, positions, work)
            _grow(task, first, last, abs(shared), work, growth)
            growth.roots[b] = work.pending.nodes[0]
            sizes[PENDING_NODES] = 0
    return sizes[NODES]


@inlined
def _common_start(symbols, p, plan, alone):
    """How far the suffixes of the bucket of suffix p surely agree; negative where they end there.

    A suffix that is alone in its bucket agrees with itself to its end.
    """
    limit = plan.order if alone else plan.prefix
    for t in range(limit):
        if symbols[p + t] in (EOS, END):
            return -(t + 1)
    return -limit if limit == plan.order else limit


@inlined
def _read_around(task, positions, work):
    """Fill work.left and work.label: a loop of its own, so that many reads from all over S are under way at a time."""
    symbols, common, n = task.symbols, work.common, len(positions)
    for r in range(n):
        p = np.int64(positions[r])
        depth = np.int64(max(common[r] if r > 0 else 0, common[r + 1] if r + 1 < n else 0))
        work.left[r] = symbols[max(p - 1, 0)]
        ended = depth == task.plan.order or (depth > 0 and symbols[p + depth - 1] in (EOS, END))
        work.label[r] = END if ended else symbols[p + depth]


@inlined
def _grow(task, first, last, alone, work, growth):
    """Turn the sorted suffixes first..last-1 into nodes; their top node is left as the first pending one.

    Each leaf brings one left symbol; if that symbol was seen before (at suffix `previous`), the two are duplicates
    in every open node that holds both: one is charged to the deepest, and travels up with its sum.
    """
    symbols = task.symbols
    frames, pending, sizes = work.frames, work.pending, work.pending.sizes
    depth, begin = frames.depth, frames.begin
    # frames 0..top are the open nodes: strings of growing depth, each a prefix of suffix r, and begin[f] is the first
    # suffix that has it. A node that ends is closed into its parent; the last one open is the bucket's top node.
    top = -1
    is_bos = symbols[np.int64(growth.leaf_position[first])] == BOS
    for r in range(first, last):
        # --- the suffix r belongs to the deeper of the nodes on its two sides
        leaf = np.int64(growth.leaf_position[r])
        shared = np.int64(work.common[r + 1 - first]) if r + 1 < last else 0
        if top < 0 or shared > depth[top]:
            top += 1
            depth[top] = alone if last - first == 1 else shared
            begin[top], frames.position[top] = r, leaf
            frames.left[top], frames.n_children[top], frames.n_leaves[top] = 0, 0, 0
        pending.leaf_position[sizes[PENDING_LEAVES]] = leaf
        pending.leaf_label[sizes[PENDING_LEAVES]] = work.label[r - first] if last - first > 1 else END
        sizes[PENDING_LEAVES] += 1
        frames.n_leaves[top] += 1
        # previous[left] is this thread's latest suffix with that left symbol; it is in this bucket if it is >= first
        if not is_bos:
            frames.left[top] += 1
            left = work.left[r - first]
            seen = work.previous[left] - task.first_leaf
            if seen >= first:
                frame = top
                while begin[frame] > seen:
                    frame -= 1
                frames.left[frame] -= 1
            work.previous[left] = r + task.first_leaf
        # --- close the nodes that end here
        while depth[top] > shared and (top > 0 or r + 1 < last):
            parent = max(depth[top - 1], shared) if top > 0 else shared
            _close(task, top, parent, work, growth)
            count_edge(growth.counts, parent, depth[top], r + 1 - begin[top], frames.left[top], is_bos)
            if top == 0 or depth[top - 1] < shared:
                depth[top] = shared  # its parent opens here and inherits begin, position and left
                frames.n_children[top], frames.n_leaves[top] = 1, 0
            else:
                frames.left[top - 1] += frames.left[top]
                frames.n_children[top - 1] += 1
                top -= 1
    _close(task, 0, 0, work, growth)


@inlined
def _close(task, top, parent, work, growth):
    """Move what waits for the open node `top` out, and let the node itself wait for its parent."""
    frames, pending, sizes = work.frames, work.pending, work.pending.sizes
    # the children and leaves of `top` are the last n of the pending ones: all deeper nodes are closed
    n, shape = frames.n_children[top], frames.depth[top]
    child = 0
    if n > 0:
        child = sizes[NODES]
        sizes[PENDING_NODES] -= n
        for k in range(n):
            growth.nodes[child + k] = pending.nodes[sizes[PENDING_NODES] + k]
        growth.nodes[child + n - 1]["shape"] |= np.uint8(LAST_SIBLING)
        sizes[NODES] += n
        shape |= HAS_CHILDREN
    n = frames.n_leaves[top]
    sizes[PENDING_LEAVES] -= n
    for k in range(n):
        growth.leaf_position[sizes[LEAVES] + k] = pending.leaf_position[sizes[PENDING_LEAVES] + k]
        growth.leaf_label[sizes[LEAVES] + k] = pending.leaf_label[sizes[PENDING_LEAVES] + k]
    sizes[LEAVES] += n
    node = pending.nodes[sizes[PENDING_NODES]]
    node["child"] = child
    node["end"] = task.first_leaf + sizes[LEAVES]
    node["label"] = task.symbols[frames.position[top] + parent]
    node["left"] = frames.left[top]
    node["shape"] = shape
    sizes[PENDING_NODES] += 1


@inlined
def count_edge(counts, parent, depth, count, left, is_bos):
    """Enter the n-grams of the orders parent + 1 .. depth, which all have these counts."""
    # one more from order low + 1, one less from depth + 1 on: sums over k give the counts
    low = max(parent, 1) if is_bos else parent  # <s> by itself is not an n-gram
    adjusted = count if is_bos else left
    if adjusted < 5:
        counts.adjusted[low + 1, adjusted] += 1
        counts.adjusted[depth + 1, adjusted] -= 1
    if count < 5:
        counts.raw[low + 1, count] += 1
        counts.raw[depth + 1, count] -= 1
    counts.covered[low + 1] += count
    counts.covered[depth + 1] -= count


@tight
def shift_children(nodes, by):
    """Count children from `by` instead of 0."""
    for v in range(len(nodes)):
        if nodes[v]["shape"] & HAS_CHILDREN:
            nodes[v]["child"] += by
