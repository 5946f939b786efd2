"""Prediction logs: what is accepted, what is refused, and with which words."""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput
from errtax.lm.log_columns import decode_symbols, encode_symbols
from errtax.lm.log_reader import log_problems, read_log
from errtax.lm.prediction_log import LOG, bytes_of, log_schema
from errtax.lm.table import table_writer
from errtax.lm.text import Unit, text_of_bytes

TEXT = "naïve 🙂\n"


def frame(**columns: Any) -> pd.DataFrame:
    n = len(TEXT)
    default = {"position": np.arange(n), "symbol": list(TEXT), "logprob": np.log(np.linspace(0.1, 0.9, n))}
    return pd.DataFrame({**default, **columns})


def written(path: Path, table: pd.DataFrame, metadata: dict[str, str] | None = None) -> Path:
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **(metadata or {})}), path)
    return path


# --- symbols ---------------------------------------------------------------------------------------------------------


@given(data=st.binary(min_size=1, max_size=40))
def test_bytes_survive_a_round_trip(data: bytes) -> None:
    codes = np.frombuffer(data, np.uint8)
    column = encode_symbols(codes, Unit.BYTE)
    assert column.to_pylist() == [bytes([b]) for b in data]
    unit, again = decode_symbols(pa.chunked_array([column]), "symbol")
    assert (unit, again.tolist()) == (Unit.BYTE, list(data))


@given(string=st.text(min_size=1, max_size=40))
def test_characters_survive_a_round_trip(string: str) -> None:
    codes = text_of_bytes(string.encode(), Unit.CHAR).codes
    column = encode_symbols(codes, Unit.CHAR)
    assert column.to_pylist() == list(string)
    unit, again = decode_symbols(pa.chunked_array([column]), "symbol")
    assert (unit, again.tolist()) == (Unit.CHAR, codes.tolist())
    assert bytes_of(again, unit) == string.encode()


@given(string=st.text("aé猫🙂", min_size=4, max_size=20), cut=st.integers(1, 3), large=st.booleans())
def test_chunks_slices_and_large_types_do_not_matter(string: str, cut: int, large: bool) -> None:
    array = pa.array(["x", *string], pa.large_string() if large else pa.string()).slice(1)
    chunks = pa.chunked_array([array.slice(0, cut), array.slice(cut)])
    unit, codes = decode_symbols(chunks, "symbol")
    assert (unit, codes.tolist()) == (Unit.CHAR, [ord(c) for c in string])


# --- what is accepted ------------------------------------------------------------------------------------------------


def test_five_lines_of_pandas_are_enough(tmp_path: Path) -> None:
    p = np.linspace(0.1, 1.0, len(TEXT))
    path = tmp_path / "preds.parquet"
    pd.DataFrame({"position": np.arange(len(TEXT)), "symbol": list(TEXT), "logprob": np.log(p)}).to_parquet(path)
    log = read_log(path)
    assert log_problems(path) == []
    assert log.unit is Unit.CHAR
    assert log.codes.tolist() == [ord(c) for c in TEXT]
    assert log.logprobs.tolist() == np.log(p).tolist()
    assert log.model == "preds"
    assert log.text_sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


def test_bytes_are_accepted(tmp_path: Path) -> None:
    data = TEXT.encode() + b"\xff"
    n = len(data)
    table = pd.DataFrame({"position": range(n), "symbol": [bytes([b]) for b in data], "logprob": [-1.0] * n})
    log = read_log(written(tmp_path / "x.parquet", table, {"model": "LSTM-2"}))
    assert (log.unit, log.codes.tolist(), log.model) == (Unit.BYTE, list(data), "LSTM-2")
    assert log.text_sha256 == hashlib.sha256(data).hexdigest()


def test_probabilities_are_accepted(tmp_path: Path) -> None:
    p = [0.0, 1.0, 0.5, None, 0.25, 0.1, 0.9, 1e-300]
    log = read_log(written(tmp_path / "x.parquet", frame(prob=p).drop(columns="logprob")))
    due = [-math.inf, 0.0, math.log(0.5), math.nan, math.log(0.25), math.log(0.1), math.log(0.9), math.log(1e-300)]
    assert np.array_equal(log.logprobs, due, equal_nan=True)


