"""`errtax train`: what is refused leaves the runs and files that are there."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from errtax.cli.main import cli
from errtax.lm.errors import ErrtaxError

pytest.importorskip("torch")


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def small_run(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_bytes(b"the cat sat on the mat. " * 60)
    done = invoke(
        "train", tmp_path / "text.txt", "-o", tmp_path / "run", "--hidden", "4", "--epochs", "1", "--batch", "4"
    )
    assert done.exit_code == 0, done.output
    return tmp_path / "run"


@pytest.mark.parametrize("wrong", [["--device", "quantum"], ["--threads", "0"], ["--hidden", "0"], ["--epochs", "0"]])
def test_a_refused_option_leaves_the_old_run(small_run: Path, wrong: list[str]) -> None:
    before = {path.name: path.read_bytes() for path in small_run.iterdir()}
    done = invoke("train", small_run.parent / "text.txt", "-o", small_run, "--force", *wrong)
    assert done.exit_code != 0
    assert before == {path.name: path.read_bytes() for path in small_run.iterdir()}


def test_weights_without_a_run_are_somebody_elses(small_run: Path) -> None:
    (small_run / "run.json").unlink()
    before = {path.name: path.read_bytes() for path in small_run.iterdir()}
    for flags in ([], ["--resume"]):
        done = invoke("train", small_run.parent / "text.txt", "-o", small_run, "--hidden", "4", "--epochs", "1", *flags)
        assert isinstance(done.exception, ErrtaxError)
    assert before == {path.name: path.read_bytes() for path in small_run.iterdir()}


def test_resuming_with_other_texts_or_options_is_refused(small_run: Path) -> None:
    text = small_run.parent / "text.txt"
    (small_run.parent / "val.txt").write_bytes(b"the mat sat. " * 9)
    for flags in (["--val", small_run.parent / "val.txt"], ["--hidden", "5"], ["--seed", "7"], ["--model", "gru"]):
        done = invoke("train", text, "-o", small_run, "--resume", "--epochs", "2", *flags)
        assert isinstance(done.exception, ErrtaxError), flags
    done = invoke("train", text, "-o", small_run, "--resume", "--epochs", "2")
    assert done.exit_code == 0, done.output


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files' sizes there")
def test_a_full_disk_is_one_line_and_leaves_the_old_weights(small_run: Path) -> None:
    """torch itself raises RuntimeError for it; a limit on the size of files stands for the full disk."""
    program = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))
from errtax.cli.main import main
main()
"""
    before = {path.name: path.read_bytes() for path in small_run.glob("*.pt")}
    line = ["train", str(small_run.parent / "text.txt"), "-o", str(small_run), "--resume", "--epochs", "2"]
    done = subprocess.run([sys.executable, "-c", program, *line], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("errtax: ")
    assert {path.name: path.read_bytes() for path in small_run.glob("*.pt")} == before
    assert sorted(path.name for path in small_run.iterdir()) == ["best.pt", "last.pt", "run.json"]
