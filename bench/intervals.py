"""Do the intervals and tests keep what they promise, and what do they cost?

    python bench/intervals.py coverage      # 95 % intervals of the block bootstrap, and of the binomial formula
    python bench/intervals.py power         # the paired test, and the z-test of two proportions
    python bench/intervals.py detectable    # how often the paired test finds the effect that it is said to find
    python bench/intervals.py gate          # the test of a limit: alarms at it, and above it
    python bench/intervals.py streams A.peel.parquet B.peel.parquet    # of a split's test part, its streams redrawn
    python bench/intervals.py speed         # errtax stats on 330,000 and on 10,000,000 positions

The simulated text has easy and hard stretches, so that errors come in clusters: in a hard one the model is wrong on
60 % of the symbols, and 30 % of those errors are of the class `punctuation`; in an easy one on 20 %, and 10 %.  Half
of the text is hard.  So the true error rate is 0.4, and the true share of the class 0.25.
"""

import math
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import time_process

from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.oracle.evidence import Evidence
from errtax.taxonomy.block_sums import BlockSums, Quantity, block_sums
from errtax.taxonomy.bootstrap import Resampling
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.fixed_point import halves_of
from errtax.taxonomy.intervals import Interval
from errtax.taxonomy.paired import PairedBlocks
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_file import read_peel, write_peel
from errtax.taxonomy.power import detectable as minimum_effect
from errtax.taxonomy.resampled import Resampled
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import make_signature
from errtax.taxonomy.statistics import statistics

RATE, SHARE = 0.4, 0.25
SETTINGS = Settings(layers=("punctuation", "boost"))
Truth = tuple[np.ndarray, np.ndarray]  # each symbol's chance of an error, and of being of the class


def hardness(rng: np.random.Generator, n: int, stretch: int) -> np.ndarray:
    """Whether each of n symbols lies in a hard stretch; stretches have a mean length of `stretch` symbols."""
    switches = rng.random(n) < 1 / stretch
    switches[0] = rng.random() < 0.5
    return np.cumsum(switches) % 2 == 1


def simulated(rng: np.random.Generator, wrong: np.ndarray, of_class: np.ndarray) -> Peel:
    """A peel in which these symbols are errors, and these punctuation."""
    n = len(wrong)
    p = np.where(wrong, rng.uniform(0.05, 0.45, n), rng.uniform(0.55, 1.0, n))
    log = PredictionLog("simulated", Unit.BYTE, np.arange(n), np.full(n, 97, np.uint8), np.log(p))
    nothing = np.full(n, -1, np.int32)
    zeros = np.zeros(n, np.int32)
    evidence = Evidence(None, None, nothing, nothing, nothing, None, zeros.astype(np.uint8), zeros, of_class)
    return peel_log(log, evidence, SETTINGS)


def covers(interval: Interval, truth: float) -> bool:
    """Whether the truth lies inside."""
    return interval.low is not None and interval.high is not None and interval.low <= truth <= interval.high


def binomial(value: float, n: float) -> Interval:
    """The 95 % interval of a share of n things that know nothing of each other."""
    half = 1.96 * math.sqrt(value * (1 - value) / n)
    return Interval(value, value - half, value + half)


def coverage(count: int = 1000, n: int = 200_000) -> None:
    """How often the intervals hold the true error rate, and the true share of the class."""
    print(f"coverage of 95 % intervals, %, {count} simulations of {n:,} symbols")
    print(f"{'mean stretch':>14} {'rate: blocks':>14} {'binomial':>10} {'share: blocks':>14} {'binomial':>10}")
    for stretch in (10, 50, 200, 1000):
        rng = np.random.default_rng(stretch)
        hits = np.zeros(4)
        for seed in range(count):
            hard = hardness(rng, n, stretch)
            wrong = rng.random(n) < np.where(hard, 0.6, 0.2)
            peel = simulated(rng, wrong, rng.random(n) < np.where(hard, 0.3, 0.1))
            found = statistics(peel, Resampling(1000, 1000, seed))
            share = found.layers[0].share
            intervals = (
                found.error_rate,
                binomial(found.error_rate.value, n),
                share,
                binomial(share.value, found.errors),
            )
            hits += [covers(each, truth) for each, truth in zip(intervals, (RATE, RATE, SHARE, SHARE), strict=True)]
        print(
            f"{stretch:>14,} "
            + " ".join(f"{100 * h / count:>{w}.1f}" for h, w in zip(hits, (14, 10, 14, 10), strict=True)),
            flush=True,
        )