def test_null_means_not_predicted_and_minus_infinity_is_allowed(tmp_path: Path) -> None:
    values = pa.array([None, -math.inf] + [-1.0] * (len(TEXT) - 2), pa.float32())
    table = pa.table({"position": pa.array(range(len(TEXT))), "symbol": list(TEXT), "logprob": values})
    pq.write_table(table, tmp_path / "x.parquet")
    log = read_log(tmp_path / "x.parquet")
    assert np.isnan(log.logprobs).tolist() == [True] + [False] * (len(TEXT) - 1)
    assert log.logprobs[1] == -math.inf


def test_gaps_and_other_integer_types_are_allowed(tmp_path: Path) -> None:
    positions = np.array([2, 3, 7, 8, 9, 100, 101, 1000], np.int32)
    log = read_log(written(tmp_path / "x.parquet", frame(position=positions), {"text_sha256": "another part"}))
    assert log.positions.dtype == np.int64
    assert log.positions.tolist() == positions.tolist()


def test_the_best_symbol_is_read(tmp_path: Path) -> None:
    best = ["🙂", *TEXT[1:-1], None]
    with pytest.raises(BadInput, match=f"'argmax' is null in row {len(TEXT) - 1}"):
        read_log(written(tmp_path / "x.parquet", frame(argmax=best)))
    logprobs = [-1.0] * (len(TEXT) - 1) + [None]  # null only where nothing was predicted
    log = read_log(written(tmp_path / "x.parquet", frame(argmax=best, logprob=logprobs)))
    assert log.argmax_codes is not None
    assert log.argmax_codes.tolist() == [ord("🙂"), *(ord(c) for c in TEXT[1:])]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    codes = text_of_bytes(TEXT.encode(), Unit.BYTE).codes
    n = len(codes)
    metadata = {"errtax.schema": LOG.name, "unit": "byte", "text_sha256": hashlib.sha256(TEXT.encode()).hexdigest()}
    columns = [
        pa.array(np.arange(n)),
        encode_symbols(codes, Unit.BYTE),
        pa.array(np.full(n, -1, np.float32)),
        encode_symbols(codes[::-1], Unit.BYTE),
        pa.array(np.full(n, -1, np.float32)),
        pa.array(np.full(n, 2, np.float32)),
        pa.array(np.full(n, 3, np.int32)),
    ]
    schema = log_schema(Unit.BYTE)
    with table_writer(tmp_path / "x.parquet", schema, metadata, force=False) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))
    log = read_log(tmp_path / "x.parquet")
    assert log.codes.tolist() == codes.tolist()
    assert log.argmax_codes is not None
    assert log.argmax_codes.tolist() == codes[::-1].tolist()


# --- what is refused -------------------------------------------------------------------------------------------------

N = len(TEXT)
LOGPROBS = [-1.0] * (N - 1)
BAD_COLUMNS: list[tuple[dict[str, Any], str]] = [
    ({"logprob": [*LOGPROBS, 0.5]}, r"logprob is 0\.5 at position 7 \(row 7\).*at most 0"),
    ({"logprob": ["-1"] * N}, "column 'logprob' has type .*string"),
    ({"logprob": [-1] * N}, "column 'logprob' has type int64"),
    ({"position": [str(k) for k in range(N)]}, "column 'position' has type"),
    ({"position": [float(k) for k in range(N)]}, "column 'position' has type double"),
    ({"symbol": list(range(N))}, "column 'symbol' has type int64"),
    ({"position": [0, 1, 2, 3, 4, 6, 5, 7]}, "row 6 has position 5 after 6; .*increase"),
    ({"position": [0, 1, 2, 2, 4, 5, 6, 7]}, "row 3 has position 2 after 2"),
    ({"position": [-1, *range(N - 1)]}, "first position is -1"),
    ({"symbol": [*TEXT[:-1], None]}, "column 'symbol' has nulls"),
    ({"symbol": [*TEXT[:-1], "ab"]}, "row 7 holds 'ab'"),
    ({"symbol": [*TEXT[:-1], ""]}, "row 7 holds ''"),
    ({"symbol": [*([b"a"] * (N - 1)), b"ab"]}, "row 7 holds b'ab'"),
    ({"argmax": [*TEXT[:-1], "ab"]}, "column 'argmax': row 7"),
    ({"rank": ["1"] * N}, "column 'rank' has type"),
]


