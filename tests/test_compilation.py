"""Kernels are compiled once: announced the first time, and ahead of their use by `errtax info --compile`."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import Errtax
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, text_of_bytes

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")

RUN = """
import sys
from errtax.cli.main import main
from errtax.lm.kernels import compilation_seconds

for line in sys.argv[1:]:
    sys.argv[:] = ["errtax", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (line, end.code)
    print(line, "compiled for", compilation_seconds(), file=sys.stderr)
"""


def run(*lines: str) -> str:
    """Stderr of commands, one after the other in a process of their own."""
    ahead = os.environ.get("ERRTAX_COMPILED_AHEAD")  # a cache that errtax info --compile alone has filled
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": ahead} if ahead else {})}
    line = [sys.executable, "-c", RUN, *lines]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_after_compiling_ahead_nothing_is_compiled(errtax: Errtax) -> None:
    assert "All kernels are compiled" in run("info --compile")
    text = Path("train.txt").read_text()
    Path("words.txt").write_text(" ".join(f"{text[i : i + 20].split()[0]}{i % 600}" for i in range(700)))
    Path("ids.txt").write_text("5 7 9 5 7 8 " * 50)
    rows = {
        "position": range(60),
        "symbol": [b" the", b"re", b"."] * 20,
        "logprob": [-1.0] * 60,
        "rank": [1, 2, 3] * 20,
    }
    pq.write_table(pa.table({**rows, "token": pa.array([5, 7, 9] * 20, pa.uint32())}), "tokens.parquet")
    commands = (
        "info --compile",
        "build-ngram train.txt --arpa train.arpa",
        "build-ngram train.txt --unit char -o chars.ngram",
        "build-ngram words.txt --unit word --order 3",
        "score test.txt --ngram train.ngram",
        "score words.txt --ngram words.ngram",
        "score test.txt --ngram train.arpa --unit byte -o arpa.parquet",
        "peel --preds preds.parquet --ngram train.ngram --train-text train.txt",
        "peel --preds preds.parquet --train-text train.txt --force",
        "distance --preds preds.parquet --pair {} --ngram train.ngram --orders 3",
        "overlap preds.parquet --ngram train.ngram --orders 3",
        "peel --preds preds.parquet --train-text train.txt --verbatim 20 --force",
        "trace test.txt --train-text train.txt",
        "trace test.txt --train-text train.txt --edits 2 --force",
        "trace test.txt --ngram train.ngram --edits 2 --force",
        "stats preds.peel.parquet",
        "build-ngram ids.txt --unit token --sentences stream --order 4",
        "peel tokens.parquet --preset token --ngram ids.ngram --ngram-max 3",
        "stats tokens.peel.parquet",
        "report preds.peel.parquet",
    )
    said = run(*commands).splitlines()
    assert [line for line in said if "compiled for" in line] == [f"{command} compiled for 0.0" for command in commands]


def test_what_is_read_from_a_file_needs_no_kernels_of_its_own(tmp_path: Path) -> None:
    built = NgramIndex.build(text_of_bytes(b"a rose is a rose is a rose", Unit.BYTE), 4)
    built.save(tmp_path / "roses.ngram")
    read = NgramIndex.open(tmp_path / "roses.ngram")
    for part in ("tree", "smoothing"):
        assert numba.typeof(getattr(built, part)) == numba.typeof(getattr(read, part))


def test_compilation_is_announced_once_per_installation(tmp_path: Path) -> None:
    program = """
import logging, sys
logging.basicConfig(level=logging.INFO)
import numpy as np
from errtax.lm import words
for name in sys.argv[1:]:
    getattr(words, name)(*((np.uint8(32),) if name == "is_separator" else (np.zeros(3, np.uint8), -1)))
"""

    def notices(*kernels: str) -> int:
        line = [sys.executable, "-c", program, *kernels]
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
        return done.stderr.count("errtax info --compile")

    assert notices("is_separator") == 1
    assert notices("is_separator") == 0
    assert notices("count_items") == 0  # compiled here for the first time, but not the first kernel
