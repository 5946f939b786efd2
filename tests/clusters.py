"""A Ray cluster on this machine, of as many nodes as a test asks for."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


class Nodes:
    """A cluster to which nodes of one processor each are added."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        self.n = 1

    def grow(self, n: int) -> str:
        """The address, once there are at least n nodes."""
        while self.n < n:
            self.cluster.add_node(num_cpus=1)
            self.n += 1
        return str(self.cluster.address)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """The cluster of a module, to which this process is connected, so that commands share its workers."""
    import ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    before = os.environ.get("PYTHONPATH")  # workers read what is pickled of a module of tests, as pytest does
    os.environ["PYTHONPATH"] = os.pathsep.join([*map(str, (ROOT, ROOT / "src", ROOT / "tests")), before or ""])
    made = Nodes()
    ray.init(made.cluster.address, log_to_driver=False, configure_logging=False)
    yield made
    ray.shutdown()
    made.cluster.shutdown()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before
