"""The doctor: what is likely to be wrong with a log, judged beside an n-gram model of text of the same kind.

Each test compares the log's values x with the reference's y on the same symbols; docs/doctor.md has the figures that
its limits come from.  A suspicion is what a sound log hardly ever shows; a hint may also have a harmless cause.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.doctor_sums import FIRM, PASSAGE, SCALES, STEPS, SURPRISING, DoctorSums

SUSPICION, HINT = "suspicion", "hint"
LEAST_ROWS = 200
"""With fewer predictions only exact values are judged."""
LAG_MARGIN, LAG_Z = 0.15, 4.0
KINSHIP = 0.55
"""Correlation with the reference's best order from which the spread of values can be compared."""
LOG10_KINSHIP, LOG10_FEW, LOG10_SPREAD = 0.5, 3.0, 0.62
THIN, THIN_MORE, THIN_TAIL, THIN_SPREAD = (0.125, 0.2), (2, 0), (0.15, 0.4), (0.7, 0.8)
"""Of bytes and characters, and of tokens: which share of the values that are low may be very low."""
THIN_KINSHIP, THIN_ROWS = 0.2, 30
RANKED = 0.2
BITS_SPREAD, BITS_MEAN = 1.25, 1.05
DEAR, DEAR_FEW, FAR, FAR_FEW = (0.79, 1.1), (20.0, 60.0), (0.77, 1.2), (400.0, 600.0)
"""Of bytes and characters, and of tokens."""
MISSED_TAIL, MISSED_FIRST, MISSED = 1 / 3, 0.04, -0.085
EXCESS_TAIL, EXCESS_UNKNOWN, EXCESS = 5.8, 3.6, 7.75
UNKNOWN = 0.2
CONTAINED, CONTAINED_HINT, CONTAINED_ROWS = 0.9, 0.7, 3000
CONTAINED_SURE, CONTAINED_ORDER, CONTAINED_TOKENS, CONTAINED_LONG = 0.5, 8, 5, 16
ZEROS, REPEATS = 0.15, 0.2
_PROJECT = "compute the byte log from the model's distributions (errtax predict --hf, errtax.byte_log), or log tokens"


@dataclass(frozen=True)
class Finding:
    """What the doctor found: `saw`, with the figure; `suspects`; and how to `mend` it."""

    name: str
    level: str
    saw: str
    suspects: str
    mend: str

    @property
    def sentence(self) -> str:
        """One line."""
        return f"{self.level}: {self.saw}; {self.suspects}: {self.mend}."

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return asdict(self)


def findings(sums: DoctorSums, in_tokens: bool = False) -> list[Finding]:
    """What is suspected of a log, suspicions first; nothing of one without any prediction.

    `in_tokens`: its symbols are tokens or spans, to which the conversions of tokens to bytes do not apply.
    """
    tests: list[Callable[[DoctorSums], Iterator[Finding]]] = [_sentinels, _first, _ranks, _scales, _coverage]
    if not in_tokens:
        tests += [_zeros, _repeats]
    if sums.predicted >= LEAST_ROWS:
        beside = (partial(test, in_tokens=in_tokens) for test in (_log10, _foreign, _contained))
        tests += [_lags, *beside, _bits]
    found = [each for test in tests if sums.predicted for each in test(sums)]
    if any(each.name in ("reference", "zeros", "repeats") and each.level == SUSPICION for each in found):
        found = [each for each in found if each.name not in ("lag", "log10", "bits")]  # cannot be told then
    known = {each.name for each in found if each.level == SUSPICION}
    found = [each for each in found if each.level == SUSPICION or each.name not in known]
    return sorted(found, key=lambda each: each.level != SUSPICION)


class Lags(NamedTuple):
    """Of one order: correlations of x with y at lags -1, 0, +1; standard deviations; z of (lag - lag 0) for both."""

    order: int
    correlations: NDArray[np.float64]
    x_deviation: float
    y_deviation: float
    z: tuple[float, float]


def lags_of(sums: DoctorSums) -> list[Lags]:
    """Of each order of the reference; of none where x or y do not vary.

    The z come from the batches of neighbouring positions: d_b = Σ x̃ (ỹ_lag - ỹ_0) over batch b, with x̃ and ỹ
    standardised; z = Σ d / (√B · deviation of d).
    """
    return [found for k in range(len(sums.orders)) if (found := _lags_of(sums, k)) is not None]


