"""The suffix tree, built partition by partition: some neighbouring buckets at a time, so memory has a bound.

Every n-gram of at least m symbols (a bucket's prefix) lies in one bucket with all its occurrences, and each suffix
carries its left symbol.  So buckets know nothing of each other; the few nodes above them are made at the end, from
their roots.  The tree and the counts are the same, bit for bit, whatever the partitions and the threads.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.kernels import n_threads, parallel_map
from errtax.lm.ngram.suffix_sort import Plan, Symbols, count_buckets, fill_buckets, plan_of
from errtax.lm.ngram.suffix_tree import (
    Counts,
    Growth,
    Task,
    grow_buckets,
    new_counts,
    node_dtype,
    shift_children,
    work_of,
)
from errtax.lm.ngram.tree_top import finish_top

_NODES_A_SUFFIX = 0.7
"""Reckoned with where memory is planned; natural texts and source code have 0.35 to 0.55."""
_PIECE = 1 << 20  # nodes

OnSuffixes = Callable[[int, int], None]


def tell_nobody(done: int, total: int) -> None:
    """Where nobody watches a build."""


@dataclass(frozen=True)
class Partition:
    """The nodes and leaves of buckets `first`..`last - 1`; nodes count their children from the tree's first node."""

    first: int
    last: int
    nodes: NDArray[Any]
    leaf_position: NDArray[Any]
    leaf_label: Symbols


@dataclass
class Progress:
    """What has to be kept between partitions: all that is known of the buckets done."""

    roots: NDArray[Any]  # (buckets,)
    counts: Counts
    next_bucket: int = 0
    n_nodes: int = 0
    n_leaves: int = 0


