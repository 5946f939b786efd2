"""Tasks whose inputs and outputs are all in an object store: their machines share nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import TEXT, files, write_log

pytest.importorskip("s3fs", reason="object stores are tested with s3fs and moto: pip install -e '.[dev]'")
pytest.importorskip("moto", reason="object stores are tested with s3fs and moto: pip install -e '.[dev]'")
from object_store import BUCKET, FaultyStore
from test_object_store import On, bucket, content, on, server  # noqa: F401  # fixtures

PEEL = "peel R/preds.parquet --ngram R/train.ngram --ngram-max 4"
Stored = Callable[[str, str], None]


@pytest.fixture
def stored(bucket: FaultyStore, on: On) -> Stored:  # noqa: F811
    """A log and an index in a bucket and here, and what compares an output there with that of a command here."""
    Path("train.txt").write_bytes(TEXT)
    write_log(Path("preds.parquet"), TEXT)
    assert on("build-ngram R/train.txt --order 5 -o R/train.ngram", ".").code == 0
    assert on(f"{PEEL} -o R/p.peel.parquet", ".").code == 0
    for name in ("train.txt", "preds.parquet", "train.ngram"):
        bucket.client.upload_file(name, BUCKET, name)

    def same(line: str, name: str) -> None:
        done = on(line)
        assert done.code == 0, done.err
        assert not name or content(bucket, name) == Path(name).read_bytes()

    return same


def test_parts_of_a_peel_and_their_merge(bucket: FaultyStore, stored: Stored) -> None:  # noqa: F811
    for k in (3, 1, 2):
        stored(f"{PEEL} --part {k}/3 -o R/parts", "")
    assert {name for name in bucket.objects() if "/" in name} == {f"parts/part-0000{k}.parquet" for k in (1, 2, 3)}
    before = bucket.objects()
    stored(f"{PEEL} --part 2/3 -o R/parts", "")
    assert bucket.objects() == before
    stored("merge R/parts -o R/p.peel.parquet", "p.peel.parquet")


@pytest.mark.skipif(sys.platform == "win32", reason="Ray's cluster for tests needs Unix")
def test_tasks_of_a_cluster(bucket: FaultyStore, on: On, stored: Stored) -> None:  # noqa: F811
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'errtax[ray]'")
    ray.init(address="local", log_to_driver=False, configure_logging=False)  # its workers know the store, as we do
    try:
        stored("build-ngram R/train.txt --order 5 -o R/train.ngram --ray auto --tasks 3 --force", "train.ngram")
        stored(f"{PEEL} -o R/p.peel.parquet --ray auto --tasks 3", "p.peel.parquet")
        stats = "stats R/p.peel.parquet --replicates 100 --json"
        assert on(f"{stats} --ray auto --tasks 3").out == on(stats, ".").out
    finally:
        ray.shutdown()
    assert set(bucket.objects()) == files() - {"cache"}
