"""Does the doctor find what is wrong, and nothing else?

    python bench/doctor.py [FILE [SEED [WORD...]]]      # FILE keeps the sound logs, which take minutes to make

Sound logs (bench/doctor_logs.py), whole and in pieces of 300 to 300,000 rows: false alarms.  Then 100 faults of each
kind, each planted on a piece of a random log, of a size drawn from the same range: how many are found.  WORD: only
faults with this word in their name, or "alarms".
"""

import pickle
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from doctor_logs import Sound, build, codes_of, scores_of, sound_logs, texts, tokens_of_texts

from errtax.lm.text import Unit
from errtax.taxonomy.doctor import SUSPICION, Finding, findings
from errtax.taxonomy.doctor_sums import DoctorSums, Piece

SIZES = (300, 1000, 3000, 10_000, 30_000, 100_000, 300_000)
ORDERS = (8, 10, 16, 20)
"""Of the reference, of which each piece has one."""
FAULTS = 100
WEAK = ("uniform",)
Fault = Callable[[Sound, np.random.Generator], Sound | None]


def judged(log: Sound, order: int | None = None) -> list[Finding]:
    """What the doctor says of a log, beside a reference of an order up to that of its scores."""
    sums, n, scores = DoctorSums(), len(log.x), log.scores[:, :order]
    starts = np.zeros(n, bool)
    starts[0] = not log.extra.get("inside")
    sums.add(Piece(np.arange(n), log.codes, log.x, scores, log.known, starts, log.best, log.extra.get("entropy")))
    return findings(sums, log.unit == "token")


def piece(log: Sound, rng: np.random.Generator, size: int) -> Sound:
    """So many rows from anywhere in a log; all of a shorter one."""
    start = int(rng.integers(0, max(len(log.x) - size, 0) + 1))
    if log.token_starts is not None:  # a log begins with a token
        start = int(np.flatnonzero(log.token_starts[: start + 1])[-1])
    rows = slice(start, start + size)
    extra = {**log.extra, "inside": start > 0}
    cut = {name: getattr(log, name) for name in ("codes", "x", "scores", "known", "best", "token_starts")}
    return replace(log, extra=extra, **{name: None if values is None else values[rows] for name, values in cut.items()})


def shifted(log: Sound, rng: np.random.Generator, by: int) -> Sound | None:
    x = np.roll(log.x, by)
    x[0 if by > 0 else -1] = np.nan
    return replace(log, x=x, best=None)


def scaled(log: Sound, rng: np.random.Generator, by: float) -> Sound | None:
    return replace(log, x=log.x * by, best=None)


def bits_beside(log: Sound, rng: np.random.Generator) -> Sound | None:
    """logprob in bits, argmax_logprob in nats; where there is none, a model that is right as often as it says."""
    best = log.best
    if best is None:
        right = rng.random(len(log.x)) < 0.5 + 0.5 * np.exp(log.x)
        best = np.where(right, log.x, np.minimum(log.x / 2, -0.05))
    return replace(log, x=log.x / np.log(2), best=best)


def whole_on_first(log: Sound, rng: np.random.Generator) -> Sound | None:
    starts = tokens_of(log)
    total = np.add.reduceat(np.nan_to_num(log.x), np.flatnonzero(starts))
    x = np.zeros(len(log.x))
    x[starts] = total
    return replace(log, x=x, best=None)


def spread_evenly(log: Sound, rng: np.random.Generator) -> Sound | None:
    starts = np.flatnonzero(tokens_of(log))
    lengths = np.diff(np.append(starts, len(log.x)))
    mean = np.add.reduceat(np.nan_to_num(log.x), starts) / lengths
    return replace(log, x=np.repeat(mean, lengths), best=None)


