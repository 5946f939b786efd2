"""The doctor: each fault is found on a log of a trained model, and sound logs are left in peace."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from doctor_texts import SYLLABLES, Floats, Made, invented
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Text, Unit, text_of_bytes
from errtax.taxonomy import doctor_sums
from errtax.taxonomy.doctor import HINT, SUSPICION, findings, lags_of, ratio_of, text_entropy
from errtax.taxonomy.doctor_sums import LEAST, PASSAGE, DoctorSums, Piece, in_passages
from errtax.taxonomy.examination import sampled


def piece(made: Made, x: Floats | None = None, rows: slice = slice(None), **more: Any) -> Piece:
    codes, values, scores, known = made
    starts = np.arange(len(codes)) == 0
    whole: Any = Piece(np.arange(len(codes)), codes, values if x is None else x, scores, known, starts, **more)
    cut: Any = (None if column is None else column[rows] for column in whole)
    return Piece(*cut)


def sums_of(*pieces: Piece) -> DoctorSums:
    sums = DoctorSums()
    for each in pieces:
        sums.add(each)
    return sums


def seen(each: Piece) -> dict[str, str]:
    return {finding.name: finding.level for finding in findings(sums_of(each))}


# --- faults -----------------------------------------------------------------------------------------------------------


def rolled(x: Floats, by: int) -> Floats:
    found = np.roll(x, by)
    found[0 if by > 0 else -1] = math.nan
    return found


def at(x: Floats, row: int, value: float) -> Floats:
    found = x.copy()
    found[row] = value
    return found


def by_tokens(x: Floats, spread: bool) -> Floats:
    """Tokens of one to six symbols: their sums on the first, or spread over all."""
    lengths = np.random.default_rng(1).integers(1, 7, len(x))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    starts = starts[starts < len(x)]
    lengths, totals = np.diff(np.append(starts, len(x))), np.add.reduceat(x, starts)
    if spread:
        return np.repeat(totals / lengths, lengths)
    found = np.zeros(len(x))
    found[starts] = totals
    return found


FAULTS: dict[str, tuple[str, Callable[[Floats], Floats]]] = {
    "late": ("lag", lambda x: rolled(x, 1)),
    "early": ("lag", lambda x: rolled(x, -1)),
    "log10": ("log10", lambda x: x / math.log(10)),
    "first byte": ("zeros", lambda x: by_tokens(x, spread=False)),
    "spread": ("repeats", lambda x: by_tokens(x, spread=True)),
    "-9999": ("sentinel", lambda x: at(x, 77, -9999.0)),
    "p = 1": ("first", lambda x: at(x, 0, 0.0)),
    "lost": ("coverage", lambda x: np.where(np.arange(len(x)) % 9 == 0, x, math.nan)),
}


@pytest.mark.parametrize("rows", [300, 4000])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(made: Made, fault: str, rows: int) -> None:
    name, plant = FAULTS[fault]
    part: Made = (made[0][:rows], made[1][:rows], made[2][:rows], made[3][:rows])
    assert name not in seen(piece(part))
    assert seen(piece(part, plant(part[1]))).get(name) == SUSPICION


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("rows", [300, 1000, 4000])
def test_sound_logs_are_left_in_peace(made: Made, order: int, rows: int) -> None:
    for start in range(0, 4000 - rows + 1, 500):
        cut = slice(start, start + rows)
        part: Made = (made[0][cut], made[2][cut, order - 1].astype(np.float64), made[2][cut], made[3][cut])
        assert SUSPICION not in seen(piece(part)).values()
        part = (made[0][cut], made[1][cut], made[2][cut], made[3][cut])
        assert SUSPICION not in seen(piece(part)).values()
    assert not seen(piece(part, np.full(rows, -3.0)))  # uniform


def test_no_symbol_of_rank_k_has_more_than_a_kth(made: Made) -> None:
    """Ranks of random distributions; of logarithms in another base, or of another row, it is not so."""
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(20, 0.3), 4000)
    right = (p.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    own = p[np.arange(4000), right]
    x, rank = np.log(own), 1 + (p > own[:, None]).sum(axis=1)
    above = sum(v > 1e-3 - math.log(k) for v, k in zip(x / math.log(10), rank.tolist(), strict=True) if k > 1)
    assert sums_of(piece(made, x / math.log(10), rank=rank)).ranked.tolist() == [above, (rank > 1).sum()]
    for rows in (slice(0, 60), slice(0, 4000)):
        assert "rank" not in seen(piece(made, x, rows, rank=rank))
        assert seen(piece(made, x / math.log(10), rows, rank=rank))["rank"] == SUSPICION
        assert "rank" not in seen(piece(made, x / math.log(10), rows, rank=np.ones(4000, np.int64)))
    assert seen(piece(made, np.roll(x, 1), rank=rank))["rank"] == SUSPICION


def test_a_sentence_begins_with_its_level(made: Made) -> None:
    found = findings(sums_of(piece(made, at(made[1], 3, -9999.0))))[0]
    assert found.sentence.startswith("suspicion: the value of 1 rows is -9999")
    assert replace(found, level=HINT).sentence.startswith("hint: the value of 1 rows is -9999")


def test_which_way_a_log_is_shifted_is_said(made: Made) -> None:
    late, early = (findings(sums_of(piece(made, rolled(made[1], by))))[0] for by in (1, -1))
    assert "at the symbol before" in late.saw and "one row up" in late.mend
    assert "at the symbol after" in early.saw and "one row down" in early.mend


def test_bits_are_a_suspicion_where_another_column_contradicts_them(made: Made) -> None:
    x = made[1]
    right = np.random.default_rng(1).random(len(x)) < np.exp(x)
    best = np.where(right, x, np.minimum(x / 3, -0.01))
    entropy = np.where(np.arange(len(x)) % 3 == 0, 0.2, np.where(np.arange(len(x)) % 3 == 1, 0.8, 2.5))
    level = -entropy * np.random.default_rng(2).exponential(1, len(x))
    assert "bits" not in seen(piece(made, best=best)) and "bits" not in seen(piece(made, level, entropy=entropy))
    assert seen(piece(made, x / math.log(2), best=best))["bits"] == SUSPICION
    assert seen(piece(made, x / math.log(10), best=best))["log10"] == SUSPICION
    assert seen(piece(made, level / math.log(2), entropy=entropy))["bits"] == SUSPICION
    assert seen(piece(made, x / math.log(2)))["bits"] == HINT


@pytest.mark.parametrize("rows", [300, 4000])
def test_log10_of_a_weak_model_like_the_reference_is_found(made: Made, rows: int) -> None:
    """It goes far down even so, but not as far as the reference."""
    scores = 2.2 * made[2][:rows]
    part: Made = (made[0][:rows], scores[:, 0].astype(np.float64), scores, made[3][:rows])
    log10 = part[1] / math.log(10)
    assert (log10 < -3).sum() > 0.125 * (log10 < -1).sum()
    assert "log10" not in seen(piece(part))
    assert "log10" in seen(piece(part, log10))


@pytest.mark.parametrize("unit", ["byte", "token"])
@pytest.mark.parametrize("rows", [1000, 4000])
def test_log10_of_a_model_unlike_the_reference_is_found(made: Made, unit: str, rows: int) -> None:
    """Where it is not sure its values go far down, those of tokens farther; divided by ln 10 hardly any does."""
    rng, in_tokens = np.random.default_rng(1), unit == "token"
    y = made[2][:rows, 4].astype(np.float64)
    sure = (y > np.median(y)) ^ (rng.random(rows) < 0.2)
    x = -rng.exponential(np.where(sure, 0.05, 3.0 if in_tokens else 1.6))
    table: Made = (made[0][:rows], x, (2.0 if in_tokens else 1.5) * made[2][:rows], made[3][:rows])
    (near,) = (each for each in lags_of(sums_of(piece(table))) if each.order == 5)
    assert 0.2 < near.correlations[1] < 0.5
    sound, log10 = (sums_of(piece(table, values)) for values in (x, x / math.log(10)))
    assert sound.below.tolist() == [(x < step).sum() for step in (-1, -2, -3, -5)]
    found = [[each.name for each in findings(sums, in_tokens)] for sums in (sound, log10)]
    assert "log10" not in found[0] and "log10" in found[1]


@pytest.mark.parametrize(("order", "few"), [(8, HINT), (10, HINT), (16, SUSPICION), (20, SUSPICION)])
@pytest.mark.parametrize("rows", [300, 4000])
def test_a_training_text_that_holds_the_text_is_found(made: Made, rows: int, order: int, few: str) -> None:
    """As it is, and with a change every 200 symbols; three quarters of it are less."""
    codes, x, known = made[0][:rows], made[1][:rows], made[3][:rows]

    def level(held: NDArray[Any]) -> str | None:
        index = NgramIndex.build(text_of_bytes(invented(30_000, 4) + held.tobytes(), Unit.BYTE), order)
        return seen(piece((codes, x, index.score(codes), known))).get("contained")

    changed = np.where(np.arange(rows) % 200 == 150, ord("x"), codes).astype(np.uint8)
    assert level(codes) == level(changed) == (few if rows == 300 else SUSPICION)
    assert level(codes[: rows * 3 // 4]) == (HINT if rows == 4000 and few == SUSPICION else None)
    assert level(codes[:0]) is None


def test_passages_are_those_of_the_training_text() -> None:
    """Beside a search of the text for each of them."""
    train, rng = invented(6000, 4), np.random.default_rng(1)
    parts = [train[100:400], invented(200, 9), train[1000:1105], b"Q", train[2000:2097], b"Q", train[-190:], b"Q"]
    test = b"".join(parts) + bytes(rng.integers(97, 100, 50).tolist()) + b"Q"
    index = NgramIndex.build(text_of_bytes(train, Unit.BYTE), 20)
    due = np.zeros(len(test), bool)
    for start in range(len(test) - PASSAGE + 1):
        if test[start : start + PASSAGE] in train:
            due[start : start + PASSAGE] = True
    found = in_passages(index.score(np.frombuffer(test, np.uint8)))
    assert due[:300].all() and due[500:605].all() and due[-240:-60].all() and due.sum() < 640
    assert (found >= due).all() and (found & ~due).sum() < 20


@pytest.mark.parametrize("rows", [300, 1000, 20_000])
def test_a_reference_of_another_language_or_script_is_found(rows: int) -> None:
    codes = np.frombuffer(invented(rows, 2), np.uint8)
    x = np.log(np.random.default_rng(1).uniform(0.2, 1, len(codes)))
    for syllables, word in (
        ([each[::-1] for each in SYLLABLES], "kind of text"),
        (["ПРИ", "ОН", "ЛЕ"], "another language"),
    ):
        index = NgramIndex.build(text_of_bytes(invented(30_000, 3, syllables), Unit.BYTE), 6)
        (found,) = findings(sums_of(piece((codes, x, index.score(codes), index.knows(codes)))))
        assert (found.name, found.level) == ("reference", SUSPICION) and word in found.suspects


def scored(train: bytes, codes: NDArray[Any], order: int = 6) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    index = NgramIndex.build(text_of_bytes(train, Unit.BYTE), order)
    return index.score(codes), index.knows(codes)


def test_a_passage_that_the_log_does_not_know_either_is_only_hinted_at() -> None:
    """Words in another script, of which reference and model have read a little; where the model knows them, the
    reference is foreign, and where all of the text is in it, too."""
    other = ["PRI", "ON", "LEK", "ASTU"]
    codes = np.frombuffer(invented(20_000, 2, other), np.uint8)
    reference = invented(30_000, 3) + invented(2000, 5, ["PRI", "ONT", "LEK", "ASU"])
    models = invented(30_000, 6) + invented(1000, 7, ["PRI", "ONT", "LEK", "ASU"]), invented(30_000, 6, other)
    levels = {}
    for rows in (300, 20_000):
        scores, known = scored(reference, codes[:rows])
        for who, train in zip(("both", "it alone"), models, strict=True):
            x = scored(train, codes[:rows])[0][:, -1].astype(np.float64)
            levels[who, rows] = seen(piece((codes[:rows], x, scores, known))).get("reference")
    assert levels.pop(("both", 300)) == HINT
    assert set(levels.values()) == {SUSPICION}


@pytest.mark.parametrize("rows", [1000, 3000])
def test_tokens_of_another_language_are_found(rows: int) -> None:
    """Words of which the reference has read one in three; and those of the same language."""
    words = np.unique(invented(60_000, 2).replace(b".", b"").split(b" "), return_inverse=True)[1].astype(np.uint32)
    test, n = words[-rows:], len(words)
    strong = NgramIndex.build(Text("tokens", Unit.TOKEN, words[: n // 2], ""), 5).score(test)[:, 1].astype(np.float64)
    shuffled = np.random.default_rng(1).permutation(words[: n // 2])
    levels = []
    for train in (np.where(shuffled % 3 > 0, shuffled + 1000, shuffled), words[n // 2 : -rows]):
        index = NgramIndex.build(Text("tokens", Unit.TOKEN, train.astype(np.uint32), ""), 5)
        table: Made = (test, strong, index.score(test), index.knows(test))
        found = findings(sums_of(piece(table)), in_tokens=True)
        levels.append([each.level for each in found if each.name == "reference"])
    assert levels == [[SUSPICION], []]


def test_blanks_in_a_row_do_not_make_a_reference_foreign(made: Made) -> None:
    """A table whose blanks the reference has not seen, but whose words it knows."""
    words = made[0].tobytes().split(b" ")[:30]
    codes = np.frombuffer(b"".join(word.ljust(60) for word in words), np.uint8)
    index = NgramIndex.build(text_of_bytes(invented(30_000, 4), Unit.BYTE), 8)
    scores = index.score(codes)
    table: Made = (codes, scores[:, 4].astype(np.float64), scores, index.knows(codes))
    assert "reference" not in seen(piece(table))
    sums, n = sums_of(piece(table)), len(codes)
    often = np.bincount(codes)[np.bincount(codes) > 0] / n
    assert sums.nats.min() / n > -(often * np.log(often)).sum()  # all rows counted, it would be


def test_a_reference_of_tokens_may_lack_some(made: Made) -> None:
    """Every fourth of 400 words is unknown to it; of bytes that would be another script."""
    words = np.unique(invented(60_000, 2).replace(b".", b"").split(b" "), return_inverse=True)[1].astype(np.uint32)
    test, n = words[-3000:], len(words)
    train = np.where(words[: n // 2] % 4 == 0, 1, words[: n // 2])
    index = NgramIndex.build(Text("tokens", Unit.TOKEN, train.astype(np.uint32), ""), 5)
    scores, known = index.score(test), index.knows(test)
    assert 0.2 < (~known).mean() < 0.3
    sums = sums_of(piece((test, scores[:, 1].astype(np.float64), scores, known)))
    assert [each.name for each in findings(sums) if each.level == SUSPICION] == ["reference"]
    assert SUSPICION not in [each.level for each in findings(sums, in_tokens=True)]


# --- sums -------------------------------------------------------------------------------------------------------------


@given(cuts=st.lists(st.integers(1, 1999), max_size=4, unique=True), most=st.sampled_from([8, 64, 4096]))
def test_sums_of_parts_are_those_of_the_whole(cuts: list[int], most: int) -> None:
    """But for the lags across the cuts, of which at most two rows each are lost."""
    rng = np.random.default_rng(len(cuts))
    n = 2000
    made = (
        rng.integers(97, 101, n),
        -rng.exponential(1, n),
        -rng.exponential(1, (n, 6)).astype(np.float32),
        rng.random(n) < 0.9,
    )
    bounds = [0, *sorted(cuts), n]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor_sums, "_MOST", most)
        whole = sums_of(piece(made))
        parts = [piece(made, rows=slice(a, b)) for a, b in pairwise(bounds)]
        together, added = sums_of(*parts), DoctorSums()
        for each in parts:
            added = added + sums_of(each)
    for found in (together, added):
        for name in ("rows", "predicted", "unknown", "first", "last"):
            assert getattr(found, name) == getattr(whole, name)
        for name in ("nats", "zeros", "sentinels", "begins", "sure", "below"):
            assert np.allclose(getattr(found, name), getattr(whole, name))
        assert (found.symbols[0] == whole.symbols[0]).all()
        assert 0 <= (found.symbols[1] - whole.symbols[1]).sum() <= len(cuts)  # what begins a part may be what was last
        assert len(found.batches) <= most
        lost = whole.batches[..., 0].sum(axis=0) - found.batches[..., 0].sum(axis=0)
        assert (lost <= 2 * len(cuts)).all() and ratio_of(found) == pytest.approx(ratio_of(whole))
    if not cuts:
        assert np.allclose(together.batches, whole.batches)


def test_what_the_reference_misses_is_counted_where_symbols_change(made: Made) -> None:
    """Beside a loop over the rows."""
    codes, x, scores = np.where(np.arange(4000) % 7 == 3, np.roll(made[0], 1), made[0]), 2 * made[1], 3 * made[2]
    sums = sums_of(piece((codes, x, scores, made[3])))
    for k, order in enumerate(sums.orders):
        missed = excess = tail = 0.0
        for i, value in enumerate(np.maximum(x, LEAST).tolist()):
            y = max(float(scores[i, order - 1]), LEAST)
            if i == 0 or codes[i] != codes[i - 1]:
                missed += y < -6 <= value
                excess += max(value - y, 0.0) ** 2
                tail += value < -4
        assert (sums.missed[k], sums.tail) == (missed, tail)
        assert sums.excess[k] == pytest.approx(excess)
    assert sums.missed[-1] and sums.tail


def test_a_sample_depends_on_positions_alone() -> None:
    positions = np.arange(300_000) + 50_000
    chosen = [set(range(a, b)) for a, b in sampled(positions)]
    due = {i for i, p in enumerate(positions.tolist()) if p < 65_536 or p // 4096 % 8 == 0}
    assert set().union(*chosen) == due and sum(map(len, chosen)) == len(due)
    cut = [a + k for k in range(0, 300_000, 7777) for span in sampled(positions[k : k + 7777]) for a in range(*span)]
    assert set(cut) == due
    assert sampled(np.array([3, -1, 4])) == [(0, 3)]


def test_lags_are_correlations(made: Made) -> None:
    _, x, scores, _ = made
    for found in lags_of(sums_of(piece(made))):
        a = np.clip(x, LEAST, 0)
        b = np.clip(scores[:, found.order - 1].astype(np.float64), LEAST, 0)
        inner, n = a[1:-1], len(a)
        other = b[1:-1]
        assert found.x_deviation == pytest.approx(inner.std()) and found.y_deviation == pytest.approx(other.std())
        for k, lag in enumerate((-1, 0, 1)):
            there = b[1 + lag : n - 1 + lag]
            due = ((inner - inner.mean()) * (there - there.mean())).mean() / (inner.std() * other.std())
            assert found.correlations[k] == pytest.approx(due, abs=1e-9)
        assert found.correlations[1] == pytest.approx(np.corrcoef(inner, other)[0, 1])


def test_the_entropy_of_a_text_is_corrected(made: Made) -> None:
    """Of symbols that differ from the one before; Chao and Shen's (2003) estimate where there are few of each."""
    codes = made[0].copy()
    codes[100:200] = 32  # runs are one symbol
    _, often = np.unique(codes[np.diff(codes.astype(int), prepend=-1) != 0], return_counts=True)
    p = often / often.sum()
    due = -(p * np.log(p)).sum() + (len(p) - 1) / (2 * often.sum())
    assert text_entropy(sums_of(piece((codes, *made[1:])))) == pytest.approx(due)
    few = piece(made, rows=slice(0, 40))
    _, often = np.unique(few.codes[np.diff(few.codes.astype(int), prepend=-1) != 0], return_counts=True)
    n, due = int(often.sum()), 0.0
    for count in often.tolist():
        p_i = (1 - (often == 1).sum() / n) * count / n
        due -= p_i * math.log(p_i) / (1 - (1 - p_i) ** n)
    assert n < 5 * len(often) and text_entropy(sums_of(few)) == pytest.approx(due)
    assert text_entropy(sums_of(piece((np.full(4000, 65, np.uint8), *made[1:])))) == 0
