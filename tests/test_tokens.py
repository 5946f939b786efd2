"""Token ids: from text, arrays and tables of them, and what is no token id."""

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput
from errtax.lm.text import (
    END_OF_LINE,
    Sentences,
    Unit,
    read_text,
    read_texts,
    text_of_bytes,
)
from test_text import write

LINES, STREAM = Sentences.LINES, Sentences.STREAM

ROWS = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=5), min_size=1, max_size=5)


def codes_of_rows(rows: list[list[int]], end: list[int]) -> list[int]:
    return [code for row in rows for code in (*row, *end)]


@given(rows=ROWS, blank=st.sampled_from([" ", "\t", "  ", "\0", " \r"]), final=st.booleans())
def test_tokens_of_a_text(rows: list[list[int]], blank: str, final: bool) -> None:
    data = ("\n".join(blank.join(map(str, row)) for row in rows) + "\n" * final).encode()
    lines = text_of_bytes(data, Unit.TOKEN)
    expected = codes_of_rows(rows, [END_OF_LINE])
    assert lines.codes.tolist() == (expected if final else expected[:-1])
    assert lines.codes.dtype == np.uint32
    stream = text_of_bytes(data, Unit.TOKEN, sentences=STREAM)
    assert stream.codes.tolist() == codes_of_rows(rows, [])


def test_leading_zeros_are_no_octal() -> None:
    assert text_of_bytes(b"007 00000000002147483647", Unit.TOKEN).codes.tolist() == [7, 2**31 - 1]


@pytest.mark.parametrize("bad", ["-5", "+5", "3.5", "1e3", "a", "12a", "2147483648", "99999999999999999999999", "1\v2"])
def test_what_is_no_token_id_is_refused_with_its_line(bad: str) -> None:
    message = rf"text: line 3 has {re.escape(repr(bad))} where a token id is needed; .* 0 to 2147483647, in decimal"
    for sentences in Sentences:
        with pytest.raises(BadInput, match=message):
            text_of_bytes(f"1 2\n\n 3\t{bad}\n4 -1\n".encode(), Unit.TOKEN, sentences=sentences)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int64", ">i4", "uint64"])
def test_tokens_of_a_numpy_array(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([5, 0, 100, 5], dtype))
    text = read_text(path, Unit.TOKEN)
    assert (text.codes.tolist(), text.sentences) == ([5, 0, 100, 5], STREAM)
    assert text.codes.dtype == np.uint32
    assert text.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(BadInput, match=r"a\.npy holds one stream of tokens, without line ends"):
        read_text(path, Unit.TOKEN, LINES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([3, -5]), r"a\.npy: item 1 holds -5; a token id is a whole number from 0 to 2147483647"),
        (np.array([3, 2**31], np.uint32), r"item 1 holds 2147483648"),
        (np.array([3, 2**64 - 1], np.uint64), r"item 1 holds 18446744073709551615"),
        (np.array([[1, 2]]), r"a\.npy holds int64 of shape \(1, 2\); token ids are integers, in one dimension"),
        (np.array(7), r"holds int64 of shape \(\)"),
        (np.array([1.0]), "holds float64"),
        (np.array([True]), "holds bool"),
        (np.array([], np.uint32), "empty, without a single token"),
        (np.array([None]), r"a\.npy is not a readable NumPy array"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, values: Any, message: str) -> None:
    np.save(tmp_path / "a.npy", values, allow_pickle=True)
    with pytest.raises(BadInput, match=message):
        read_text(tmp_path / "a.npy", Unit.TOKEN)


@pytest.mark.parametrize("data", [b"", b"1 2 3\n", b"\x93NUMPY\x01\x00\x05\x00{'a':", b"\x93NUMPY\x01\x00"])
def test_damaged_arrays_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadInput, match=r"a\.npy is not a readable NumPy array"):
        read_text(write(tmp_path / "a.npy", data), Unit.TOKEN)


