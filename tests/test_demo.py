"""`errtax demo`: one that was stopped goes on to the same files; without torch it peels an n-gram model's errors."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import Errtax, refused
from errtax.reports.studies import demonstration

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; sys.argv[0] = 'errtax'\n"
SMALL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs in the background has it ignored
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


@pytest.fixture
def threads() -> Iterator[None]:
    """A demonstration leaves torch with one thread: here as many as before."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def contents(folder: Path) -> dict[str, bytes]:
    """Files by name, all but how long epochs took."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in ("run/last.pt", "run/run.json"):
        if name in found:
            found.pop(name)
    return found


def stop(folder: Path, stage: str, number: signal.Signals, *arguments: str) -> str:
    """Begin a demonstration, send it a signal as soon as it has written a file, return what it said.

    Ctrl-C reaches the process that prepares, too; a kill does not.
    """
    line = [sys.executable, "-c", SMALL, "demo", "-o", str(folder), *arguments]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        while process.poll() is None and not (folder / stage).exists():
            time.sleep(0.01)
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        return process.communicate()[1]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
def test_one_that_is_killed_at_any_stage_goes_on_to_the_same_files(
    small: None, threads: None, errtax_alone: Errtax
) -> None:
    whole = errtax_alone("demo", "-o", "whole", "--epochs", 3, "--json")
    assert whole.code == 0, whole.err
    folder = Path("cut")
    said = stop(folder, "run/run.json", signal.SIGINT, "--epochs", "3")
    assert said.endswith("\nerrtax: interrupted.\n") and "Traceback" not in said
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    stop(folder, "run/last.pt", signal.SIGKILL, "--epochs", "3")
    stop(folder, "preds.parquet", signal.SIGKILL, "--epochs", "3")
    assert not (folder / "report.html").exists()
    again = errtax_alone("demo", "-o", "cut", "--epochs", 3, "--json")
    assert {**json.loads(again.out), "written": 0} == {**json.loads(whole.out), "written": 0}
    assert contents(folder) == contents(Path("whole"))
    assert "complete already" in errtax_alone("demo", "-o", "cut", "--epochs", 3).err


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