def _lags_of(sums: DoctorSums, k: int) -> Lags | None:
    batches = sums.batches[:, k]
    n, x, _, y, _, xx, yy = batches[:, :7].sum(axis=0)
    if n < 2:
        return None
    deviations = [math.sqrt(max(square / n - (total / n) ** 2, 0.0)) for total, square in ((x, xx), (y, yy))]
    if min(deviations) < 1e-6:
        return None
    # Σ (x - mean of x) (y - mean of y) over each batch, at the three lags
    mean_x, means_y = x / n, batches[:, 2:5].sum(axis=0) / n
    centred = batches[:, 7:10] - mean_x * batches[:, 2:5] - (batches[:, 1:2] - mean_x * batches[:, :1]) * means_y
    products = centred / (deviations[0] * deviations[1])
    differences = products[:, [0, 2]] - products[:, [1]]
    errors = np.sqrt(len(batches)) * differences.std(axis=0) + 1e-9
    z = differences.sum(axis=0) / errors
    return Lags(sums.orders[k], products.sum(axis=0) / n, deviations[0], deviations[1], (float(z[0]), float(z[1])))


def _lags(sums: DoctorSums) -> Iterator[Finding]:
    lags = lags_of(sums)
    here = max((each.correlations[1] for each in lags), default=0.0)
    shifted = [
        (each.correlations[2 * side], side, each.order)
        for each in lags
        for side in (0, 1)
        if each.correlations[2 * side] > max(here, 0.1) + LAG_MARGIN and each.z[side] > LAG_Z
    ]
    if not shifted:
        return
    correlation, side, order = max(shifted)
    where, by = ("after", "down") if side else ("before", "up")
    yield Finding(
        "lag",
        SUSPICION,
        f"its values correlate {correlation:.2f} with those of the order-{order} model at the symbol {where}, and at "
        f"most {here:.2f} at their own",
        "it is off by one",
        f"move the log-probabilities one row {by} (row i of logits predicts symbol i + 1)",
    )


def _nearest(sums: DoctorSums, least: float) -> Lags | None:
    """The order of the reference that is most like the log; None where none correlates so much."""
    near = [each for each in lags_of(sums) if each.correlations[1] >= least]
    return max(near, key=lambda each: each.correlations[1], default=None)


def _log10(sums: DoctorSums, in_tokens: bool) -> Iterator[Finding]:
    """Values that vary too little, and have no tail: 0.434 times what they should be.

    Where a model is not sure, its values go far down, whatever it has learnt; divided by ln 10, hardly any does.  And a
    model of bytes that is like the reference varies as much.  One that knows passages by heart varies as little where
    the reference does not know them; it is not like the reference there, and still has some of the tail.
    """
    nearest, ratio = _nearest(sums, THIN_KINSHIP), ratio_of(sums)
    if nearest is None:
        return
    likeness, spread = nearest.correlations[1], nearest.x_deviation / nearest.y_deviation
    own, other = tails_of(sums, nearest.order)
    unsure, far = sums.below[in_tokens::2].tolist()
    thin = far + THIN_MORE[in_tokens] < THIN[in_tokens] * unsure and own <= THIN_TAIL[in_tokens] * other
    alike = not in_tokens and likeness >= LOG10_KINSHIP + LOG10_FEW / math.sqrt(sums.predicted)
    allowed = min(max(0.08 + 0.5 * (likeness - 0.55), 0.05), 0.3) * other
    thin = thin and unsure >= THIN_ROWS and spread < THIN_SPREAD[in_tokens]
    if thin or (alike and spread < LOG10_SPREAD and own <= allowed):
        yield Finding(
            "log10",
            SUSPICION,
            f"its values vary {spread:.2f} times as much as those of the order-{nearest.order} model, which they are "
            f"most like; {own:,} lie below {SURPRISING:.0f} and {other:,} of its, and of {unsure:,} below "
            f"{STEPS[in_tokens]:.0f} {far:,} below {STEPS[2 + in_tokens]:.0f}; the mean of q / p is {ratio:.2f}",
            "these are log10 given as natural logarithms",
            f"multiply them by ln 10 = {math.log(10):.4f}",
        )


def tails_of(sums: DoctorSums, order: int) -> tuple[int, int]:
    """How many values of the log, and of an order, are surprising."""
    own, other = sums.batches[:, sums.orders.index(order), 11:13].sum(axis=0)
    return int(own), int(other)


def ratio_of(sums: DoctorSums) -> float:
    """The mean of q / p, q by order 5, each at most 20: about 1 or more where p is what a model says."""
    middle = sums.orders.index(min(5, sums.orders[-1]))
    return float(sums.batches[:, middle, 10].sum()) / max(sums.predicted, 1)


def _bits(sums: DoctorSums) -> Iterator[Finding]:
    nearest, mean = _nearest(sums, KINSHIP), sums.own_nats / sums.predicted
    best = float(sums.nats.min()) / sums.predicted
    if nearest is not None and nearest.x_deviation > BITS_SPREAD * nearest.y_deviation and mean > BITS_MEAN * best:
        spread = nearest.x_deviation / nearest.y_deviation
        yield Finding(
            "bits",
            HINT,
            f"its values vary {spread:.2f} times as much as those of the order-{nearest.order} model, which they are "
            f"most like, and cost {mean:.2f} nats against {best:.2f}",
            "a model weaker than n-grams, or bits given as nats",
            f"if they are log2, multiply them by ln 2 = {math.log(2):.4f}",
        )


