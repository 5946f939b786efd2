"""Scores of cells against a slow twin, planted cells, and where a feature varies most."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.text import Codes
from errtax.oracle.features import Feature, FeatureKind, FeatureReader, known_features
from errtax.oracle.text_kind import Reading
from errtax.taxonomy.studies.cells import CellOptions, Choice, choose_cells, place, show, track
from errtax.taxonomy.studies.passages import LENGTH, LiveliestPassages, Passage, read_cells_in, whole_characters
from errtax.taxonomy.studies.tracking import Sums, TrackedCell, Tracking, add_values, tracking_of
from naive_tracking import naive_scores

BINARY, NUMBER = Feature("b", FeatureKind.BINARY, ""), Feature("n", FeatureKind.NUMBER, "")


class Window(NamedTuple):
    """As `errtax.lm.activations.CellWindow`, which wants torch."""

    start: int
    codes: Codes
    values: tuple[NDArray[Any], ...]


def windows_of(rows: Codes, layers: Sequence[NDArray[Any]], widths: Sequence[int] = (100,)) -> Iterator[Window]:
    """Windows of these widths, again and again; layers: (L, B, H) each."""
    start, k = 0, 0
    while start < rows.shape[1]:
        stop = min(start + widths[k % len(widths)], rows.shape[1])
        yield Window(start, rows[:, start:stop], tuple(layer[start:stop] for layer in layers))
        start, k = stop, k + 1


def track_arrays(layers: Sequence[NDArray[Any]], x: NDArray[Any], cuts: Sequence[int] = ()) -> Tracking:
    """x (L, B, 2): a binary feature and a number; in windows cut at `cuts`."""
    hidden = [layer.shape[2] for layer in layers]
    fit, held = Sums.empty(sum(hidden), 2), Sums.empty(sum(hidden), 2)
    middle = len(x) // 2
    edges = sorted({0, middle, len(x), *(cut for cut in cuts if cut < len(x))})
    for start, stop in pairwise(edges):
        into = fit if stop <= middle else held
        flat = [layer[start:stop].reshape(-1, layer.shape[2]) for layer in layers]
        add_values(into, flat, x[start:stop].reshape(-1, 2), into is held)
    return tracking_of((BINARY, NUMBER), hidden, fit, held)


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 3), st.lists(st.integers(1, 39)))
def test_scores_are_those_of_the_twin(seed: int, length: int, n_rows: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    few = np.array([-1, -0.999, -0.5, 0, 0.015625, 0.3, 1], np.float32)
    layers = [rng.choice(few, (length, n_rows, 2)), np.tanh(rng.normal(size=(length, n_rows, 2))).astype(np.float32)]
    layers[0][:, :, 1] = rng.choice(few)  # a dead cell
    x = np.stack([rng.random((length, n_rows)) < 0.4, rng.integers(0, 9, (length, n_rows))], 2).astype(np.float32)
    tracking = track_arrays(layers, x, cuts)
    values = np.concatenate(layers, 2)
    for f, feature in enumerate((BINARY, NUMBER)):
        halves = (x[: length // 2, :, f], x[length // 2 :, :, f])
        assert (feature.name in tracking.unscored) == any(np.ptp(half) == 0 for half in halves)
        for c in range(4 if feature.name not in tracking.unscored else 0):
            score, r, accuracy = naive_scores(values[:, :, c].T, x[:, :, f].T, f == 0)
            assert tracking.score[c, f] == pytest.approx(score, abs=1e-9)
            assert tracking.r[c, f] == pytest.approx(r, abs=1e-9)
            assert tracking.accuracy[c, f] == pytest.approx(accuracy, abs=1e-9, nan_ok=True)
    np.testing.assert_allclose(tracking.mean, x.mean((0, 1), dtype=np.float64))


def test_why_a_feature_has_no_score() -> None:
    x = np.zeros((10, 1, 2), np.float32)
    cells = [np.zeros((10, 1, 1), np.float32)]
    assert track_arrays(cells, x).unscored == {"b": "never occurs", "n": "always 0"}
    assert track_arrays(cells, x + 1).unscored == {"b": "always occurs", "n": "always 1"}
    x[2, 0, 0] = x[7, 0, 1] = 1
    tracking = track_arrays(cells, x)
    assert tracking.unscored == {
        "b": "does not vary in the second half of the rows",
        "n": "does not vary in the first half of the rows",
    }
    assert tracking.best(0, 3) == [] and choose_cells(tracking) == []


def test_values_that_are_no_numbers_are_refused() -> None:
    cells = np.full((10, 1, 1), np.nan, np.float32)
    with pytest.raises(BadInput, match="not finite"):
        track_arrays([cells], np.tile(np.array([0, 1], np.float32), (10, 1, 1)))


def prose(n: int) -> bytes:
    rng = np.random.default_rng(7)
    lines = [b'He said: "Yes." And she (who knew) went', b"on and on, without a word", b'"No," said he,', b""]
    return b"\n".join(lines[k] for k in rng.integers(0, 4, n))


def test_a_planted_cell_is_found_and_a_random_one_is_not() -> None:
    rows = np.frombuffer(prose(2000)[:40_000], np.uint8).reshape(4, -1)
    features = known_features()
    reader = FeatureReader(features, Reading.PROSE, rows[:, :0])
    truth = FeatureReader(features, Reading.PROSE, rows[:, :0]).read(rows)
    index = {item.name: f for f, item in enumerate(features)}
    rng = np.random.default_rng(1)
    layers = [rng.uniform(-1, 1, (rows.shape[1], 4, 5)).astype(np.float32) for _ in range(2)]
    layers[0][:, :, 2] = 0.5 - truth[:, :, index["quotes"]] + 0.1 * layers[0][:, :, 2]
    layers[1][:, :, 4] = np.sin(truth[:, :, index["line-position"]] / 20)  # no linear function, but a function
    tracking, passages = track(windows_of(rows, layers, (100, 1, 37)), reader, rows.shape, (5, 5))
    (quote,), (line,) = tracking.best(index["quotes"], 1), tracking.best(index["line-position"], 1)
    assert quote.cell == TrackedCell(1, 3) and quote.score > 0.95 and quote.r < -0.95 and quote.accuracy == 1
    assert line.cell == TrackedCell(2, 5) and line.score > 0.85
    others = [c for c, cell in enumerate(tracking.cells) if cell not in (TrackedCell(1, 3), TrackedCell(2, 5))]
    assert np.abs(tracking.score[others]).max() < 0.06
    assert tracking.mean[index["quotes"]] == pytest.approx(truth[:, :, index["quotes"]].mean())
    assert choose_cells(tracking)[0].cell == TrackedCell(1, 3)
    shown = passages[index["quotes"]]
    start = shown.start
    changes = np.count_nonzero(np.diff(truth[start : start + LENGTH, shown.row, index["quotes"]]))
    assert changes >= np.abs(np.diff(truth[:LENGTH, :, index["quotes"]], axis=0)).sum(0).max()


@given(st.integers(0, 2**32), st.integers(1, 5200), st.lists(st.integers(1, 900), min_size=1, max_size=5))
def test_the_liveliest_passage_is_that_of_the_whole_array(seed: int, length: int, widths: list[int]) -> None:
    rng = np.random.default_rng(seed)
    calm = np.repeat(rng.random((length // 100 + 1, 2, 2)), 100, axis=0)[:length]
    x = np.stack([rng.random((length, 2)) < calm[:, :, 0], rng.random((length, 2)) * calm[:, :, 1]], 2)
    x = x.astype(np.float32)
    liveliest = LiveliestPassages((BINARY, NUMBER), 2)
    start = k = 0
    while start < length:
        liveliest.add(start, x[start : start + widths[k % len(widths)]])
        start, k = start + widths[k % len(widths)], k + 1
    ends = [*range(LENGTH, length, 500), length]  # the last one may be short of 2,000
    starts = [max(-(-end // 500) * 500 - LENGTH, 0) for end in ends]
    for f, found in enumerate(liveliest.passages()):
        pieces = [[variation(x[s : min(s + LENGTH, length), row, f], f == 0) for s in starts] for row in range(2)]
        chosen = variation(x[found.start : found.start + LENGTH, found.row, f], f == 0)
        assert found.start in starts
        assert chosen == pytest.approx(np.max(pieces), rel=1e-3, abs=2)  # the change at a border counts there


def variation(x: NDArray[np.float32], binary: bool) -> float:
    if binary:
        return float(np.count_nonzero(np.diff(x)))
    return float(((x.astype(np.float64) - x.mean(dtype=np.float64)) ** 2).sum())


def test_a_passage_ends_with_its_row_and_cuts_no_character() -> None:
    rows = np.frombuffer("aé“b".encode() * 2, np.uint8).reshape(2, 7)
    choice, passages = Choice(TrackedCell(1, 1), (0,)), [Passage(1, 6, LENGTH)]
    assert place(choice, passages, CellOptions(length=3), rows) == Passage(1, 3, 4)
    assert place(choice, passages, CellOptions(length=100), rows) == Passage(1, 0, 7)
    assert place(choice, passages, CellOptions(start=6, length=5), rows) == Passage(0, 6, 1)
    assert place(choice, passages, CellOptions(start=9, length=2), rows) == Passage(1, 1, 5)
    assert place(Choice(TrackedCell(1, 1), ()), passages, CellOptions(), rows) == Passage(0, 0, 7)
    assert whole_characters(np.frombuffer(b"\x80" * 9, np.uint8), 4, 5) == (1, 8)  # not UTF-8: three bytes at most


def test_the_values_of_a_passage_are_read_across_windows_and_no_further() -> None:
    rows = np.arange(60, dtype=np.uint8).reshape(2, 30)
    values = np.arange(30 * 2 * 3, dtype=np.float32).reshape(30, 2, 3)
    seen = []

    def windows() -> Iterator[Window]:
        for window in windows_of(rows, [values, -values], (7,)):
            seen.append(window.start)
            yield window

    first, second = read_cells_in(windows(), [(Passage(1, 5, 10), 0, 2), (Passage(0, 0, 3), 1, 1)])
    np.testing.assert_array_equal(first, values[5:15, 1, 2])
    np.testing.assert_array_equal(second, -values[:3, 0, 1])
    assert seen == [0, 7, 14]
    (missing,) = read_cells_in(windows_of(rows, [values]), [(Passage(0, 28, 4), 0, 0)])
    assert np.isnan(missing).tolist() == [False, False, True, True]


def test_shown_cells_are_those_asked_for_or_the_best() -> None:
    features = tuple(Feature(f"f{k}", FeatureKind.NUMBER, "") for k in range(12))
    score = np.zeros((12, 12))
    score[np.arange(12), np.arange(12)] = np.linspace(0.25, 0.9, 12)
    score[11, 10] = 0.99  # cell 12 is the best of two features
    nothing = np.full((12, 12), np.nan)
    tracking = Tracking(features, (6, 6), 9, score, score, nothing, np.zeros(12), {})
    chosen = choose_cells(tracking)
    assert chosen[0] == Choice(TrackedCell(2, 6), (10, 11))
    assert [choice.cell.unit for choice in chosen] == [6, 4, 3, 2, 1, 6, 5, 4]
    assert choose_cells(tracking, [TrackedCell(1, 1), TrackedCell(1, 1)]) == [Choice(TrackedCell(1, 1), (0,))]
    rows = np.frombuffer(b"abcd", np.uint8).reshape(1, 4)
    layers = [np.zeros((4, 1, 6), np.float32), np.ones((4, 1, 6), np.float32)]
    (panel,) = show(lambda span: windows_of(rows, layers), rows, [(chosen[0], Passage(0, 1, 2))], tracking)
    assert panel.cell == TrackedCell(2, 6) and panel.start == 1 and panel.values.tolist() == [1, 1]
    assert [(feature.name, found.score) for feature, found in panel.tracks] == [("f10", 0.99), ("f11", 0.9)]
