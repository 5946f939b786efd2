"""Tables of any origin: CSV, TSV, JSON lines, Arrow and Parquet, one row per token, with columns named by the user."""

import csv
import json
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from errtax.lm.errors import BadInput, UsageError, decoding
from errtax.lm.files import require_input
from errtax.lm.imports.records import UNKNOWN_ID, Block, Reading, ReadOptions, Source, TokenScores
from errtax.lm.imports.values import natural
from errtax.lm.table import open_parquet

COLUMNS = {
    "position": "index of the token: only checked to increase",
    "symbol": "the token as text",
    "token": "its id (needs `--tokenizer`)",
    "logprob": "its log-probability, or with `--base p` its probability",
    "surprisal": "its negative log-probability, instead",
    "rank": "its rank, from 1",
    "argmax_token": "id of the most probable token",
    "argmax_logprob": "its log-probability",
    "doc": "number or name of its document",
}
"""What columns may be said to hold."""
_ROWS = 1 << 14
Row = dict[str, Any]


def read(path: Path, options: ReadOptions) -> Reading:
    """One document, or one per run of equal `doc`; streamed.

    Raises `BadInput`, with the row, for values that are none, `UsageError` for columns that are not there.
    """
    names, rows = rows_of(path)
    columns = _chosen(path, names, options.columns)
    return Reading(_blocks(path, rows, columns, options.base or "e"))


def rows_of(path: Path) -> tuple[list[str], Iterator[Row]]:
    """The names of a table's columns, and its rows, by the ending of its name."""
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return rows_of_text(path)
    if suffix in (".jsonl", ".ndjson", ".json"):
        return _rows_of_json(path)
    if suffix == ".parquet":
        file = open_parquet(path)
        return list(file.schema_arrow.names), _unrolled(file.iter_batches(rows=_ROWS))
    if suffix in (".arrow", ".feather", ".ipc"):
        return _rows_of_arrow(path)
    raise BadInput(f"{path}: tables are .csv, .tsv, .jsonl, .arrow, .feather or .parquet; got {suffix or 'no ending'}.")


def rows_of_text(path: Path) -> tuple[list[str], Iterator[Row]]:
    """The columns and rows of a CSV file, or (`.tsv`) of one with tabs, by its first line."""

    def lines() -> Iterator[list[str]]:
        with (
            decoding(f"{path} is not readable as a table"),
            require_input(path).open(encoding="utf-8", errors="surrogateescape", newline="") as file,
        ):
            yield from csv.reader(file, delimiter="," if path.suffix.lower() == ".csv" else "\t", strict=True)

    found = lines()
    names = next(found, [])
    if len(set(names)) < len(names):
        raise BadInput(f"{path} has two columns of one name ({', '.join(names)}).")

    def rows() -> Iterator[Row]:
        for number, line in enumerate(found, 1):
            if line and len(line) != len(names):
                raise BadInput(f"{path}: row {number} has {len(line)} fields, {len(names)} are needed; is it cut off?")
            if line:
                yield dict(zip(names, line, strict=True))

    return names, rows()


def _rows_of_json(path: Path) -> tuple[list[str], Iterator[Row]]:
    def rows() -> Iterator[Row]:
        with require_input(path).open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _object(f"{path}: line {number}", line)

    first = next(rows(), {})
    return list(first), rows()


def _object(place: str, line: bytes) -> Row:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise BadInput(f"{place} is not JSON; is it cut off?") from None
    if not isinstance(found, dict):
        raise BadInput(f"{place} is not an object; one per token is needed.")
    return found


def _rows_of_arrow(path: Path) -> tuple[list[str], Iterator[Row]]:
    with decoding(f"{path} is not a readable Arrow file"):
        source = pa.memory_map(str(require_input(path)))
        try:
            file = pa.ipc.open_file(source)
            batches = (file.get_batch(k) for k in range(file.num_record_batches))
        except pa.ArrowInvalid:
            source.seek(0)
            batches = file = pa.ipc.open_stream(source)
        names = list(file.schema.names)

    def sound() -> Iterator[Any]:
        with decoding(f"{path} is not a readable Arrow file"):
            for batch in batches:
                batch.validate(full=True)
                yield batch

    return names, _unrolled(sound())


def _unrolled(batches: Iterator[Any]) -> Iterator[Row]:
    for batch in batches:
        for start in range(0, len(batch), _ROWS):
            yield from batch.slice(start, _ROWS).to_pylist()


