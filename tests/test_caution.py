"""What is said of intervals: few units, errors that know of each other, heavy tails."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.taxonomy.block_sums import PeelSums, sum_peels
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.caution import cautions
from errtax.taxonomy.correlation import CELL, ErrorCells, correlation_time
from errtax.taxonomy.peel import peel_log
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import sign
from test_peel import evidence_of


def wrong_in_stretches(n: int, time: float, seed: int = 1) -> NDArray[np.bool_]:
    """Errors of a rate of .2 or .6, by turns of 2 `time` symbols in the mean: correlated as exp(-distance / time)."""
    rng = np.random.default_rng(seed)
    hard = np.cumsum(rng.random(n) < 1 / (2 * time)) % 2 == 1
    wrong: NDArray[np.bool_] = rng.random(n) < np.where(hard, 0.6, 0.2)
    return wrong


def sums_of(wrong: NDArray[np.bool_], bits: NDArray[np.float64] | None = None, block: int = 1000) -> PeelSums:
    n = len(wrong)
    surprisal = np.where(wrong, 2.0, 0.5) if bits is None else bits
    log = PredictionLog("made", Unit.BYTE, np.arange(n), np.full(n, 97, np.uint8), -surprisal * np.log(2))
    return sum_peels([peel_log(log, evidence_of(log), Settings(layers=("boost",)))], Resampling(block))[0]


@pytest.mark.parametrize("time", [100, 1000])
def test_the_correlation_time_is_found(time: int) -> None:
    found = sums_of(wrong_in_stretches(200_000, time)).correlation
    assert found == pytest.approx(time, rel=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_independent_errors_have_none(seed: int) -> None:
    assert sums_of(np.random.default_rng(seed).random(100_000) < 0.3).correlation is None


def test_of_cells_by_hand() -> None:
    """Alternating halves of 30 cells: correlated over some of them; pairs of cells that differ: not at all."""
    halves = np.repeat([10.0, 50.0, 10.0, 50.0], 30)
    assert (correlation_time(halves, np.full(120, 100.0)) or 0) > 5
    assert correlation_time(np.tile([10.0, 50.0], 60), np.full(120, 100.0)) is None
    assert correlation_time(np.full(120, 20.0), np.full(120, 100.0)) is None
    assert correlation_time(halves[:19], np.full(19, 100.0)) is None


def test_cells_are_those_of_the_text_in_whatever_pieces() -> None:
    wrong = wrong_in_stretches(50_000, 700)
    log = PredictionLog("made", Unit.BYTE, np.arange(50_000), np.full(50_000, 97, np.uint8), np.full(50_000, -1.0))
    whole, pieces, parts = ErrorCells(), ErrorCells(), [ErrorCells(), ErrorCells()]
    whole.add(log, wrong)
    for start in range(0, 50_000, 7_777):
        rows = slice(start, start + 7_777)
        piece = replace(log, positions=log.positions[rows], codes=log.codes[rows], logprobs=log.logprobs[rows])
        pieces.add(piece, wrong[rows])
        parts[start > 20_000].add(piece, wrong[rows])
    parts[1].merge(parts[0])
    assert whole.correlation() == pieces.correlation() == parts[1].correlation()
    assert whole.correlation() == pytest.approx(700, rel=0.6)


def test_long_correlation_is_warned_of_with_the_block_that_it_needs() -> None:
    wrong = wrong_in_stretches(200_000, 1000)
    (said,) = cautions(sums_of(wrong))
    assert said.startswith("Errors are correlated over some ") and "more than a fifth of the 1,000 of one block" in said
    assert "'doc', or --block" in said
    assert not cautions(sums_of(wrong, block=6000)) or "few" in cautions(sums_of(wrong, block=6000))[0]
    assert cautions(sums_of(wrong_in_stretches(200_000, 20))) == ()


def of_documents(
    rates: NDArray[np.float64], how: Resampling = STANDARD, docs: NDArray[np.int64] | None = None
) -> PeelSums:
    """Documents of 2,000 symbols with these error rates, or others of the same symbols."""
    n = 2000 * len(rates)
    wrong = np.random.default_rng(2).random(n) < np.repeat(rates, 2000)
    log = PredictionLog(
        "made", Unit.BYTE, np.arange(n), np.full(n, 97, np.uint8), np.where(wrong, -2.0, -0.1),
        docs=np.repeat(np.arange(len(rates)), 2000) if docs is None else docs,
    )  # fmt: skip
    peel = peel_log(log, evidence_of(log), Settings(layers=("boost",)))
    return sum_peels([replace(peel, signature=sign(peel))], how)[0]


def test_of_documents_only_those_that_are_like_their_neighbours() -> None:
    """Each is even within, and correlated over all of its length: that is what drawing documents is for."""
    rates = np.random.default_rng(1).uniform(0.2, 0.6, 60)
    found = of_documents(rates)
    assert (found.blocks.units.kind, (found.correlation or 0) > 400) == ("doc", True)
    assert cautions(found) == ()
    (said,) = cautions(of_documents(np.sort(rates)))
    assert said.startswith("Neighbouring documents are alike (their errors have a correlation of 0.9")


def test_heavy_tails_are_warned_of() -> None:
    rng = np.random.default_rng(3)
    wrong = rng.random(200_000) < 0.3
    heavy = np.minimum(rng.pareto(1.1, 200_000), 1e6)
    (said,) = cautions(sums_of(wrong, heavy))
    assert said.startswith("A few of the 200 blocks make most of the variance of the bits (heavy tails)")
    assert cautions(sums_of(wrong, rng.exponential(2.0, 200_000))) == ()


def test_what_is_advised_can_be_done() -> None:
    """Blocks of the length that is needed, where the text has ten of them; documents, where there are some."""
    wrong = wrong_in_stretches(200_000, 2000)
    assert "--block" in cautions(sums_of(wrong))[0]
    assert "the text is too short for longer blocks: take more text" in " ".join(cautions(sums_of(wrong[:60_000])))
    rates = np.random.default_rng(1).uniform(0.1, 0.9, 60)
    assert cautions(of_documents(rates)) == ()
    (said,) = cautions(of_documents(rates, Resampling(500)))
    assert said.endswith("intervals are too narrow; leave --block away, and the log's documents are drawn.")


def test_one_unit_that_is_most_of_the_text() -> None:
    found = of_documents(np.full(40, 0.3), docs=np.maximum(np.repeat(np.arange(40), 2000), 29) - 29)
    # (60 + 10 · 2)² / (60² + 10 · 2²) = 1.76
    assert cautions(found)[0] == (
        "One of the 11 documents has 75 % of the symbols: together they tell as much as 1.8 of equal length, and "
        "intervals are wide."
    )


def test_few_units() -> None:
    wrong = np.random.default_rng(5).random(12_000) < 0.3
    assert cautions(sums_of(wrong)) == ("Only 12 blocks: intervals are wide; 30 are needed for a fair estimate.",)
    assert cautions(sums_of(wrong[:900]))[0].startswith("Only 1 block: there are no intervals")
    assert CELL == 100