def power(count: int = 1000, n: int = 100_000) -> None:
    """How often the tests find a difference at 5 %: none, and models that are really better."""
    print(f"differences found at 5 %, %, {count} pairs of {n:,} symbols; 80 % of the errors are of both models")
    print(f"{'errors saved':>14} {'paired blocks':>14} {'z-test':>10}")
    for saved in (0.0, 0.005, 0.01, 0.02):
        rng = np.random.default_rng(int(1000 * saved) + 1)
        found = np.zeros(2)
        for seed in range(count):
            chance = np.where(hardness(rng, n, 50), 0.6, 0.2)
            both = rng.random(n) < 0.8 * chance
            alone = 0.2 * chance / (1 - 0.8 * chance)
            none = np.zeros(n, bool)
            first = simulated(rng, both | (rng.random(n) < alone), none)
            second = simulated(rng, both | (rng.random(n) < alone * (1 - 5 * saved)), none)
            a, b = int(first.error.sum()) / n, int(second.error.sum()) / n
            z = (a - b) / math.sqrt((a * (1 - a) + b * (1 - b)) / n)
            p = compare(first, second, Resampling(1000, 1000, seed)).total.p
            found += [p < 0.05, math.erfc(abs(z) / math.sqrt(2)) < 0.05]
        print(f"{100 * saved:>12.1f} % {100 * found[0] / count:>14.1f} {100 * found[1] / count:>10.1f}", flush=True)


def detectable(count: int = 1000, n: int = 100_000) -> None:
    """How often the paired test finds what a null pair says that it finds in 80 %."""
    print(f"effects found, %, {count} pairs of {n:,} symbols, the effect from a null pair of each")
    for stretch in (10, 50, 200):
        rng = np.random.default_rng(stretch)
        found, effects = 0, []
        for seed in range(count):
            null = _saved(rng, n, stretch, 0.0)
            effects.append(effect := minimum_effect(null) or 0.0)
            d = _saved(rng, n, stretch, effect / n)
            signs = np.random.default_rng(seed).choice([-1.0, 1.0], (2000, len(d)))
            found += (1 + (np.abs(signs @ d) >= abs(d.sum()) - 1e-9).sum()) / 2001 < 0.05
        print(
            f"stretches of {stretch:>4}: {100 * found / count:5.1f}  (mean effect {np.mean(effects):.0f} errors)",
            flush=True,
        )


def _saved(rng: np.random.Generator, n: int, stretch: int, rate: float) -> np.ndarray:
    """Errors saved by block: two models with 80 % of their errors in common, one with `rate` more on right symbols."""
    chance = np.where(hardness(rng, n, stretch), 0.6, 0.2)
    both = rng.random(n) < 0.8 * chance
    alone = 0.2 * chance / (1 - 0.8 * chance)
    first, second = (both | (rng.random(n) < alone) for _ in range(2))
    first |= rng.random(n) < rate / (1 - chance)
    return _by_block(first).astype(float) - _by_block(second)


