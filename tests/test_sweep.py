"""A sweep: what it trains, that it is the same however often it is stopped, and what it tells."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import locked
from errtax.lm.log_reader import read_log
from errtax.lm.text import Unit

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from errtax.cli.main import cli  # noqa: E402
from errtax.lm.neural.models import Shape  # noqa: E402
from errtax.lm.neural.run import Epoch, Recipe, Run, checkpoints, read_run, write_run  # noqa: E402
from errtax.reports.studies.sweep import agreement_figure, classes_figure, sweep_markdown  # noqa: E402
from errtax.taxonomy.studies import sweep  # noqa: E402
from errtax.taxonomy.studies.sweep import SweepStatus, _status  # noqa: E402
from errtax.taxonomy.studies.sweep_results import agreement_map, paper_loss, read_results  # noqa: E402
from errtax.taxonomy.studies.sweep_spec import SweepSpec, read_spec  # noqa: E402
from schemas import undescribed, undescribed_table  # noqa: E402

FLAGS = ["--budgets", "4", "--layers", "1,2", "--models", "lstm,gru", "--nn", "2", "--nn-hidden", "8"]
FLAGS += ["--ngrams", "1,3", "--epochs", "2", "--seed", "3"]
FLAGS += ["--jobs", "2"]  # with one job torch has more threads, and other rounding
NAMES = ["lstm-1-4", "lstm-2-4", "gru-1-4", "gru-2-4", "2-nn", "1-gram", "3-gram"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("text")
    words = np.random.default_rng(2).choice(["the", "cat", "sat", "on", '"a', 'mat".\n', "houses", "rarely"], 5000)
    (base / "all.txt").write_text(" ".join(words))
    done = CliRunner().invoke(cli, ["split", str(base / "all.txt"), "-o", str(base / "parts")])
    assert done.exit_code == 0, done.output
    return base / "parts"


@pytest.fixture(scope="module")
def swept(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("sweep") / "zoo"
    done = CliRunner().invoke(cli, ["sweep", "--text", str(text), "-o", str(folder), *FLAGS, "--json", "-q"])
    assert done.exit_code == 0, (done.output, done.exception)
    return folder, json.loads(done.stdout)


# --- what is asked for -----------------------------------------------------------------------------------------------


def test_the_default_is_the_papers_table() -> None:
    shapes = SweepSpec(text="wp").shapes
    assert len(shapes) == 33  # 36 cells, of which RNN 512 has none
    assert shapes["gru-3-512"].config(87).hidden == 280
    assert not any(name.startswith("rnn") and name.endswith("512") for name in shapes)


def test_a_file_and_flags_make_a_specification(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(
        'text = "wp"\nmodels = ["lstm"]\nlayers = [2, 3]\nbudgets = [64]\nnn = [4]\n'
        '[recipe]\nepochs = 7\n[dropout]\n"lstm-3-*" = 0.25\n"lstm-*" = 0.1\n'
        '[epochs]\n"*-nn" = 3\n"lstm-3-*" = 2\n"*" = 5\n'
    )
    spec = read_spec(path, {"epochs": 9, "seed": 4})
    assert spec.text == str(tmp_path / "wp")
    assert spec.recipe == Recipe(epochs=9, seed=4)
    assert spec.shapes == {
        "lstm-2-64": Shape("lstm", 2, budget=64, dropout=0.1),
        "lstm-3-64": Shape("lstm", 3, budget=64, dropout=0.25),
        "4-nn": Shape("nn", hidden=256, context=4),
    }
    assert [spec.recipe_of(name).epochs for name in ("4-nn", "lstm-3-64", "lstm-2-64")] == [3, 2, 5]
    assert spec.recipe_of("4-nn") == Recipe(epochs=3, seed=4)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("text = 'wp'\nbudget = [64]", "did you mean 'budgets'"),
        ("text = 'wp'\n[recipe]\nepoch = 3", "did you mean 'epochs'"),
        ("text = 'wp'\nrecipe = 3", "recipe is a table"),
        ("text = ", "not valid TOML"),
        ("epochs = " + "9" * 5000, "not valid TOML"),
        ("epochs = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_a_bad_specification_is_bad_input(tmp_path: Path, content: str, error: str) -> None:
    (tmp_path / "spec.toml").write_text(content)
    with pytest.raises(BadInput, match=error):
        read_spec(tmp_path / "spec.toml", {})


@pytest.mark.parametrize(
    "wrong",
    [
        *({"models": ("nn",)}, {"layers": (0,)}, {"text": ""}, {"nn": (-1,)}, {"skip": ("*",)}, {"skip": "rnn-*"}),
        *({"models": 3}, {"layers": ("two",)}, {"budgets": (64.5,)}, {"dropout": 0.3}, {"nn_hidden": 2.5}),
        *({"dropout": {"*": "x"}}, {"dropout": {"*": 2}}, {"dropout": {"lstm-*": -0.1}}),
        *({"epochs": 25}, {"epochs": {"*": 0}}, {"epochs": {"*": 2.5}}),
    ],
)
def test_an_impossible_specification_is_a_usage_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        SweepSpec(**{"text": "wp", **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        *({"clip": "x"}, {"rms_decay": -4.0}, {"lr_decay": 1.5}, {"learning_rate": float("inf")}, {"clip": 0.0}),
        *({"decay_after": 1.5}, {"seed": -1}, {"batch": 0}, {"epochs": True}, {"learning_rate": float("nan")}),
    ],
)
def test_an_impossible_recipe_is_a_usage_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} must be"):
        Recipe(**wrong)


def test_a_run_of_a_shorter_sweep_is_not_done(tmp_path: Path) -> None:
    spec = SweepSpec(text="wp", models=("lstm",), layers=(1,), budgets=(64,), epochs={"*": 3})
    config = spec.shapes["lstm-1-64"].config(2)
    folder = tmp_path / "lstm-1-64"
    folder.mkdir()
    (folder / "peel.parquet").touch()
    for done, status in ((1, SweepStatus(0, 1, {"lstm-1-64": (1, 3, 2.0)})), (3, SweepStatus(1, 1, {}))):
        history = [Epoch(k + 1, 2.5, 2.0, 0.1, 1.0) for k in range(done)]
        write_run(folder, Run(config, Recipe(epochs=1), Unit.BYTE, [97, 98], "0", "0", history))
        assert _status(spec, tmp_path) == status


# --- what it does ----------------------------------------------------------------------------------------------------


def test_each_run_has_a_folder_with_all_it_made(text: Path, swept: tuple[Path, dict[str, Any]]) -> None:
    folder, document = swept
    assert [run["name"] for run in document["runs"]] == NAMES
    assert document["missing"] == []
    for run in document["runs"]:
        log = read_log(folder / run["name"] / "preds.parquet")
        assert log.codes.tobytes() == (text / "test.txt").read_bytes()
        assert run["test_loss"] == pytest.approx(-np.nanmean(log.logprobs), abs=1e-9)
        assert sum(run["classes"].values()) == run["errors"]
        if "gram" not in run["name"]:
            trained = read_run(folder / run["name"])
            assert trained.recipe == Recipe(epochs=2, seed=3)
            assert len(checkpoints(folder / run["name"])) == 2
            assert run["parameters"] == trained.config.parameters
    for path in (folder / name / "peel.parquet" for name in NAMES):
        assert CliRunner().invoke(cli, ["validate", str(path)]).exit_code == 0
    assert CliRunner().invoke(cli, ["validate", str(folder / "results.parquet")]).exit_code == 0
    assert undescribed_table(folder / "results.parquet") == []


def test_ngram_baselines_are_the_scores_of_the_index(
    text: Path, swept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _ = swept
    done = CliRunner().invoke(
        cli,
        ["score", str(text / "test.txt"), "--ngram", str(folder / "train.ngram"), "-o", str(tmp_path / "s.parquet")],
    )
    assert done.exit_code == 0, done.output
    scores = pq.read_table(tmp_path / "s.parquet")
    for n in (1, 3):
        table = pq.read_table(folder / f"{n}-gram" / "preds.parquet")
        assert np.array_equal(table["logprob"].to_numpy(), scores[f"logprob_{n + 1}"].to_numpy())
        right = np.array(table["symbol"].to_pylist()) == np.array(table["argmax"].to_pylist())
        assert ((table["rank"].to_numpy() == 1) >= right).all()
        assert (table["argmax_logprob"].to_numpy() >= table["logprob"].to_numpy() - 1e-5).all()
        assert np.allclose(table["argmax_logprob"].to_numpy()[right], table["logprob"].to_numpy()[right], atol=1e-5)


def test_disagreement_is_the_share_of_different_first_ranks(swept: tuple[Path, dict[str, Any]]) -> None:
    folder, document = swept
    best = {name: read_log(folder / name / "preds.parquet").argmax_codes for name in NAMES}
    for a in NAMES:
        assert document["disagreement"][a][a] == 0
        for b in NAMES:
            assert document["disagreement"][a][b] == float(np.mean(np.asarray(best[a]) != np.asarray(best[b])))


def test_what_is_done_is_not_done_again(text: Path, swept: tuple[Path, dict[str, Any]]) -> None:
    folder, document = swept
    made = {path: path.stat().st_mtime_ns for path in folder.glob("*/*.p*")}
    done = CliRunner().invoke(cli, ["sweep", "--text", str(text), "-o", str(folder), *FLAGS, "--json", "-q"])
    assert json.loads(done.stdout) == document
    assert made == {path: path.stat().st_mtime_ns for path in folder.glob("*/*.p*")}


def test_a_further_seed_is_another_run_on_the_same_device(
    text: Path, swept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "zoo"
    shutil.copytree(swept[0], folder)
    further = ["--seeds", "5", "--skip", "gru*-seed5,*-2-4-seed5,*nn-seed5", "--device", "cpu"]
    done = CliRunner().invoke(cli, ["sweep", "--text", str(text), "-o", str(folder), *FLAGS, *further, "--json", "-q"])
    assert done.exit_code == 0, (done.output, done.exception)
    document = json.loads(done.stdout)
    assert undescribed(document, "sweep") == []
    runs = {run["name"]: run for run in document["runs"]}
    assert {name: run["test_loss"] for name, run in runs.items() if name in NAMES} == {
        run["name"]: run["test_loss"] for run in swept[1]["runs"]
    }
    assert read_run(folder / "lstm-1-4-seed5").recipe == Recipe(epochs=2, seed=5)
    (model,) = document["over_seeds"]
    losses = [runs[name]["test_loss"] for name in ("lstm-1-4", "lstm-1-4-seed5")]
    assert losses[0] != losses[1]
    assert (model["name"], model["test_loss"]) == ("lstm-1-4", pytest.approx(np.mean(losses)))


def test_a_sweep_stays_on_its_device(text: Path, swept: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    fields = json.loads((swept[0] / "sweep.json").read_text())
    assert fields["device"] == ("cuda:0" if torch.cuda.is_available() else "cpu")

    def refusal(*more: str) -> str:
        done = CliRunner().invoke(cli, ["sweep", "--text", str(text), "-o", str(tmp_path), *FLAGS, "-q", *more])
        assert isinstance(done.exception, UsageError)
        return str(done.exception)

    assert "device 'nonsense' cannot be used here" in refusal("--device", "nonsense")
    assert not list(tmp_path.iterdir())
    (tmp_path / "sweep.json").write_text(json.dumps({**fields, "device": "cuda:99"}))
    assert "was begun on cuda:99, not cpu; give another folder" in refusal("--device", "cpu")
    assert "device 'cuda:99' cannot be used here" in refusal()
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.json"]


def test_where_any_device_will_do_the_one_that_is_named_is_taken(
    text: Path, tmp_path: Path, swept: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as in a folder that was begun on a cluster."""
    fields = json.loads((swept[0] / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps({**fields, "device": "auto"}))
    devices: list[str] = []

    def note(pool: object, tasks: list[Any], *args: object, **kwargs: object) -> dict[str, Exception]:
        devices.extend(task.spec.device for task in tasks)
        return {}

    monkeypatch.setattr(sweep, "run_tasks", note)
    sweep.run_sweep(SweepSpec(text=str(text), models=("lstm",), layers=(1,), budgets=(4,)), tmp_path, device="meta")
    assert devices == ["meta"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is at hand")
def test_several_models_are_trained_on_one_device(
    text: Path, swept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    command = ["sweep", "--text", str(text), "-o", str(tmp_path / "zoo"), *FLAGS, "--json", "-q", "--device", "cuda"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads((tmp_path / "zoo" / "sweep.json").read_text())["device"] == "cuda:0"
    due = {run["name"]: run["test_loss"] for run in swept[1]["runs"]}
    for run in json.loads(done.stdout)["runs"]:
        assert run["test_loss"] == pytest.approx(due[run["name"]], abs=0.02)  # other rounding, for two epochs


def test_a_killed_sweep_goes_on_to_the_same_numbers(
    text: Path, swept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "zoo"
    command = [sys.executable, "-m", "errtax", "sweep", "--text", str(text), "-o", str(folder), *FLAGS, "--json", "-q"]
    for moment in ("train.ngram", "lstm-2-4/last.pt", "gru-2-4/run.json"):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        while not (folder / moment).is_file() and process.poll() is None:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)  # the sweep alone: its workers must end by themselves
        process.wait()
    last = subprocess.run(command, capture_output=True, check=True)
    found, due = json.loads(last.stdout), dict(swept[1])
    assert {**found, "written": []} == {**due, "written": []}


def test_workers_end_with_a_killed_sweep(text: Path, tmp_path: Path) -> None:
    flags = ["--budgets", "4", "--layers", "1", "--models", "lstm", "--epochs", "9999", "--patience", "9999"]
    command = [sys.executable, "-m", "errtax", "sweep", "--text", str(text), "-o", str(tmp_path / "zoo"), *flags, "-q"]
    process = subprocess.Popen(command, start_new_session=True)
    run_folder, deadline = tmp_path / "zoo" / "lstm-1-4", time.monotonic() + 120
    while not (run_folder / "last.pt").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(UsageError, match="another process"), locked(run_folder / "lock"):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(5)
    with locked(run_folder / "lock"):  # the worker has let go of it
        assert not read_run(run_folder).finished


def test_a_failing_run_leaves_the_others(text: Path, swept: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = tmp_path / "zoo"
    shutil.copytree(swept[0], folder)
    (folder / "gru-1-4" / "best.pt").write_bytes(b"damaged")  # newer than the log, which is therefore made again
    done = CliRunner().invoke(cli, ["sweep", "--text", str(text), "-o", str(folder), *FLAGS, "--json", "-q"])
    assert isinstance(done.exception, BadInput)
    assert "1 of 7 runs failed; gru-1-4" in str(done.exception)
    document = json.loads(done.stdout)
    assert document["missing"] == ["gru-1-4"] == list(document["failures"])
    others = [run for run in swept[1]["runs"] if run["name"] != "gru-1-4"]
    assert [run["test_loss"] for run in document["runs"]] == [run["test_loss"] for run in others]


def test_a_sweep_that_is_told_to_stop_does_so_at_once(text: Path, tmp_path: Path) -> None:
    flags = ["--budgets", "4,5,6", "--layers", "1", "--models", "lstm", "--epochs", "9999", "--patience", "9999"]
    command = [sys.executable, "-m", "errtax", "sweep", "--text", str(text), "-o", str(tmp_path / "zoo"), *flags, "-q"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    while not (tmp_path / "zoo" / "lstm-1-4" / "last.pt").is_file() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    with locked(tmp_path / "zoo" / "lstm-1-4" / "lock"):
        assert not (tmp_path / "zoo" / "lstm-1-6").exists()


def test_other_test_and_validation_parts_are_another_text(
    text: Path, swept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    for changed in ("val.txt", "test.txt"):
        other = tmp_path / changed
        shutil.copytree(text, other)
        (other / changed).write_bytes((text / changed).read_bytes()[:-7])
        done = CliRunner().invoke(cli, ["sweep", "--text", str(other), "-o", str(swept[0]), *FLAGS, "-q"])
        assert isinstance(done.exception, BadInput), changed
        assert "another text" in str(done.exception)


def test_another_text_or_recipe_is_refused(text: Path, swept: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = swept
    other = tmp_path / "other"
    other.mkdir()
    for name in ("train.txt", "val.txt", "test.txt"):
        (other / name).write_bytes((text / name).read_bytes()[:-5])
    done = CliRunner().invoke(cli, ["sweep", "--text", str(other), "-o", str(folder), *FLAGS, "-q"])
    assert isinstance(done.exception, BadInput)
    assert "another text" in str(done.exception)
    done = CliRunner().invoke(cli, ["sweep", "--text", str(text), "-o", str(folder), *FLAGS, "-q", "--seed", "9"])
    assert isinstance(done.exception, BadInput)
    assert "remove the folder" in str(done.exception)
    done = CliRunner().invoke(cli, ["sweep", "--text", str(tmp_path / "none"), "-o", str(tmp_path / "z"), *FLAGS, "-q"])
    assert isinstance(done.exception, BadInput)
    assert not (tmp_path / "z").exists()


# --- what it shows ---------------------------------------------------------------------------------------------------


def test_pictures_say_what_they_show(text: Path, swept: tuple[Path, dict[str, Any]]) -> None:
    spec = read_spec(
        None, {"text": str(text), "budgets": (4,), "layers": (1, 2), "models": ("lstm", "gru"), "nn": (2,)}
    )
    found = read_results(spec, swept[0])
    for figure in (classes_figure(found), agreement_figure(found)):
        assert f"{found.results[0].positions:,} positions" in figure.get_suptitle()
        assert any("bootstrap" in line.get_text().replace("\n", "") for line in figure.texts)
    assert [axes.get_xlabel() for axes in classes_figure(found).axes[:7]] == ["parameters"] * 7
    table = sweep_markdown(found)
    assert table.startswith("| budget | LSTM-1 | LSTM-2 | GRU-1 | GRU-2 |\n")
    assert " / " not in table  # the paper's numbers stand beside the paper's text only


def test_the_map_puts_those_together_who_agree() -> None:
    disagreement = np.full((9, 9), 0.5)
    for k in (0, 3, 6):
        disagreement[k : k + 3, k : k + 3] = 0.05
    np.fill_diagonal(disagreement, 0)
    places = agreement_map(disagreement)
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2)
    same = np.kron(np.eye(3), np.ones((3, 3))).astype(bool)
    assert gaps[same].max() < gaps[~same].min()
    assert np.array_equal(places, agreement_map(disagreement))
    assert agreement_map(np.zeros((2, 2))).shape == (2, 2)


def test_paper_numbers() -> None:
    assert paper_loss("gru-3-512") == 1.077
    assert paper_loss("rnn-3-512") is None
    assert paper_loss("20-gram") == 1.195
    assert paper_loss("lstm-4-64") is None
