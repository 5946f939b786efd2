"""`errtax demo`: one that was stopped goes on to the same files; without torch it peels an n-gram model's errors."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import Errtax, refused
from errtax.reports.studies import demonstration

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; sys.argv[0] = 'errtax'\n"
SMALL = """
from errtax.reports.studies import demonstration
demonstration.SIZES.update(prose=30_000)
from errtax.cli.main import main
if __name__ == "__main__":
    main()
"""
"""The program, with less text; no process that it starts sees the change, nor needs to."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(demonstration.SIZES, "prose", 30_000)


def contents(folder: Path) -> dict[str, bytes]:
    """Files by name, all but how long epochs took."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in ("run/last.pt", "run/run.json"):
        if name in found:
            found.pop(name)
    return found


def begin(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    line = [sys.executable, "-c", SMALL, "demo", "-o", str(folder), *arguments]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_one_that_is_killed_at_any_stage_goes_on_to_the_same_files(small: None, errtax_alone: Errtax) -> None:
    pytest.importorskip("torch")
    whole = errtax_alone("demo", "-o", "whole", "--epochs", 3, "--json")
    assert whole.code == 0, whole.err
    for number, stage in ((signal.SIGKILL, "run/last.pt"), (signal.SIGINT, "preds.parquet")):
        with begin(Path("cut"), "--epochs", "3") as process:
            while process.poll() is None and not Path("cut", stage).exists():
                time.sleep(0.01)
            process.send_signal(number)
        assert not Path("cut", "report.html").exists()
    again = errtax_alone("demo", "-o", "cut", "--epochs", 3, "--json")
    assert {**json.loads(again.out), "written": 0} == {**json.loads(whole.out), "written": 0}
    assert contents(Path("cut")) == contents(Path("whole"))


def test_a_folder_with_other_settings_is_refused_without_force(small: None, errtax_alone: Errtax) -> None:
    assert errtax_alone("demo", "--model", "ngram").code == 0
    before = contents(Path("errtax-demo"))
    refused(
        errtax_alone("demo", "--model", "ngram", "--corpus", "code"), 2, "begun with corpus prose, not code", "--force"
    )
    assert contents(Path("errtax-demo")) == before
    again = errtax_alone("demo", "--model", "ngram", "--force")
    assert again.code == 0 and contents(Path("errtax-demo")) == before
    Path("mine").mkdir()
    Path("mine/text.txt").write_text("notes")
    refused(errtax_alone("demo", "--model", "ngram", "-o", "mine"), 2, "exists already")
    assert contents(Path("mine")) == {"text.txt": b"notes"}


def test_without_torch_an_ngram_models_errors_are_peeled_and_the_commands_it_ends_with_run(tmp_path: Path) -> None:
    line = [sys.executable, "-c", WITHOUT_TORCH + SMALL, "demo", "-o", "a folder"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "torch is not installed" in done.stderr and "errtax[lm]" in done.stderr
    assert done.stdout.startswith("3-gram: ")
    commands = [line.strip() for line in done.stdout.splitlines() if line.startswith("  errtax ")]
    assert len(commands) == 3
    for command in commands:
        words = [sys.executable, "-m", *shlex.split(command)]
        subprocess.run(words, cwd=tmp_path, capture_output=True, check=True)
    assert (tmp_path / "a folder" / "own.peel.parquet").is_file()
