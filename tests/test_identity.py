"""Which log, and what its model is called: LOG or --preds, names and sizes that the user gives, names that clash."""

import json
from pathlib import Path

import numpy as np
import pytest

from commands import TEXT, Errtax, refused, write_log
from errtax.lm.errors import UsageError
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.taxonomy.identity import Identity, distinct_names, identities


def log(name: str, model: str | None = None) -> PredictionLog:
    metadata = {} if model is None else {"model": model}
    codes = np.zeros(1, np.uint8)
    return PredictionLog(name, Unit.BYTE, np.zeros(1, np.int64), codes, np.zeros(1), metadata=metadata)


@pytest.mark.parametrize(
    ("logs", "names"),
    [
        ([log("a.parquet"), log("b.parquet")], ["a", "b"]),
        ([log("a.parquet", "L"), log("b.peel.parquet", "L")], ["L [a]", "L [b]"]),
        ([log("x/p.parquet", "L"), log("y/p.parquet", "L")], ["L [x/p]", "L [y/p]"]),
        ([log("log"), log("log"), log("other")], ["log [1]", "log [2]", "other"]),
        ([log("a.parquet", "L"), log("a.parquet", "M"), log("b.parquet", "L")], ["L [a]", "M", "L [b]"]),
    ],
)
def test_no_two_models_have_one_name(logs: list[PredictionLog], names: list[str]) -> None:
    assert distinct_names(logs) == names


def test_the_log_is_an_argument_or_an_option(errtax: Errtax) -> None:
    def counts(*arguments: object) -> list[object]:
        done = errtax("peel", *arguments, "--train-text", "train.txt", "--force", "--json")
        assert done.code == 0, done.err
        return [json.loads(done.out)["layers"], json.loads(done.out)["peel"]]

    assert counts("preds.parquet") == counts("--preds", "preds.parquet")
    refused(errtax("peel", "preds.parquet", "--preds", "preds.parquet", "--force"), 2, "give it once")
    refused(errtax("peel"), 2, "no prediction log is given", "errtax peel preds.parquet")
    refused(errtax("peel", "none.parquet"), 3, "none.parquet")


def test_the_argument_is_before_a_file_and_the_environment(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("errtax.toml").write_text("preds = 'preds.parquet'\n")
    write_log(Path("other.parquet"), TEXT[:200])
    assert json.loads(errtax("peel", "--json").out)["positions"] == 300
    assert json.loads(errtax("peel", "other.parquet", "--json").out)["positions"] == 200
    Path("errtax.toml").unlink()
    monkeypatch.setenv("ERRTAX_PREDS", "preds.parquet")
    assert json.loads(errtax("peel", "other.parquet", "--json", "--force").out)["positions"] == 200


def test_distance_takes_logs_as_arguments(errtax: Errtax) -> None:
    options = ("--pair", "''", "--force", "--json")
    write_log(Path("other.parquet"), TEXT[:300])
    one = json.loads(errtax("distance", "preds.parquet", "other.parquet", *options).out)
    assert one == json.loads(errtax("distance", "--preds", "preds.parquet", "--preds", "other.parquet", *options).out)
    refused(errtax("distance", "preds.parquet", "--preds", "other.parquet", *options), 2, "give it once")
    refused(errtax("distance", *options), 2, "no prediction log is given")


def test_what_the_user_says_of_a_model_is_kept(errtax: Errtax) -> None:
    said = ("--model", "LSTM of mine", "--parameters", 1000, "--step", 7)
    done = errtax("peel", "preds.parquet", "--train-text", "train.txt", *said, "--json")
    assert json.loads(done.out)["model"] == "LSTM of mine"
    assert json.loads(errtax("repeel", "preds.peel.parquet", "--json").out)["model"] == "LSTM of mine"
    assert errtax("validate", "preds.peel.parquet").code == 0
    for number, scale in (("2", 2000), ("3", 4000)):
        options = (
            "--train-text",
            "train.txt",
            "--model",
            f"m{number}",
            "--parameters",
            scale,
            "-o",
            f"{number}.parquet",
        )
        assert errtax("peel", "preds.parquet", *options).code == 0
    found = json.loads(errtax("trend", "3.parquet", "preds.peel.parquet", "2.parquet", "--json").out)
    assert found["models"] == [
        {"model": "LSTM of mine", "parameters": 1000, "left_out": 0},
        {"model": "m2", "parameters": 2000, "left_out": 0},
        {"model": "m3", "parameters": 4000, "left_out": 0},
    ]


@pytest.fixture
def three(errtax: Errtax) -> Errtax:
    for name in "abc":
        Path(name).mkdir()
        assert errtax("peel", "preds.parquet", "--train-text", "train.txt", "-o", f"{name}/p.peel.parquet").code == 0
    return errtax


THREE = ("a/p.peel.parquet", "b/p.peel.parquet", "c/p.peel.parquet")


def test_trend_is_told_what_the_logs_do_not_say(three: Errtax) -> None:
    refused(three("trend", *THREE), 2, "--parameters")
    found = json.loads(three("trend", *THREE, "--parameters", "30,10,20", "--json").out)
    assert found["models"] == [
        {"model": "preds [b/p]", "parameters": 10, "left_out": 0},
        {"model": "preds [c/p]", "parameters": 20, "left_out": 0},
        {"model": "preds [a/p]", "parameters": 30, "left_out": 0},
    ]
    names = [option for name in ("x", "y", "z") for option in ("--model", name)]
    found = json.loads(three("trend", *THREE, "--by", "step", "--step", "1,2,3", *names, "--json").out)
    assert [each["model"] for each in found["models"]] == ["x", "y", "z"]
    refused(three("trend", *THREE, "--parameters", "1,2"), 2, "2 given for 3 models")
    refused(three("trend", *THREE, "--parameters", "0,1,2"), 2, "from 1")


def test_two_logs_of_one_name_are_told_apart(three: Errtax) -> None:
    found = json.loads(three("compare", *THREE, "--json").out)["comparisons"]
    assert [(each["baseline"]["model"], each["other"]["model"]) for each in found] == [
        ("preds [a/p]", "preds [b/p]"),
        ("preds [a/p]", "preds [c/p]"),
    ]
    models = json.loads(three("report", *THREE, "--json").out)["summaries"]
    assert [each["model"] for each in models] == ["preds [a/p]", "preds [b/p]", "preds [c/p]"]


@pytest.mark.parametrize(
    "wrong", [{"model": " "}, {"parameters": 0}, {"step": -1}, {"parameters": True}, {"step": 1.5}]
)
def test_what_no_model_has_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Identity(**wrong)  # type: ignore[arg-type]


def test_lists_for_several_models_have_their_length() -> None:
    assert identities(2, [], None, (3, 4)) == [Identity(step=3), Identity(step=4)]
    with pytest.raises(UsageError, match="parameters: 3 given for 2 models"):
        identities(2, parameters=[1, 2, 3])
