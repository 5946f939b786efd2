"""SIGKILL at random moments on a Ray cluster: of workers and whole nodes, while a log is peeled or an index is built.

python bench/faults.py TEXT [--rows 1] [--kills 20] [--nodes 3] [--tasks 12] [--at-once 4] [--seed 1]
                       [--what peel,build]

The cluster is made of nodes of one processor each on this machine; the log repeats TEXT (see scale.py).  In each run
some workers that have a part in hand are killed, and at every fourth kill a whole node, which a new one replaces.  A
part's file is told from one written again by its inode; executions are counted by the hidden files that parts are
written to.  The result is compared with that of one process: the JSON, the rows and metadata of the peel, the bytes of
the index.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from measure import errtax
from ray.cluster_utils import Cluster
from scale import write_log

from errtax.lm.temporary import remove


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--rows", type=float, default=1, help="Millions of rows.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--at-once", type=int, default=4, help="Kills in one run.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--what", default="peel,build")
    options = parser.parse_args()
    text = options.text.read_bytes()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        Path("train.txt").write_bytes(text[len(text) // 2 :])
        write_log(Path("log"), text, int(options.rows * 1e6), seed=0)
        subprocess.run(errtax("build-ngram", "train.txt", "--order", 10, "-q"), check=True, stdout=subprocess.DEVNULL)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        nodes = [cluster.add_node(num_cpus=1) for _ in range(options.nodes)]
        lines = {
            "peel": errtax("peel", "log", "--ngram", "train.ngram", "--json", "-q"),
            "build": errtax("build-ngram", "train.txt", "--order", 10, "--json", "-q"),
        }
        try:
            for what in options.what.split(","):
                kill_all(cluster, nodes, what, lines[what], options)
        finally:
            cluster.shutdown()


@dataclass
class Seen:
    """What a watch over a folder of parts has seen: the inodes of each part, and the hidden files by part."""

    folder: Path
    parts: dict[str, set[int]] = field(default_factory=dict)
    executions: dict[str, set[str]] = field(default_factory=dict)
    ended: bool = False

    def watch(self) -> None:
        while not self.ended:
            try:
                found = list(os.scandir(self.folder))
            except FileNotFoundError:
                found = []
            for each in found:
                if each.name.startswith("part-"):
                    self.parts.setdefault(each.name.partition(".")[0], set()).add(each.inode())
                elif each.name.startswith(".part-"):
                    self.executions.setdefault(each.name.split(".")[1], set()).add(each.name)
            time.sleep(0.002)


def kill_all(cluster: Any, nodes: list[Any], what: str, command: list[str], options: argparse.Namespace) -> None:
    """Run until there were as many kills as asked for, and say what they cost; fails where the result is another."""
    output = Path(f"{what}.out")
    command = [*command, "-o", str(output)]
    remove(output)
    due = result_of(subprocess.run(command, check=True, capture_output=True, text=True).stdout, output)
    command += ["--ray", cluster.address, "--tasks", str(options.tasks)]
    print(f"{what}: {options.tasks} parts, {options.nodes} nodes of one processor", flush=True)
    print("run  workers  nodes  complete at the kills  executions  repeated  seconds  result", flush=True)
    rng, again, runs, killed = random.Random(options.seed), 0, 0, 0
    while killed < options.kills:
        runs += 1
        remove(output)
        seen = Seen(output.with_name(f"{output.name}.parts"))
        moments = sorted(rng.randrange(options.tasks - 1) for _ in range(min(options.at_once, options.kills - killed)))
        killer = Killer(cluster, nodes, moments, rng, seen)
        seconds, printed = run(command, seen, killer)
        repeated = sum(len(inodes) > 1 for inodes in seen.parts.values())
        same = result_of(printed, output) == due
        at, executions = ",".join(map(str, killer.complete)), sum(map(len, seen.executions.values()))
        print(
            f"{runs:3}  {killer.workers:7}  {killer.lost_nodes:5}  {at:>21}  "
            f"{executions:10}  {repeated:8}  {seconds:7.1f}  {'same' if same else 'ANOTHER'}",
            flush=True,
        )
        again, killed = again + repeated, killed + killer.workers + killer.lost_nodes
        if not same:
            raise SystemExit("another result")
    print(f"{what}: {killed} kills in {runs} runs, {again} complete parts repeated", flush=True)


def run(command: list[str], seen: Seen, killer: "Killer") -> tuple[float, str]:
    """Seconds and stdout of a run that is watched, and disturbed."""
    watching = threading.Thread(target=seen.watch)
    watching.start()
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        killer.kill(process)  # in this thread: Ray starts nodes in the main one alone
        printed = process.communicate()[0]
    seconds = time.perf_counter() - start
    seen.ended = True
    watching.join()
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}")
    return seconds, printed


class Killer:
    """Kills a worker with a part in hand, or every fourth time a node, each once so many parts are complete."""

    def __init__(self, cluster: Any, nodes: list[Any], moments: list[int], rng: random.Random, seen: Seen) -> None:
        self.cluster, self.nodes, self.moments, self.rng, self.seen = cluster, nodes, moments, rng, seen
        self.workers, self.lost_nodes = 0, 0
        self.complete: list[int] = []
        self.victims: list[str] = []

    def kill(self, process: Any) -> None:
        for number, wanted in enumerate(self.moments, 1):
            while process.poll() is None and not (len(self.seen.parts) >= wanted and self._kill_one(number % 4 == 0)):
                time.sleep(0.01)
            self.complete += [] if process.poll() is not None else [len(self.seen.parts)]

    def _kill_one(self, node: bool) -> bool:
        # a part that was lost three times is a failure, which is another matter
        at_work = {pid: part for pid, part in workers_at_work().items() if self.victims.count(part) < 2}
        if not at_work:
            return False
        time.sleep(self.rng.random() * 0.3)
        if node:
            self.cluster.remove_node(self.nodes.pop(0), allow_graceful=False)
            self.nodes.append(self.cluster.add_node(num_cpus=1))
            self.victims += at_work.values()
            self.lost_nodes += 1
            return True
        pid = self.rng.choice(sorted(at_work))
        if workers_at_work().get(pid) != at_work[pid]:
            return False
        os.kill(pid, signal.SIGKILL)
        self.victims.append(at_work[pid])
        self.workers += 1
        return True


def workers_at_work() -> dict[int, str]:
    """The processes below this one that have a part in hand, and which: Ray names them after their task."""
    parents, named = {}, {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                title = (path / "cmdline").read_bytes().rstrip(b"\0 ").decode()
            except (FileNotFoundError, ProcessLookupError, IndexError, UnicodeDecodeError):
                continue
            if title.startswith("ray::part"):
                named[int(path.name)] = title.removeprefix("ray::")
    return {pid: part for pid, part in named.items() if descends(pid, parents)}


def descends(pid: int, parents: dict[int, int]) -> bool:
    while pid > 1 and pid != os.getpid():
        pid = parents.get(pid, 0)
    return pid == os.getpid()


def result_of(printed: str, output: Path) -> tuple[Any, ...]:
    """The JSON without what a run takes, and the bytes of an index, or a table's rows and metadata."""
    document = json.loads(printed)
    document.pop("seconds", None)
    if output.read_bytes()[:4] != b"PAR1":
        return document, output.read_bytes()
    table = pq.read_table(output)
    return document, table, table.schema.metadata


if __name__ == "__main__":
    main()
