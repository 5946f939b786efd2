"""`errtax.peel` and its like as Python programs call them: logs of all kinds, arguments, messages."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import errtax
from errtax.lm.errors import BadInput, ErrtaxError, UsageError
from errtax.reports.notebook import PeelView
from errtax.reports.python_words import in_python

TEXT = "the old cat sat on the new mat; the ölд dog sat on the log.\n" * 20
P = np.random.default_rng(3).uniform(0.01, 0.99, len(TEXT))
COLUMNS: dict[str, Any] = {"position": np.arange(len(TEXT)), "symbol": list(TEXT), "logprob": np.log(P)}


@pytest.fixture(autouse=True)
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.txt").write_text(TEXT, encoding="utf-8")


def peeled(log: Any, **more: Any) -> PeelView:
    return errtax.peel(log, train_text="train.txt", **more)


def test_dir_is_the_public_api() -> None:
    assert dir(errtax) == sorted(errtax.__all__)
    assert all(hasattr(errtax, name) for name in dir(errtax))


@pytest.mark.parametrize(
    "make",
    [
        lambda: pa.table(COLUMNS),
        lambda: COLUMNS,
        lambda: {**COLUMNS, "logprob": list(COLUMNS["logprob"])},
        lambda: {name: pa.array(values) for name, values in COLUMNS.items()},
        lambda: {name: COLUMNS[name] for name in ("symbol", "logprob")},
        lambda: {"symbol": list(TEXT), "prob": P},
    ],
)
def test_a_log_may_be_any_table(make: Callable[[], Any]) -> None:
    assert peeled(make()).table().equals(peeled(pd.DataFrame(COLUMNS)).table())


@pytest.mark.parametrize(
    "make", [lambda: np.log(P), lambda: list(np.log(P)), lambda: pa.array(np.log(P)), lambda: {"prob": P}]
)
def test_a_log_may_be_an_array_with_its_text(make: Callable[[], Any]) -> None:
    assert peeled(make(), text=TEXT).table().equals(peeled(pd.DataFrame(COLUMNS)).table())


def test_text_of_bytes_is_a_log_of_bytes() -> None:
    content = TEXT.encode()
    p = np.random.default_rng(3).uniform(0.01, 0.99, len(content))
    frame = pd.DataFrame({"position": range(len(p)), "symbol": [bytes([b]) for b in content], "logprob": np.log(p)})
    found = peeled(np.log(p), text=content)
    assert found.table().equals(peeled(frame).table()) and "unit:byte" in found.signature


def test_what_is_not_predicted_is_masked() -> None:
    log = np.ma.array(np.log(P), mask=np.arange(len(P)) < 5)
    assert peeled(log, text=TEXT).summary.positions == len(P) - 5


@pytest.mark.parametrize(
    ("log", "more", "kind", "said"),
    [
        (np.log(P), {}, UsageError, "text="),
        (np.log(P)[1:], {"text": TEXT}, BadInput, "1,199 log-probabilities for a text of 1,200"),
        (np.log(P).reshape(2, -1), {"text": TEXT}, UsageError, "shape"),
        (COLUMNS, {"text": TEXT}, UsageError, "text="),
        ({**COLUMNS, "logprob": np.log(P)[1:]}, {}, BadInput, "one length"),
        (5, {}, UsageError, "a log is"),
        ({"logprob": "abc"}, {"text": "abc"}, UsageError, "a log is"),
        ({"logprob": [1, "a"]}, {"text": "ab"}, BadInput, "not a column"),
        (np.array([0.5, -1]), {"text": "ab"}, BadInput, "logprob"),
        (np.array([-1.0]), {"text": "\ud800"}, BadInput, "Unicode"),
        (np.array([-1.0]), {"text": Path("x")}, UsageError, "Path"),
        ({}, {}, UsageError, "text="),
    ],
)
def test_what_is_no_log_is_refused(log: Any, more: dict[str, Any], kind: type[ErrtaxError], said: str) -> None:
    with pytest.raises(kind, match=said):
        peeled(log, **more)


def test_train_and_train_text_are_one(caplog: pytest.LogCaptureFixture) -> None:
    assert errtax.peel(COLUMNS, train="train.txt").table().equals(peeled(COLUMNS).table())
    with pytest.raises(UsageError, match="give it once"):
        peeled(COLUMNS, train="train.txt")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("trian", "train"),
        ("train_txt", "train_text"),
        ("ngrams", "ngram"),
        ("layer", "layers"),
        ("memory_window", "memory_windows"),
        ("params", "parameters"),
    ],
)
def test_a_misspelled_argument_is_refused_with_the_one_that_was_meant(wrong: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"'{wrong}'; did you mean '{meant}'"):
        errtax.peel(COLUMNS, **dict[str, Any]({wrong: 1}))


def test_what_the_model_is_called() -> None:
    view = peeled(COLUMNS, model="mine", parameters=5, step=7)
    assert view.summary.model == "mine" and (view.peel.sources["parameters"], view.peel.sources["step"]) == ("5", "7")
    assert view.named("other").summary.model == "other" and view.named("other").peel.sources["step"] == "7"
    view.save("x.parquet")
    assert errtax.read("x.parquet").summary.model == "mine"


def test_a_comparison_tells_two_of_one_name_apart() -> None:
    view = peeled(COLUMNS)
    assert view.compare(view).comparison.other.model == "log [2]"


def test_trend_calibration_and_check_are_those_of_the_library() -> None:
    from errtax.taxonomy.calibration import calibration
    from errtax.taxonomy.check import check
    from errtax.taxonomy.limits import parse_limits

    frame = pd.DataFrame(COLUMNS).assign(argmax=COLUMNS["symbol"], argmax_logprob=np.log(P))
    views = [peeled(frame.assign(logprob=np.log(P) * k), model=str(k)) for k in (1.0, 0.8, 0.6)]
    found = errtax.trend(views, parameters=[10, 100, 1000])
    rates = [100 * view.summary.errors / len(P) for view in views]
    assert [each.value for each in found.trend.classes[0].rates] == pytest.approx(rates)
    assert found.trend.classes[0].slope.value == pytest.approx((rates[2] - rates[0]) / 2)
    slopes = ["slope", "slope_low", "slope_high", "slope_of_models_low", "slope_of_models_high", "scatter"]
    assert found.table().columns.tolist() == [*slopes, "1.0", "0.8", "0.6"]
    assert found.plot.svg.startswith("<svg") and "1.0, 0.8, 0.6" in repr(found)
    with pytest.raises(UsageError, match="give it with parameters"):
        errtax.trend(views)
    with pytest.raises(UsageError, match="parameters or step"):
        errtax.trend(views, by="size")
    same = calibration(views[0].peel)
    table = views[0].calibration().table()
    assert table["confidence"].tolist() == [each.confidence.value for each in same.classes]
    checked = views[0].check("errors:10%", "ngram:+0.3pp", baseline=views[1])
    due = check(views[0].peel, parse_limits(["errors:10%", "ngram:+0.3pp"]), views[1].peel)
    assert list(checked.verdicts) == due and checked.broken is any(each.broken for each in due)
    assert checked.table()["outcome"].tolist() == [each.outcome for each in due]
    assert checked.markdown().startswith("### errtax check: 1.0")
    with pytest.raises(UsageError, match=r"need baseline='OLD\.peel\.parquet'"):
        views[0].check("errors:+1pp")


def test_messages_name_arguments(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "errtax"):
        errtax.peel(COLUMNS)
        peeled(COLUMNS)
    assert "Layers left out" in caplog.text and "No ngram: building" in caplog.text
    assert "--" not in caplog.text
    with pytest.raises(UsageError) as raised:
        errtax.peel(COLUMNS, layers=["ngram"])
    assert "ngram='X.ngram' or train_text='train.txt'" in str(raised.value)
    Path("x").touch()
    with pytest.raises(UsageError, match="give force=True to replace it, or another name"):
        peeled(COLUMNS).save("x")
    with pytest.raises(BadInput, match=r"criterion='p<0.5'"):
        peeled(COLUMNS, criterion="argmax")


def test_a_command_names_flags_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    peeled(COLUMNS)
    with caplog.at_level(logging.INFO, "errtax"):
        logging.getLogger("errtax").info("give %s", "--ngram")
    assert caplog.messages[-1] == "give --ngram"


def test_no_message_of_the_library_keeps_a_flag() -> None:
    """Every string in the code of the parts that Python programs call, as far as it is no command for a shell."""
    import ast
    import re

    root = Path(__file__).parents[1]
    files = [path for part in ("lm", "oracle", "taxonomy") for path in (root / part).rglob("*.py")]
    strings = [
        node.value
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\s--[a-z]", node.value)
    ]
    assert len(strings) > 20
    for string in strings:
        assert not re.search(
            r"(?<!\S)--[a-z]", re.sub(r"errtax [a-z-]+[^;,()]*|pip .*|--(no-|text|arpa)\S*", "", in_python(string))
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda view: view.worst(0),
        lambda view: view.worst(-1),
        lambda view: view.compare(None),
        lambda view: view.repeel(layers=3),
        lambda view: view.named(model=3),
        lambda view: errtax.read(None),  # type: ignore[arg-type]
    ],
)
def test_arguments_of_the_wrong_kind_are_refused(ask: Callable[[Any], object]) -> None:
    text = "the cat sat. " * 5
    view = errtax.peel(np.full(len(text), -1.0), text=text, layers=["word", "boost"])
    with pytest.raises(UsageError, match="got"):
        ask(view)