def _ranks(sums: DoctorSums) -> Iterator[Finding]:
    above, n = sums.ranked.tolist()
    if above >= 8 and above > RANKED * n:
        yield Finding(
            "rank",
            SUSPICION,
            f"{above:,} of {n:,} symbols of rank k, 2 or more, have p > 1/k, which cannot be",
            "these are log10 given as natural logarithms, or 'rank' is that of other rows",
            f"multiply log10 by ln 10 = {math.log(10):.4f}; else see that both columns come from one output",
        )


def _scales(sums: DoctorSums) -> Iterator[Finding]:
    nats, bits, log10, n = sums.scales.tolist()
    for name, count in (("bits", bits), ("log10", log10)):
        if count >= 8 and count > 4 * nats and count > 0.1 * n:
            scale = SCALES[name]
            yield Finding(
                name,
                SUSPICION,
                f"{count:,} of {n:,} log-probabilities are {scale:.4f} times 'argmax_logprob', {nats:,} equal it",
                f"one of the columns is in {name}, the other in nats",
                f"multiply 'logprob' by {1 / scale:.4f}, so that it equals 'argmax_logprob' where the symbol is best",
            )
    counts, x, h = sums.entropies[sums.entropies[:, 0] >= 30].T if sums.entropies.any() else np.zeros((3, 0))
    if counts.sum() < LEAST_ROWS or len(counts) < 3 or nats + bits + log10:
        return
    ratios = x / h
    for name, low, high in (("bits", 1.28, 1.62), ("log10", 0.37, 0.52)):
        if low < ratios.min() and ratios.max() < high:
            yield Finding(
                name,
                SUSPICION,
                f"its surprisal is {x.sum() / h.sum():.2f} times its 'entropy', whether that is small or large",
                f"'logprob' is in {name}, 'entropy' in nats",
                f"multiply 'logprob' by {1 / SCALES[name]:.4f}",
            )


def _zeros(sums: DoctorSums) -> Iterator[Finding]:
    (zeros, rows), (others, elsewhere) = sums.zeros.tolist()
    if rows < 20 or not zeros:
        return
    share = zeros / rows
    low = share - 3 * math.sqrt(share * (1 - share) / rows)
    if low > ZEROS and (zeros + others) / sums.predicted > ZEROS:
        yield Finding(
            "zeros",
            SUSPICION,
            f"{100 * share:.0f} % of its values are exactly 0 where the n-grams give p < {FIRM}, "
            f"{100 * others / max(elsewhere, 1):.0f} % elsewhere",
            "a token's whole log-probability stands on its first byte",
            _PROJECT,
        )


def _repeats(sums: DoctorSums) -> Iterator[Finding]:
    same, pairs = sums.pairs.tolist()
    values = np.concatenate([np.zeros(0), *sums.repeated])
    if pairs < 50 or same < 20 or same / pairs <= REPEATS:
        return
    changes = values[np.flatnonzero(np.diff(values, prepend=np.nan))]
    distinct = len(np.unique(changes))
    if distinct >= 30 or (distinct > 0.3 * len(changes) and distinct >= 8):  # a model of few values repeats them
        yield Finding(
            "repeats",
            SUSPICION,
            f"{100 * same / pairs:.0f} % of neighbouring symbols have equal values",
            "a token's log-probability is spread evenly over its bytes",
            _PROJECT,
        )


def _sentinels(sums: DoctorSums) -> Iterator[Finding]:
    marked, tiny = sums.sentinels.tolist()
    if tiny:
        what = "is -9999" if marked == tiny else "lies below -700"
        yield Finding(
            "sentinel",
            SUSPICION,
            f"the value of {tiny:,} rows {what}",
            "it stands for 'minus infinity' or 'not known', as servers write it",
            "write null where nothing is known",
        )


def _first(sums: DoctorSums) -> Iterator[Finding]:
    certain, begins = sums.begins.tolist()
    if begins and certain == begins:
        where = "the first symbol has" if begins == 1 else f"the first symbols of all {begins:,} documents have"
        yield Finding(
            "first",
            SUSPICION,
            f"{where} p = 1",
            "it was not predicted, and got 0 instead of nothing",
            "write null there",
        )


