"""How often intervals, tests, warnings and forecasts keep what they promise, by simulation.

    python bench/promises.py correlation    # 95 % intervals of errors that know of each other, by number of blocks
    python bench/promises.py documents      # of documents of mixed length
    python bench/promises.py bursts         # of slices with 3 to 50 errors in bursts
    python bench/promises.py saved          # of what one model saves, and alarms of the paired test and of a limit
    python bench/promises.py tails          # of bits with heavy tails
    python bench/promises.py calibration    # how often a calibrated model is called uncalibrated
    python bench/promises.py trend          # intervals of slopes, of these models and of others
    python bench/promises.py forecast [PEEL...]    # laws with scatter; models of a scale, the last ones left out

Each number is of 1,000 simulations, so that 95.0 may be 93.6 to 96.4 by chance.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from errtax.taxonomy.block_sums import BlockSums, Quantity
from errtax.taxonomy.bootstrap import Resampling, draw_sums
from errtax.taxonomy.calibration import _by_chance, _gap
from errtax.taxonomy.correlation import CELL, LONGEST, correlation_time
from errtax.taxonomy.fixed_point import BIT, halves_of
from errtax.taxonomy.forecast import fit, forecast
from errtax.taxonomy.intervals import percentiles
from errtax.taxonomy.paired import PairedBlocks
from errtax.taxonomy.peel_file import PeelFile
from errtax.taxonomy.quantiles import student_quantile
from errtax.taxonomy.resampled import Resampled
from errtax.taxonomy.trend import line_ends

COUNT, BLOCK = 1000, 1000
POSITIONS, ERRORS, BITS = Quantity("positions"), Quantity("errors"), Quantity("surprisal")
Table = np.ndarray  # (units, quantities) of whole numbers


def chain(rng: np.random.Generator, n: int, time: float) -> np.ndarray:
    """Errors of a rate of .2 or .6 by turns, .4 in all, whose correlation falls as exp(-distance / time)."""
    turns = rng.random(n) < 1 / (2 * time)
    turns[0] = rng.random() < 0.5
    return rng.random(n) < np.where(np.cumsum(turns) % 2 == 1, 0.6, 0.2)


def by_block(values: np.ndarray, block: int = BLOCK) -> np.ndarray:
    return values.reshape(-1, block).sum(axis=1)


def sums_of(*columns: np.ndarray, names: Sequence[Quantity] = (POSITIONS, ERRORS)) -> BlockSums:
    return BlockSums(tuple(names), halves_of(np.stack(columns, axis=1).astype(np.int64)))


def both_ways(sums: BlockSums, truth: float, seed: int, what: Quantity = ERRORS) -> list[bool]:
    """Whether the truth lies in the interval, and in that by plain percentiles."""
    found = Resampled(sums, Resampling(seed=seed)).of([what], POSITIONS)
    drawn = draw_sums(sums.sums, Resampling(replicates=500, seed=seed))
    again = drawn.of([sums.places[what]]) / what.scale / drawn.of([sums.places[POSITIONS]])
    ends = percentiles(again)
    return [
        found.low is not None and found.low <= truth <= (found.high or 0),
        ends is not None and ends[0] <= truth <= ends[1],
    ]


def table(head: Sequence[str]) -> None:
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)


def row(label: str, *values: float) -> None:
    print(f"| {label} | {' | '.join(f'{100 * value:.1f}' for value in values)} |", flush=True)


def many(rng: np.random.Generator, one: Callable[[np.random.Generator, int], Sequence[bool]]) -> np.ndarray:
    """The shares of simulations in which each of some things holds."""
    shares: np.ndarray = np.mean([one(rng, seed) for seed in range(COUNT)], axis=0)
    return shares


def correlation() -> None:
    """By number of blocks; the last columns: how often the correlation time is warned of."""
    sizes = (5, 10, 30, 100, 330, 1000)
    table(["correlation time, block", *(f"{n} blocks" for n in sizes), *(f"{n}: warned" for n in sizes)])
    for time, block in ((10, 1000), (100, 1000), (1000, 1000), (1000, 5000), (1000, 10_000)):
        shares = []
        for units in sizes:
            if block * units > 3_500_000:
                shares.append(np.full(3, np.nan))
                continue

            def one(rng: np.random.Generator, seed: int, units: int = units, block: int = block, t: int = time):
                wrong = chain(rng, units * block, t)
                sums = sums_of(np.full(units, block), by_block(wrong, block))
                cells = by_block(wrong, CELL).astype(float)
                found = correlation_time(cells, np.full(len(cells), float(CELL)))
                return [*both_ways(sums, 0.4, seed), found is not None and found * CELL > LONGEST * block]

            shares.append(many(np.random.default_rng(time + units), one))
        row(f"{time}, {block}", *(each[0] for each in shares), *(each[2] for each in shares))
        row("plain percentiles", *(each[1] for each in shares), *[np.nan] * len(sizes))


def documents() -> None:
    """Lognormal lengths of a median of 3,000 symbols; each document has a rate of its own, .4 in the mean."""
    sizes = (5, 10, 30, 100, 330)
    table(["deviation of the logarithm of the length", *(f"{n} documents" for n in sizes)])
    for spread in (0.0, 0.7, 1.0, 1.5):
        shares = []
        for units in sizes:

            def one(rng: np.random.Generator, seed: int, units: int = units, spread: float = spread):
                lengths = np.maximum(np.rint(3000 * np.exp(spread * rng.normal(size=units))), 20).astype(int)
                errors = rng.binomial(lengths, rng.beta(8, 12, units))
                plain = errors - errors.sum() / lengths.sum() * lengths
                half = student_quantile(0.975, units - 1) * np.sqrt(units / (units - 1) * plain @ plain) / lengths.sum()
                by_t = abs(errors.sum() / lengths.sum() - 0.4) <= half
                return [*both_ways(sums_of(lengths, errors), 0.4, seed), by_t]

            shares.append(many(np.random.default_rng(units), one))
        row(f"{spread}", *(each[0] for each in shares))
        row("linearised t, B - 1", *(each[2] for each in shares))
        row("plain percentiles", *(each[1] for each in shares))


def bursts() -> None:
    """Slices with few errors, which come in bursts of 1, 3 or 10 in the mean, each within a block."""
    numbers = (3, 5, 10, 20, 50, 200)
    table(["errors in a burst, blocks", *(f"{n} errors" for n in numbers)])
    for mean in (1, 3, 10):
        for units in (10, 100, 1000):
            shares = []
            for number in numbers:

                def one(rng: np.random.Generator, seed: int, n: int = number, mean: int = mean, units: int = units):
                    errors, k = np.zeros(units, np.int64), rng.poisson(n / mean)
                    np.add.at(errors, rng.integers(0, units, k), rng.geometric(1 / mean, k))
                    return both_ways(sums_of(np.full(units, BLOCK), errors), n / units / BLOCK, seed)

                shares.append(many(np.random.default_rng(number + units), one))
            row(f"{mean}, {units}", *(each[0] for each in shares))
            row("plain percentiles", *(each[1] for each in shares))


def pair(rng: np.random.Generator, units: int, time: float, rise: float = 0.0) -> tuple[BlockSums, BlockSums]:
    """Two models with 80 % of their errors in common; the second has `rise` more per symbol."""
    n = units * BLOCK
    turns = rng.random(n) < 1 / (2 * time)
    chance = np.where(np.cumsum(turns) % 2 == 1, 0.6, 0.2)
    both = rng.random(n) < 0.8 * chance
    alone = 0.2 * chance / (1 - 0.8 * chance)
    first, second = (both | (rng.random(n) < alone) for _ in range(2))
    second |= rng.random(n) < rise / (1 - chance)
    positions = np.full(units, BLOCK)
    return sums_of(positions, by_block(first)), sums_of(positions, by_block(second))


def saved() -> None:
    """Of equal models: intervals, and alarms at 5 % of the paired test and of the limit +0."""
    sizes = (6, 10, 14, 30, 100, 330)
    table(["", *(f"{n} blocks" for n in sizes)])
    for time in (25, 100):
        shares = []
        for units in sizes:

            def one(rng: np.random.Generator, seed: int, units: int = units, time: int = time):
                blocks = PairedBlocks(*pair(rng, units, time), Resampling(seed=seed))
                ends = blocks.net([ERRORS])
                covered = ends.low is not None and ends.low <= 0 <= (ends.high or 0)
                p, above = blocks.p_value([ERRORS]), blocks.p_above([ERRORS], 0.0)
                return [covered, p < 0.05, above < 0.05, p < 0.05 and covered, p >= 0.05 and not covered]

            shares.append(many(np.random.default_rng(units), one))
        names = ("interval holds 0", "paired test", "limit +0", "test alone finds one", "interval alone finds one")
        for k, name in enumerate(names):
            row(f"time {time}: {name}", *(each[k] for each in shares))


def tails() -> None:
    """Bits of a symbol with Pareto tails; how often that is warned of."""
    sizes = (30, 100, 330, 1000)
    table(["tail", *(f"{n} blocks" for n in sizes), *(f"{n}: warned" for n in sizes)])
    for alpha in (1.5, 2.0, 3.0, np.inf):
        shares = []
        for units in sizes:

            def one(rng: np.random.Generator, seed: int, units: int = units, alpha: float = alpha):
                n = units * BLOCK
                bits = rng.exponential(2.0, n) if np.isinf(alpha) else rng.pareto(alpha, n)
                truth = 2.0 if np.isinf(alpha) else 1 / (alpha - 1)
                spent = by_block(bits)
                sums = sums_of(np.full(units, BLOCK), np.rint(spent * BIT), names=(POSITIONS, BITS))
                squares = (spent - spent.mean()) ** 2
                freedom = 2 * units / max(units * (squares @ squares) / squares.sum() ** 2 - 1, 1e-9)
                return [*both_ways(sums, truth, seed, BITS), freedom < max(10, units / 8)]

            shares.append(many(np.random.default_rng(units), one))
        row(f"{alpha}", *(each[0] for each in shares), *(each[2] for each in shares))


def calibration() -> None:
    """Ten bins; right as often as said, or less often by a gap.  Units have a mood of their own in each bin."""
    sizes = (10, 30, 100, 330)
    table(["gap", *(f"{n} blocks: beyond the critical value" for n in sizes), "error, 330", "by chance, 330"])
    for gap in (0.0, 0.01, 0.03):
        shares, errors = [], []
        for units in sizes:
            rng = np.random.default_rng(units)
            found = []
            for seed in range(COUNT // 2):
                confidence = (np.arange(10) + 0.5) / 10
                number = rng.multinomial(BLOCK, np.full(10, 0.1), units)
                mood = np.clip(confidence - gap + rng.normal(0, 0.03, (units, 1)), 0, 1)
                right = rng.binomial(number, mood)
                by_unit = np.stack([number, number * confidence, right], axis=-1)
                whole = np.rint(by_unit * [1, 2**20, 1]).astype(np.int64).reshape(units, -1)
                drawn = draw_sums(halves_of(whole), Resampling(replicates=500, seed=seed))
                again = (drawn.low + 2.0**32 * drawn.high).reshape(-1, 10, 3) / [1, 2**20, 1]
                chance, critical = _by_chance(by_unit, again)
                error = float(_gap(by_unit.sum(axis=0))) / (units * BLOCK)
                found.append((error > (critical or 0), error, chance or 0))
            shares.append(np.mean([each[0] for each in found]))
            errors = np.mean([each[1:] for each in found], axis=0).tolist()
        row(f"{gap}", *shares, *errors)


def trend() -> None:
    """Five models on a line, each off by a scatter of its own, on one text of 330 blocks."""
    table(["scatter of the models, points", "of these models on other text", "of other models"])
    x = np.log10(np.array([1, 3, 10, 30, 100.0]))
    centred = x - x.mean()
    for scatter in (0.1, 0.3, 1.0):

        def one(rng: np.random.Generator, seed: int, scatter: float = scatter):
            rates = 40 - 3 * x + rng.normal(0, scatter, len(x))
            mood = rng.normal(0, 4.0, 330)
            errors = rng.binomial(BLOCK, np.clip(rates[:, None] + mood, 0, 100) / 100)
            found = 100 * errors.mean(axis=1) / BLOCK
            slope = float(centred @ found / (centred @ centred))
            by_unit = centred @ errors / (centred @ centred) / 10
            half = 1.96 * by_unit.std(ddof=1) / np.sqrt(330)
            low, high = line_ends(slope, centred, found - found.mean() - slope * centred)
            return [abs(slope + 3) <= half, low <= -3 <= high]

        row(f"{scatter}", *many(np.random.default_rng(7), one))


def forecasts(paths: Sequence[str]) -> None:
    """Root mean square error of what is predicted of the next size, in % of its errors: the fit, and no change."""
    if paths:
        _of_models([Path(path) for path in paths])
        return
    table(["scatter of counts, %", *(f"{k} sizes: fit, no change" for k in (3, 4, 5))])
    scale = 2.0 ** np.arange(6)
    law = np.array([40e3, 80e3, 20e3, 10e3])[:, None] + np.array([60e3, 20e3, 5e3, 500])[:, None] * scale**-0.4
    for scatter in (0.0, 0.3, 1.0):
        rng, cells = np.random.default_rng(3), []
        for sizes in (3, 4, 5):
            off = []
            for _ in range(COUNT // 5):
                counts = np.rint(law * (1 + rng.normal(0, scatter / 100, law.shape))).astype(np.int64)
                expected = fit(scale[:sizes], counts[:, :sizes]).at(2.0).sum()
                due = law[:, sizes].sum()
                off.append([expected / due - 1, counts[:, sizes - 1].sum() / due - 1])
            cells.append(100 * np.sqrt(np.mean(np.square(off), axis=0)))
        print(f"| {scatter} | {' | '.join(f'{fitted:.2f}, {none:.2f}' for fitted, none in cells)} |", flush=True)


def _of_models(paths: Sequence[Path]) -> None:
    """Peels along a scale, in its order: each from the third on is predicted from those before it."""
    table(["model left out", "class", "errors", "predicted", "off, %", "no change, %"])
    peels = [PeelFile(path) for path in paths]
    for last in range(3, len(peels)):
        made = forecast(peels[:last], at=None)
        found = forecast(peels[: last + 1])
        aim = found.scale[-1]
        made = forecast(peels[:last], at=aim)
        for before, after in zip(made.classes, found.classes, strict=True):
            due, said = max(after.counts[-1], 1), before.expected or 0.0
            cells = (paths[last].name, after.title, f"{due:,}", f"{said:,.0f}")
            print(
                f"| {' | '.join(cells)} | {100 * (said / due - 1):+.1f} | {100 * (before.counts[-1] / due - 1):+.1f} |"
            )


if __name__ == "__main__":
    benches = {
        "correlation": correlation,
        "documents": documents,
        "bursts": bursts,
        "saved": saved,
        "tails": tails,
        "calibration": calibration,
        "trend": trend,
        "forecast": lambda: forecasts(sys.argv[2:]),
    }
    for name in sys.argv[1:2] or list(benches):
        print(f"\n{name}\n", flush=True)
        benches[name]()
