"""The hypothesis strategies that several tests share: odd texts, logs of them, settings of a peel."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.taxonomy.settings import PRESETS, Criterion, Settings

PIECES = ["the", "Natasha", "Natash", "don't", "x", "é", "naïve", "猫犬", "_1", "🙂", " ", " ", "\t", "\xa0", "\u3000"]
PIECES += ["\n", "\r\n", "\r", "\n\r", '"', "“", "”", "’", "'", "`", "«", ".", ",", "$", "+", "-", "\u0301", "\x85"]
PIECES += ["‹", "「", "』", "＇"]
INVALID = [b"\x80", b"\xe7", b"\xe7\x8c", b"\xff", b"\xc3"]


def strings(max_size: int = 40) -> st.SearchStrategy[str]:
    """Texts whose words, blanks and quotes meet in all ways."""
    return st.lists(st.sampled_from(PIECES), min_size=1, max_size=max_size).map("".join)


def data(max_size: int = 40) -> st.SearchStrategy[bytes]:
    """The same in bytes, some of them no UTF-8."""
    pieces = [piece.encode() for piece in PIECES] + INVALID
    return st.lists(st.sampled_from(pieces), min_size=1, max_size=max_size).map(b"".join)


@st.composite
def units_and_texts(draw: st.DrawFn) -> tuple[Unit, bytes]:
    unit = draw(st.sampled_from([Unit.BYTE, Unit.CHAR]))
    return unit, draw(data()) if unit is Unit.BYTE else draw(strings()).encode()


def log_of(
    unit: Unit,
    content: bytes,
    logprobs: Sequence[float] | None = None,
    positions: Sequence[int] | None = None,
    argmax: bytes | None = None,
) -> PredictionLog:
    """A log of a text, or of those of its symbols that have a position in `positions`."""
    codes = text_of_bytes(content, unit).codes
    kept = np.arange(len(codes)) if positions is None else np.array(positions, np.int64)
    p = np.full(len(kept), -1.0) if logprobs is None else np.array(logprobs, np.float64)
    best = None if argmax is None else text_of_bytes(argmax, unit).codes[kept]
    return PredictionLog("log", unit, kept.astype(np.int64), codes[kept], p, best)


PROBABILITIES = st.sampled_from([0.0, 1e-9, 0.05, 0.1, 0.2, 0.3, 0.4, 0.45, 0.4999, 0.5, 0.6, 1.0, None])


def logprob(p: float | None) -> float:
    return math.nan if p is None else math.log(p) if p else -math.inf


@st.composite
def logs(draw: st.DrawFn) -> PredictionLog:
    """Logs of such texts in both units, with gaps and unpredicted positions."""
    unit = draw(st.sampled_from([Unit.BYTE, Unit.CHAR]))
    content = draw(data(25)) if unit is Unit.BYTE else draw(strings(25)).encode()
    n = len(text_of_bytes(content, unit))
    gaps = draw(st.booleans())
    kept = [k for k in range(n) if draw(st.integers(0, 4))] if gaps else list(range(n))
    assume(kept)
    p = draw(st.lists(PROBABILITIES, min_size=len(kept), max_size=len(kept)))
    log = log_of(unit, content, [logprob(x) for x in p], kept)
    best = log.codes.copy()
    best[draw(st.lists(st.integers(0, len(kept) - 1)))] = ord("q")
    return replace(log, argmax_codes=best)


def parted(log: PredictionLog, ids: list[int], cuts: set[int]) -> PredictionLog:
    """The log with the next of `ids` (-1: null) from each cut on."""
    which = np.searchsorted(sorted(cuts), np.arange(len(log)), "right") % len(ids)
    return replace(log, docs=np.array(ids, np.int64)[which])


@st.composite
def parted_logs(draw: st.DrawFn) -> PredictionLog:
    """Logs with documents whose borders lie anywhere, inside characters, too; ids return, and some are null."""
    log = draw(logs())
    cuts = draw(st.sets(st.integers(1, max(len(log) - 1, 1)), max_size=8))
    return parted(log, draw(st.lists(st.integers(-1, 2), min_size=1, max_size=4)), cuts)


increasing = st.sets(st.integers(0, 300), min_size=1, max_size=5).map(lambda values: tuple(sorted(values)))


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    layers = draw(st.permutations(PRESETS["paper"].layers))
    boosts = draw(st.sets(st.sampled_from([0.05, 0.1, 0.125, 0.2, 0.3, 0.4, 0.5, 1.0]), min_size=1))
    return Settings(
        layers=tuple(layers[: draw(st.integers(1, 6))]),
        criterion=draw(st.sampled_from([Criterion.PROBABILITY, Criterion.ARGMAX, Criterion(0.3), Criterion(0.8)])),
        ngram_max=draw(st.integers(1, 12)),
        memory_windows=draw(increasing),
        memory_min_length=draw(st.integers(1, 7)),
        rare_counts=draw(increasing),
        newline_reach=draw(st.integers(1, 5)),
        boosts=tuple(sorted(boosts)),
    )


alphabets = st.sampled_from(["a", "ab", "abc", "abcd", "aé", "猫犬a", "\n a", "ab\n", "1 \n", "12 \n"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Short texts of few symbols: random, with repeats, or one symbol only."""
    alphabet = draw(alphabets)
    piece = draw(st.text(alphabet, min_size=1, max_size=40))
    text = draw(st.sampled_from([piece, piece * 2, piece[:3] * 6, piece + piece[::-1]]))
    assume(text.strip(" \n"))  # in lines, a text of line ends alone is none
    return text


class Rows:
    """A log in memory of which any rows can be read, as of a file; counts those that are."""

    def __init__(self, log: PredictionLog) -> None:
        self.head, self.log, self.read = log.head, log, 0

    def __len__(self) -> int:
        return len(self.log)

    def rows(self, first: int, stop: int, rows: int = 1 << 18) -> Iterator[PredictionLog]:
        self.read += stop - first
        return self.log.part(first, stop).blocks(rows)