def tokens_of(log: Sound) -> np.ndarray:
    """Where tokens begin: those of the model, else words with the space before them, cut after eight symbols."""
    if log.token_starts is not None:
        starts = log.token_starts.copy()
    else:
        starts = (log.codes == 32) | (log.codes == 10)
        last = np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))
        starts |= (np.arange(len(starts)) - last) % 5 == 0
    starts[0] = True
    return starts


def sentinel(log: Sound, rng: np.random.Generator) -> Sound | None:
    x = log.x.copy()
    x[rng.integers(len(x))] = -9999.0
    return replace(log, x=x, best=None)


def certain_first(log: Sound, rng: np.random.Generator) -> Sound | None:
    x = log.x.copy()
    x[0] = 0.0
    return replace(log, x=x, best=None, extra={})


def few_predicted(log: Sound, rng: np.random.Generator) -> Sound | None:
    x = log.x.copy()
    x[rng.random(len(x)) < 0.9] = np.nan
    return replace(log, x=x, best=None)


def containing(log: Sound, rng: np.random.Generator, orders: tuple[int, ...]) -> Sound | None:
    """The scores of an index, of one of these orders, whose text holds the log's."""
    codes, unit = log.codes, Unit(log.unit)
    order = int(rng.choice(orders))
    index = build(np.concatenate([*before(log), codes]), unit, order)
    return replace(log, scores=scores_of(index, codes), known=index.knows(codes), extra={"other": f"order {order}"})


def before(log: Sound) -> list[np.ndarray]:
    """Other text of the same kind, where there is some."""
    return [] if log.trained is None else [log.trained[:100_000]]


def foreign(log: Sound, rng: np.random.Generator, in_english: bool = False) -> Sound | None:
    """The scores of an index of another language's text; with `in_english`, of English, C or Python for another."""
    unit, own = Unit(log.unit), text_name(log)
    names = TOKENS if unit is Unit.TOKEN else NAMES
    others = [each for each in names if each != own and (own in ENGLISH and each in ENGLISH) == in_english]
    if own not in NAMES or not others:
        return None
    other = others[rng.integers(len(others))]
    key = f"{other} {unit}"
    if key not in INDEXES:
        if unit is Unit.TOKEN:
            codes = TOKENS[other][:100_000]
        else:
            content = NAMES[other][:300_000].decode("utf-8", "ignore")
            codes = codes_of(content.encode(), unit)
        INDEXES[key] = build(codes, unit, 8)
    index = INDEXES[key]
    return replace(log, scores=scores_of(index, log.codes), known=index.knows(log.codes), extra={"other": other})


def text_name(log: Sound) -> str:
    """Of the text that a log is of, as in `texts`."""
    return log.name.rpartition(f" {log.unit}:")[0]


ENGLISH = ("warpeace", "linux", "python")
TOKENS: dict[str, np.ndarray] = {}
NAMES: dict[str, bytes] = {}
INDEXES: dict[str, object] = {}


FAULT_KINDS: dict[str, tuple[str, Fault, Callable[[Sound], bool]]] = {
    "one row late": ("lag", lambda log, rng: shifted(log, rng, 1), lambda log: True),
    "one row early": ("lag", lambda log, rng: shifted(log, rng, -1), lambda log: True),
    "log10 as nats": ("log10", lambda log, rng: scaled(log, rng, 1 / np.log(10)), lambda log: True),
    "bits, argmax_logprob in nats": ("bits", bits_beside, lambda log: True),
    "bits, nothing beside (a hint)": ("bits", lambda log, rng: scaled(log, rng, 1 / np.log(2)), lambda log: True),
    "whole on the first byte": ("zeros", whole_on_first, lambda log: log.unit != "token"),
    "spread evenly": ("repeats", spread_evenly, lambda log: log.unit != "token"),
    "one -9999": ("sentinel", sentinel, lambda log: True),
    "first at p = 1": ("first", certain_first, lambda log: True),
    "90 % lost": ("coverage", few_predicted, lambda log: True),
    "training text holds it, order 16, 20": ("contained", partial(containing, orders=(16, 20)), lambda log: True),
    "training text holds it, order 8, 10": ("contained", partial(containing, orders=(8, 10)), lambda log: True),
    "reference of another language": ("reference", foreign, lambda log: True),
    "English, C, Python for another": ("reference", partial(foreign, in_english=True), lambda log: True),
}


