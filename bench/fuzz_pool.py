"""A process that runs commands of errtax on files, watched: a crash and a hang are outcomes like any other."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MEMORY = 8 << 30  # bytes of address space


@dataclass(frozen=True)
class Ended:
    """How a command ended: `code` is the exit code, or `crash` or `hang` says what happened instead."""

    code: int | None
    err: str
    lines: int
    digest: str
    what: str = ""


class Worker:
    """Runs commands in a copy of a folder of sound files, by the errtax below `root`."""

    def __init__(self, sound: Path, folder: Path, root: Path, seconds: float) -> None:
        self.sound, self.folder, self.seconds = sound, folder, seconds
        threads = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._environment = {**os.environ, **threads, "PYTHONPATH": str(root / "src"), "MPLBACKEND": "agg"}
        self._process: Any = None
        if not folder.exists():
            shutil.copytree(sound, folder)

    def start(self) -> None:
        """A fresh process."""
        self.stop()
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "fuzz_worker.py"), str(MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env=self._environment,
        )

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def put(self, name: str, content: bytes | None) -> None:
        """Write a file of the folder; None: as it is among the sound files, or not at all where it is not."""
        path = self.folder / name
        if content is not None:
            path.write_bytes(content)
        elif (self.sound / name).is_file():
            shutil.copyfile(self.sound / name, path)
        else:
            path.unlink(missing_ok=True)

    def restore(self, names: tuple[str, ...]) -> None:
        """Put folders that a command writes to back to what they were."""
        for name in names:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            shutil.copytree(self.sound / name, self.folder / name)

    def run(self, line: list[str], outputs: list[str], seconds: float | None = None) -> Ended:
        """Run a command; it is ended after the time limit."""
        if self._process is None:
            self.start()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"line": line, "outputs": outputs}).encode() + b"\n")
            self._process.stdin.flush()
        answer = self._answer(seconds or self.seconds)
        if isinstance(answer, bytes):
            return Ended(**json.loads(answer))
        said = (self.folder / "stderr").read_text(errors="replace")[-2000:]
        self.stop()
        return Ended(None, said, 0, "", answer)

    def _answer(self, seconds: float) -> bytes | str:
        """A line of the process, or what happened to it."""
        descriptor, line = self._process.stdout.fileno(), b""
        began, end = self._worked(), time.monotonic() + 10 * seconds
        while not line.endswith(b"\n"):
            if not select.select([descriptor], [], [], 1)[0]:
                if self._worked() - began > seconds or time.monotonic() > end:
                    return "hang"
                continue
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                return f"crash ({self._process.wait()})"
            line += piece
        return line

    def _worked(self) -> float:
        """Processor seconds of the process, so that a busy machine makes no hang; 0 where they cannot be known."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
