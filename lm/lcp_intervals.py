"""LCP intervals of a symbol sequence, cut at depth N: the nodes of its suffix tree, and the counts of counts.

In: the sequence S (ids; sentences `<s> ... </s>`).  Out: the intervals in post-order, range by range of the suffix
array (Abouelhoda, Kurtz & Ohlebusch 2004), with the number of distinct symbols before each string.  Strings never
cross a sentence's end.  Time O(n N), about 15 bytes a symbol.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pydivsufsort
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.kernels import kernel, n_threads, parallel_map

UNK, BOS, EOS = 0, 1, 2  # as KenLM numbers them; symbols of the text follow by first appearance
MAX_DEPTH = 64

Symbols = NDArray[Any]
Uint32 = NDArray[np.uint32]


class Intervals(NamedTuple):
    """LCP intervals in post-order: the nodes of the tree below one range of first symbols."""

    depth: NDArray[np.uint8]
    begin: Uint32  # first suffix rank
    end: Uint32  # one past the last
    left: Uint32
    nodes: Uint32  # size of the subtree, itself included


class Suffixes(NamedTuple):
    """The sorted suffixes of S (n symbols)."""

    room: NDArray[np.uint8]  # (n,) longest string that may start at each position: N, or up to the sentence's end
    ranks: NDArray[np.int32]  # (n,) suffix array
    ranges: list[tuple[int, int]]  # of ranks; no two suffixes with the same first symbol lie in different ranges


def find_intervals(
    symbols: Symbols, order: int
) -> tuple[Suffixes, list[Intervals], NDArray[np.int64], NDArray[np.int64]]:
    """The suffixes, the intervals of each range, and the counts of counts of all orders.

    `adjusted[k, c]` (k = 1..order, c = 1..4): n-grams of order k with adjusted count c; `raw[k, c]`: with count c.
    """
    n = len(symbols)
    if n >= 2**31:
        raise UsageError(f"a text of {n:,} symbols is too long; at most 2**31 - 1 are supported.")
    room = np.empty(n, np.uint8)
    _room(symbols, order, room)
    ranks = _suffix_array(symbols)
    common = np.zeros(n + 1, np.uint8)
    pieces = [(first, min(first + n // 16 + 1, n)) for first in range(1, n, n // 16 + 1)]
    parallel_map(lambda piece: _common_prefixes(symbols, room, ranks, *piece, common), pieces)
    ranges = _first_symbol_ranges(symbols)
    results = parallel_map(lambda ends: _intervals_of_range(symbols, room, ranks, common, ends, order), ranges)
    adjusted, raw = (np.sum([result[k] for result in results], axis=0) for k in (1, 2))
    return Suffixes(room, ranks, ranges), [result[0] for result in results], adjusted, raw


def _suffix_array(symbols: Symbols) -> NDArray[np.int32]:
    # the order beyond depth N and across sentences does not matter, so any complete suffix sort will do
    ranks: NDArray[np.int32] = pydivsufsort.divsufsort(symbols)
    return ranks.astype(np.int32, copy=False)


def _first_symbol_ranges(symbols: Symbols) -> list[tuple[int, int]]:
    """Ranges of suffix ranks of about equal size that part no two suffixes with the same first symbol."""
    ends = np.cumsum(np.bincount(symbols))
    ends = ends[np.diff(ends, prepend=0) > 0]
    goals = len(symbols) * np.arange(1, 4 * n_threads()) // (4 * n_threads())
    cuts = [
        0,
        *sorted({int(ends[np.searchsorted(ends, goal)]) for goal in goals} - {len(symbols)}),
        len(symbols),
    ]
    return list(pairwise(cuts))


def _intervals_of_range(
    symbols: Symbols,
    room: NDArray[np.uint8],
    ranks: NDArray[np.int32],
    common: NDArray[np.uint8],
    ends: tuple[int, int],
    order: int,
) -> tuple[Intervals, NDArray[np.int64], NDArray[np.int64]]:
    first, last = ends
    size = last - first  # at most as many inner nodes as leaves
    intervals = Intervals(np.empty(size, np.uint8), *(np.empty(size, np.uint32) for _ in range(4)))
    adjusted = np.zeros((order + 1, 5), np.int64)
    raw = np.zeros((order + 1, 5), np.int64)
    previous = np.full(int(symbols.max()) + 1, -1, np.int64)
    n_nodes = _find_intervals(symbols, room, ranks, common, first, last, intervals, previous, adjusted, raw)
    columns: list[Any] = [column[:n_nodes].copy() for column in intervals]
    return Intervals(*columns), adjusted, raw


@kernel
def _room(symbols, order, room):
    """room[p]: the longest string that may start at p: N symbols, or up to and with the sentence's end."""
    left = 0
    for p in range(len(symbols) - 1, -1, -1):
        left = 1 if symbols[p] == EOS else min(left + 1, order)
        room[p] = left


