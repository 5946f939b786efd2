"""What killed runs left is removed by the next run of the same output; what another process is writing is not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from errtax.lm import temporary
from errtax.lm.errors import UsageError
from errtax.lm.files import locked, replacing, replacing_folder, write_text
from errtax.lm.ngram import kenlm_tools
from errtax.lm.temporary import leftovers, name_beside, temporary_beside

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leave(path: Path, mark: str = "tmp") -> Path:
    """A temporary file as a killed run leaves it."""
    left = name_beside(path, mark)
    left.write_text("half")
    return left


def test_what_was_left_beside_the_same_output_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "out.x.parquet"
    leave(path)
    folder = name_beside(path, "tmp")
    folder.mkdir()
    (folder / "deep").write_text("half")
    others = [leave(tmp_path / "out.parquet"), leave(tmp_path / "out.x.png"), tmp_path / ".out.x.mine.tmp.parquet"]
    others[2].write_text("not ours")
    write_text(path, "whole")
    assert names(tmp_path) == sorted([path.name, *(other.name for other in others)])


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with replacing(path) as first:
        with replacing(path) as second:
            second.write_text("second")
        assert first.exists()
        first.write_text("first")
    assert path.read_text() == "first"
    assert names(tmp_path) == ["out.txt"]


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from errtax.lm.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    print(temporary.name, flush=True)
    sys.stdin.readline()
    temporary.write_text("other")
"""
    path = tmp_path / "out.txt"
    line = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        name = process.stdout.readline().strip()
        write_text(path, "mine")
        assert names(tmp_path) == sorted([name, "out.txt"])
        process.communicate("go on\n")
    assert path.read_text() == "other"
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert len(names(tmp_path)) == 2
    write_text(path, "mine")
    assert names(tmp_path) == ["out.txt"]


def test_what_another_machine_left_stays_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.txt"
    with monkeypatch.context() as patched:
        patched.setattr("platform.node", lambda: "elsewhere")
        left = leave(path)
    assert leftovers(path, "tmp") == []
    os.utime(left, (time.time() - 90_000,) * 2)
    assert leftovers(path, "tmp") == [left]


def test_without_locks_nothing_is_taken_for_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, how: int) -> None:
        raise OSError(38, "not implemented")

    path = tmp_path / "out.txt"
    left = leave(path)
    monkeypatch.setattr("fcntl.flock", no_locks)
    write_text(path, "whole")
    assert names(tmp_path) == sorted([left.name, "out.txt"])
    with locked(tmp_path / "x.partial") as file:  # two builds are then not kept apart, but one can run
        file.write(b"x")


def test_a_file_that_was_finished_before_it_was_locked_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.partial"
    path.write_text("whole")
    try_lock = temporary.try_lock

    def finish_first(descriptor: int) -> bool:
        path.rename(tmp_path / "x")
        return try_lock(descriptor)

    monkeypatch.setattr("errtax.lm.files.try_lock", finish_first)
    with pytest.raises(UsageError, match="another process"), locked(path):
        pass
    assert (tmp_path / "x").read_text() == "whole"


def test_a_temporary_that_is_taken_away_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_lock, seen = temporary.try_lock, []

    def taken_once(descriptor: int) -> bool:
        seen.append(descriptor)
        if len(seen) == 1:
            next(tmp_path.iterdir()).unlink()
        return try_lock(descriptor)

    monkeypatch.setattr(temporary, "try_lock", taken_once)
    with temporary_beside(tmp_path / "x") as made:
        assert made.exists()
    assert len(seen) == 2


@pytest.mark.parametrize("replaced", [False, True])
def test_what_killed_builds_by_kenlm_left(tmp_path: Path, replaced: bool) -> None:
    """Between its two renamings a kill leaves the old folder under another name: it is put back, or removed."""
    path = tmp_path / "K.kenlm"
    old, half = name_beside(path, "old"), name_beside(path, "tmp")
    for folder in (old, half, *([path] if replaced else [])):
        folder.mkdir()
        (folder / kenlm_tools.MANIFEST).write_text(f'{{"schema": "{kenlm_tools.SCHEMA}", "files": {{}}}}')
    (old / "1.arpa").write_text("old")

    def fail() -> None:
        with kenlm_tools._replacing_folder(path, force=True):
            assert not old.exists() and not half.exists()
            assert (path / "1.arpa").exists() != replaced
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert names(tmp_path) == ["K.kenlm"]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_was_put_away_is_put_back(tmp_path: Path, replaced: bool) -> None:
    """A kill between the two renamings of `replacing_folder`, or after them; then a run that fails, and a whole one."""
    path = tmp_path / "parts"
    old, half = name_beside(path, "old"), name_beside(path, "tmp")
    for folder in (old, half, *([path] if replaced else [])):
        folder.mkdir()
        (folder / "name").write_text(folder.name)
    with pytest.raises(UsageError, match="exists already"), replacing_folder(path, force=False):
        pass

    def fail() -> None:
        with replacing_folder(path) as made:
            (made / "name").write_text("new")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert names(tmp_path) == ["parts"]
    assert (path / "name").read_text() == ("parts" if replaced else old.name)
    with replacing_folder(path) as made:
        (made / "name").write_text("new")
    assert names(tmp_path) == ["parts"]
    assert (path / "name").read_text() == "new"


def test_a_folder_stands_again_where_the_new_one_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, replace = tmp_path / "parts", os.replace
    path.mkdir()
    (path / "name").write_text("old")

    def fail_once(source: Path, target: Path) -> None:
        if target == path and ".tmp" in source.name:
            raise OSError("disk")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_once)
    with pytest.raises(OSError, match="disk"), replacing_folder(path):
        pass
    assert names(tmp_path) == ["parts"]
    assert (path / "name").read_text() == "old"


def test_killed_writers_leave_nothing_after_the_next_run(tmp_path: Path) -> None:
    """SIGKILL at random moments while files are replaced over and over; the next run leaves the file alone."""
    program = """
import sys
from pathlib import Path
from errtax.lm.files import replacing
print("ready", flush=True)
while True:
    with replacing(Path(sys.argv[1])) as temporary:
        temporary.write_bytes(b"x" * 300_000)
"""
    path, rng = tmp_path / "out.bin", np.random.default_rng()
    for _ in range(6):
        line = [sys.executable, "-c", program, str(path)]
        with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.001, 0.05))
            process.kill()
        assert not path.exists() or path.stat().st_size == 300_000
    write_text(path, "whole")
    assert names(tmp_path) == ["out.bin"]