@given(rows=ROWS, kind=st.sampled_from([pa.list_(pa.int64()), pa.large_list(pa.uint32()), pa.list_(pa.int32())]))
def test_tokens_of_parquet_lists(tmp_path_factory: pytest.TempPathFactory, rows: list[list[int]], kind: Any) -> None:
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    pq.write_table(pa.table({"text": pa.nulls(len(rows)), "x": pa.array(rows, kind)}), path, row_group_size=2)
    if not any(rows):
        assert read_text(path, Unit.TOKEN).codes.tolist() == [END_OF_LINE] * len(rows)
        return
    lines, stream = (read_text(path, Unit.TOKEN, sentences) for sentences in (None, STREAM))
    assert (lines.sentences, stream.sentences) == (LINES, STREAM)
    assert lines.codes.tolist() == codes_of_rows(rows, [END_OF_LINE])
    assert stream.codes.tolist() == codes_of_rows(rows, [])
    assert lines.codes.dtype == stream.codes.dtype == np.uint32
    assert lines.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_tokens_of_parquet_columns(tmp_path: Path) -> None:
    plain = read_text(parquet(tmp_path / "a.parquet", doc=pa.array(["x", "y"]), n=[7, 2**31 - 1]), Unit.TOKEN)
    assert (plain.codes.tolist(), plain.sentences) == ([7, 2**31 - 1], STREAM)
    fixed = parquet(tmp_path / "b.parquet", x=pa.array([[1, 2], [3, 4]], pa.list_(pa.int16(), 2)))
    assert read_text(fixed, Unit.TOKEN).codes.tolist() == [1, 2, END_OF_LINE, 3, 4, END_OF_LINE]
    for name in ("token", "tokens", "ids", "input_ids"):
        path = parquet(tmp_path / "c.parquet", id=[8, 9], n=[0, 0], **{name: [1, 2]})
        assert read_text(path, Unit.TOKEN).codes.tolist() == [1, 2]
    assert read_text(parquet(tmp_path / "d.parquet", n=[0], id=[4]), Unit.TOKEN).codes.tolist() == [4]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"a": [1], "b": [2]},
            r"a\.parquet has no column that must be the tokens \(columns: a \(int64\), b \(",
        ),
        ({"tokens": ["a"]}, r"columns: tokens \(string\)\); give it one column .* input_ids, tokens, token, ids, id\."),
        ({"n": [1, -1]}, r"a\.parquet: column 'n', row 1 holds -1; a token id is a whole number from 0 to 2147483647"),
        ({"n": [[1, 2], [], [2**31, 3]]}, r"column 'n', row 2 holds 2147483648"),
        ({"n": [0] * 70_000 + [-1]}, r"column 'n', row 70000 holds -1"),
        ({"n": [1, None]}, r"column 'n' has nulls"),
        ({"n": [[1], None]}, r"column 'n' has nulls"),
        ({"n": [[1], [None]]}, r"column 'n' has nulls"),
        ({"n": pa.array([], pa.int64())}, "empty, without a single token"),
    ],
)
def test_other_parquet_files_are_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_text(parquet(tmp_path / "a.parquet", **columns), Unit.TOKEN)


def test_rows_and_streams_are_not_mixed(tmp_path: Path) -> None:
    rows, stream = parquet(tmp_path / "r.parquet", x=[[1], [2]]), parquet(tmp_path / "s.parquet", x=[3, 4])
    text = write(tmp_path / "t.txt", b"5 6\n")
    with pytest.raises(BadInput, match=r"s\.parquet is one stream of tokens, .*r\.parquet has a sentence per row"):
        read_texts([rows, stream], Unit.TOKEN)
    assert read_texts([rows, stream], Unit.TOKEN, STREAM).codes.tolist() == [1, 2, 3, 4]
    with pytest.raises(BadInput, match=r"t\.txt is not \.npy or \.parquet as others"):
        read_texts([rows, text], Unit.TOKEN)
    both = read_texts([rows, rows], Unit.TOKEN)
    assert both.codes.tolist() == [1, END_OF_LINE, 2, END_OF_LINE] * 2
    assert both.sha256 == hashlib.sha256(rows.read_bytes() * 2).hexdigest()
    with pytest.raises(BadInput, match="does not exist"):
        read_text(tmp_path / "none.npy", Unit.TOKEN)
