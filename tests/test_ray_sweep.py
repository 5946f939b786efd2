"""A sweep on a Ray cluster of two nodes: the document of the local one."""

import json
import os
import shutil
import sys

import pytest

from clusters import Nodes
from commands import Errtax

pytest.importorskip("ray", reason="needs Ray: pip install 'errtax[ray]'")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ray's cluster for tests needs Unix")


def test_a_sweep_on_a_cluster_of_two_nodes_is_the_local_one(two_documents: Errtax, nodes: Nodes) -> None:
    pytest.importorskip("sklearn")
    assert two_documents("split", "train.txt", "-o", "wp").code == 0
    flags = ("--models", "lstm,gru", "--layers", "1,2", "--budgets", 4, "--ngrams", "1,3", "--epochs", 2, "--json")
    cores = len(os.sched_getaffinity(0))  # as many runs at a time have one thread each
    found = []
    for where in (("--jobs", cores), ("--jobs", 1, "--ray", nodes.grow(2))):
        done = two_documents("sweep", "--text", "wp", "-o", "zoo", *flags, *where)
        assert done.code == 0, done.err
        found.append(json.loads(done.out))
        shutil.rmtree("zoo")
    assert len(found[0]["runs"]) == 6 and found[0] == found[1]
