"""An index that workers of a Ray cluster build, against that of one process: the same bytes, and the ratio of times.

python bench/workers.py TEXT [--order 20] [--workers 3] [--memory 4G] [--folder .]

The cluster is made of nodes of one processor each on this machine; one process builds on as many threads as there are
workers, so both have the same number of threads to run.  Both indexes are removed in the end.
"""

import argparse
import filecmp
import os
import subprocess
import tempfile
import time
from pathlib import Path

from measure import errtax
from ray.cluster_utils import Cluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--order", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--memory", default="4G", help="Of a process.")
    parser.add_argument("--folder", type=Path, default=Path(), help="Where the indexes are made.")
    options = parser.parse_args()
    text, cores = options.text.absolute(), len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        here, there = Path(name, "one.ngram"), Path(name, "workers.ngram")
        build = errtax("build-ngram", text, "--order", options.order, "--memory", options.memory)
        local = seconds([*build, "-o", str(here), "--jobs", str(options.workers)], f"one process, {cores} processors")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            for _ in range(options.workers):
                cluster.add_node(num_cpus=1)
            ray = ["--ray", cluster.address, "--jobs", "1"]
            spread = seconds([*build, "-o", str(there), *ray], f"{options.workers} workers")
        finally:
            cluster.shutdown()
        same = filecmp.cmp(here, there, shallow=False)
        size = here.stat().st_size
        print(f"{'the same' if same else 'OTHER'} {size:,} bytes; {spread / local:.2f} times the seconds", flush=True)
        if not same:
            raise SystemExit("another index")


def seconds(command: list[str], what: str) -> float:
    start = time.perf_counter()
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    found = time.perf_counter() - start
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{what}: {found:.1f} s; load {load}\n{said.stderr}{said.stdout}", end="", flush=True)
    if said.returncode:
        raise SystemExit(f"exit code {said.returncode}")
    return found


if __name__ == "__main__":
    main()
