"""The whole chain on an object store: moto's S3 server on localhost, with faults between it and the commands."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from commands import TEXT, Errtax, Outcome, refused, write_log
from errtax.lm import store
from errtax.lm.errors import StoreError
from errtax.lm.fetched import cache_folder
from errtax.lm.files import require_input
from errtax.lm.locations import location
from errtax.lm.log_reader import open_log_file

pytest.importorskip("s3fs", reason="object stores are tested with s3fs and moto: pip install -e '.[dev]'")
pytest.importorskip("moto", reason="object stores are tested with s3fs and moto: pip install -e '.[dev]'")
from object_store import BUCKET, FAULTS, SLOW, FaultyStore, Plan, faulty_store

On = Callable[..., Outcome]
ROOT = f"s3://{BUCKET}"
KEY, SECRET = "AKIAPLANTEDPLANTED00", "planted+secret/of+forty+characters+0123456"
CHAIN = [
    "build-ngram R/train.txt --order 5 -o R/train.ngram --arpa R/train.arpa",
    "score R/test.txt --ngram R/train.ngram -o R/test.scores.parquet",
    "peel R/logs --ngram R/train.ngram --train-text R/train.txt --ngram-max 4 -o R/all.peel.parquet",
    "score R/test.txt --ngram R/train.arpa --unit byte -o R/arpa.scores.parquet",
    "peel R/logs/part-*.parquet --ngram R/train.ngram --train-text R/train.txt --ngram-max 4 --parts 3 -o R/all.peel",
    "stats R/all.peel.parquet --replicates 100",
    "stats R/all.peel --replicates 100",
    "compare R/all.peel R/all.peel.parquet -o R/compare.html",
    "report R/all.peel.parquet -o R/report.html --pie R/pie.svg",
    "check R/all.peel --baseline R/all.peel.parquet --max errors:+1pp --markdown R/check.md",
    "repeel R/all.peel --ngram-max 2 -o R/again.peel.parquet",
    "show R/all.peel --layer ngram --worst 3",
    "validate R/all.peel",
    "validate R/train.ngram",
]
"""R: where the files are."""


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyStore]:
    with faulty_store() as made:
        yield made


@pytest.fixture
def bucket(server: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyStore]:
    """An empty bucket, an empty cache, planted credentials, and clients that repeat requests without long pauses."""
    environment = {
        "ERRTAX_CACHE": str(tmp_path / "cache"),
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("s3fs.S3FileSystem.read_timeout", SLOW - 0.5)
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda *given, **named: 0.01)
    monkeypatch.setattr(store, "_PAUSE", 0.01)
    store._kept_filesystem.cache_clear()
    server.forget()
    yield server
    server.forget()
    store._kept_filesystem.cache_clear()


@pytest.fixture
def on(bucket: FaultyStore, errtax_alone: Errtax) -> On:
    """Runs a line of the chain with the files in the bucket, or in a folder; nothing it says holds the keys."""

    def run(line: str, root: str = ROOT) -> Outcome:
        done = errtax_alone(*line.replace("R/", f"{root}/").split())
        assert KEY not in done.out + done.err and SECRET not in done.out + done.err
        return done

    return run


def write_inputs(folder: Path) -> None:
    """A text for training, one for test, and its log in two parts."""
    (folder / "logs").mkdir(parents=True)
    (folder / "train.txt").write_bytes(TEXT)
    (folder / "test.txt").write_bytes(TEXT[:300])
    frame = write_log(folder / "all", TEXT[:300])
    for k in range(2):
        frame[150 * k : 150 * (k + 1)].to_parquet(folder / "logs" / f"part-{k}.parquet")
    (folder / "all").unlink()


def said(done: Outcome, root: str) -> Any:
    """The document of a command, without where its files are and how long it took."""
    document = json.loads(done.out.replace(f"{root}/", ""))
    return {key: value for key, value in document.items() if key != "seconds"}


def content(bucket: FaultyStore, name: str) -> bytes:
    data: bytes = bucket.client.get_object(Bucket=BUCKET, Key=name)["Body"].read()
    return data


def one_in(n: int, seed: int) -> Plan:
    """One request in n fails, once or twice, each time in another way."""
    draw = random.Random(seed)
    left: dict[str, list[str]] = {}

    def plan(method: str, path: str, times: int) -> str:
        if times == 0 and draw.randrange(n) == 0:
            left[method + path] = draw.sample(FAULTS, draw.randint(1, 2))
        waiting = left.get(method + path, [])
        return waiting.pop() if waiting else ""

    return plan


def none(method: str, path: str, times: int) -> str:
    return ""


def always(fault: str, *signs: str) -> Plan:
    """Each request fails whose method and path have all these signs."""
    return lambda method, path, times: fault if all(sign in f"{method} {path}" for sign in signs) else ""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few attempts, for stores that never answer well."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setattr(store, "ATTEMPTS", 2)


def test_the_chain_gives_the_bytes_and_documents_of_local_files(bucket: FaultyStore, on: On, tmp_path: Path) -> None:
    write_inputs(tmp_path / "local")
    local = {line: on(f"{line} --json", "local") for line in CHAIN}
    made = {path.relative_to(tmp_path / "local").as_posix(): path for path in (tmp_path / "local").rglob("*")}
    for plan in (none, one_in(8, seed=1)):
        bucket.forget()
        shutil.rmtree(cache_folder(), ignore_errors=True)
        for name in ("train.txt", "test.txt", "logs/part-0.parquet", "logs/part-1.parquet"):
            bucket.client.upload_file(str(tmp_path / "local" / name), BUCKET, name)
        bucket.plan = plan
        for line, due in local.items():
            done = on(f"{line} --json")
            assert (done.code, done.err.replace(f"{ROOT}/", "local/")) == (0, due.err)
            assert said(done, ROOT) == said(due, "local")
        bucket.plan = none
        assert set(bucket.objects()) == {name for name, path in made.items() if path.is_file()}
        for name in bucket.objects():
            assert content(bucket, name) == made[name].read_bytes(), name
            assert len(bucket.seen[name]) == 1, f"{name} was visible with other contents: {bucket.seen[name]}"
        assert not list((cache_folder() / "outputs").iterdir())
        if plan is none:
            assert not bucket.uploads()
    assert all(bucket.planted[fault] for fault in FAULTS), bucket.planted


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("503", "too busy"),
        ("reset", "cannot be reached"),
        ("cut", "cut"),
        ("slow", "did not answer in time"),
        ("403", "refuses access"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_a_store_that_fails_for_good_is_one_clear_line(bucket: FaultyStore, on: On, fault: str, words: str) -> None:
    write_inputs(Path())
    for name in ("train.txt", "test.txt"):
        bucket.client.upload_file(name, BUCKET, name)
    before = bucket.objects()
    bucket.plan = always(fault, "GET", "train.txt")
    refused(on("build-ngram R/train.txt --order 3 -o R/train.ngram"), 3, f"{ROOT}/train.txt", words)
    if fault != "cut":  # of what is sent, only answers are cut
        bucket.plan = always(fault, "PUT")
        refused(on("build-ngram train.txt --order 3 -o R/train.ngram"), 3, f"{ROOT}/train.ngram", words)
    assert bucket.objects() == before

    def send_and_read() -> None:
        store.put(Path("train.txt"), f"{ROOT}/a")
        store.read_range(f"{ROOT}/train.txt", 0, 10)

    with pytest.raises(StoreError) as raised:
        send_and_read()
    shown = "".join(traceback.format_exception(raised.value))  # what --debug shows
    assert "store.py" in shown and KEY not in shown and SECRET not in shown and "Signature" not in shown


def test_names_that_do_not_exist(bucket: FaultyStore, on: On, tmp_path: Path) -> None:
    write_inputs(tmp_path)
    nowhere = "s3://no-such-bucket/a"
    refused(on(f"stats {nowhere}"), 3, "bucket s3://no-such-bucket does not exist")
    refused(on(f"build-ngram train.txt --order 3 -o {nowhere}"), 2, "bucket s3://no-such-bucket does not exist")
    refused(on("stats R/a.parquet"), 3, f"{ROOT}/a.parquet does not exist")
    refused(on("peel R/*.parquet --train-text train.txt"), 3, "no file fits")
    refused(on(f"build-ngram train.txt --order 3 -o {ROOT}"), 2, "bucket", "name in it")


@pytest.mark.parametrize("name", ["all.peel.parquet", "train.ngram", "train.arpa", "part-0.parquet"])
def test_cut_and_damaged_objects_are_bad_input(bucket: FaultyStore, on: On, name: str) -> None:
    write_inputs(Path())
    on("build-ngram train.txt --order 3 -o train.ngram --arpa train.arpa")
    on("peel logs --ngram train.ngram --ngram-max 2 -o all.peel.parquet")
    data = Path(f"logs/{name}" if name == "part-0.parquet" else name).read_bytes()
    line = {"ngram": "score test.txt --ngram R/train.ngram", "arpa": "score test.txt --unit byte --ngram R/train.arpa"}
    command = line.get(name.rpartition(".")[2], f"validate R/{name}")
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    sealed = name in ("all.peel.parquet", "train.ngram")
    for bad in (data[: len(data) // 2], b"", bytes(flipped) if sealed else b"PAR1"):
        bucket.client.put_object(Bucket=BUCKET, Key=name, Body=bad)
        refused(on(command), 3, f"{ROOT}/{name}")


def test_a_folder_appears_whole_or_not_at_all(bucket: FaultyStore, on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    write_inputs(Path())
    line = "peel logs --train-text train.txt --ngram-max 3 --parts 3 -o R/all.peel --json"
    for request in ("PUT", "POST"):  # while it is sent, and when it should appear
        bucket.plan = always("403", request, "part-00003", "uploadId")
        refused(on(line), 3, "refuses access")
        bucket.plan = none
        assert bucket.objects() == {}
    assert on(line).code == 0
    refused(on(line), 2, "exists already")
    assert on(line.replace("--parts 3", "--parts 2") + " --force").code == 0
    assert sorted(bucket.objects()) == [f"all.peel/part-0000{k}.parquet" for k in (1, 2)]
    bucket.client.put_object(Bucket=BUCKET, Key="all.peel/notes.txt", Body=b"mine")
    refused(on(line + " --force"), 2, "notes.txt")


def test_what_a_killed_run_leaves_is_no_peel(bucket: FaultyStore, on: On, tmp_path: Path) -> None:
    write_inputs(Path())
    on("peel logs --train-text train.txt --ngram-max 3 --parts 3 -o all.peel")
    bucket.plan = always("slow", "POST", "part-00002", "uploadId")
    code = (
        "import shutil; from errtax.lm.files import replacing_folder; from errtax.lm.locations import location\n"
        f"with replacing_folder(location('{ROOT}/all.peel')) as folder:\n"
        "    shutil.copytree('all.peel', folder, dirs_exist_ok=True)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], env=os.environ)
    while not bucket.planted["slow"] and child.poll() is None:
        time.sleep(0.01)
    bucket.plan = always("403", "POST")
    child.kill()
    child.wait()
    bucket.plan = none
    assert sorted(bucket.objects()) == ["all.peel/part-00001.parquet"]
    refused(on("stats R/all.peel"), 3, "a peel of 3 parts needs all of them")


def test_a_large_file_is_sent_in_pieces_and_complete_or_not_there(
    bucket: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3fs.core.calculate_chunksize", lambda size, chunksize=None: 5 << 20)
    path, data = tmp_path / "large", np.random.default_rng(1).bytes((12 << 20) + 1)
    path.write_bytes(data)
    bucket.plan = always("403", "PUT", "partNumber=3")
    with pytest.raises(StoreError, match="refuses access"):
        store.put(path, f"{ROOT}/large")
    assert bucket.objects() == {} and not bucket.uploads()
    bucket.plan = lambda method, path, times: "503" if times == 0 else "reset" if times == 1 else ""
    store.put(path, f"{ROOT}/large")
    assert content(bucket, "large") == data and len(bucket.seen["large"]) == 1
    bucket.plan = one_in(3, seed=2)
    assert require_input(location(f"{ROOT}/large")).read_bytes() == data


def test_a_small_object_is_one_request(bucket: FaultyStore) -> None:
    asked = list[str]()
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=b"01234567" * 5000)

    def plan(method: str, path: str, times: int) -> str:
        asked.extend([path] if method == "GET" else [])
        return "cut" if times == 0 else ""

    bucket.plan = plan
    path = location(f"{ROOT}/a")
    assert path.read_bytes() == b"01234567" * 5000 and len(set(asked)) == 1
    file = store.StoredFile(f"{ROOT}/a")
    assert (file.read(3), len(file.read()), file.read()) == (b"012", 39_997, b"")


def test_logs_are_read_by_row_groups(bucket: FaultyStore, tmp_path: Path) -> None:
    n, path = 1 << 20, tmp_path / "log.parquet"
    values = -np.random.default_rng(1).random(n)
    pd.DataFrame({"position": np.arange(n), "symbol": "a", "logprob": values}).to_parquet(path, row_group_size=n // 16)
    bucket.client.upload_file(str(path), BUCKET, "log.parquet")
    file = open_log_file(location(f"{ROOT}/log.parquet"))
    rows = np.concatenate([log.logprobs for log in file.rows(n // 2, n // 2 + 1000)])
    assert np.array_equal(rows, values[n // 2 : n // 2 + 1000])
    assert bucket.served < path.stat().st_size / 8
    assert np.array_equal(np.concatenate([log.logprobs for log in file.blocks()]), values)


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(bucket: FaultyStore) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=b"old" * 100)
    file = store.StoredFile(f"{ROOT}/a")
    assert file.read(3) == b"old"
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=b"new" * 100)
    with pytest.raises(StoreError, match="was replaced while it was read"):
        file.read(3)
