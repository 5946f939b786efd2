"""An index with right checksums that errtax did not write is refused, or can be used; nothing crashes or hangs."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import crafted_index
from crafted_index import Arrays, craft, write_container
from errtax.lm.errors import BadInput
from errtax.lm.ngram.container import read_container
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, text_of_bytes
from test_ngram_index import zipf


def test_crafted_indexes_are_refused_or_used() -> None:
    """150 of the 5,000 seeds that were tried by hand, without a crash, a hang or a message of several lines."""
    line = [sys.executable, crafted_index.__file__, "0", "150"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout)
    assert counts["refused"] > 100
    assert counts["used"] > 5


def test_the_fuzz_changes_indexes(tmp_path: Path) -> None:
    NgramIndex.build(text_of_bytes(b"abracadabra, abracadabra", Unit.BYTE), 5).save(tmp_path / "a")
    made = []
    for seed in range(20):
        craft(tmp_path / "a", tmp_path / "b", np.random.default_rng(seed))
        made.append((tmp_path / "b").read_bytes())
    assert len({*made, (tmp_path / "a").read_bytes()}) >= 20


def child_of_itself(arrays: Arrays) -> None:
    nodes = arrays["nodes"]
    v = np.flatnonzero(nodes["shape"] & 64)[3]
    nodes["child"][v] = v


def endless_siblings(arrays: Arrays) -> None:
    arrays["nodes"]["shape"][:-1] &= 127


def leaves_of_two_parents(arrays: Arrays) -> None:
    nodes = arrays["nodes"]
    a, b = np.flatnonzero(nodes["shape"] & 64)[-3:-1]
    nodes["child"][b] = nodes["child"][a]


def leaf_after_the_end(arrays: Arrays) -> None:
    arrays["leaf_position"][-1] = len(arrays["symbols"]) - 1


def shorter_child(arrays: Arrays) -> None:
    arrays["nodes"]["shape"][0] &= 192


def label_of_no_symbol(arrays: Arrays) -> None:
    arrays["leaf_label"][np.flatnonzero(arrays["leaf_label"])[0]] = 250


def more_left_symbols_than_occurrences(arrays: Arrays) -> None:
    arrays["nodes"]["left"][0] = 255


def text_without_end(arrays: Arrays) -> None:
    arrays["symbols"][-1] = 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (child_of_itself, "not form a tree"),
        (endless_siblings, "not form a tree"),
        (leaves_of_two_parents, "not form a tree"),
        (leaf_after_the_end, "not form a tree"),
        (shorter_child, "not form a tree"),
        (label_of_no_symbol, "not form a tree"),
        (more_left_symbols_than_occurrences, "not form a tree"),
        (text_without_end, "symbols"),
    ],
)
def test_each_fault_is_found(tmp_path: Path, change: Callable[[Arrays], None], words: str) -> None:
    path = tmp_path / "x.ngram"
    NgramIndex.build(zipf(3000), 6).save(path)
    header, found = read_container(path, "an index")
    arrays = {name: array.copy() for name, array in found.items()}
    write_container(path, header, arrays)
    assert NgramIndex.problems(path) == []
    change(arrays)
    write_container(path, header, arrays)
    with pytest.raises(BadInput, match=rf"x\.ngram is damaged .*{words}.* build it again"):
        NgramIndex.open(path)
    assert words in NgramIndex.problems(path)[0]
    NgramIndex.open(path, verify=False)


def test_a_header_of_half_surrogates_is_refused(tmp_path: Path) -> None:
    """It could be read, and not be written into the metadata of what is made with the index."""
    NgramIndex.build(zipf(3000), 6).save(tmp_path / "x.ngram")
    header, arrays = read_container(tmp_path / "x.ngram", "an index")
    header["info"]["text_sha256"] = "\ud800"
    write_container(tmp_path / "y.ngram", header, arrays)
    with pytest.raises(BadInput, match="header is not what errtax writes"):
        NgramIndex.open(tmp_path / "y.ngram")


def test_one_flipped_bit_between_arrays_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.ngram"
    NgramIndex.build(text_of_bytes(b"abracadabra, abracadabra", Unit.BYTE), 5).save(path)
    data = path.read_bytes()
    offset, length = struct.unpack_from("<QQ", data, 8)
    extents = json.loads(data[offset : offset + length])["arrays"].values()
    starts = sorted([*(extent["offset"] for extent in extents), offset])
    ends = sorted(extent["offset"] + extent["length"] * dtype_of(extent["dtype"]).itemsize for extent in extents)
    places = [place for end in ends for place in range(end, min(start for start in starts if start >= end))]
    assert len(places) > 20
    for place in places:
        path.write_bytes(data[:place] + b"\1" + data[place + 1 :])
        with pytest.raises(BadInput, match="something between its arrays"):
            NgramIndex.open(path)


def dtype_of(description: Any) -> np.dtype[Any]:
    return np.dtype(description if isinstance(description, str) else [tuple(field) for field in description])