class PartitionedBuild:
    """Builds the tree of S, of depth N, one partition after another.

    symbols: S and the 0 after it.  n_ids: all ids are below it.  wide: 64-bit offsets even where 32 bits would do.
    `on_suffixes`: called with the suffixes grown and due, from any thread.
    """

    def __init__(
        self, symbols: Symbols, n_ids: int, order: int, wide: bool = False, on_suffixes: OnSuffixes = tell_nobody
    ) -> None:
        self.symbols = symbols
        self._on_suffixes = on_suffixes
        self._grown, self._counting = 0, Lock()
        self.n_ids = n_ids
        self.plan: Plan = plan_of(n_ids, order)
        n = len(symbols) - 1
        n_pieces = max(1, min(n_threads(), 8, n // (1 << 16)))
        self.spans = list(pairwise(int(n * k // n_pieces) for k in range(n_pieces + 1)))
        n_buckets = self.plan.n_buckets if self.plan.prefix > 1 else n_ids
        # in_span[s, b]: suffixes of bucket b that begin in span s; each thread fills its part of a bucket
        self.in_span = np.zeros((n_pieces, n_buckets), np.int64)
        parallel_map(lambda s: count_buckets(symbols, *self.spans[s], self.plan, self.in_span[s]), range(n_pieces))
        self.sizes = self.in_span.sum(axis=0)
        # offsets are those of leaves and of nodes; there are at most as many nodes as leaves and buckets' prefixes
        wide = wide or n + 2 * len(self.sizes) >= 1 << 32
        self.node = node_dtype(symbols.dtype, np.dtype(np.uint64 if wide else np.uint32))
        self.progress = Progress(np.zeros(n_buckets, self.node), new_counts(order))

    def begin_at(self, bucket: int) -> None:
        """Begin with this bucket: nodes are counted from its first, leaves from the first of all."""
        self.progress.next_bucket = bucket
        self.progress.n_leaves = int(self.sizes[:bucket].sum())

    def append(self, part: Partition, roots: NDArray[Any], counts: Counts) -> Iterator[NDArray[Any]]:
        """Take over the next partition, which was grown elsewhere from its first bucket on.

        Its nodes are returned in pieces, their children counted from the tree's first node.
        """
        for start in range(0, len(part.nodes), _PIECE):
            nodes = part.nodes[start : start + _PIECE].copy()
            shift_children(nodes, self.progress.n_nodes)
            yield nodes
        self.progress.roots[part.first : part.last] = roots
        shift_children(self.progress.roots[part.first : part.last], self.progress.n_nodes)
        for sums, more in zip(self.progress.counts, counts, strict=True):
            np.add(sums, more, out=sums)
        self.progress.next_bucket = part.last
        self.progress.n_nodes += len(part.nodes)
        self.progress.n_leaves += len(part.leaf_position)

    def resume(self, progress: Progress) -> None:
        """Continue after the buckets that are done."""
        self.progress, self._grown = progress, progress.n_leaves

    def bytes_of(self, sizes: list[int], total: int) -> int:
        """Peak memory, beside S itself, for a partition of `total` suffixes whose largest buckets have these sizes.

        Each thread has one bucket at a time in hand.
        """
        offset, symbol = self.node["end"].itemsize, self.symbols.itemsize
        nodes = self.node.itemsize * _NODES_A_SUFFIX
        return int((offset + symbol + nodes) * total + (17 + 2 * offset + 4 * symbol) * sum(sizes))

    def ranges(self, used: int, memory: int, last: int | None = None) -> list[tuple[int, int]]:
        """Ranges of buckets, from the next one on, as few as `memory` bytes allow where `used` bytes are in use.

        They end before bucket `last`, by default with the last one.  Raises `UsageError` where a single bucket needs
        more.
        """
        last = len(self.sizes) if last is None else last
        largest = int(self.sizes[self.progress.next_bucket : last].max(initial=0))
        least = used + self.bytes_of([largest], largest)
        if least > memory:
            raise UsageError(f"this text needs --memory of at least {least / 1e9 + 0.005:.2f} GB.")
        rest = self.sizes[self.progress.next_bucket : last]
        if used + self.bytes_of(heapq.nlargest(n_threads(), rest.tolist()), int(rest.sum())) <= memory:
            return [(self.progress.next_bucket, last)]
        ranges: list[tuple[int, int]] = []
        start, total, top = self.progress.next_bucket, 0, [0] * n_threads()
        for b in np.flatnonzero(rest) + start:
            size = int(self.sizes[b])
            longer = heapq.nlargest(len(top), [*top, size])
            if total and used + self.bytes_of(longer, total + size) > memory:
                ranges.append((start, int(b)))
                start, total, longer = int(b), 0, [size] + [0] * (len(top) - 1)
            total, top = total + size, longer
        return [*ranges, (start, last)]

    def even_ranges(self, n_partitions: int) -> list[tuple[int, int]]:
        """All buckets in at most `n_partitions` ranges of about the same number of suffixes."""
        ends = np.cumsum(self.sizes)
        cuts = 1 + np.searchsorted(ends, ends[-1] * np.arange(1, n_partitions) // n_partitions)
        return [(a, b) for a, b in pairwise([0, *sorted(set(cuts.tolist()) - {len(ends)}), len(ends)]) if a < b]

    def grow(self, first: int, last: int) -> Partition:
        """The partition of buckets `first`..`last - 1`, which must be the next ones."""
        sizes = self.sizes[first:last]
        starts = np.append(0, np.cumsum(sizes)).astype(np.int64)
        total = int(starts[-1])
        positions = np.empty(total, self.node["end"])
        self._fill(first, last, starts, positions)
        labels = np.empty(total, self.symbols.dtype)
        nodes = np.empty(total + 1, self.node)  # room for all that can come; untouched pages cost nothing
        tasks = self._tasks(starts)
        results = parallel_map(lambda task: self._grow_task(first, task, starts, positions, labels, nodes), tasks)
        n_nodes = 0
        for (low, high), (counts, grown) in zip(tasks, results, strict=True):
            source = nodes[starts[low] : starts[low] + grown]
            shift_children(source, self.progress.n_nodes + n_nodes)
            shift_children(self.progress.roots[first + low : first + high], self.progress.n_nodes + n_nodes)
            nodes[n_nodes : n_nodes + grown] = source
            n_nodes += grown
            for sums, part in zip(self.progress.counts, counts, strict=True):
                np.add(sums, part, out=sums)
        self.progress.next_bucket = last
        self.progress.n_nodes += n_nodes
        self.progress.n_leaves += total
        return Partition(first, last, nodes[:n_nodes], positions, labels)

    def _fill(self, first: int, last: int, starts: NDArray[np.int64], positions: NDArray[Any]) -> None:
        before = np.zeros_like(starts[:-1])
        cursors = []
        for counts in self.in_span:
            cursors.append(starts[:-1] + before)
            before = before + counts[first:last]
        parallel_map(
            lambda s: fill_buckets(self.symbols, self.spans[s], self.plan, (first, last), cursors[s], positions),
            range(len(self.spans)),
        )

    def _tasks(self, starts: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Ranges of the partition's buckets, of about equal size, several for each thread."""
        n_tasks = 1 if len(self.spans) == 1 else 8 * n_threads()
        cuts = np.searchsorted(starts, starts[-1] * np.arange(n_tasks + 1) // n_tasks)
        cuts[0], cuts[-1] = 0, len(starts) - 1
        return [(int(a), int(b)) for a, b in pairwise(cuts) if a < b]

    def _grow_task(
        self,
        first: int,
        task: tuple[int, int],
        starts: NDArray[np.int64],
        positions: NDArray[Any],
        labels: Symbols,
        nodes: NDArray[Any],
    ) -> tuple[Counts, int]:
        low, high = task
        largest = int(np.diff(starts[low : high + 1]).max())
        counts = new_counts(self.plan.order)
        roots = self.progress.roots[first + low : first + high]
        growth = Growth(nodes[starts[low] :], positions, labels, roots, counts)
        work = work_of(self.plan, self.n_ids, largest, self.node)
        grown = grow_buckets(
            Task(self.symbols, self.plan, starts[low : high + 1], self.progress.n_leaves), work, growth
        )
        self._tell(int(starts[high] - starts[low]))
        return counts, grown

    def _tell(self, n_suffixes: int) -> None:
        with self._counting:
            self._grown += n_suffixes
            done = self._grown
        self._on_suffixes(done, len(self.symbols) - 1)

    def finish(self) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The nodes above the buckets, the root last, and the counts of counts: adjusted, raw, covered."""
        there = np.flatnonzero(self.sizes)
        top = np.zeros(2 * len(there) + 1, self.node)
        counts = self.progress.counts
        sums = Counts(*(part.copy() for part in counts))
        n = finish_top(
            self.plan, there, self.sizes[there], self.progress.roots[there], self.progress.n_nodes, top, sums
        )
        adjusted, raw, covered = (np.cumsum(part, axis=0)[:-1] for part in sums)
        return top[:n], adjusted, raw, covered
