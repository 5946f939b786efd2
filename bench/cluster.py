"""How long and how dear an index of a text beyond a node's disk would be: a simulation of the design in docs/scale.md.

    python bench/cluster.py --measure TEXT       # the rates, on this machine
    python bench/cluster.py                      # time and cost of 10^10 to 10^12 symbols on 1 to 1,000 nodes

Nothing of this is built: errtax indexes what fits on one node's disk. Map tasks sort shards of the text into runs of
distinct prefixes; each run is cut by sampled splitters and sent to the reduce tasks, which merge what they get and grow
nodes; the driver sums histograms of counts. Tasks are given to free places in order. Their times vary, as those of real
clusters do, and some fail and are done again.
"""

import argparse
import heapq
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, text_of_bytes


@dataclass(frozen=True)
class Rates:
    """Measured, at order 20."""

    build: float = 0.42e-6  # seconds of a core per symbol, sorting and growing: Linux, 1.18 GB (docs/engine.md)
    shuffled: float = 6.5  # bytes per symbol of runs, front-coded and compressed: War and Peace, `--measure`
    index: float = 8.9  # bytes per symbol of the finished index: Linux


@dataclass(frozen=True)
class Cluster:
    """Assumed: the nodes of a cloud, and what goes wrong with them."""

    cores: int = 16
    network: float = 1.25e9  # bytes per second and node, each way
    disk: float = 1.0e9  # bytes per second and node
    price: float = 0.80  # dollars per node and hour
    spread: float = 0.2  # standard deviation of the log of a task's time
    failures: float = 0.01  # share of tasks that fail, on the average half-way
    skew: float = 1.25  # the largest reduce task over the mean, by sampled splitters
    start: float = 2.0  # seconds that a task takes to begin
    driver: float = 30.0  # seconds: splitters, histograms, joining the tops


TASK = 1e8
"""Symbols of a task: some 3 GB of memory while it sorts."""


def measure(path: Path, order: int = 20) -> None:
    """Print the rates of a text."""
    data = path.read_bytes()
    begun = time.process_time()
    NgramIndex.build(text_of_bytes(data, Unit.BYTE), order)  # compiles its kernels
    begun = time.process_time()
    NgramIndex.build(text_of_bytes(data, Unit.BYTE), order)
    seconds = time.process_time() - begun
    symbols = np.frombuffer(data + bytes(order), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(symbols, order)[: len(data)]
    whole, counts = np.unique(np.ascontiguousarray(windows).view(f"V{order}").ravel(), return_counts=True)
    prefixes = whole.view(np.uint8).reshape(-1, order)
    differs = np.concatenate([np.ones((1, order), bool), prefixes[1:] != prefixes[:-1]])
    shared = np.argmax(differs, axis=1).astype(np.uint8)
    rest = prefixes[np.arange(order) >= shared[:, None]]
    left = symbols[: len(whole)]  # one byte for the set of left symbols, which most often has one
    stream = b"".join(part.tobytes() for part in (shared, np.minimum(counts, 255).astype(np.uint8), left, rest))
    packed = len(pa.compress(stream, codec="zstd", asbytes=True))
    n = len(data)
    print(f"{n:,} symbols: build {1e6 * seconds / n:.2f} us of a core, {len(whole) / n:.3f} distinct prefixes,")
    print(f"{len(stream) / n:.2f} bytes a symbol in runs, {packed / n:.2f} compressed; each further shard adds its own")


def makespan(times: np.ndarray, places: int) -> float:
    """Seconds until all tasks are done, each begun as soon as a place is free."""
    if len(times) <= places:
        return float(times.max())
    free = [0.0] * places
    for each in times:
        heapq.heapreplace(free, free[0] + float(each))
    return max(free)


def simulate(symbols: float, nodes: int, rates: Rates, cluster: Cluster, seed: int = 1) -> float:
    """Seconds from the text in an object store to the index in it."""
    rng = np.random.default_rng(seed)
    tasks = max(round(symbols / TASK), 1)
    per_task, places = symbols / tasks, nodes * cluster.cores
    share = cluster.cores if tasks >= places else max(min(cluster.cores, tasks / nodes), 1)  # tasks that share a node

    def times(seconds: float, sizes: np.ndarray) -> np.ndarray:
        found = (cluster.start + seconds * sizes) * rng.lognormal(0, cluster.spread, tasks)
        again = rng.random(tasks) < cluster.failures
        return found * (1 + 0.5 * again)

    sent = rates.shuffled * (nodes - 1) / nodes
    read, write = 1 / cluster.network * share, rates.shuffled / cluster.disk * share
    sizes = np.full(tasks, per_task)
    mapped = makespan(times(rates.build / 2 + read + write, sizes), places)
    skewed = per_task * np.minimum(rng.gamma(60, 1 / 60, tasks), cluster.skew)
    moved = sent / cluster.network * share + rates.index * (1 / cluster.disk + 1 / cluster.network) * share
    reduced = makespan(times(rates.build + moved, skewed), places)
    return mapped + reduced + cluster.driver


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--measure", type=Path, metavar="TEXT", help="measure the rates on a text")
    options = arguments.parse_args()
    if options.measure:
        measure(options.measure)
        return
    rates, cluster = Rates(), Cluster()
    print("| symbols | nodes | hours | dollars | shuffled | index | disk of a node |\n|---|---|---|---|---|---|---|")
    for symbols in (1e10, 1e11, 1e12):
        for nodes in (1, 10, 100, 1000):
            seconds = simulate(symbols, nodes, rates, cluster)
            cost = seconds / 3600 * nodes * cluster.price
            runs, index = symbols * rates.shuffled, symbols * rates.index
            print(
                f"| 10^{np.log10(symbols):.0f} | {nodes:,} | {seconds / 3600:.2f} | {cost:,.2f} | "
                f"{runs / 1e12:.2f} TB | {index / 1e12:.2f} TB | {(runs + index) / nodes / 1e9:,.0f} GB |"
            )


if __name__ == "__main__":
    main()
