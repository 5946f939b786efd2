"""Gaps in a log's positions cost by rows, not by their length: positions up to 2^62 are as good as any."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import Errtax, refused
from errtax.lm.log_reader import log_of_frame
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.text_view import TextView
from errtax.taxonomy.peel_file import read_peel

SENTENCE = b'She said "(the night) was dark"; the night\nwas long. '
LAST = 2**62
MOST = 64 << 20  # bytes: an array by position would take at least 4e9


def write_gapped(path: Path, positions: list[int], seed: int) -> None:
    """A log of the sentence, repeated, with these positions at its end."""
    symbols = [bytes([b]) for b in SENTENCE * 20]
    rows = np.concatenate([np.arange(len(symbols) - len(positions)), np.array(positions)])
    p = np.random.default_rng(seed).uniform(0.01, 0.99, len(symbols))
    columns = {"position": rows, "symbol": symbols, "logprob": np.log(p), "argmax": symbols, "argmax_logprob": -0.01}
    table = pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
    pq.write_table(table.replace_schema_metadata({"parameters": str(1000 + seed)}), path)


@pytest.fixture
def gapped(errtax: Errtax) -> Errtax:
    """A folder with three logs, a.parquet to c.parquet, of one text with gaps of up to 2^62."""
    end = [4_000_000_000 + k for k in range(200)] + [LAST - 199 + k for k in range(200)]
    for seed, name in enumerate(("a", "b", "c")):
        write_gapped(Path(f"{name}.parquet"), end, seed)
    return errtax


FAR = "--memory-windows 100,4000000000000"


def test_every_command_takes_them(gapped: Errtax) -> None:
    commands = [
        *(f"peel --preds {name}.parquet --train-text train.txt --ngram-max 3 {FAR}" for name in "abc"),
        "validate a.parquet",
        "validate a.peel.parquet",
        "stats a.peel.parquet",
        f"repeel a.peel.parquet {FAR}",
        "compare a.peel.parquet b.peel.parquet -o c.html",
        "check a.peel.parquet --baseline b.peel.parquet --max errors:+100pp",
        "trend a.peel.parquet b.peel.parquet c.peel.parquet",
        "calibration a.peel.parquet",
        "show a.peel.parquet --worst 5",
        "report a.peel.parquet b.peel.parquet",
        "distance --preds a.parquet --pair ()",
        "overlap a.parquet b.parquet",
    ]
    for command in commands:
        gapped(*command.split()[:1], "--help")  # what is imported is not counted
        tracemalloc.start()
        done = gapped(*command.split())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert done.code == 0, (command, done.err)
        assert peak < MOST, command
    assert int(read_peel(Path("a.peel.parquet")).log.positions[-1]) == LAST


def test_what_lies_between_does_not_change_the_evidence(errtax: Errtax) -> None:
    """A gap of one position and one of 2^61 part the text alike; only the memory's distances see its length."""
    found = []
    for length in (1, 2**61):
        write_gapped(Path("x.parquet"), [20 * len(SENTENCE) - 400 + length + k for k in range(400)], 3)
        found.append(collect_evidence(TextView.of_log(log_of_frame(pd.read_parquet("x.parquet"))), None, None))
    near, far = found
    for name, column in near._asdict().items():
        if name not in ("memory_distance", "custom") and column is not None:
            assert np.array_equal(column, getattr(far, name)), name
    across = near.memory_distance != far.memory_distance
    assert across.any()
    assert (far.memory_distance[across] == np.iinfo(np.int32).max).all()


def test_positions_above_are_refused(errtax: Errtax) -> None:
    write_gapped(Path("x.parquet"), [LAST + 1], 1)
    refused(errtax("peel", "--preds", "x.parquet", "--train-text", "train.txt"), 3, "2^62")
    frame = pd.read_parquet("x.parquet")
    frame.assign(position=frame.position.astype(np.uint64) + np.uint64(2**63)).to_parquet("x.parquet")
    refused(errtax("peel", "--preds", "x.parquet", "--train-text", "train.txt"), 3, "position")


def test_block_sums_follow_the_rows(gapped: Errtax) -> None:
    from errtax.taxonomy.block_sums import block_sums
    from errtax.taxonomy.bootstrap import Resampling

    assert gapped("peel", "--preds", "a.parquet", "--train-text", "train.txt", "--ngram-max", "3").code == 0
    peel = read_peel(Path("a.peel.parquet"))
    sums = block_sums(peel, Resampling(block=100))
    due = [int(peel.error[peel.log.positions // 100 == b].sum()) for b in np.unique(peel.log.positions // 100)]
    assert sums.column("errors").tolist() == due
