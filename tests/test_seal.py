"""One flipped bit anywhere in a file that errtax writes is found; files of others are read as they are."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import errtax as package
from commands import Errtax, refused
from errtax.lm.errors import BadInput
from errtax.lm.seal import SIZE, require_unbroken, seal
from errtax.lm.table import Column, TableSchema, open_parquet, table_writer
from errtax.taxonomy.studies.validation import problems_of


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small table as errtax writes them."""
    schema = TableSchema("test/1", "a test", (Column("x", (pa.int64(),), "a number"),)).arrow()
    with table_writer(tmp_path / "t.parquet", schema, {"errtax.schema": "test/1", "model": "m"}, False) as writer:
        writer.write_batch(pa.record_batch([pa.array(range(50))], schema=schema))
    return tmp_path / "t.parquet"


def test_every_bit_of_a_table_is_sealed(table: Path) -> None:
    data = table.read_bytes()
    for bit in range(8 * len(data)):
        with pytest.raises(BadInput):
            open_parquet(Path("t"), flipped(data, bit))


def test_others_read_a_sealed_table(table: Path) -> None:
    assert pd.read_parquet(table)["x"].tolist() == list(range(50))
    metadata = pq.read_metadata(table)
    assert metadata.metadata[b"model"] == b"m"
    assert pq.ParquetFile(table, page_checksum_verification=True).read().num_rows == 50


def test_a_table_written_again_by_others_has_no_seal(table: Path, tmp_path: Path) -> None:
    pq.write_table(pq.read_table(table).slice(3), tmp_path / "again.parquet")
    assert open_parquet(tmp_path / "again.parquet").read()["x"].to_pylist() == list(range(3, 50))


@pytest.mark.parametrize("tail", [0, 1, 7])
def test_a_seal_stands_before_the_tail(tmp_path: Path, tail: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"content")
    seal(path, tail)
    data = path.read_bytes()
    assert data[: 7 - tail] + data[7 - tail + SIZE :] == b"content"
    require_unbroken(io.BytesIO(data), "x")
    for broken in (data[:-1], data[1:], b"_" + data, data + b"_"):
        with pytest.raises(BadInput, match="checksum"):
            require_unbroken(io.BytesIO(broken), "x")


def test_flips_in_what_commands_write(errtax: Errtax) -> None:
    commands = {
        "preds.peel.parquet": "peel --preds preds.parquet --train-text train.txt --ngram-max 3",
        "test.scores.parquet": "score test.txt --ngram train.ngram",
        "distance.parquet": "distance --preds preds.parquet --ngram train.ngram --orders 2,3 --pair ''",
        "overlap.parquet": "overlap preds.parquet --ngram train.ngram --orders 3",
    }
    assert errtax("build-ngram", "train.txt", "--order", "4").code == 0
    draws = np.random.default_rng(14)
    for name, command in commands.items():
        assert errtax(*command.split()).code == 0, name
        assert problems_of(Path(name))[1] == []
        data = Path(name).read_bytes()
        for bit in draws.integers(8 * len(data), size=500).tolist():
            Path("flipped.parquet").write_bytes(flipped(data, bit))
            with pytest.raises(BadInput):
                problems_of(Path("flipped.parquet"))
    refused(errtax("stats", "flipped.parquet"), 3, "flipped.parquet")


def test_flips_in_weights(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install errtax[lm]")
    from errtax.lm.neural.run import load_file, save_file

    path, cpu = tmp_path / "best.pt", torch.device("cpu")
    save_file({"weights": torch.arange(40.0), "history": [{"epoch": 1}]}, path)
    assert torch.load(path, weights_only=True)["weights"].tolist() == load_file(path, cpu)["weights"].tolist()
    data = path.read_bytes()
    for bit in range(0, 8 * len(data), 13):
        path.write_bytes(flipped(data, bit))
        with pytest.raises(BadInput, match="is damaged"):
            load_file(path, cpu)


def test_tables_are_written_in_one_place() -> None:
    root = Path(package.__file__).parent
    sources = [path for part in root.iterdir() if part.is_dir() for path in part.rglob("*.py")]
    writers = [path for path in sources if "ParquetWriter(" in path.read_text(encoding="utf-8")]
    assert [path.name for path in writers] == ["table.py"]
