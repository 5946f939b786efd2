"""Splits against a plain loop, and their files."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.split import Scheme, SplitOptions, read_split, split_bytes, split_file

FRACTIONS = st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.9, 0.05, 0.05), (0.7, 0.0, 0.3), (1.0, 0.0, 0.0)])
PLAIN = st.text(st.sampled_from("ab é猫🙂\n\r"), max_size=60).map(str.encode)


def streams_by_loop(data: bytes, streams: int, steps: int, tenths: tuple[int, int]) -> tuple[bytes, bytes, bytes]:
    """`tenths`: where training and validation end, in tenths, so that no rounding enters."""
    m = len(data) // (streams * steps)
    parts: list[list[int]] = [[], [], []]
    for stream in range(streams):
        for step in range(m):
            part = 0 if step < tenths[0] * m // 10 else 1 if step < tenths[1] * m // 10 else 2
            begin = (stream * m + step) * steps
            parts[part] += data[begin : begin + steps]
    return bytes(parts[0]), bytes(parts[1]), bytes(parts[2])


@given(
    data=st.binary(max_size=300),
    streams=st.integers(1, 5),
    steps=st.integers(1, 4),
    tenths=st.sampled_from([(8, 9), (7, 8), (6, 7), (5, 9), (7, 7), (3, 6), (10, 10), (1, 3)]),
)
def test_streams_are_those_of_a_loop(data: bytes, streams: int, steps: int, tenths: tuple[int, int]) -> None:
    a, b = tenths
    fractions = (a / 10, (b - a) / 10, (10 - b) / 10)
    options = SplitOptions(Scheme.STREAMS, fractions, streams, steps)
    assert split_bytes(data, options) == streams_by_loop(data, streams, steps, tenths)


@given(data=PLAIN, fractions=FRACTIONS)
def test_contiguous_parts_are_whole_characters(data: bytes, fractions: tuple[float, float, float]) -> None:
    parts = split_bytes(data, SplitOptions(Scheme.CONTIGUOUS, fractions))
    assert b"".join(parts) == data
    for part in parts:
        part.decode("utf-8")  # raises where a character was cut
    assert abs(len(parts[0]) - fractions[0] * len(data)) <= 4


@given(data=st.binary(max_size=60), fractions=FRACTIONS)
def test_contiguous_parts_lose_nothing_of_any_bytes(data: bytes, fractions: tuple[float, float, float]) -> None:
    assert b"".join(split_bytes(data, SplitOptions(Scheme.CONTIGUOUS, fractions))) == data


@given(data=PLAIN, fractions=FRACTIONS)
def test_lines_are_kept_whole(data: bytes, fractions: tuple[float, float, float]) -> None:
    parts = split_bytes(data, SplitOptions(Scheme.LINES, fractions))
    assert b"".join(parts) == data
    assert [line for part in parts for line in part.splitlines(True)] == data.splitlines(True) or b"\r" in data
    for part, rest in ((parts[0], parts[1] + parts[2]), (parts[0] + parts[1], parts[2])):
        assert not part or not rest or part.endswith(b"\n")


def test_lines_cut_at_the_first_line_end_after_the_fraction() -> None:
    data = b"one\ntwo\nthree\nfour\n"
    parts = split_bytes(data, SplitOptions(Scheme.LINES, (0.4, 0.3, 0.3)))
    assert parts == (b"one\ntwo\n", b"three\n", b"four\n")


def test_files_and_description(tmp_path: Path) -> None:
    source, folder = tmp_path / "t.txt", tmp_path / "parts"
    data = "".join(f"Line {k}, é.\n" for k in range(40)).encode()
    source.write_bytes(data)
    split = split_file(source, folder, SplitOptions())
    contents = [(folder / f"{name}.txt").read_bytes() for name in ("train", "val", "test")]
    assert b"".join(contents) == data
    assert read_split(folder) is not None
    described = json.loads((folder / "split.json").read_text())
    assert described["schema"] == "errtax.split/1"
    assert described["symbols"] == len(data)
    assert described["alphabet"] == sorted(set(data))
    assert described["text_sha256"] == hashlib.sha256(data).hexdigest()
    for name, content in zip(("train", "val", "test"), contents, strict=True):
        assert described["parts"][name] == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        assert split.is_part(name, hashlib.sha256(content).hexdigest())
        assert not split.is_part(name, "0" * 64)


def test_a_folder_without_a_split_is_none(tmp_path: Path) -> None:
    assert read_split(tmp_path) is None


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"schema": "errtax.split/2"}', '{"schema": "errtax.split/1", "x": 1}']
)
def test_a_broken_description_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(BadInput, match=r"split\.json"):
        read_split(tmp_path)


@pytest.mark.parametrize("existing", ["train.txt", "val.txt", "test.txt", "split.json"])
def test_existing_output_needs_force(tmp_path: Path, existing: str) -> None:
    source = tmp_path / "t.txt"
    source.write_bytes(b"words " * 100)
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / existing).write_text("mine")
    with pytest.raises(UsageError, match=existing):
        split_file(source, folder, SplitOptions())
    assert [path.name for path in folder.iterdir()] == [existing]
    assert (folder / existing).read_text() == "mine"
    split_file(source, folder, SplitOptions(), force=True)
    assert (folder / existing).read_text() != "mine"


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("data", [b"", b"a"])
def test_too_short_a_text_is_refused(tmp_path: Path, scheme: Scheme, data: bytes) -> None:
    source = tmp_path / "t.txt"
    source.write_bytes(data)
    with pytest.raises(BadInput, match=r"t\.txt"):
        split_file(source, tmp_path / "parts", SplitOptions(scheme))
    assert not (tmp_path / "parts").exists()


def test_a_text_too_short_for_the_streams_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "t.txt"
    source.write_bytes(b"x" * 9_000)
    with pytest.raises(BadInput, match="part 'train' would be empty"):
        split_file(source, tmp_path / "parts", SplitOptions(Scheme.STREAMS))


@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.2), (-0.1, 0.6, 0.5), (1.0, 1.0, -1.0)])
def test_fractions_must_sum_to_one(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="fractions"):
        SplitOptions(fractions=fractions)


def test_the_papers_test_part(warpeace_parts: tuple[bytes, bytes, bytes]) -> None:
    train, val, test = warpeace_parts
    assert (len(train), len(val), len(test)) == (2_600_000, 320_000, 330_000)
    assert len(set(train) | set(val) | set(test)) == 87


@pytest.mark.parametrize("streams", [-4, 0, 7, 10**18])
def test_streams_that_the_parts_do_not_have_are_refused(tmp_path: Path, streams: int) -> None:
    (tmp_path / "all.txt").write_bytes(b"abcdefghij" * 60)
    split_file(tmp_path / "all.txt", tmp_path / "wp", SplitOptions(Scheme.STREAMS, streams=4, steps=10))
    path = tmp_path / "wp" / "split.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "streams": streams}))
    with pytest.raises(BadInput, match=f"not those of {streams} equal streams"):
        read_split(tmp_path / "wp")


def test_parts_that_are_not_of_equal_streams_are_refused(tmp_path: Path) -> None:
    """Whatever split.json says of their sizes."""
    (tmp_path / "all.txt").write_bytes(b"abcdefghij" * 60)
    split = split_file(tmp_path / "all.txt", tmp_path / "wp", SplitOptions(Scheme.STREAMS, streams=4, steps=10))
    assert split.rows_of(np.zeros(40, np.uint8)).shape == (4, 10)
    with pytest.raises(BadInput, match="4 equal streams, but a part has 41 bytes"):
        split.rows_of(np.zeros(41, np.uint8))
