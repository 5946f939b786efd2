"""SIGKILL at random moments of `errtax peel`: nothing half-written stands under the name of the output.

`bench/kills.py` does the same with a log that takes longer.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import TEXT
from errtax.taxonomy.peel_file import peel_problems

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")

ROWS = 1_000_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    symbols = np.frombuffer(TEXT, np.uint8)[np.arange(ROWS) % len(TEXT)].tobytes()
    offsets = pa.py_buffer(np.arange(ROWS + 1, dtype=np.int32))
    column = pa.BinaryArray.from_buffers(pa.binary(), ROWS, [None, offsets, pa.py_buffer(symbols)])
    logprobs = np.log(rng.beta(0.9, 0.6, ROWS)).astype(np.float32)
    path = tmp_path_factory.mktemp("log") / "preds.parquet"
    pq.write_table(pa.table({"position": np.arange(ROWS), "symbol": column, "logprob": logprobs}), path)
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def kill_one(command: list[str], output: Path, delay: float) -> None:
    """Kill a run so many seconds after it began to write."""
    before = names(output.parent)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and names(output.parent) <= before:
            time.sleep(0.005)
        time.sleep(delay)
        process.kill()


@pytest.mark.parametrize("parts", [1, 3])
def test_a_killed_peel_leaves_all_or_nothing(tmp_path: Path, log: Path, parts: int) -> None:
    output, rng = tmp_path / "p.peel", np.random.default_rng()
    command = [sys.executable, "-m", "errtax", "peel", str(log), "--parts", str(parts), "-o", str(output), "--force"]
    half = 0
    for delay in rng.uniform(0, 0.6, 3):
        stood = output.exists()
        kill_one(command, output, delay)
        assert output.exists() or not stood
        assert not output.exists() or peel_problems(output) == []
        half += len(names(tmp_path) - {output.name}) > 0
        assert len(names(tmp_path) - {output.name}) <= 1
    kill_one(command, output, 0.0)
    assert half or len(names(tmp_path) - {output.name}) == 1
    subprocess.run(command, check=True, capture_output=True)
    assert names(tmp_path) == {output.name}
    assert peel_problems(output) == []
