"""A prediction log in parts, under a pattern, in stdin: the same log as in one file."""

import hashlib
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput
from errtax.lm.log_files import log_sha256
from errtax.lm.log_reader import read_log
from errtax.lm.prediction_log import PredictionLog

TEXT = "a quick brown fox 狐 jumps over the lazy dog\n" * 3


def table(seed: int = 1) -> pa.Table:
    n = len(TEXT)
    rng = np.random.default_rng(seed)
    logprobs = pa.array(np.log(rng.random(n)), mask=np.arange(n) % 7 == 0)
    docs = [f"doc {k // 40}" for k in range(n)]
    columns = {"position": np.arange(n), "symbol": list(TEXT), "logprob": logprobs, "argmax": list(TEXT), "doc": docs}
    return pa.table(columns).replace_schema_metadata({"unit": "char", "model": "a model"})


def assert_same(one: PredictionLog, other: PredictionLog) -> None:
    for name in ("positions", "codes", "logprobs", "argmax_codes", "docs"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.unit, one.metadata) == (other.unit, other.metadata)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@given(cuts=st.sets(st.integers(0, len(TEXT)), max_size=5))
def test_parts_are_one_log(folder: Path, cuts: set[int]) -> None:
    whole, parts = folder / "whole.parquet", folder / "parts"
    pq.write_table(table(), whole)
    parts.mkdir(exist_ok=True)
    for old in parts.iterdir():
        old.unlink()
    edges = [0, *sorted(cuts), len(TEXT)]
    for k, (start, end) in enumerate(pairwise(edges)):
        pq.write_table(table().slice(start, end - start), parts / f"part-{k:03}.parquet")
    assert_same(read_log(parts), read_log(whole))
    assert_same(read_log(parts / "part-*.parquet"), read_log(whole))
    assert log_sha256(whole) == hashlib.sha256(whole.read_bytes()).hexdigest()
    content = b"".join(path.read_bytes() for path in sorted(parts.iterdir()))
    assert log_sha256(parts) == hashlib.sha256(content).hexdigest()


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "a[1].parquet")
    pq.write_table(table(2), tmp_path / "a1.parquet")
    one, other = read_log(tmp_path / "a[1].parquet"), read_log(tmp_path / "a1.parquet")
    assert not np.array_equal(one.logprobs, other.logprobs, equal_nan=True)


def test_parts_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    pq.write_table(table().slice(50), tmp_path / "part-0.parquet")
    pq.write_table(table().slice(0, 50), tmp_path / "part-1.parquet")
    with pytest.raises(BadInput, match="positions must increase strictly"):
        read_log(tmp_path)


def test_parts_of_other_columns_are_refused(tmp_path: Path) -> None:
    pq.write_table(table().slice(0, 50), tmp_path / "part-0.parquet")
    pq.write_table(table().slice(50).drop_columns(["doc"]), tmp_path / "part-1.parquet")
    with pytest.raises(BadInput, match=r"part-1\.parquet has other columns than .*part-0\.parquet"):
        read_log(tmp_path)


@pytest.mark.parametrize(("name", "message"), [(".", "without any .parquet file"), ("x-*.parquet", "no file fits")])
def test_no_part_at_all_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_log(tmp_path / name)


def run(folder: Path, *args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "errtax", *args]
    return subprocess.run(command, input=stdin, cwd=folder, capture_output=True, check=False)


def test_stdin_is_a_log(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "preds.parquet")
    from_stdin = run(tmp_path, "peel", "--preds", "-", stdin=(tmp_path / "preds.parquet").read_bytes())
    from_file = run(tmp_path, "peel", "--preds", "preds.parquet")
    assert (from_stdin.returncode, from_file.returncode) == (0, 0)
    assert from_stdin.stdout.replace(b"stdin", b"preds") == from_file.stdout
    assert pq.read_table(tmp_path / "stdin.peel.parquet").equals(pq.read_table(tmp_path / "preds.peel.parquet"))


def test_an_empty_stdin_is_refused(tmp_path: Path) -> None:
    found = run(tmp_path, "peel", "--preds", "-")
    assert found.returncode == 3
    assert b"stdin is not a readable Parquet file" in found.stderr
    assert not list(tmp_path.iterdir())