def _chosen(path: Path, names: list[str], given: dict[str, str]) -> dict[str, str]:
    """The file's name of each of our columns that it has."""
    for column, name in given.items():
        if column not in COLUMNS:
            raise UsageError(f"--columns: {column!r} is none of {', '.join(COLUMNS)}.")
        if name not in names:
            raise UsageError(f"--columns: {path} has no column {name!r} (columns: {', '.join(names[:20]) or 'none'}).")
    taken = set(given.values())  # a column that is said to hold one thing does not also hold what its name says
    columns = {column: column for column in COLUMNS if column in names and column not in taken} | given
    if ("logprob" in columns) == ("surprisal" in columns):
        if "surprisal" in given:
            columns.pop("logprob")
        elif "logprob" in given:
            columns.pop("surprisal")
        else:
            raise BadInput(
                f"{path} needs one column logprob or surprisal (columns: {', '.join(names[:20]) or 'none'}); say "
                "which it is, for example --columns logprob=score."
            )
    if "symbol" not in columns and "token" not in columns:
        raise BadInput(f"{path} does not say which tokens there are; name a column, for example --columns symbol=word.")
    return columns


def _blocks(path: Path, rows: Iterator[Row], columns: dict[str, str], base: str) -> Iterator[Block]:
    document, last_doc, last_position, first = -1, object(), -math.inf, 1
    while some := list(islice(rows, _ROWS)):
        table = [{column: row.get(name) for column, name in columns.items()} for row in some]
        start = 0
        for k, row in enumerate(table):
            position = _number(row.get("position"), f"{path}: row {first + k}", "position")
            if position <= last_position:
                raise BadInput(
                    f"{path}: row {first + k} has position {position:g} after {last_position:g}; sort the table."
                )
            last_position = last_position if math.isnan(position) else position
            if "doc" in columns and row["doc"] != last_doc:
                if k > start:
                    yield _scores(path, table[start:k], first + start, document, columns, base)
                start, document, last_doc = k, document + 1, row["doc"]
        yield _scores(path, table[start:], first + start, document if "doc" in columns else None, columns, base)
        first += len(table)


def _scores(
    path: Path, rows: list[Row], first: int, document: int | None, columns: dict[str, str], base: str
) -> TokenScores:
    def place(i: int) -> str:
        return f"{path}: row {first + i}"

    def numbers(column: str, missing: float = np.nan) -> Any:
        text = column == "token" and "symbol" not in columns
        advice = f"; where it holds the tokens as text, --columns symbol={columns[column]}" if text else ""
        values = np.array(
            [_number(row.get(column), place(i), columns[column], advice) for i, row in enumerate(rows)], np.float64
        )
        return np.where(np.isnan(values), missing, values)

    def whole(column: str, missing: int) -> Any:
        if column not in columns:
            return None
        values = numbers(column, missing)
        wrong = (values != np.floor(values)) | (values < min(missing, 0)) | (values >= 2**31)
        if wrong.any():
            k = int(np.argmax(wrong))
            raise BadInput(f"{place(k)}: {columns[column]} is {values[k]:g}; a whole number from 0 on is needed.")
        return values.astype(np.int64)

    logs = natural(numbers("logprob"), base) if "logprob" in columns else natural(-numbers("surprisal"), base)
    ranks = whole("rank", 0)
    return TokenScores(
        document=document,
        place=place,
        logprobs=logs,
        pieces=[_piece(row["symbol"], place(i)) for i, row in enumerate(rows)] if "symbol" in columns else None,
        ids=whole("token", UNKNOWN_ID),
        ranks=None if ranks is None else ranks.astype(np.int32),
        best_ids=whole("argmax_token", UNKNOWN_ID),
        best_logprobs=natural(numbers("argmax_logprob"), base) if "argmax_logprob" in columns else None,
    )


def _piece(value: Any, place: str) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str):
        raise BadInput(f"{place} has no symbol but {value!r}; each row needs its token.")
    return value


def _number(value: Any, place: str, name: str, advice: str = "") -> float:
    """A number, NaN for none; an empty field is none."""
    if value is None or value == "":
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{place}: {name} is {str(value)[:40]!r}, not a number{advice}.") from None
    if math.isnan(number):
        raise BadInput(f"{place}: {name} is NaN; an empty field (null) means not predicted.")
    return number


SOURCE = Source(
    "table",
    "`.csv`, `.tsv`, `.jsonl`, `.arrow`, `.feather`, `.parquet`: a row per token",
    "whatever writes one; `--columns logprob=score,symbol=word` names its columns, `--base 2` the base of its logs",
    "token log",
    (
        "bits or log10 taken for nats: `--base e|2|10|p` says what the numbers are",
        "NaN is not null: rejected with the row; an empty field means not predicted",
        "rows out of order: rejected where there is a position",
    ),
    read,
    based=True,
    named=True,
)
