"""`stats`, `compare` and `predict --hf` on clusters of one and two nodes: what one process says, to the last digit."""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from clusters import Nodes
from commands import TEXT, Errtax, files, refused, write_log

pytest.importorskip("ray", reason="needs Ray: pip install 'errtax[ray]'")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ray's cluster for tests needs Unix")
COMPARE = ("compare", "a.parquet", "b.parquet", "c.parquet", "--json")


@pytest.fixture
def peels(errtax_alone: Errtax) -> Errtax:
    """A folder with peels of three models, `a`, `b` and `c`; the last lacks some rows."""
    Path("train.txt").write_bytes(TEXT)
    for k, name in enumerate("abc"):
        frame = write_log(Path("preds.parquet"), TEXT)
        frame["logprob"] /= k + 1
        frame["doc"] = np.arange(len(frame)) // 40
        (frame if name != "c" else frame[30:-50]).to_parquet("preds.parquet")
        line = ("peel", "preds.parquet", "--train-text", "train.txt", "--ngram-max", 5, "--model", name)
        assert errtax_alone(*line, "-o", f"{name}.parquet").code == 0
    return errtax_alone


@pytest.mark.parametrize("n", [1, 2])
def test_statistics_and_comparisons_are_the_local_ones(peels: Errtax, nodes: Nodes, n: int) -> None:
    address = nodes.grow(n)
    for line in (
        ("stats", "a.parquet", "--json"),
        ("stats", "c.parquet", "--block", 7, "--json"),
        ("stats", "a.parquet", "--power", "b.parquet", "--json"),
        COMPARE,
    ):
        local = peels(*line)
        assert local.code == 0, local.err
        for tasks in (1, 2, 3):
            done = peels(*line, "--ray", address, "--tasks", tasks)
            assert (done.code, done.out) == (0, local.out)
            said = done.err.splitlines()
            assert f"{n} node" in said[0]
            assert [each for each in said if " node" not in each] == local.err.splitlines()


def test_what_is_refused_locally_is_refused_on_a_cluster(peels: Errtax, nodes: Nodes) -> None:
    table = pq.read_table("a.parquet")
    pq.write_table(table[:300], "cut.parquet")
    write_log(Path("other.parquet"), TEXT[::-1])
    assert peels("peel", "other.parquet", "--train-text", "train.txt", "--ngram-max", 5, "-o", "other.peel").code == 0
    for line, words in (
        (("stats", "cut.parquet"), "text_sha256 differs"),
        (("compare", "a.parquet", "other.peel"), "other.peel are peels of different texts: they differ first at"),
        (("stats", "other.parquet"), "other.parquet is not a valid peel table: its metadata says no schema"),
    ):
        refused(peels(*line), 3, words)
        refused(peels(*line, "--ray", nodes.grow(1), "--tasks", 2), 3, words)


@pytest.mark.parametrize("unit", ["byte", "token"])
def test_a_log_predicted_on_a_cluster_is_the_local_one(errtax_alone: Errtax, nodes: Nodes, unit: str) -> None:
    pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")
    import hf_models  # it imports torch

    tokenizer = hf_models.byte_level()
    hf_models.llama(len(tokenizer)).save_pretrained("tiny")
    tokenizer.save_pretrained("tiny")
    Path("test.txt").write_bytes(hf_models.TEXT.encode())
    line = ("predict", "--hf", "tiny", "--text", "test.txt", "--window", 12, "--batch", 2, "--unit", unit, "--json")
    local = errtax_alone(*line, "--jobs", 1)
    Path("preds.parquet").rename("local.parquet")
    done = errtax_alone(*line, "--ray", nodes.grow(2), "--tasks", 3)
    assert (done.code, done.out) == (0, local.out), done.err
    ours, due = pq.read_table("preds.parquet"), pq.read_table("local.parquet")
    assert ours.equals(due) and ours.schema.metadata == due.schema.metadata
    assert "preds.parquet.parts" not in files()


def test_a_place_has_a_gpu_where_there_are_any(nodes: Nodes) -> None:
    from errtax.lm.executors.ray_pool import RayPool  # it imports Ray

    address = nodes.grow(1)
    nodes.cluster.add_node(num_cpus=3, num_gpus=2)
    nodes.n += 1
    places = {}
    for threads, gpus in ((1, 0), (1, 1), (2, 1), (1, 0.5)):
        with RayPool(address, threads, gpus) as pool:
            places[threads, gpus] = pool.slots
    assert places == {(1, 0): nodes.n + 2, (1, 1): 2, (2, 1): 1, (1, 0.5): 3}
