"""The file of an n-gram index: streamed, in partitions, interrupted, killed, damaged; the bytes stay the same."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import locked
from errtax.lm.ngram import build as index_build
from errtax.lm.ngram import container
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.partitions import PartitionedBuild
from errtax.lm.text import TEXT_UNITS, Unit, read_text, text_of_bytes
from strategies import texts
from test_ngram_index import bytes_of, readable, text_of, zipf

# --- the file --------------------------------------------------------------------------------------------------------


@given(text=texts(), order=st.integers(1, 8), unit=st.sampled_from(TEXT_UNITS))
def test_an_opened_index_is_the_saved_one(
    tmp_path_factory: pytest.TempPathFactory, text: str, order: int, unit: Unit
) -> None:
    path = tmp_path_factory.mktemp("index") / "x.ngram"
    source = text_of(readable(text, unit), unit)
    assume(len(source))
    index = NgramIndex.build(source, order)
    index.save(path)
    again = NgramIndex.open(path)
    assert again.info == index.info
    assert NgramIndex.problems(path) == []
    other = text_of(readable(text + "z" + text, unit), unit)
    codes = again.codes_of(other)
    assert np.array_equal(codes, index.codes_of(other))
    assert np.array_equal(again.score(codes), index.score(codes))
    assert np.array_equal(again.distribution(codes[:9]), index.distribution(codes[:9]))
    assert again.symbol_names() == index.symbol_names()
    streamed = path.with_name("streamed.ngram")
    NgramIndex.build_file(source, streamed, order)
    assert streamed.read_bytes() == path.read_bytes()
    assert sorted(p.name for p in path.parent.iterdir()) == ["streamed.ngram", "x.ngram"]


# --- partitions ------------------------------------------------------------------------------------------------------


@given(text=texts(), order=st.integers(1, 6), unit=st.sampled_from(TEXT_UNITS), n=st.sampled_from([2, 7, 16]))
def test_partitions_do_not_show(
    tmp_path_factory: pytest.TempPathFactory, text: str, order: int, unit: Unit, n: int
) -> None:
    path = tmp_path_factory.mktemp("index") / "x.ngram"
    source = text_of(readable(text, unit), unit)
    assume(len(source))
    whole = bytes_of(NgramIndex.build(source, order), path)
    assert bytes_of(NgramIndex.build(source, order, n_partitions=n), path) == whole


@pytest.mark.parametrize("n", [2, 7, 16])
def test_partitions_do_not_show_in_a_larger_text(tmp_path: Path, n: int) -> None:
    source = zipf(60_000)  # long enough for pieces and tasks on several threads
    whole = bytes_of(NgramIndex.build(source, 8), tmp_path / "x.ngram")
    assert bytes_of(NgramIndex.build(source, 8, n_partitions=n), tmp_path / "x.ngram") == whole


def test_little_memory_makes_partitions_of_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = zipf(60_000)
    whole = bytes_of(NgramIndex.build(source, 8), tmp_path / "x.ngram")
    monkeypatch.setattr(index_build, "memory_in_use", lambda: -index_build.RESERVE)
    kept: list[int] = []
    keep = index_build.Journal.keep
    monkeypatch.setattr(index_build.Journal, "keep", lambda *args: kept.append(1) or keep(*args))  # type: ignore[func-returns-value]
    NgramIndex.build_file(source, tmp_path / "y.ngram", 8, memory=2_000_000)
    assert len(kept) > 2
    assert (tmp_path / "y.ngram").read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.ngram", "y.ngram"]
    with pytest.raises(UsageError, match=r"--memory of at least 0\.\d+ GB"):
        NgramIndex.build_file(source, tmp_path / "z.ngram", 8, memory=20_000)
    assert not (tmp_path / "z.ngram.partial").exists()


def test_wide_offsets_score_alike() -> None:
    source = zipf(2000)
    index = NgramIndex.build(source, 6)
    build = PartitionedBuild(index.tree.symbols, int(index.tree.symbols.max()) + 1, 6, wide=True)
    part = build.grow(0, len(build.sizes))
    nodes = np.concatenate([part.nodes, build.finish()[0]])
    assert nodes.dtype.itemsize == index.tree.nodes.dtype.itemsize + 8
    tree = index.tree._replace(nodes=nodes, leaf_position=part.leaf_position)
    wide = NgramIndex(index.info, index.arrays._replace(tree=tree))
    assert np.array_equal(wide.score(source.codes[:500]), index.score(source.codes[:500]))


class Stopped(Exception):
    """Stands for whatever ends a process."""


def test_an_interrupted_build_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, path = zipf(60_000), tmp_path / "x.ngram"
    monkeypatch.setattr(index_build, "memory_in_use", lambda: -index_build.RESERVE)
    grow, grown = PartitionedBuild.grow, []

    def stop_at_third(build: PartitionedBuild, first: int, last: int) -> object:
        grown.append(first)
        if len(grown) == 3:
            raise Stopped
        return grow(build, first, last)

    with monkeypatch.context() as patched:
        patched.setattr(PartitionedBuild, "grow", stop_at_third)
        with pytest.raises(Stopped):
            NgramIndex.build_file(source, path, 8, memory=2_000_000)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.ngram.partial", "x.ngram.partial.state"]
    with monkeypatch.context() as patched:
        patched.setattr(PartitionedBuild, "grow", stop_at_third)
        NgramIndex.build_file(source, path, 8, memory=3_000_000)
    assert grown[3] == grown[2] > 0
    assert path.read_bytes() == bytes_of(NgramIndex.build(source, 8), tmp_path / "y.ngram")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.ngram", "y.ngram"]


def stop_at_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build in partitions that is interrupted when only the discounts are missing."""
    monkeypatch.setattr(index_build, "memory_in_use", lambda: -index_build.RESERVE)
    with monkeypatch.context() as patched:
        patched.setattr(index_build, "estimate_discounts", lambda *args: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            NgramIndex.build_file(zipf(60_000), path, 8, memory=2_000_000)


def test_a_damaged_partial_build_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.ngram"
    stop_at_the_end(path, monkeypatch)
    partial = tmp_path / "x.ngram.partial"
    data = bytearray(partial.read_bytes())
    data[len(data) // 2] ^= 1
    partial.write_bytes(data)
    NgramIndex.build_file(zipf(60_000), path, 8)
    assert path.read_bytes() == bytes_of(NgramIndex.build(zipf(60_000), 8), tmp_path / "y.ngram")


def test_a_damaged_state_is_left_out_of_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emptied, cut, of random bytes, and with single bits flipped: the build starts again and gives the same bytes."""
    path, state = tmp_path / "x.ngram", tmp_path / "x.ngram.partial.state"
    stop_at_the_end(path, monkeypatch)
    partial, whole = (tmp_path / "x.ngram.partial").read_bytes(), state.read_bytes()
    expected = bytes_of(NgramIndex.build(zipf(60_000), 8), tmp_path / "y.ngram")
    rng = np.random.default_rng(1)
    flipped = []
    for _ in range(12):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        flipped.append(bytes(damaged))
    for content in (b"", whole[:50], whole[:-30], rng.bytes(2000), b"{}", *flipped):
        (tmp_path / "x.ngram.partial").write_bytes(partial)
        state.write_bytes(content)
        state.with_name(state.name + ".new").write_bytes(b"half")
        NgramIndex.build_file(zipf(60_000), path, 8)
        assert path.read_bytes() == expected
        assert sorted(p.name for p in tmp_path.iterdir()) == ["x.ngram", "y.ngram"]


def test_a_damaged_state_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "x.ngram.partial.state").write_bytes(b"")
    NgramIndex.build_file(zipf(100), tmp_path / "x.ngram", 3)
    assert "x.ngram.partial.state is damaged, so the build starts again." in caplog.text


def test_what_another_build_left_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.ngram"
    stop_at_the_end(path, monkeypatch)
    assert (tmp_path / "x.ngram.partial.state").exists()
    NgramIndex.build_file(zipf(50_000), path, 8)
    assert path.read_bytes() == bytes_of(NgramIndex.build(zipf(50_000), 8), tmp_path / "y.ngram")


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
def test_two_builds_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "x.ngram"
    with locked(path.with_name("x.ngram.partial")), pytest.raises(UsageError, match="another process is writing"):
        NgramIndex.build_file(zipf(100), path, 3)


def test_killed_builds_leave_nothing_under_the_name(tmp_path: Path) -> None:
    """SIGKILL at random moments; the builds after it go on or start clean, and give the same bytes."""
    source, text, path = zipf(60_000), tmp_path / "text", tmp_path / "x.ngram"
    text.write_bytes(source.codes.tobytes())
    expected = bytes_of(NgramIndex.build(read_text(text, Unit.BYTE), 8), tmp_path / "y.ngram")
    program = f"""
from pathlib import Path
from errtax.lm.ngram import build as index_build
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import TEXT_UNITS, Unit, read_text
index_build.memory_in_use = lambda: -index_build.RESERVE
print("ready", flush=True)
NgramIndex.build_file(read_text(Path({str(text)!r}), Unit.BYTE), Path({str(path)!r}), 8, memory=2_000_000)
"""
    rng = np.random.default_rng()
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.5))
            process.kill()
        assert not path.exists() or path.read_bytes() == expected
        path.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    assert path.read_bytes() == expected


# --- damage ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "abracadabra.ngram"
    NgramIndex.build(text_of_bytes(b"abracadabra, abracadabra", Unit.BYTE), 5).save(path)
    return path


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(saved: Path, keep: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(BadInput, match=saved.name):
        NgramIndex.open(saved)


def test_a_file_with_a_byte_too_many_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"\0")
    with pytest.raises(BadInput, match="bytes"):
        NgramIndex.open(saved)


@pytest.mark.parametrize("offset", [0, 3, 7, 9, 17, 27, 40, 63, -1, -40, -300])
def test_a_flipped_byte_in_the_header_is_refused(saved: Path, offset: int) -> None:
    data = bytearray(saved.read_bytes())
    data[offset] ^= 0x41
    saved.write_bytes(data)
    with pytest.raises(BadInput, match=saved.name):
        NgramIndex.open(saved)


@pytest.mark.parametrize("content", [b"", b"hello\n" * 50, b"PAR1" * 100])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.ngram"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not an n-gram index"):
        NgramIndex.open(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        NgramIndex.open(tmp_path / "none.ngram")
    with pytest.raises(BadInput, match="folder"):
        NgramIndex.open(tmp_path)


def test_a_flipped_byte_in_an_array_is_refused_and_reported(saved: Path) -> None:
    content = saved.read_bytes()
    end = int.from_bytes(content[8:16], "little")
    names, inside = set(), np.zeros(end, bool)
    for entry in json.loads(content[end:])["arrays"].values():
        extent = container._extent_of(entry, end)
        inside[extent.offset : extent.offset + container._n_bytes(extent)] = True
    for offset in range(64, end):
        data = bytearray(content)
        data[offset] ^= 1
        saved.write_bytes(data)
        if not inside[offset]:
            with pytest.raises(BadInput, match="between its arrays"):
                NgramIndex.problems(saved)
            continue
        problems = NgramIndex.problems(saved)
        names.add(problems[0].split("'")[1])
        with pytest.raises(BadInput, match="checksum"):
            NgramIndex.open(saved)
        NgramIndex.open(saved, verify=False)
    expected = {"alphabet", "discounts_adjusted", "discounts_raw", "symbols", "leaf_position", "leaf_label", "nodes"}
    expected |= {"surface_bytes", "surface_ends", "surface_counts"}
    assert names == expected


def test_a_build_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(index_build, "memory_in_use", lambda: -index_build.RESERVE)
    source = zipf(60_000)
    NgramIndex.build_file(source, tmp_path / "x", 8, memory=2_000_000, on_suffixes=lambda *done: told.append(done))
    assert len(told) > 2
    assert max(told) == (len(source) + 2, len(source) + 2)  # with <s> and </s>
    assert len({done for done, _ in told}) == len(told)
    told.clear()
    stop_at_the_end(tmp_path / "y", monkeypatch)
    NgramIndex.build_file(source, tmp_path / "y", 8, on_suffixes=lambda *done: told.append(done))
    assert told == []  # a resumed build, of which only the discounts were missing