@kernel
def _common_prefixes(symbols, room, ranks, first, last, common):
    """common[r]: length of the common prefix of suffixes r - 1 and r, at most their room.

    Kasai's algorithm needs a rank array (4 more bytes a symbol) and was no faster: prefixes are cut at N.
    """
    for r in range(first, last):
        a, b = ranks[r - 1], ranks[r]
        limit = min(room[a], room[b])
        k = 0
        while k < limit and symbols[a + k] == symbols[b + k]:
            k += 1
        common[r] = k


@kernel
def _find_intervals(symbols, room, ranks, common, first, last, out, previous, adjusted, raw):  # noqa: PLR0913, PLR0915, PLR0917
    """LCP intervals of ranks first..last-1 in post-order; returns their number.

    A stack of the open intervals, one per depth.  Each leaf brings one left symbol; if that symbol was seen before
    (at rank `previous`), the two are duplicates in every open interval that holds both: one is charged to the
    deepest, and travels up with its sum.
    """
    depth = np.zeros(MAX_DEPTH + 2, np.int64)
    begin = np.zeros(MAX_DEPTH + 2, np.int64)
    left = np.zeros(MAX_DEPTH + 2, np.int64)
    start = np.zeros(MAX_DEPTH + 2, np.int64)  # first node of the subtree, in post-order
    begin[0] = first
    top = 0
    n_nodes = 0
    order = len(adjusted) - 1
    singles = np.zeros(order + 2, np.int64)  # differences of the number of n-grams that occur once, by order
    for r in range(first + 1, last + 1):
        # --- the leaf r - 1 belongs to the deeper of the intervals on its two sides
        leaf = ranks[r - 1]
        shared = common[r] if r < last else 0
        if shared > depth[top]:
            top += 1
            depth[top], begin[top], left[top], start[top] = shared, r - 1, 0, n_nodes
        left[top] += 1
        if leaf > 0:
            symbol = symbols[leaf - 1]
            seen = previous[symbol]
            if seen >= first:
                frame = top
                while begin[frame] > seen:
                    frame -= 1
                left[frame] -= 1
            previous[symbol] = r - 1
        is_bos = symbols[leaf] == BOS
        singles[max(depth[top] + 1, 2 if is_bos else 1)] += 1
        singles[max(room[leaf] + 1, 2 if is_bos else 1)] -= 1
        # --- close the intervals that end before r
        while depth[top] > shared:
            is_bos = symbols[ranks[begin[top]]] == BOS
            count = r - begin[top]
            distinct = count if is_bos else left[top]
            out.depth[n_nodes] = depth[top]
            out.begin[n_nodes] = begin[top]
            out.end[n_nodes] = r
            out.left[n_nodes] = distinct
            n_nodes += 1
            out.nodes[n_nodes - 1] = n_nodes - start[top]
            parent = max(depth[top - 1], shared)
            for k in range(max(parent + 1, 2 if is_bos else 1), depth[top] + 1):
                if distinct < 5:
                    adjusted[k, distinct] += 1
                if count < 5:
                    raw[k, count] += 1
            if depth[top - 1] < shared:
                depth[top] = shared  # its parent opens here and inherits begin, start and left
            else:
                left[top - 1] += left[top]
                top -= 1
    once = 0
    for k in range(1, order + 1):
        once += singles[k]
        adjusted[k, 1] += once
        raw[k, 1] += once
    return n_nodes