def _coverage(sums: DoctorSums) -> Iterator[Finding]:
    share, span = sums.predicted / sums.rows, sums.rows / (sums.last - sums.first + 1)
    if share < 0.25:
        yield Finding(
            "coverage",
            SUSPICION,
            f"{100 * share:.1f} % of its {sums.rows:,} rows are predicted",
            "values were lost (pandas writes NaN as null)",
            "see that the model's output has one value for each symbol",
        )
    elif share < 0.9 or span < 0.9:
        left = f"{100 * share:.0f} % of its rows are predicted" if share < 0.9 else "its positions have gaps: "
        left += "" if share < 0.9 else f"{sums.rows:,} of {sums.last - sums.first + 1:,}"
        mend = "compare it only on common positions, which errtax does"
        yield Finding("coverage", HINT, left, "a part of the text was not predicted", mend)


def _foreign(sums: DoctorSums, in_tokens: bool) -> Iterator[Finding]:
    """Symbols that the reference does not know, or as dear to it as to somebody who knows but their frequencies.

    A list, or a passage in another language, is dear to it, too, in a text that has such: but to the log as well.
    """
    unknown, n, own = sums.unknown / sums.rows, int(sums.symbols[1].sum()), text_entropy(sums)
    if unknown > UNKNOWN and not in_tokens:
        yield Finding(
            "reference",
            SUSPICION,
            f"{100 * unknown:.0f} % of the symbols are not in the n-gram model",
            "it is a model of another language, script or tokenizer",
            "give --ngram of text like this one",
        )
        return
    best = float(sums.new_nats.min()) / max(n, 1)
    if own < 0.5 or best <= own * (DEAR[in_tokens] + DEAR_FEW[in_tokens] / n):
        return
    far = best > own * (FAR[in_tokens] + FAR_FEW[in_tokens] / n)
    sure = far or (_tokens_missed(sums, n) if in_tokens else _missed(sums, n, own))
    yield Finding(
        "reference",
        SUSPICION if sure else HINT,
        f"the best of its orders needs {best:.2f} nats per symbol, {best / own:.2f} times what the frequencies of "
        "the text's own symbols need",
        "the n-gram model is of another language, tokenizer or kind of text",
        "give --ngram of text like this one",
    )


def _missed(sums: DoctorSums, n: int, own: float) -> bool:
    """Whether the reference foresees much less than the log does, beside the log's own tail.

    Where the text has symbols that are rare elsewhere, as lists have, the log may know it by heart: more is asked for.
    """
    first, missed = float(sums.new_nats[0]) / n / own, float(sums.missed[sums.new_nats.argmin()]) / n
    return missed > MISSED_TAIL * sums.tail / n + MISSED_FIRST * first + MISSED


def _tokens_missed(sums: DoctorSums, n: int) -> bool:
    """The same of tokens, of which any reference lacks some, and a strong model foresees many that it does not."""
    excess = math.sqrt(float(sums.excess[sums.new_nats.argmin()]) / n)
    return excess + EXCESS_TAIL * sums.tail / n + EXCESS_UNKNOWN * sums.unknown / sums.rows > EXCESS


def text_entropy(sums: DoctorSums) -> float:
    """Of the text's symbols where they change, in nats.

    With Miller and Madow's correction (1955); where there are fewer than five of each symbol, by Chao and Shen (2003),
    who divide by the chance to be seen, and estimate by Good and Turing how much was not.
    """
    often = sums.symbols[1].astype(np.float64)
    if len(often) < 2:
        return 0.0
    n, once = float(often.sum()), float((often == 1).sum())
    p = often / n
    if n >= 5 * len(often):
        return float(-(p * np.log(p)).sum() + (len(often) - 1) / (2 * n))
    p *= 1 - min(once, n - 1) / n
    return float(-(p * np.log(p) / -np.expm1(n * np.log1p(-p))).sum())


def _contained(sums: DoctorSums, in_tokens: bool) -> Iterator[Finding]:
    """The text in passages that the training text has, too.

    Long contexts say so.  Of bytes and characters short ones are everywhere in a text that repeats itself: there more
    rows are asked for, and that order N is sure, which a small alphabet does not make it.
    """
    shared, n, highest = sums.shared / sums.predicted, sums.predicted, sums.orders[-1]
    long, many = in_tokens or highest >= CONTAINED_LONG, n >= CONTAINED_ROWS
    if highest < (CONTAINED_TOKENS if in_tokens else CONTAINED_ORDER) or not (long or sums.sure > CONTAINED_SURE * n):
        return
    if shared > (CONTAINED_HINT if long and many else CONTAINED):
        yield Finding(
            "contained",
            SUSPICION if shared > CONTAINED and (long or many) else HINT,
            f"{100 * shared:.0f} % of the symbols stand in passages of {PASSAGE} or more whose {highest - 1}-grams the "
            "n-grams' training text has all",
            f"it holds {'' if shared > CONTAINED else 'a part of '}the text under test",
            "build the index without it; nothing else can be said of n-gram errors",
        )
