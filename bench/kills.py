"""SIGKILL at random moments of `errtax peel`: what stands under the output's name, and what is left.

python bench/kills.py TEXT [--rows 20] [--kills 20] [--parts 1] [--seed 1] [--folder DIR]

The log repeats TEXT (see scale.py).  A whole run is timed; then runs are killed at moments drawn evenly from that time,
every other one while it replaces a whole peel (--force); a run that was done before its kill does not count.  After
each kill nothing, or a peel that validates, stands under the name.  In the end one run of the same output leaves that
output alone in the folder.
"""

import argparse
import random
import subprocess
import tempfile
import time
from pathlib import Path

from measure import errtax
from scale import write_log

from errtax.lm.temporary import remove


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--rows", type=float, default=20, help="Millions of rows.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Where the log is kept [default: a temporary folder].")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        log = (options.folder or Path(temporary)) / f"log-{options.rows:g}"
        if not log.exists():
            write_log(log, options.text.read_bytes(), int(options.rows * 1e6), seed=0)
        outputs = Path(temporary) / "outputs"
        outputs.mkdir()
        kill_all(log, outputs / ("p.peel" if options.parts > 1 else "p.parquet"), options)


def kill_all(log: Path, output: Path, options: argparse.Namespace) -> None:
    """Kill runs one after the other, and say what each left; fails at the first that left half a peel."""
    command = errtax("peel", log, "--parts", options.parts, "-o", output, "--json", "-q")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # kernels may have to be compiled
    remove(output)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    whole = time.perf_counter() - start
    print(f"a whole run of {options.rows:g} M rows, {options.parts} part(s): {whole:.1f} s", flush=True)
    kept = output.with_name("kept")
    output.rename(kept)
    rng, killed, done, found = random.Random(options.seed), 0, 0, {"nothing": 0, "the old peel": 0, "a new peel": 0}
    while killed < options.kills:
        moment, replaces = rng.uniform(0, whole), killed % 2 == 1
        if replaces:
            kept.rename(output)
        before = identity(output)
        finished = kill_at(moment, [*command, *(["--force"] if replaces else [])])
        stands = "nothing" if not output.exists() else "the old peel" if identity(output) == before else "a new peel"
        left = sorted(each.name for each in output.parent.iterdir() if each.name.startswith("."))
        late = " (was done)" if finished else ""
        print(f"kill {killed + 1:2} at {moment:5.1f} s{late}: {stands}; {len(left)} left", flush=True)
        killed, done = killed + (not finished), done + finished
        found[stands] += not finished
        if output.exists():
            subprocess.run(errtax("validate", output), check=True, stdout=subprocess.DEVNULL)
            remove(kept)
            output.rename(kept)
        elif replaces:
            raise SystemExit("a peel that was to be replaced is gone")
        if len(left) > 1:
            raise SystemExit(f"leftovers of several runs: {left}")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    stand = sorted(each.name for each in output.parent.iterdir())
    print(f"found {found}, {done} runs were done before their kill; after the next run: {', '.join(stand)}")
    if stand != sorted([kept.name, output.name]):
        raise SystemExit("the next run left something behind")


def kill_at(moment: float, command: list[str]) -> bool:
    """Run a command and kill it after so many seconds; whether it was done before."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait() == 0


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file or folder from another under the same name."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


if __name__ == "__main__":
    main()