def main() -> None:
    """False alarms, then faults found."""
    store = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if store and store.exists():
        logs = pickle.loads(store.read_bytes())
    else:
        logs = list(sound_logs())
        if store:
            store.write_bytes(pickle.dumps(logs))
    NAMES.update(texts())
    TOKENS.update(tokens_of_texts(NAMES)[1])
    seed, words = int(sys.argv[2]) if len(sys.argv) > 2 else 1, sys.argv[3:]
    if not words or "alarms" in words:
        alarms(logs, np.random.default_rng(seed))
    faults([log for log in logs if not log.name.endswith(WEAK)], seed, words)


def alarms(logs: list[Sound], rng: np.random.Generator) -> None:
    """Suspicions and hints of sound logs; of pieces that stand in the reference's text word for word, by themselves."""
    tried, raised, hints, copied = 0, Counter(), Counter(), 0
    for log in logs:
        pieces = [(log, order) for order in ORDERS]
        pieces += [(piece(log, rng, size), int(rng.choice(ORDERS))) for size in SIZES[:5] for _ in range(20)]
        for each, order in pieces:
            tried += 1
            for found in judged(each, order):
                if found.name == "contained" and stands_in_reference(each):
                    copied += 1
                    continue
                (raised if found.level == SUSPICION else hints)[found.name] += 1
                if found.level == SUSPICION:
                    print(f"  false alarm: {log.name}, {len(each.x):,} rows, order {order}: {found.sentence}")
    print(
        f"{len(logs)} sound logs, {tried:,} pieces, {sum(raised.values())} alarms {dict(raised)}; hints {dict(hints)}; "
        f"{copied} times 'contained' where the reference's text has every 100 symbols"
    )


def stands_in_reference(log: Sound) -> bool:
    """Whether each stretch of 100 symbols, but a tenth of them, stands in the text that the reference is of."""
    if log.trained is None:
        return False
    train, codes = log.trained.tobytes(), log.codes
    stretches = [codes[k : k + 100].tobytes() in train for k in range(0, len(codes) - 99, 25)]
    return np.mean(stretches) > 0.8


def faults(logs: list[Sound], seed: int, words: list[str]) -> None:
    """How many faults of each kind, or of those with one of these words, are found."""
    for number, (kind, (name, plant, fits)) in enumerate(FAULT_KINDS.items()):
        if words and not any(word in kind for word in words):
            continue
        rng = np.random.default_rng((seed, number))
        fitting, found, other, missed = [log for log in logs if fits(log)], Counter(), Counter(), []
        tried, hinted = Counter(), 0
        while tried.total() < FAULTS:
            log, size = fitting[rng.integers(len(fitting))], SIZES[rng.integers(len(SIZES))]
            faulty = plant(piece(log, rng, size), rng)
            if faulty is None:
                continue
            tried[size] += 1
            seen = judged(faulty)
            levels = {each.name: each.level for each in seen}
            hit = name in levels and (levels[name] == SUSPICION or "hint" in kind)
            found[size] += hit
            hinted += name in levels and not hit
            other.update(each.name for each in seen if each.level == SUSPICION and each.name != name)
            if not hit:
                missed.append(f"{log.name} {faulty.extra.get('other', '')} ({len(faulty.x):,})")
        by_size = ", ".join(f"{size:,}: {found[size]}/{tried[size]}" for size in SIZES)
        print(f"{kind:36s} {found.total():3d} of {FAULTS}, {hinted} hinted at  [{by_size}]  also {dict(other)}")
        for each in missed[:12]:
            print("      missed:", each, flush=True)


if __name__ == "__main__":
    main()
