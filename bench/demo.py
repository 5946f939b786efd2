"""From the command to the page: `errtax demo` on a machine that has never run it, and once more.

python bench/demo.py [--runs 3] [--model lstm] [--corpus prose]

A first run finds no cache at all: no kernels of numba's, no bytecode of any package (as where uv has installed them)
and no list of fonts.  `first, bytecode there`: as where pip has installed them.  The second run finds all three.
Nothing is asserted; the load says how far the seconds are to be trusted.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

CACHES = {"kernels": "NUMBA_CACHE_DIR", "fonts": "MPLCONFIGDIR", "bytecode": "PYTHONPYCACHEPREFIX"}


class Run(NamedTuple):
    """Seconds on the clock, and of processors in all processes."""

    wall: float
    processor: float


def run(arguments: Sequence[str], folder: Path, caches: Mapping[str, Path]) -> Run:
    environment = {**os.environ, **{CACHES[name]: str(path) for name, path in caches.items()}}
    command = [sys.executable, "-m", "errtax", "demo", "-o", str(folder), *arguments]
    start, before = time.perf_counter(), processor_seconds()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    if not (folder / "report.html").is_file():
        raise SystemExit(f"{' '.join(command)} has written no page")
    return Run(time.perf_counter() - start, processor_seconds() - before)


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(arguments: Sequence[str]) -> Iterator[tuple[str, Run]]:
    """One run of each kind, as they end."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        caches = {name: root / name for name in CACHES}
        with_bytecode = {**caches, "kernels": root / "others", "fonts": root / "other-fonts"}
        yield "first", run(arguments, root / "a", caches)
        yield "first, bytecode there", run(arguments, root / "b", with_bytecode)
        yield "second", run(arguments, root / "c", caches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--corpus", default="prose")
    chosen = parser.parse_args()
    runs: dict[str, list[Run]] = {}
    for _ in range(chosen.runs):
        for name, found in measure(["--model", chosen.model, "--corpus", chosen.corpus]):
            runs.setdefault(name, []).append(found)
            load = os.getloadavg()[0]
            print(
                f"  {name:22} {found.wall:6.1f} s, {found.processor:6.1f} s of processors, load {load:.1f}", flush=True
            )
    for name, each in runs.items():
        walls = [found.wall for found in each]
        processor = statistics.median(found.processor for found in each)
        spread = f"[{min(walls):.1f}, {max(walls):.1f}]"
        print(f"{name:24} {statistics.median(walls):6.1f} s {spread}, {processor:.1f} s of processors")


if __name__ == "__main__":
    main()
