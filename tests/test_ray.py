"""A Ray cluster of several nodes on this machine: the result of one command, whoever is killed."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from clusters import Nodes
from commands import TEXT, Errtax, files, refused, write_log
from errtax.lm.executors.tasks import Task, run_tasks
from errtax.lm.part import Part, parts_of
from errtax.taxonomy.peel_file import write_peel
from errtax.taxonomy.peel_inputs import PeelInputs
from errtax.taxonomy.peel_parts import MergedPeel, PeelPart, peel_on, write_peel_part
from errtax.taxonomy.settings import Settings

pytest.importorskip("ray", reason="needs Ray: pip install 'errtax[ray]'")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ray's cluster for tests needs Unix")

PEEL = ("peel", "preds.parquet", "--ngram", "train.ngram")


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_peel_on_any_number_of_nodes_is_the_local_one(two_documents: Errtax, nodes: Nodes, n: int) -> None:
    local = two_documents(*PEEL, "-o", "p.parquet", "--json")
    Path("p.parquet").rename("local.parquet")
    address = nodes.grow(n)
    done = two_documents(*PEEL, "-o", "p.parquet", "--json", "--ray", address, "--tasks", 5)
    assert done.code == 0, done.err
    assert done.out == local.out
    said = done.err.splitlines()
    assert f"{n} node" in said[0] and said[1:] == local.err.splitlines()
    ours, due = pq.read_table("p.parquet"), pq.read_table("local.parquet")
    assert ours.equals(due) and ours.schema.metadata == due.schema.metadata
    assert "p.parquet.parts" not in files()


def test_scores_on_a_cluster_are_the_local_ones(two_documents: Errtax, nodes: Nodes) -> None:
    line = ("score", "test.txt", "--ngram", "train.ngram", "-o", "s.parquet", "--json")
    local = two_documents(*line)
    Path("s.parquet").rename("local.parquet")
    done = two_documents(*line, "--ray", nodes.grow(2), "--tasks", 3)
    assert (done.code, done.out) == (0, local.out)
    assert pq.read_table("s.parquet").equals(pq.read_table("local.parquet"))
    assert "s.parquet.parts" not in files()


def test_an_index_built_on_a_cluster_has_the_bytes_of_the_local_one(two_documents: Errtax, nodes: Nodes) -> None:
    for output, more in (("local.ngram", ()), ("n.ngram", ("--ray", nodes.grow(2), "--tasks", 3, "--arpa", "n.arpa"))):
        done = two_documents("build-ngram", "train.txt", "test.txt", "--order", 7, "-o", output, *more)
        assert done.code == 0, done.err
    assert Path("n.ngram").read_bytes() == Path("local.ngram").read_bytes()
    assert files() >= {"n.arpa"} and not files() & {"n.ngram.parts", "n.ngram.partial"}


def test_what_a_part_fails_with_is_said_in_one_line(two_documents: Errtax, nodes: Nodes) -> None:
    frame = write_log(Path("preds.parquet"), TEXT)
    frame.loc[500, "logprob"] = 0.5
    frame.to_parquet("preds.parquet")
    done = two_documents(*PEEL, "-o", "p.parquet", "--ray", nodes.grow(1), "--tasks", 4)
    refused(done, 3, "/preds.parquet is not a valid prediction log", "logprob is 0.5 at position 500")
    assert re.match(r"errtax: part [1-4]/4: ", done.err.splitlines()[1])
    assert len(done.err.splitlines()) == 2 and "p.parquet" not in files()


def test_what_does_not_fit_is_refused(two_documents: Errtax, nodes: Nodes) -> None:
    address = nodes.grow(1)
    refused(two_documents(*PEEL, "--ray", address, "--jobs", 64), 2, "no node of the Ray cluster has 64 CPUs")
    refused(two_documents(*PEEL, "--ray", address, "--part", "1/2"), 2, "give one of them")
    refused(two_documents(*PEEL, "--tasks", 3), 2, "give both")
    Path("p.parquet.parts").mkdir()
    write_log(Path("p.parquet.parts/x.parquet"), TEXT)
    refused(
        two_documents(*PEEL, "--ray", address, "-o", "p.parquet"), 2, "holds x.parquet, which is no part of a result"
    )


# --- faults -----------------------------------------------------------------------------------------------------------


def counted(spec: PeelPart) -> None:
    """Peel a part, with a line for each execution; the worker of parts 2 and 3 is killed the first time."""
    path = spec.folder.parent / f"executions-{spec.part.k}"
    with path.open("a") as file:
        file.write("x")
    if spec.part.k in (2, 3) and len(path.read_text()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    write_peel_part(spec)


def executions(folder: Path) -> list[int]:
    return [len((folder / f"executions-{k}").read_text()) for k in range(1, 5)]


def test_a_worker_that_is_killed_costs_its_own_part_alone(
    two_documents: Errtax, nodes: Nodes, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    from errtax.lm.executors.ray_pool import RayPool

    assert two_documents(*PEEL, "-o", "local.parquet").code == 0
    here = Path.cwd()
    spec = PeelPart(PeelInputs(here / "preds.parquet", here / "train.ngram"), Settings(), Part(1, 4), here / "parts")
    tasks = [Task(f"part {part}", counted, replace(spec, part=part)) for part in parts_of(4)]
    with RayPool(nodes.grow(2)) as pool:
        run_tasks(pool, tasks)
        time.sleep(0.5)
        assert executions(here) == [1, 2, 2, 1]
        assert "worker died" not in capsys.readouterr().out  # which is for results
        assert sum("its process or its node ended" in line for line in caplog.messages) == 2
        write_peel(Path("merged.parquet"), MergedPeel(Path("parts")))
        before = [path.stat().st_ino for path in sorted(Path("parts").iterdir())]
        run_tasks(pool, tasks)  # nothing is done again
    assert [path.stat().st_ino for path in sorted(Path("parts").iterdir())] == before
    assert pq.read_table("merged.parquet").equals(pq.read_table("local.parquet"))


def test_a_run_goes_on_where_its_driver_was_killed(two_documents: Errtax, nodes: Nodes) -> None:
    from errtax.lm.executors.ray_pool import RayPool

    write_log(Path("preds.parquet"), TEXT * 40)
    assert two_documents(*PEEL, "-o", "local.parquet").code == 0
    line = [*PEEL, "-o", "p.parquet", "--ray", nodes.grow(2), "--tasks", "12"]
    parts = Path("p.parquet.parts")
    with subprocess.Popen([sys.executable, "-m", "errtax", *line], stderr=subprocess.DEVNULL) as driver:
        while driver.poll() is None and not list(parts.glob("part-*.parquet")):
            time.sleep(0.01)
        driver.kill()
    before = inodes(parts)
    seen = list[tuple[int, dict[str, int]]]()

    def watch(done: int, total: int) -> None:
        seen.append((done, inodes(parts)))

    inputs = PeelInputs(Path("preds.parquet"), Path("train.ngram"))
    with RayPool(nodes.grow(2)) as pool:
        merged = peel_on(pool, inputs, Settings(), parts, 3, watch)  # twelve, since some of them are there
    assert 0 < len(before) <= 12 and seen[0][0] >= len(before)
    assert seen[-1][0] == len(seen[-1][1]) == 12
    assert all(before.items() <= found.items() for _, found in seen)
    write_peel(Path("merged.parquet"), merged)
    assert pq.read_table("merged.parquet").equals(pq.read_table("local.parquet"))


def inodes(folder: Path) -> dict[str, int]:
    """The parts that are there, and the number of each file: another if it was written again."""
    return {path.name: path.stat().st_ino for path in folder.glob("part-*.parquet")}
