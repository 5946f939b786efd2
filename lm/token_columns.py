"""The columns of token and span logs, and of their peels, that others do not have: from Arrow to numpy and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.surface import Surface
from errtax.lm.table import arrow_of, nulls_of, numpy_of, plain
from errtax.lm.text import Unit

COLUMNS = ("token", "argmax_token", "argmax", "start", "rank", "context")
"""Those that are read, where there are any."""
SURFACED = (Unit.TOKEN, Unit.SPAN)
"""The units whose symbols are strings of bytes."""
_LARGEST_ID = (1 << 31) - 1


def unit_of_schema(schema: Any, metadata: Mapping[str, str]) -> Unit:
    """The unit of a table with a column `symbol`: what the metadata say of tokens and spans, else by its columns."""
    stated = metadata.get("unit")
    if stated in SURFACED:
        return Unit(stated)
    if stated is None and "token" in schema.names:
        return Unit.TOKEN
    symbols = schema.field("symbol").type
    return Unit.BYTE if pa.types.is_binary(symbols) or pa.types.is_large_binary(symbols) else Unit.CHAR


def decode_tokens(table: Any, unit: Unit, logprobs: NDArray[np.float64], row: int = 0) -> dict[str, Any]:
    """The fields of a `PredictionLog` that these columns hold, by name.  `row`: the number of the first row.

    Raises `BadInput` for a symbol without bytes, and for nulls and numbers that a column cannot have.
    """
    names, predicted = table.column_names, ~np.isnan(logprobs)
    surface = _surface(table["symbol"], row)
    has_ids = unit is Unit.TOKEN and "token" in names
    fields: dict[str, Any] = {"surface": surface, "has_ids": has_ids}
    everywhere = np.ones(len(surface), bool)
    if has_ids:
        fields["codes"] = _whole(table, "token", everywhere, (0, _LARGEST_ID), row).astype(np.uint32)
        if "argmax_token" in names:
            best = _whole(table, "argmax_token", predicted, (0, _LARGEST_ID), row)
            fields["argmax_codes"] = np.where(predicted, best, fields["codes"]).astype(np.uint32)
            if "argmax" in names:
                fields["argmax_surface"] = _best_surface(table, predicted, row)
    else:
        fields["codes"] = surface.numbers()
    if "start" in names:
        fields["starts"] = _whole(table, "start", everywhere, (0, 1 << 62), row).astype(np.int64)
    nothing = ~everywhere
    if "rank" in names:
        fields["ranks"] = _whole(table, "rank", nothing, (1, _LARGEST_ID), row, missing=0).astype(np.int32)
    if "context" in names:
        fields["contexts"] = _whole(table, "context", nothing, (0, _LARGEST_ID), row, missing=-1).astype(np.int32)
    return fields


def encode_tokens(log: PredictionLog) -> dict[str, Any]:
    """The columns of a token or span log that `decode_tokens` reads, as Arrow arrays by name."""
    if log.surface is None:
        return {}
    columns: dict[str, Any] = {"symbol": log.surface.column()}
    if log.has_ids:
        columns["token"] = arrow_of(log.codes)
    if log.argmax_codes is not None:
        columns["argmax_token"] = arrow_of(log.argmax_codes)
    if log.argmax_surface is not None:
        columns["argmax"] = log.argmax_surface.column()
    if log.starts is not None:
        columns["start"] = arrow_of(log.starts)
    if log.ranks is not None:
        columns["rank"] = arrow_of(log.ranks, null=log.ranks == 0)
    if log.contexts is not None:
        columns["context"] = arrow_of(log.contexts, null=log.contexts < 0)
    return columns


def _surface(column: Any, row: int) -> Surface:
    if column.null_count:
        raise BadInput("column 'symbol' has nulls; each row needs its symbol")
    surface = Surface.of_column(column)
    if not surface.lengths.all():
        k = int(np.argmin(surface.lengths))
        raise BadInput(f"column 'symbol': row {row + k} is empty; each row holds the bytes of a token, at least one")
    return surface


def _best_surface(table: Any, predicted: NDArray[np.bool_], row: int) -> Surface:
    """The bytes of the best tokens; where nothing was predicted, those of the correct one."""
    best, symbols = (plain(table[name]).cast(pa.binary()) for name in ("argmax", "symbol"))
    null = nulls_of(best) & predicted
    if null.any():
        raise BadInput(f"column 'argmax' is null in row {row + int(np.argmax(null))}, which has a prediction")
    return Surface.of_column(pc.coalesce(best, symbols) if best.null_count else best)


def _whole(
    table: Any, name: str, needed: NDArray[np.bool_], span: tuple[int, int], row: int, missing: int = 0
) -> NDArray[Any]:
    """A column of whole numbers within `span`, both included; `needed`: the rows that may not be null."""
    column = table[name]
    null = nulls_of(column)
    if (null & needed).any():
        raise BadInput(f"column {name!r} is null in row {row + int(np.argmax(null & needed))}, where it is needed")
    values = numpy_of(column, missing=missing)
    outside = ~null & ~((values >= span[0]) & (values <= span[1]) & (values == np.floor(values)))
    if outside.any():
        k = int(np.argmax(outside))
        raise BadInput(
            f"column {name!r} is {values[k]} in row {row + k}; a whole number in {span[0]} .. {span[1]} is needed"
        )
    return values


def broken_starts(log: PredictionLog, end: int | None, row: int) -> list[str]:
    """A line where the first bytes of symbols do not follow the symbols before.

    `end`: where the row before the log's first ended, if it is of the same document; `row`: that first row's number.
    """
    if log.starts is None or log.surface is None or not len(log):
        return []
    ends = log.starts + log.surface.lengths
    begins = np.zeros(len(log), bool)
    begins[log.document_starts[1:]] = True
    begins[0] = end is None
    before = np.concatenate([[-1 if end is None else end], ends[:-1]])
    follows = np.diff(log.positions, prepend=-1) == 1
    follows[0] = False  # of the row before, only the end is known
    wrong = ~begins & ((log.starts < before) | (follows & (log.starts != before)))
    if not wrong.any():
        return []
    k = int(np.argmax(wrong))
    found = f"row {row + k} begins at byte {log.starts[k]}, the row before it ends at byte {before[k]}"
    return [f"{found}; column 'start' is the first byte of each symbol in the text"]
