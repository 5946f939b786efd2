"""Timing whole processes and functions, and printing ratios."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """Medians over the runs: wall seconds, and peak memory in MB (0 where not measured)."""

    seconds: float
    low: float
    high: float
    megabytes: float = 0.0

    def __str__(self) -> str:
        memory = f", {self.megabytes:,.0f} MB" if self.megabytes else ""
        return f"{self.seconds:.3f} s [{self.low:.3f}, {self.high:.3f}]{memory}"


def time_process(command: Sequence[str], runs: int, stdin: Path | None = None, warm_up: bool = True) -> Measured:
    """Wall time and peak memory of a command, output thrown away."""
    seconds, memory = [], []
    for run in range(runs + warm_up):
        with open(stdin or os.devnull, "rb") as source:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with ThreadPoolExecutor(1) as pool:
                peak = pool.submit(_watch, process.pid)
                process.wait()
                elapsed = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed with exit code {process.returncode}")
        if run >= warm_up:
            seconds.append(elapsed)
            memory.append(peak.result())
    return Measured(statistics.median(seconds), min(seconds), max(seconds), statistics.median(memory))


def _watch(pid: int) -> float:
    """The peak memory of a process, in MB, until it ends.

    Not `ru_maxrss`: that begins with what the process held from which it was forked.
    """
    status, peak = Path(f"/proc/{pid}/status"), 0.0
    while True:
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:
            return peak
        if "VmHWM" not in fields:  # it has ended
            return peak
        peak = int(fields["VmHWM"].split()[0]) * 1024 / 1e6
        time.sleep(0.01)


def time_function(function: Callable[[], object], runs: int) -> Measured:
    """Wall time of a function, after one call that is not counted."""
    function()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return Measured(statistics.median(seconds), min(seconds), max(seconds))


def errtax(*arguments: object) -> list[str]:
    """The command line of an errtax command under this Python."""
    return [sys.executable, "-m", "errtax", *map(str, arguments)]
