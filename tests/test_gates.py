"""Gate saturation against a loop that takes one step at a time, and the command around it."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from errtax.lm.errors import UsageError

torch = pytest.importorskip("torch")

from errtax.cli.main import cli  # noqa: E402
from errtax.lm.neural.activations import GATES  # noqa: E402
from errtax.lm.neural.feedforward import FeedforwardConfig  # noqa: E402
from errtax.lm.neural.recurrent import CellKind, RecurrentConfig  # noqa: E402
from errtax.reports.studies.gates import saturation_figure  # noqa: E402
from errtax.taxonomy.studies.gates import Thresholds, measure_saturation  # noqa: E402
from test_activations import step_by_step, write_model  # noqa: E402

ALPHABET = [ord(c) for c in "abc .\n"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    symbols = np.random.default_rng(1).choice([*ALPHABET, ord("?")], 730)
    path.write_bytes(symbols.astype(np.uint8).tobytes())
    return path


@pytest.mark.parametrize("cell", [CellKind.LSTM, CellKind.GRU])
@pytest.mark.parametrize("layers", [1, 2])
def test_fractions_are_those_of_a_plain_loop(text: Path, tmp_path: Path, cell: CellKind, layers: int) -> None:
    model = write_model(tmp_path / "run", RecurrentConfig(cell, layers, 9, len(ALPHABET)), ALPHABET)
    ids = [ALPHABET.index(byte) if byte in ALPHABET else -1 for byte in text.read_bytes()]
    steps = step_by_step(model, ids)
    due = np.array([[[step[k][gate] for step in steps] for gate in GATES[cell]] for k in range(layers)])
    found = measure_saturation(tmp_path / "run", text, device="cpu", double=True)
    assert found.n == len(ids)
    for values, wanted in ((found.left, due < 0.1), (found.right, due > 0.9), (found.mean, due)):
        assert np.abs(values - wanted.mean(axis=2)).max() < 1e-9
    assert found.left.max() > 0.1 < found.right.max()  # the weights are large enough for both
    single = measure_saturation(tmp_path / "run", text, device="cpu")
    assert np.abs(single.left - found.left).max() <= 3 / len(ids)  # a value at the threshold may fall either way
    assert np.abs(single.mean - found.mean).max() < 1e-4


def test_thresholds_and_the_most_saturated(text: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "run", RecurrentConfig(CellKind.LSTM, 2, 9, len(ALPHABET)), ALPHABET)
    half = measure_saturation(tmp_path / "run", text, Thresholds(0.4999, 0.5), "cpu")
    assert np.abs(half.left + half.right - 1).max() < 0.01
    found = measure_saturation(tmp_path / "run", text, device="cpu")
    extreme = np.maximum(found.left, found.right)
    listed = [extreme[place] for place in found.most_saturated(54)]
    assert listed == sorted(extreme.reshape(-1), reverse=True)
    for wrong in ((0.0, 0.9), (0.9, 0.1), (0.1, 1.0)):
        with pytest.raises(UsageError, match="thresholds"):
            Thresholds(*wrong)


def test_models_without_gates_are_refused(text: Path, tmp_path: Path) -> None:
    for name, config in (
        ("rnn", RecurrentConfig(CellKind.RNN, 1, 3, len(ALPHABET))),
        ("nn", FeedforwardConfig(2, 3, len(ALPHABET))),
    ):
        write_model(tmp_path / name, config, ALPHABET)
        with pytest.raises(UsageError, match="no gates"):
            measure_saturation(tmp_path / name, text, device="cpu")


def test_the_command_writes_table_and_picture(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "run", RecurrentConfig(CellKind.GRU, 2, 9, len(ALPHABET)), ALPHABET)
    done = CliRunner().invoke(cli, ["gates", "run", "--text", str(text), "--json", "--top", "3"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["schema"] == "errtax.gates/1"
    table = pq.read_table("run.gates.parquet").to_pandas()
    assert len(table) == 2 * 2 * 9
    assert table.groupby("layer")["unit"].max().tolist() == [9, 9]
    best = document["most_saturated"][0]
    row = table[(table.layer == best["layer"]) & (table.unit == best["unit"]) & (table.gate == best["gate"])]
    assert row[["left", "right", "mean"]].to_numpy()[0].tolist() == [best["left"], best["right"], best["mean"]]
    assert Path("run.gates.png").stat().st_size > 10_000
    assert CliRunner().invoke(cli, ["validate", "run.gates.parquet"]).exit_code == 0
    again = CliRunner().invoke(cli, ["gates", "run", "--text", str(text)])
    assert isinstance(again.exception, UsageError)


def test_stdin_is_a_text(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "run", RecurrentConfig(CellKind.LSTM, 1, 5, len(ALPHABET)), ALPHABET)
    content = text.read_bytes()[:500]
    Path("plain.txt").write_bytes(content)
    done = [
        CliRunner().invoke(cli, ["gates", "run", "--text", name, "--force", "--json"], input=content)
        for name in ("-", "plain.txt")
    ]
    assert done[0].exit_code == 0, done[0].output
    assert done[0].stdout == done[1].stdout


@pytest.mark.parametrize("command", ["gates", "cells", "predict"])
@pytest.mark.parametrize("name", ["best.pt", "run.json"])
def test_a_model_is_not_written_over_by_what_reads_it(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "run", RecurrentConfig(CellKind.LSTM, 1, 5, len(ALPHABET)), ALPHABET)
    before = Path("run", name).read_bytes()
    done = CliRunner().invoke(cli, [command, "run", "--text", str(text), "-o", f"run/{name}", "--force"])
    assert isinstance(done.exception, UsageError) and "is an input of this command" in str(done.exception)
    assert Path("run", name).read_bytes() == before


def test_the_picture_says_what_it_shows(text: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "run", RecurrentConfig(CellKind.LSTM, 2, 9, len(ALPHABET)), ALPHABET)
    figure = saturation_figure(measure_saturation(tmp_path / "run", text, device="cpu"))
    assert [axes.get_title() for axes in figure.axes] == ["input gate", "forget gate", "output gate"]
    assert all("0.9" in axes.get_xlabel() for axes in figure.axes)
    texts = [text.get_text() for text in figure.texts]
    assert any("730 symbols" in line for line in texts)
    assert any("text:" in line for line in texts)
