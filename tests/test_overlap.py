"""Overlaps of errors against plain loops; areas of circles by counting points; `errtax overlap`."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_analyses as naive
from commands import Errtax
from errtax.lm.errors import BadInput
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, symbol_name, text_of_bytes
from errtax.oracle.text_view import TextView
from errtax.reports.figure import svg_of
from errtax.reports.studies.overlaps import overlap_figure
from errtax.reports.studies.venn import Disc, lens_area, three_discs, two_discs
from errtax.taxonomy.studies.overlap import Overlap, overlap
from errtax.taxonomy.studies.predictors import Predictors, ngram_logs

SYMBOLS = b"ab \n\t\xe2"


def predictors_of(codes: Sequence[int], *p: Sequence[float]) -> Predictors:
    """Logs of one text; p is NaN where nothing was predicted."""
    array, positions = np.array(codes, np.uint8), np.arange(len(codes))
    with np.errstate(divide="ignore"):
        logs = tuple(
            PredictionLog(f"log {k}", Unit.BYTE, positions, array, np.log(np.array(row))) for k, row in enumerate(p)
        )
    names = tuple(f"model {k}" for k in range(len(p)))
    return Predictors(logs, names, (None,) * len(p), TextView.of_log(logs[0]))


def same_as_naive(found: Overlap, predictors: Predictors) -> None:
    logprobs = [log.logprobs.tolist() for log in predictors.logs]
    wrong = [[math.exp(x) < 0.5 for x in row] for row in logprobs]
    due = naive.overlap_of(logprobs, wrong)
    for index, region in enumerate(found.regions):
        members = frozenset(k for k in range(len(logprobs)) if index >> k & 1)
        assert region.count == due.get(members, 0)
        assert region.members == tuple(found.members[k] for k in sorted(members))
    assert found.positions == sum(due.values()) == len(wrong[0]) - found.left_out
    assert sum(region.share for region in found.regions) == pytest.approx(1)
    means = naive.means_of(predictors.logs[0].codes.tolist(), logprobs)
    table = found.by_symbol
    assert table.codes.tolist() == sorted(means)
    for s, code in enumerate(table.codes.tolist()):
        assert [table.n[s], *table.mean[:, s]] == pytest.approx(means[code], abs=1e-12)
    assert table.errors.sum(axis=1).tolist() == [found.errors(k) for k in range(len(logprobs))]


PROBABILITIES = st.sampled_from([0.0, 0.2, 0.4, 0.49999, 0.5, 0.8, 1.0, math.nan])


@given(st.data(), st.integers(2, 3), st.integers(1, 30))
def test_overlaps_are_the_naive_ones(data: st.DataObject, members: int, n: int) -> None:
    codes = data.draw(st.lists(st.sampled_from(SYMBOLS), min_size=n, max_size=n))
    p = [data.draw(st.lists(PROBABILITIES, min_size=n, max_size=n)) for _ in range(members)]
    predictors = predictors_of(codes, *p)
    if all(any(math.isnan(x) for x in column) for column in zip(*p, strict=True)):
        with pytest.raises(BadInput, match="no position"):
            overlap(predictors)
        return
    same_as_naive(overlap(predictors), predictors)


def test_the_first_20000_symbols_of_war_and_peace(warpeace_parts: tuple[bytes, bytes, bytes]) -> None:
    train, _, test = warpeace_parts
    n = 20_000
    codes = text_of_bytes(test[:n], Unit.BYTE).codes
    noise = np.random.default_rng(5).random(n) ** 0.5
    noise[::977] = math.nan
    index = NgramIndex.build(text_of_bytes(train[:300_000], Unit.BYTE), order=7)
    log = PredictionLog("noise", Unit.BYTE, np.arange(n), codes, np.log(noise))
    grams = ngram_logs(index, (3, 7), log, TextView.of_log(log))
    names = ("noise", *(gram.model for gram in grams))
    predictors = Predictors((log, *grams), names, (None, 3, 7), TextView.of_log(log), index.description)
    found = overlap(predictors)
    assert found.left_out == 21 and min(region.count for region in found.regions) > 100
    same_as_naive(found, predictors)


def test_advantages_are_sorted_and_frequent() -> None:
    codes = list(b"aaabbbcccdde")
    first = [0.9] * 3 + [0.5] * 3 + [0.1] * 3 + [1.0] * 2 + [1.0]
    table = overlap(predictors_of(codes, first, [0.5] * 12)).by_symbol
    names = "abcde"
    assert [names[s] for s in table.advantages(2)] == ["d", "a"]  # b is level, c behind, e too rare
    assert [names[s] for s in table.disadvantages(1)] == ["c"]
    assert [names[s] for s in table.advantages(1, most=2)] == ["d", "e"]


def test_exactly_one_half_is_no_error() -> None:
    codes = text_of_bytes(b"abab", Unit.BYTE).codes
    log = PredictionLog("log", Unit.BYTE, np.arange(4), codes, np.log(np.full(4, 0.4)))

    class Half:
        """Gives every symbol one half, as far as float32 can say it."""

        order, description, text_sha256 = 1, "half", ""

        def score_blocks(self, codes: Any, unknown: Any) -> Any:
            yield np.full((len(codes), 1), np.log(0.5), np.float32)

    grams = ngram_logs(Half(), (1,), log, TextView.of_log(log))  # type: ignore[arg-type]
    predictors = Predictors((log, *grams), ("log", "half"), (None, 1), TextView.of_log(log))
    assert [region.count for region in overlap(predictors).regions] == [0, 4, 0, 0]


# --- circles --------------------------------------------------------------------------------------------------------


def counted_area(inside: Callable[[Any, Any], Any]) -> float:
    x, y = np.meshgrid(np.linspace(-4, 4, 1601), np.linspace(-4, 4, 1601))
    return float(inside(x, y).mean()) * 64


def within(disc: Disc) -> Callable[[Any, Any], Any]:
    return lambda x, y: (x - disc.x) ** 2 + (y - disc.y) ** 2 <= disc.radius**2


@pytest.mark.parametrize(
    ("first", "second", "both"), [(10, 6, 3), (10, 6, 5.9), (6, 10, 0), (10, 6, 6), (5, 5, 5), (3, 90, 2), (4, 0, 0)]
)
def test_areas_are_in_proportion(first: float, second: float, both: float) -> None:
    one, two = two_discs(first, second, both)
    scale = math.pi / max(first, second)
    assert math.pi * one.radius**2 == pytest.approx(scale * first)
    assert math.pi * two.radius**2 == pytest.approx(scale * second)
    assert lens_area(one.radius, two.radius, two.x - one.x) == pytest.approx(scale * both, abs=1e-6)
    counted = counted_area(lambda x, y: within(one)(x, y) & within(two)(x, y))
    assert counted == pytest.approx(scale * both, abs=0.02)
    assert min(one.x - one.radius, two.x - two.radius) == pytest.approx(-max(one.x + one.radius, two.x + two.radius))


def region_of(chosen: list[bool], member: list[Callable[[Any, Any], Any]]) -> Callable[[Any, Any], Any]:
    return lambda x, y: np.all([member[k](x, y) == chosen[k] for k in range(3)], axis=0)


def test_three_circles_have_seven_regions() -> None:
    discs = three_discs()
    for index in range(1, 8):
        chosen = [bool(index >> k & 1) for k in range(3)]
        member = [within(disc) for disc in discs]
        assert counted_area(region_of(chosen, member)) > 0.3


def picture_of(*p: Sequence[float], names: tuple[str, ...] = ()) -> str:
    predictors = predictors_of(list(SYMBOLS * 20), *p)
    found = overlap(predictors, min_count=5)
    object.__setattr__(found, "members", names or found.members)
    return svg_of(overlap_figure(found)).decode()


def test_pictures_have_titles_legends_and_every_number() -> None:
    rng = np.random.default_rng(3)
    p = rng.random((3, 120))
    for members in (2, 3):
        picture = picture_of(*p[:members])
        found = overlap(predictors_of(list(SYMBOLS * 20), *p[:members]))
        for region in found.regions:
            assert f"{region.count:,}" in picture and f"{100 * region.share:.2f} %" in picture
        words = ["wrong by none", "Errors (p&lt;0.5)", "mean probability of the correct symbol", "Largest advantages"]
        for word in [*words, "model 0", "model 1", "correct symbol", "errtax:", "·", "↵", "→", "‹E2›"]:
            assert word in picture, word
    assert "areas not to scale" in picture


@pytest.mark.parametrize("p", [(0.9, 0.9), (0.1, 0.9), (0.1, 0.1), (0.9, 0.1)])
def test_pictures_of_empty_and_equal_sets(p: tuple[float, float]) -> None:
    assert "wrong by none" in picture_of([p[0]] * 120, [p[1]] * 120, names=("$_{", "_b"))


def test_symbols_can_be_read() -> None:
    due = {0x20: "·", 0x0A: "↵", 0x09: "→", 0x0D: "←", 0x41: "A", 0xE2: "‹E2›", 0: "‹U+0000›"}
    assert {code: symbol_name(code, Unit.BYTE) for code in due} == due
    assert symbol_name(0xE2, Unit.CHAR) == "â"


# --- the command ----------------------------------------------------------------------------------------------------

TEXT = ('It was a dark and stormy night; the rain fell in torrents. “Except”, she said, "at times."\n' * 8).encode()


@pytest.fixture
def errtax(errtax_alone: Errtax) -> Errtax:
    Path("train.txt").write_bytes(TEXT[:400])
    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        write_log(Path(f"{name}.parquet"), TEXT, seed)
    return errtax_alone


def write_log(path: Path, text: bytes, seed: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = [bytes([b]) for b in text]
    frame = pd.DataFrame({"position": np.arange(len(text)), "symbol": symbols, "prob": rng.random(len(text))})
    frame["argmax"] = [s if rng.random() < 0.7 else b"e" for s in symbols]
    frame.to_parquet(path)


def test_tables_pictures_and_json(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt", "--order", 5)
    ngram = ["--ngram", "train.ngram", "--orders", 5]
    code, out, err = errtax("overlap", "a.parquet", "b.parquet", *ngram, "--min-count", 9, "--figure", "o.png")
    assert code == 0, err
    assert "4-gram (order 5)" in out and "only a" in out and "all wrong" in out and "overlap.parquet\no.png" in out
    assert errtax("validate", "overlap.parquet")[:2] == (0, "overlap.parquet is a valid errtax.overlap/1 file\n")
    document = json.loads(errtax("overlap", "a.parquet", "b.parquet", *ngram, "--min-count", 9, "--force", "--json")[1])
    assert next(iter(document)) == "schema"
    assert sum(region["count"] for region in document["regions"]) == document["positions"] == len(TEXT)
    frame = pd.read_parquet("overlap.parquet")
    assert [frame[f"errors_{k}"].sum() for k in (1, 2, 3)] == [member["errors"] for member in document["members"]]
    first = document["advantages"][0]
    row = frame[frame.symbol == bytes([first["code"]])].iloc[0]
    assert [row.n, row.mean_1, row.mean_2, row.mean_3] == [first["n"], *first["mean"]]
    table = pq.read_table("overlap.parquet")
    pq.write_table(table.slice(1), "bad.parquet")
    code, out, _ = errtax("validate", "bad.parquet")
    assert code == 1 and "'n' sums to" in out and "'errors_1' sums to" in out
    pq.write_table(table.replace_schema_metadata({"errtax.schema": "errtax.overlap/1"}), "bad.parquet")
    assert errtax("validate", "bad.parquet")[0] == 3


def test_the_criterion_argmax(errtax: Errtax) -> None:
    document = json.loads(errtax("overlap", "a.parquet", "b.parquet", "--criterion", "argmax", "--json")[1])
    logs = [pd.read_parquet(name) for name in ("a.parquet", "b.parquet")]
    assert document["members"][0]["errors"] == int((logs[0].symbol != logs[0].argmax).sum())
    both = (logs[0].symbol != logs[0].argmax) & (logs[1].symbol != logs[1].argmax)
    assert document["regions"][3]["count"] == int(both.sum())
    assert "|err:argmax|" in document["signature"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["a.parquet"], 2, ["1 prediction logs and 0", "two or three"]),
        (["a.parquet", "b.parquet", "c.parquet", "--ngram", "train.ngram", "--orders", "5"], 2, ["two or three"]),
        (["a.parquet", "--ngram", "train.ngram", "--orders", "5", "--criterion", "argmax"], 2, ["not available"]),
        (["a.parquet", "a.parquet"], 2, ["given twice"]),
        (["a.parquet", "other.parquet"], 3, ["a.parquet and other.parquet", "different texts", "position 0"]),
        (["a.parquet", "--orders", "5"], 2, ["--ngram"]),
        (["a.parquet", "--ngram", "char.ngram", "--orders", "2"], 3, ["units of char"]),
        (["a.parquet", "b.parquet", "--figure", "b.parquet"], 2, [".svg"]),
        (["a.parquet", "b.parquet", "-o", "b.parquet", "--force"], 2, ["is an input of this command"]),
        (["a.parquet", "train.txt"], 3, ["train.txt", "Parquet"]),
    ],
)
def test_what_is_refused(errtax: Errtax, arguments: list[str], code: int, words: list[str]) -> None:
    errtax("build-ngram", "train.txt", "--order", 5)
    errtax("build-ngram", "train.txt", "--order", 2, "--unit", "char", "-o", "char.ngram")
    write_log(Path("other.parquet"), b"X" + TEXT[1:], 3)
    found, out, err = errtax("overlap", *arguments)
    assert (found, out) == (code, "") and "Traceback" not in err
    assert all(word in err for word in words), err
    assert not Path("overlap.parquet").exists()


def test_a_log_without_argmax_says_so(errtax: Errtax) -> None:
    pd.read_parquet("b.parquet").drop(columns="argmax").to_parquet("plain.parquet")
    code, _, err = errtax("overlap", "a.parquet", "plain.parquet", "--criterion", "argmax")
    assert code == 3 and "plain.parquet has no column 'argmax'" in err