def gate(count: int = 10_000, n: int = 100_000) -> None:
    """How often a limit alarms where the true rise is just the limit, and where it is above."""
    error = 100 * 0.00125  # about the standard error of the rise between these models, in points
    print(f"alarms, %, {count} pairs of {n:,} symbols; limits and rises in standard errors, of {error:.3f} points")
    print(f"{'limit':>6} {'true rise':>10} {'exceeded':>10} {'rise is not 0':>14} {'rise is above the limit':>24}")
    names, sizes = (Quantity("positions"), Quantity("errors")), np.full(n // 1000, 1000)
    for limit, above in ((0, 0), (1, 0), (3, 0), (3, 2), (3, 3), (3, 4)):
        rng = np.random.default_rng(10 * limit + above)
        alarms = np.zeros(3)
        for seed in range(count):
            chance = np.where(hardness(rng, n, 50), 0.6, 0.2)
            both = rng.random(n) < 0.8 * chance
            alone = 0.2 * chance / (1 - 0.8 * chance)
            wrong = [both | (rng.random(n) < alone) for _ in range(2)]
            wrong[1] |= rng.random(n) < (limit + above) * error / 100 / (1 - chance)  # on symbols that were right
            before, after = (BlockSums(names, halves_of(np.stack([sizes, _by_block(each)], axis=1))) for each in wrong)
            pair, errors = PairedBlocks(before, after, Resampling(1000, 1000, seed)), [Quantity("errors")]
            allowed = limit * error / 100 * n
            exceeded = -pair.net(errors).value > allowed
            tests = (pair.p_value(errors), pair.p_above(errors, allowed))
            alarms += [exceeded, *(exceeded and p < 0.05 for p in tests)]
        shares = " ".join(f"{100 * k / count:>{w}.1f}" for k, w in zip(alarms, (10, 14, 24), strict=True))
        print(f"{limit:>6} {limit + above:>10} {shares}", flush=True)


def _by_block(wrong: np.ndarray) -> np.ndarray:
    return wrong.reshape(-1, 1000).sum(axis=1)


STEP = 100  # symbols; streams and blocks are whole numbers of it
UNITS = 1 << 20  # of one error or bit, so that a mean over steps is a whole number


class Redrawn:
    """The test part of a split by streams, to be drawn anew from its own streams: `steps[s, t, q]`."""

    def __init__(self, peel: Peel) -> None:
        units = block_sums(peel, Resampling()).units
        if units.kind != "stream" or units.size is None or units.size % STEP:
            raise SystemExit(f"{peel.log.name} does not tell its streams; give --text TEST when peeling.")
        sums = block_sums(peel, Resampling(STEP))
        columns = {
            "positions": [Quantity("positions")],
            "errors": [Quantity("errors")],
            "all bits": [Quantity("surprisal")],
        }
        for name in peel.layer_names[:-1]:
            columns[name] = [Quantity("count", name, part) for part in peel.slice_names(name)]
        self.names = tuple(Quantity(name) for name in columns)
        values = [np.sum([sums.column(*each) for each in parts], axis=0) for parts in columns.values()]
        self.steps = (
            np.rint(UNITS * np.stack(values, axis=1)).astype(np.int64).reshape(-1, units.size // STEP, len(values))
        )

    def sums(self, steps: np.ndarray, by: str) -> BlockSums:
        """Some streams, summed over streams or over blocks of 1,000."""
        if by == "streams":
            return BlockSums(self.names, halves_of(steps.sum(axis=1)))
        flat = steps.reshape(-1, len(self.names))
        return BlockSums(self.names, halves_of(np.add.reduceat(flat, np.arange(0, len(flat), 1000 // STEP))))


def streams(first: Path, second: Path, count: int = 2000) -> None:
    """Coverage of the intervals where a text's streams are redrawn, and rejections of the paired test under the null.

    Under the null: of differences from whose every step the mean over the text is taken.
    """
    before, after = (Redrawn(read_peel(path)) for path in (first, second))
    totals = before.steps.sum(axis=(0, 1))
    difference = before.steps - after.steps
    mean = np.rint(difference.mean(axis=(0, 1))).astype(np.int64)
    null = difference - mean  # of which neither model is the better one
    rng, found = np.random.default_rng(1), {by: np.zeros((2, len(before.names))) for by in ("streams", "blocks")}
    for seed in range(count):
        chosen = rng.integers(0, len(null), len(null))
        for by, hits in found.items():
            resampling = Resampling(replicates=500, seed=seed)
            drawn = Resampled(before.sums(before.steps[chosen], by), resampling)
            pair = PairedBlocks(before.sums(null[chosen], by), before.sums(0 * null, by), resampling)
            for k, name in enumerate(before.names):
                hits[0, k] += covers(drawn.of([name], before.names[0]), totals[k] / totals[0])
                hits[1, k] += pair.p_value([name]) < 0.05
    print(f"{count} texts of {len(null)} streams, drawn from those of {first.name}; paired test against {second.name}")
    print(f"{'':>14} {'covered, %: blocks':>20} {'streams':>10} {'rejected, %: blocks':>22} {'streams':>10}")
    for k, name in enumerate(before.names[1:], 1):
        numbers = [100 * found[by][row, k] / count for row in (0, 1) for by in ("blocks", "streams")]
        print(f"{name.what:>14} " + " ".join(f"{x:>{w}.1f}" for x, w in zip(numbers, (20, 10, 22, 10), strict=True)))


def speed() -> None:
    """Time and memory of `errtax stats`: all layers and slices, 2,000 replicates."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        for n in (330_000, 10_000_000):
            path = Path(folder) / f"{n}.parquet"
            write_peel(path, full_peel(rng, n))
            command = [sys.executable, "-m", "errtax", "stats", str(path), "--json"]
            print(f"{n:>12,} positions, {path.stat().st_size / 1e6:,.0f} MB: {time_process(command, 3)}", flush=True)


def full_peel(rng: np.random.Generator, n: int) -> Peel:
    """A peel with evidence of all six oracles, and all slices in use."""

    def integers(low: int, high: int) -> np.ndarray:
        return rng.integers(low, high, n).astype(np.int32)

    log = PredictionLog(
        "simulated", Unit.BYTE, np.arange(n), rng.integers(97, 122, n).astype(np.uint8), np.log(rng.random(n))
    )
    contexts = np.where(rng.random(n) < 0.2, rng.integers(1, 10, n), 0).astype(np.uint8)
    evidence = Evidence(
        contexts,
        np.where(contexts > 0, np.log(rng.uniform(0.5, 1, n)), np.nan).astype(np.float32),
        integers(-5000, 8000),
        integers(1, 12),
        integers(0, 6),
        integers(-1, 30),
        rng.integers(0, 4, n).astype(np.uint8),
        integers(0, 60),
        rng.random(n) < 0.05,
    )
    settings = Settings()
    signature = make_signature("byte", n, settings, {"ngram_model": "mkn,order=10,compat"})
    peel = peel_log(log, evidence, settings)
    return Peel(**{**vars(peel), "signature": signature})


if __name__ == "__main__":
    benches = {"coverage": coverage, "power": power, "detectable": detectable, "gate": gate, "speed": speed}
    wanted = sys.argv[1:] or list(benches)
    if wanted[0] == "streams":
        streams(Path(wanted[1]), Path(wanted[2]))
    else:
        for name in wanted:
            benches[name]()