@pytest.mark.parametrize(("columns", "message"), BAD_COLUMNS, ids=[message[:30] for _, message in BAD_COLUMNS])
def test_bad_columns_are_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    path = written(tmp_path / "bad.parquet", frame(**columns))
    with pytest.raises(BadInput, match=rf"bad\.parquet is not a valid prediction log: .*{message}"):
        read_log(path)
    assert log_problems(path)


@pytest.mark.parametrize("column", ["position", "symbol", "logprob"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    path = written(tmp_path / "bad.parquet", frame().drop(columns=column))
    with pytest.raises(BadInput, match=f"column '{column}' .*is missing"):
        read_log(path)


def test_nan_is_refused(tmp_path: Path) -> None:
    # pandas writes NaN as null; a NaN comes from elsewhere
    values = pa.array(np.array([-1.0] * (N - 1) + [math.nan]))
    pq.write_table(pa.table({"position": range(N), "symbol": list(TEXT), "logprob": values}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match=r"logprob is NaN at position 7 \(row 7\); null means not predicted"):
        read_log(tmp_path / "x.parquet")


@pytest.mark.parametrize("p", [1.5, -0.1])
def test_a_probability_out_of_range_is_refused(tmp_path: Path, p: float) -> None:
    path = written(tmp_path / "x.parquet", frame(prob=[0.5] * (N - 1) + [p]).drop(columns="logprob"))
    with pytest.raises(BadInput, match=rf"prob is {p} at position 7 .*\[0, 1\]"):
        read_log(path)


def test_a_probability_of_nan_is_refused(tmp_path: Path) -> None:
    values = pa.array(np.array([0.5] * (N - 1) + [math.nan]))
    pq.write_table(pa.table({"position": range(N), "symbol": list(TEXT), "prob": values}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="prob is NaN at position 7"):
        read_log(tmp_path / "x.parquet")


def test_null_positions_are_refused(tmp_path: Path) -> None:
    positions = pa.array([*range(N - 1), None], pa.int64())
    pq.write_table(
        pa.table({"position": positions, "symbol": list(TEXT), "logprob": [-1.0] * N}), tmp_path / "x.parquet"
    )
    with pytest.raises(BadInput, match="'position' has nulls"):
        read_log(tmp_path / "x.parquet")


def test_an_empty_log_is_refused(tmp_path: Path) -> None:
    arrow = pa.table(
        {
            "position": pa.array([], pa.int64()),
            "symbol": pa.array([], pa.string()),
            "logprob": pa.array([], pa.float64()),
        }
    )
    pq.write_table(arrow, tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="no rows"):
        read_log(tmp_path / "x.parquet")


@pytest.mark.parametrize("content", [b"", b"position,symbol,logprob\n0,a,-1\n", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_another_format_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"x\.parquet is not a readable Parquet file"):
        read_log(path)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", frame())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match="Parquet"):
        read_log(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        read_log(tmp_path / "none.parquet")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"text_sha256": "0" * 64}, "text_sha256 differs"),
        ({"errtax.schema": "errtax.peel/1"}, r"says it is errtax\.peel/1, errtax\.log/1 is needed"),
        ({"unit": "byte"}, "says unit byte, its symbols are of unit char"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_log(written(tmp_path / "x.parquet", frame(), metadata))


def test_metadata_that_fits_is_accepted(tmp_path: Path) -> None:
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    metadata = {"text_sha256": digest, "errtax.schema": "errtax.log/1", "unit": "char"}
    assert log_problems(written(tmp_path / "x.parquet", frame(), metadata)) == []


def test_all_problems_are_listed(tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", frame(logprob=[*LOGPROBS, 1.0], position=[0, 1, 2, 2, 4, 5, 6, 7]))
    assert len(log_problems(path)) == 2
