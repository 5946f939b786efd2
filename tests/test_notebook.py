"""The Python interface: the same numbers as the command line's, as frames and pictures; its documentation runs."""

import doctest
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import errtax
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.log_reader import log_of_frame, read_log
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.custom import REGISTRY, oracle
from errtax.reports.notebook import PeelView
from errtax.taxonomy.peel_file import read_peel, write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.settings import PRESETS, Criterion, Settings
from errtax.taxonomy.summary import summarise

TRAIN = "the cat sat on the mat. the dog sat on the log. the end of 12 days.\n" * 30
TEXT = "the cat on the mat saw 12 dogs; natasha <b>saw</b> natasha on the log.\nthe end\n" * 40


def frame(seed: int = 1) -> pd.DataFrame:
    p = np.random.default_rng(seed).random(len(TEXT))
    columns = {"position": np.arange(len(TEXT)), "symbol": list(TEXT), "logprob": np.log(p)}
    return pd.DataFrame(columns)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.txt").write_text(TRAIN, "utf-8")
    frame().to_parquet(tmp_path / "preds.parquet")
    return tmp_path


@pytest.fixture
def view(folder: Path) -> PeelView:
    return errtax.peel(folder / "preds.parquet", train=folder / "train.txt")


def test_a_frame_a_file_and_the_command_line_agree(folder: Path, view: PeelView) -> None:
    by_command = peel_files(PeelInputs(folder / "preds.parquet", None, folder / "train.txt"), Settings())
    index = NgramIndex.build(text_of_bytes(TRAIN.encode(), Unit.CHAR), 10)
    others = [
        errtax.peel(str(folder / "preds.parquet"), train=str(folder / "train.txt")),
        errtax.peel(frame(), index, folder / "train.txt"),
        errtax.peel(read_log(folder / "preds.parquet"), index, folder / "train.txt"),
    ]
    due = summarise(by_command)
    assert view.summary == due
    for other in others:
        assert [layer.count for layer in other.summary.layers] == [layer.count for layer in due.layers]
        assert other.signature == due.signature


def test_the_tables_are_the_statistics(view: PeelView) -> None:
    table, fair = view.table(), view.fair()
    assert list(table.index) == ["ngram", "memory", "rare", "word", "punctuation", "boost"]
    assert table["errors"].sum() == view.summary.errors
    assert table["share"].sum() == pytest.approx(1)
    assert ((table["share_low"] <= table["share"]) & (table["share"] <= table["share_high"])).all()
    correct = view.summary.correct_bits
    assert table["bits"].sum() + correct == pytest.approx(view.summary.bits, abs=1e-12)
    parts = view.table(slices=True)
    assert parts["errors"].groupby(level="layer", sort=False).sum().to_dict() == table["errors"].to_dict()
    assert parts.loc[("rare", "0-train"), "errors"] == next(
        part.count for layer in view.summary.layers for part in layer.slices if part.name == "0-train"
    )
    assert list(fair.index) == ["ngram", "memory", "rare", "word", "punctuation"]
    assert ((fair["unique"] <= fair["fair"]) & (fair["fair"] <= fair["solo"])).all()


def test_the_frame_is_the_file(folder: Path, view: PeelView) -> None:
    view.save(folder / "x.peel.parquet")
    pd.testing.assert_frame_equal(view.to_pandas(), pd.read_parquet(folder / "x.peel.parquet"))
    again = errtax.read(folder / "x.peel.parquet")
    assert again.summary == view.summary
    with pytest.raises(UsageError, match="exists already"):
        view.save(folder / "x.peel.parquet")


def test_repeel_and_compare(view: PeelView, folder: Path) -> None:
    other = view.repeel(layers=["rare", "boost"], rare_counts=[0, 2])
    assert list(other.table(slices=True).index[:2]) == [("rare", "0-train"), ("rare", "2-train")]
    second = errtax.peel(frame(2), train=folder / "train.txt")
    found = view.compare(second)
    table = found.table()
    assert list(table.index)[-1] == "all errors"
    assert (table["before"] - table["after"] == table["saved"]).all()
    assert (table["fixed"] + table["kept"] == table["before"]).all()
    assert table.loc["all errors", "before"] == view.summary.errors
    assert found.table(slices=True)["before"].sum() == view.summary.errors
    assert repr(found) == f"<comparison: {found.finding}>"


