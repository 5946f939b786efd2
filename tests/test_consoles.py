"""Consoles that cannot show all characters: every command that prints ends as it would elsewhere."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands import Errtax
from errtax.cli.main import main

TEXT = "Es war – „finster“ … 猫 \U0001f600 und stürmisch; 'ja', sagte sie (so).\n" * 20
PEEL = "a.peel.parquet"
COMMANDS = [
    ["peel", "a.parquet", "--train-text", "train.txt", "-o", "z.parquet", "--force"],
    ["repeel", PEEL],
    ["stats", PEEL],
    ["report", PEEL, "--force"],
    ["report", PEEL, "-o", "-"],
    ["compare", PEEL, "b.peel.parquet"],
    ["trend", PEEL, "b.peel.parquet", "c.peel.parquet"],
    ["calibration", PEEL],
    ["check", PEEL, "--max", "errors:100%", "--markdown", "-"],
    ["show", PEEL],
    ["distance", "a.parquet", "--pair", "()", "--force"],
    ["overlap", "a.parquet", "b.parquet", "--force"],
    ["validate", PEEL],
    ["info"],
    ["build-ngram", "train.txt", "--unit", "char", "--order", "3", "--arpa", "-", "--force"],
    ["score", "train.txt", "--ngram", "train.ngram", "--force"],
    ["split", "train.txt", "-o", "parts – ü", "--force"],
    ["--help"],
    ["peel", "--help"],
]


@pytest.fixture
def folder(errtax_alone: Errtax) -> None:
    """Peels of three models with names and texts beyond ASCII."""
    Path("train.txt").write_text(TEXT, encoding="utf-8")
    for number, name in enumerate("abc"):
        p = np.random.default_rng(number).uniform(0.01, 0.99, len(TEXT))
        columns = {"position": range(len(TEXT)), "symbol": list(TEXT), "logprob": np.log(p)}
        frame = pd.DataFrame({**columns, "argmax": list(TEXT), "argmax_logprob": np.log(p)})
        frame.to_parquet(f"{name}.parquet")
        said = ("--model", f"Modell „ü“ 猫\U0001f600 {name}", "--parameters", number + 1)
        done = errtax_alone("peel", f"{name}.parquet", "--train-text", "train.txt", *said)
        assert done.code == 0, done.err
    assert errtax_alone("build-ngram", "train.txt", "--unit", "char", "--order", 3).code == 0


def run(monkeypatch: pytest.MonkeyPatch, encoding: str, *arguments: str) -> tuple[object, bytes, bytes]:
    """Exit code and bytes of a command whose console has this encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["errtax", *arguments])
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        with pytest.raises(SystemExit) as raised:
            main()
    for stream in streams:
        stream.flush()
    out, err = (stream.buffer.getvalue() for stream in streams)
    return raised.value.code, out, err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_command_prints_what_the_console_can_show(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    for command in COMMANDS:
        for more in ([], ["--json"]) if "-" not in command and "--help" not in command else ([],):
            code, out, err = run(monkeypatch, encoding, *command, *more)
            assert code == 0, (command, err)
            assert out, command
            if more:
                assert json.loads(out.decode(encoding))["schema"]
            elif "-" not in command and "--help" not in command:
                out.decode(encoding)


@pytest.mark.usefixtures("folder")
def test_names_survive_in_json_on_an_ascii_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run(monkeypatch, "ascii", "repeel", str(tmp_path / PEEL), "--json")
    assert code == 0 and json.loads(out)["model"] == "Modell „ü“ 猫\U0001f600 a"


@pytest.mark.usefixtures("folder")
def test_a_page_on_stdout_is_utf_8_whatever_the_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, out, _ = run(monkeypatch, "ascii", "report", str(tmp_path / PEEL), "-o", "-")
    assert "Modell „ü“ 猫" in out.decode("utf-8")


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_whole_processes_end_well(errtax: Errtax, environment: dict[str, str]) -> None:
    Path("ü.txt").write_bytes(Path("test.txt").read_bytes())
    command = [sys.executable, "-m", "errtax", "split", "ü.txt"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0 and b"train.txt  240 bytes" in done.stdout, done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "errtax", "peel", "preds.parquet"],
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_ours_has_a_sign_of_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    from errtax.cli.streams import soften_streams

    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    soften_streams()
    stream.write("1 – 2 … ü 猫 \udcff")
    stream.flush()
    assert stream.buffer.getvalue() == b"1 - 2 ~ \\xfc \\u732b \\udcff"
