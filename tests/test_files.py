"""Nothing half-written is ever left under a final name."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crafted_index import write_container
from errtax.lm.errors import BadInput, ErrtaxError, UsageError
from errtax.lm.files import map_bytes, release, replacing, require_input, sha256_of_file, write_text
from errtax.lm.ngram.container import read_container


def test_a_finished_block_leaves_the_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"done")
        assert not path.exists()
    assert path.read_bytes() == b"done"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failing_block_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def write_half() -> None:
        with replacing(tmp_path / "out.txt") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")

    def rewrite() -> None:
        with replacing(path, force=True) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        rewrite()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_needs_force(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(UsageError, match="--force"):
        write_text(path, "new", force=False)
    assert path.read_text() == "old"
    write_text(path, "new", force=True)
    assert path.read_text() == "new"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        write_text(tmp_path / "nowhere" / "out.txt", "x")


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    write_text(tmp_path / "out.txt", "é\r\n\n")
    assert (tmp_path / "out.txt").read_bytes() == "é\r\n\n".encode()


def test_inputs_are_checked(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        require_input(tmp_path / "none.txt")
    with pytest.raises(BadInput, match="folder"):
        require_input(tmp_path)


def test_the_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_of_file(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_expected_errors_have_their_exit_codes() -> None:
    assert (UsageError.exit_code, BadInput.exit_code) == (2, 3)
    assert issubclass(BadInput, ErrtaxError)
    assert issubclass(BadInput, ValueError)


def test_a_container_gives_back_what_was_put_in(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    arrays: dict[str, NDArray[Any]] = {
        "a": np.arange(5, dtype=np.uint16),
        "b": np.empty(0),
        "c": np.zeros(3, np.dtype([("x", "<u4"), ("y", "u1")])),
    }
    write_container(path, {"schema": "é"}, arrays)
    header, found = read_container(path, "a container")
    assert header["schema"] == "é"
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
        assert not found[name].flags.writeable


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_pages_that_are_let_go_of_do_not_count(tmp_path: Path) -> None:
    def shared_pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[2])

    (tmp_path / "text").write_bytes(bytes(1 << 26))
    codes = map_bytes(tmp_path / "text")
    before = shared_pages()
    assert not codes.any()
    read = shared_pages()
    release(codes[5:].reshape(-1, 1))
    assert read - before > 15_000
    assert shared_pages() - before < 1000


def test_mapped_bytes_are_the_files_and_may_be_let_go(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"abc" * 5000)
    codes = map_bytes(tmp_path / "text")
    rows = codes[1:10001].reshape(2, -1)
    release(rows)
    assert rows.tobytes() == (b"abc" * 5000)[1:10001]
    (tmp_path / "empty").write_bytes(b"")
    assert len(map_bytes(tmp_path / "empty")) == 0
    written = np.memmap(tmp_path / "new", np.int32, "w+", shape=(4, 3000))
    written[:] = 7
    release(written[1:])
    assert (np.fromfile(tmp_path / "new", np.int32) == 7).all()
    release(np.arange(3))
    release(None)
