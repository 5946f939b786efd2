"""Parquet tables that are well-formed and wrong: written again with other types, values, rows, columns and metadata."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_mutations import change_json
from numpy.random import Generator

_TYPES = (
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.bool_()),
    *(pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()),
    *(pa.timestamp("us"), pa.date32(), pa.duration("s"), pa.decimal128(38, 3), pa.dictionary(pa.int32(), pa.string())),
    *(pa.float16(), pa.binary(1), pa.null()),
)
_NUMBERS = (0, 1, -1, 2, 127, 255, 2**31 - 1, 2**31, 2**32, 2**62, 2**62 + 1, 2**63 - 1, -(2**63), 2**64 - 1)
_FLOATS = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 1e308, -1e308, -5e-324, 0.5, 1e-6, -1e-9)
_STRINGS = ("", "ab", "\n", "\0", "\x1b[31m", "é", "\U0001f600", "x" * 5000, "</script>", "space", "ngram", "1-gram")
_MANY = ("9" * 5000, "-1", "NaN", "1e400", "[" * 5000, "null", "{}", "char", "word", "\n", "x" * 20_000, "errtax.log/1")


def change_table(data: bytes, rng: Generator) -> bytes:
    """A table with one or a few changes, in pages and row groups of another kind."""
    table = pq.read_table(io.BytesIO(data))
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        with suppress(pa.ArrowException):  # not every type can do everything
            changed = _CHANGES[rng.integers(len(_CHANGES))](table, rng)
            table = table if changed is None else changed
    return _written(table, rng)


def _written(table: pa.Table, rng: Generator) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        row_group_size=int(rng.choice([1 << 20, max(len(table), 1), 100, 7 if len(table) < 100 else 500])),
        compression=str(rng.choice(["none", "snappy", "zstd", "gzip"])),
        use_dictionary=bool(rng.random() < 0.7),
        data_page_version=str(rng.choice(["1.0", "2.0"])),
        write_page_checksum=bool(rng.random() < 0.5),
        store_schema=bool(rng.random() < 0.8),
    )
    return buffer.getvalue()


def _column(table: pa.Table, rng: Generator) -> int:
    return int(rng.integers(table.num_columns))


def _put(table: pa.Table, place: int, array: Any) -> pa.Table:
    return table.set_column(place, pa.field(table.schema.names[place], array.type), array)


def retype(table: pa.Table, rng: Generator) -> pa.Table | None:
    """A column of another type."""
    if not table.num_columns:
        return None
    place, kind = _column(table, rng), _TYPES[rng.integers(len(_TYPES))]
    column = table.column(place)
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    try:
        return _put(table, place, pa.nulls(len(table)) if kind == pa.null() else column.cast(kind, safe=False))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _put(table, place, pa.nulls(len(table), kind))


def nest(table: pa.Table, rng: Generator) -> pa.Table | None:
    """A column of lists, of structs or of maps."""
    if not table.num_columns:
        return None
    place = _column(table, rng)
    values = table.column(place).combine_chunks()
    values = values.chunk(0) if isinstance(values, pa.ChunkedArray) and values.num_chunks else values
    if isinstance(values, pa.ChunkedArray) or pa.types.is_dictionary(values.type):
        return None
    if rng.random() < 0.5:
        return _put(table, place, pa.StructArray.from_arrays([values], ["x"]))
    return _put(table, place, pa.ListArray.from_arrays(pa.array(range(len(values) + 1), pa.int32()), values))


def puncture(table: pa.Table, rng: Generator) -> pa.Table | None:
    """Nulls in a column: one, some, all."""
    if not table.num_columns or not len(table):
        return None
    place = _column(table, rng)
    column, share = table.column(place), rng.choice([0.0, 0.5, 1.0])
    mask = rng.random(len(table)) < share
    mask[rng.integers(len(table))] = True
    kind = column.type
    plain = column.cast(pa.string()) if pa.types.is_dictionary(kind) else column
    values = [None if hole else value for hole, value in zip(mask.tolist(), plain.to_pylist(), strict=True)]
    return _put(table, place, pa.array(values, plain.type).cast(kind))


def odd_values(table: pa.Table, rng: Generator) -> pa.Table | None:
    """Values in a column that its type allows: one, some, all."""
    if not table.num_columns or not len(table):
        return None
    place = _column(table, rng)
    column = table.column(place)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    values = (column.cast(kind) if kind != column.type else column).to_pylist()
    rows = rng.integers(len(values), size=int(rng.choice([1, 3, len(values)])))
    same = _odd(kind, rng)
    for row in rows.tolist():
        values[row] = same if rng.random() < 0.5 else _odd(kind, rng)
    try:
        return _put(table, place, pa.array(values, kind).cast(column.type))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError):
        return None


def _odd(kind: Any, rng: Generator) -> Any:
    if pa.types.is_floating(kind):
        return _FLOATS[rng.integers(len(_FLOATS))]
    if pa.types.is_boolean(kind):
        return bool(rng.integers(2))
    if pa.types.is_integer(kind):
        bits, signed = kind.bit_width, pa.types.is_signed_integer(kind)
        value = _NUMBERS[rng.integers(len(_NUMBERS))] % (1 << bits)
        return value - (1 << bits) if signed and value >> (bits - 1) else value
    text = _STRINGS[rng.integers(len(_STRINGS))]
    return text.encode() if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else text


def rows(table: pa.Table, rng: Generator) -> pa.Table | None:
    """Rows in another order, repeated, missing; few, or none."""
    n = len(table)
    if not n:
        return pa.concat_tables([table] * 3)
    order = np.arange(n)
    choices: list[Callable[[], Any]] = [
        lambda: rng.permutation(n),
        lambda: order[::-1],
        lambda: np.concatenate([order, order]),
        lambda: np.sort(np.append(order, rng.integers(n, size=int(rng.choice([1, n]))))),
        lambda: np.delete(order, rng.integers(n, size=int(rng.choice([1, 1, max(n // 2, 1)])))),
        lambda: order[: rng.integers(n + 1)],
        lambda: order[rng.integers(n) :],
        lambda: order[:0],
        lambda: order[:1],
        lambda: np.roll(order, 1),
        lambda: np.where(np.isin(order, [0, n - 1]), n - 1 - order, order),
    ]
    return table.take(pa.array(choices[rng.integers(len(choices))](), pa.int64()))


def columns(table: pa.Table, rng: Generator) -> pa.Table | None:
    """A column missing, new, twice, of another name; columns in another order."""
    if not table.num_columns:
        return None
    place, other, names = _column(table, rng), _column(table, rng), list(table.schema.names)
    new = str(rng.choice(["\n", "x" * 5000, "", "argmax", "doc", "rank", "prob", "oracle_x", "\x1b[31m", names[other]]))
    renamed = [*names[:place], new, *names[place + 1 :]]
    choices: list[Callable[[], Any]] = [
        lambda: table.remove_column(place),
        lambda: table.append_column(names[place], table.column(other)),
        lambda: table.append_column(new, table.column(other)),
        lambda: table.rename_columns(renamed),
        lambda: table.select(rng.permutation(len(names)).tolist()),
        lambda: table.select([]),
    ]
    return choices[rng.integers(len(choices))]()


def metadata(table: pa.Table, rng: Generator) -> pa.Table | None:
    """An entry of the metadata that is missing, new, of another kind, no UTF-8, or all missing."""
    found = dict(table.schema.metadata or {})
    found.pop(b"ARROW:schema", None)
    draw = rng.random()
    if draw < 0.05 or not found:
        return table.replace_schema_metadata(None)
    key = list(found)[rng.integers(len(found))]
    if draw < 0.2:
        del found[key]
    elif draw < 0.3:
        found[key] = b"\xff\xfe" if rng.random() < 0.5 else rng.bytes(20)
    elif draw < 0.35:
        found[b"\xff"] = b"x"
    elif draw < 0.45:
        name = ("parameters", "streams", "symbols", "doc", "unit", "model", "words", "step", "custom_oracles")[
            rng.integers(9)
        ]
        found[name.encode()] = _MANY[rng.integers(len(_MANY))].encode()
    elif draw < 0.75 and found[key][:1] in (b"{", b"["):
        found[key] = _json(found[key], rng)
    else:
        found[key] = _MANY[rng.integers(len(_MANY))].encode()
    return table.replace_schema_metadata(found)


def deep_metadata(table: pa.Table, rng: Generator) -> pa.Table | None:
    """A change inside what the metadata hold as JSON."""
    found = dict(table.schema.metadata or {})
    keys = [key for key, value in found.items() if value[:1] in (b"{", b"[") and key != b"pandas"]
    if not keys:
        return None
    key = keys[rng.integers(len(keys))]
    return table.replace_schema_metadata({**found, key: _json(found[key], rng)})


def _json(value: bytes, rng: Generator) -> bytes:
    try:
        json.loads(value)
    except (ValueError, RecursionError):  # it was changed before
        return value
    return change_json(value, rng)


_CHANGES = (retype, nest, puncture, odd_values, odd_values, rows, columns, metadata, deep_metadata)