def test_oracles_of_a_notebook(folder: Path) -> None:
    try:
        oracle("digits", rule="a digit")(lambda view: [c.isdigit() for c in view.string])
        view = errtax.peel(folder / "preds.parquet", layers=["digits", "boost"])
        errors = frame()["logprob"] < np.log(0.5)
        due = (errors & frame()["symbol"].str.isdigit()).sum()
        assert view.table().loc["digits", "errors"] == due > 0
        assert view.repeel(layers=["boost", "digits"]).table().loc["digits", "errors"] == 0
    finally:
        REGISTRY.pop("digits", None)


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)


def test_what_a_notebook_shows(view: PeelView, folder: Path) -> None:
    shown = view._repr_html_()
    tags = _Tags(shown).tags
    assert len(shown) < 200_000
    assert {"svg", "table"} <= set(tags)
    assert "script" not in tags and "b" not in tags
    assert view.signature.replace("<", "&lt;").replace(">", "&gt;") in shown
    compared = view.compare(view)._repr_html_()
    assert {"svg", "table"} <= set(_Tags(compared).tags) and len(compared) < 200_000
    view.plot.bars().save(folder / "bars.png")
    assert (folder / "bars.png").read_bytes()[:4] == b"\x89PNG"
    assert view.plot.pie()._repr_svg_().startswith("<svg")
    assert list(view.worst(3).columns)[:2] == ["position", "p"]
    assert view.worst(3)["p"].is_monotonic_increasing
    view.report(folder / "r.html")
    assert "n-gram" in (folder / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"preset": "mine"}, UsageError, "there is no preset 'mine'; there are paper, text"),
        ({"wrong": [1]}, UsageError, "there is no setting 'wrong'; there are layers, criterion"),
        ({"memory": [1]}, UsageError, "there is no setting 'memory'; did you mean 'memory_windows'?"),
        ({"criterion": "p"}, UsageError, "a criterion is argmax, or p<T with 0 < T <= 1"),
        ({"criterion": None}, UsageError, "a criterion is argmax, or p<T"),
        ({"boosts": 0.5}, UsageError, "the setting 'boosts' is a list, as in boosts=.0.1, 0.2"),
        ({"ngram_max": "many"}, UsageError, "the setting 'ngram_max' takes values of type int; got 'many'"),
        ({"memory_windows": [1.5]}, UsageError, "takes values of type int; got 1.5"),
        ({"boosts": [float("nan")]}, UsageError, "takes values of type float; got nan"),
        ({"layers": ["digits"]}, UsageError, "there is no layer 'digits'"),
        ({"train": "absent.txt"}, BadInput, "absent.txt does not exist"),
        ({"ngram": "absent.ngram"}, BadInput, "absent.ngram"),
    ],
)
def test_what_goes_wrong(given: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        errtax.peel(frame(), **given)


def test_a_frame_that_is_no_log() -> None:
    with pytest.raises(BadInput, match="log is not a valid prediction log: column 'symbol'"):
        errtax.peel(frame().drop(columns="symbol"))
    with pytest.raises(BadInput, match="the frame is not a valid prediction log: it has no rows"):
        log_of_frame(frame()[:0])


def test_settings_of_other_types_will_do() -> None:
    one = errtax.peel(frame(), layers="word,boost", memory_windows=np.array([50, 60]), criterion=Criterion(0.3))
    two = errtax.peel(frame(), layers=["word", "boost"], memory_windows=(50, 60), criterion="p<0.3")
    assert one.peel.settings == two.peel.settings


def test_presets(folder: Path) -> None:
    view = errtax.peel(folder / "preds.parquet", train=folder / "train.txt", preset="text")
    assert view.peel.settings == PRESETS["text"]
    write_peel(folder / "t.parquet", view.peel)
    assert read_peel(folder / "t.parquet").settings == PRESETS["text"]


def test_importing_errtax_is_light() -> None:
    light = "import sys, errtax; sys.exit(any(m in sys.modules for m in ('pandas', 'numpy', 'matplotlib', 'torch')))"
    heavy = "import sys, errtax; errtax.peel; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", light], check=False).returncode == 0
    assert subprocess.run([sys.executable, "-c", heavy], check=False).returncode == 1
    with pytest.raises(AttributeError, match="no attribute 'peal'"):
        errtax.peal  # noqa: B018


def test_the_documentation_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    path = Path(__file__).parents[1] / "docs" / "python.md"
    result = doctest.testfile(str(path), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 10 and result.failed == 0
    REGISTRY.pop("digits", None)
