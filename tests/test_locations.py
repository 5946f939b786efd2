"""Locations in object stores: what a URI is, how it is read, written, listed and fetched; without a network."""

import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import TEXT, Errtax, refused
from errtax.lm import fetched, store
from errtax.lm.errors import BadInput, StoreError, UsageError
from errtax.lm.fetched import cache_folder
from errtax.lm.files import require_input, sha256_of_file, write_text
from errtax.lm.locations import Remote, location
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, read_text, text_of_bytes

fsspec: Any = pytest.importorskip("fsspec")


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty store in memory, `memory://`, and an empty cache."""
    monkeypatch.setenv("ERRTAX_CACHE", str(tmp_path / "cache"))
    kept = fsspec.filesystem("memory")
    kept.store.clear()
    kept.pseudo_dirs[:] = [""]
    yield kept
    kept.store.clear()


def copies() -> list[Path]:
    return sorted((cache_folder() / "copies").glob("*/copy*"))


def test_a_uri_is_a_path_by_its_names() -> None:
    peel = location("s3://bucket/runs/a.peel.parquet")
    assert isinstance(peel, Remote) and isinstance(location("a"), Path) and not isinstance(location("a"), Remote)
    assert (peel.name, peel.suffix, str(peel.parent)) == ("a.peel.parquet", ".parquet", "s3://bucket/runs")
    assert str(peel.with_name("b")) == str(peel.parent / "b") == "s3://bucket/runs/b"
    assert str(location("gs://bucket/runs/")) == "gs://bucket/runs" and location(peel) is peel
    assert pickle.loads(pickle.dumps(peel)).uri == peel.uri
    assert location(Path("s3://bucket/a")) == location("s3://bucket/a")  # pathlib makes one slash of two
    for stray in (os.fspath, open, os.stat):
        with pytest.raises(TypeError, match="not a file of this machine"):
            stray(peel)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("https://host/a.parquet", "s3://, gs://, hf://"),
        ("s3:///a", "empty name"),
        ("s3://bucket//a", "empty name"),
        ("s3://bucket/../a", "dots"),
        ("s3://AKIAPLANTED:planted+secret@bucket/a", "without keys"),
        ("s3://bucket/a?X-Amz-Signature=planted", "without keys"),
    ],
)
def test_other_uris_are_refused_and_their_keys_not_repeated(errtax: Errtax, given: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        location(given)
    for line in (["stats", given], ["peel", "preds.parquet", "-o", given], ["stats", "preds.parquet", given]):
        done = errtax(*line)
        assert done.code == 2 and "planted" not in (done.out + done.err).lower(), done.err
    Path("errtax.toml").write_text(f"ngram = '{given}'\n")
    done = errtax("peel", "preds.parquet")
    assert done.code == 2 and "planted" not in (done.out + done.err).lower(), done.err


def test_outputs_appear_whole_or_not_at_all(memory: Any) -> None:
    path = location("memory://b/a.txt")
    write_text(path, "one")
    with pytest.raises(UsageError, match="exists already"):
        write_text(path, "two", force=False)
    write_text(path, "two")
    assert path.read_text() == "two" and path.stat().st_size == 3
    for name, word in (("b/p", "is a folder"), ("b", "is a bucket")):
        memory.pipe("/b/p/q.txt", b"x")
        with pytest.raises(UsageError, match=word):
            write_text(location(f"memory://{name}"), "three")
    assert sorted(memory.store) == ["/b/a.txt", "/b/p/q.txt"]
    assert not [each for each in cache_folder().rglob("*") if each.is_file()]


def test_folders_are_listed(memory: Any) -> None:
    for name in ("b/a.txt", "b/p/2.parquet", "b/p/1.parquet", "b/p/.hidden.parquet", "b/p/q/3.parquet"):
        memory.pipe(f"/{name}", b"x")
    folder = location("memory://b/p")
    assert folder.is_dir() and not folder.is_file() and not location("memory://b/c").exists()
    assert sorted(each.name for each in folder.glob("*.parquet")) == [".hidden.parquet", "1.parquet", "2.parquet"]
    assert [str(each) for each in location("memory://b/p/?.parquet").matching()] == [  # type: ignore[attr-defined]
        "memory://b/p/1.parquet",
        "memory://b/p/2.parquet",
    ]
    assert len(list(location("memory://b").rglob("*"))) == 5


def test_objects_are_fetched_once_and_again_when_they_change(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = location("memory://b/text.txt"), []
    bring = store.read_range

    def counted(*given: Any) -> bytes:
        asked.append(given)
        return bring(*given)

    monkeypatch.setattr(store, "read_range", counted)
    memory.pipe("/b/text.txt", TEXT)
    assert read_text(path, Unit.BYTE).codes.tobytes() == TEXT == require_input(path).read_bytes()
    assert len(asked) == 1 and len(copies()) == 1
    memory.pipe("/b/text.txt", TEXT[:-1] + b"!")
    assert require_input(path).read_bytes().endswith(b"!") and len(asked) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "without digest", "gone"])
def test_damaged_copies_are_never_used(memory: Any, damage: str) -> None:
    path = location("memory://b/text.txt")
    memory.pipe("/b/text.txt", TEXT)
    copy = require_input(path)
    if damage == "cut":
        copy.write_bytes(TEXT[:-1])
    elif damage == "flipped":
        copy.write_bytes(bytes([TEXT[0] ^ 1]) + TEXT[1:])
    elif damage == "gone":
        copy.unlink()
    else:
        copy.with_name("sha256").unlink()
    os.utime(copy.parent)
    assert require_input(path).read_bytes() == TEXT


def test_a_large_copy_of_an_index_is_held_against_its_own_checksums(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetched, "COMPARED", 100)
    index = NgramIndex.build(text_of_bytes(TEXT, Unit.BYTE), 4)
    path = location("memory://b/train.ngram")
    index.save(path)
    copy = require_input(path)
    data = bytearray(copy.read_bytes())
    data[len(data) // 2] ^= 1
    copy.write_bytes(data)
    opened = NgramIndex.open(path)  # brought again
    assert np.array_equal(opened.tree.nodes, index.tree.nodes) and opened.path == path
    memory.pipe("/b/train.ngram", bytes(data))
    with pytest.raises(BadInput, match=r"memory://b/train.ngram is damaged"):
        NgramIndex.open(path)


def test_several_fetch_at_once_and_disturb_nobody(memory: Any) -> None:
    data = np.random.default_rng(1).bytes(3 * store.PIECE + 17)
    memory.pipe("/b/large", data)
    path = location("memory://b/large")
    with ThreadPoolExecutor(4) as pool:
        found = {each.read_bytes() for each in pool.map(require_input, [path] * 4)}
    assert found == {data} and len(copies()) == 1
    assert sha256_of_file(path) == sha256_of_file(copies()[0])


def test_an_object_that_does_not_arrive_as_its_etag_says_is_fetched_twice(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.pipe("/b/text.txt", TEXT)
    path, bring, answers = location("memory://b/text.txt"), store.read_range, iter([b"?" * len(TEXT), TEXT, TEXT])
    entry = store.Entry(str(path), False, len(TEXT), "0" * 32)
    monkeypatch.setattr(store, "entry_of", lambda uri: entry)
    monkeypatch.setattr(store, "read_range", lambda *given: next(answers))
    with pytest.raises(StoreError, match="other bytes each time"):
        require_input(path)
    monkeypatch.setattr(store, "read_range", bring)
    assert require_input(path).read_bytes() == TEXT  # twice the same: the ETag is no MD5


def test_what_is_of_one_machine_is_refused(errtax: Errtax, memory: Any) -> None:
    for line in (
        "train train.txt -o memory://b/run",
        "sweep --text memory://b/wp",
        "gates memory://b/run --text test.txt",
        "build-ngram train.txt --engine kenlm -o memory://b/kenlm",
        "validate memory://b/run.json",
        "peel preds.parquet --oracles memory://b/own.py",
    ):
        refused(errtax(*line.split()), 2, "memory://b", "this machine, not an object store")


def test_an_input_in_a_store_is_never_written_over(errtax: Errtax, memory: Any) -> None:
    memory.pipe("/b/parts/1.parquet", Path("preds.parquet").read_bytes())
    memory.pipe("/b/train.txt", TEXT)
    for log, output in (("parts", "parts/1.parquet"), ("parts/*.parquet", "parts/1.parquet")):
        line = ("peel", f"memory://b/{log}", "--train-text", "train.txt", "-o", f"memory://b/{output}", "--force")
        refused(errtax(*line), 2, "an input of this command")
    refused(
        errtax("build-ngram", "memory://b/train.txt", "-o", "memory://b/train.txt", "--force"),
        2,
        "an input of this command",
    )
    assert memory.cat("/b/train.txt") == TEXT


def test_without_fsspec_what_to_install_is_said(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    store._kept_filesystem.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    refused(errtax("stats", "s3://bucket/a.parquet"), 2, "pip install 'errtax[remote]'")
