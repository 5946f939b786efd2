"""A table as a pandas frame: values, not what is printed."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from errtax.reports.table import Column, Depth, Row, Table


def frame_of(table: Table, names: Sequence[str] = (), slices: bool = False, index: str = "layer") -> pd.DataFrame:
    """One row per layer and total, by name; with `slices` one row per slice instead, the index being (layer, slice).

    Columns: all that have a name, or those whose first name is in `names`, in their order; a value with an interval is
    three columns.  `index`: what the names of the rows are called.
    """
    chosen = [k for k, each in enumerate(table.columns) if each.names and (not names or each.names[0] in names)]
    rows = [row for row in table.rows if (_slice(row) if slices else row.name and row.depth is not Depth.SLICE)]
    records = [dict(pair for k in chosen for pair in _numbers(table.columns[k], row.cells[k])) for row in rows]
    if not slices:
        return pd.DataFrame(records, index=pd.Index([row.name for row in rows], name=index))
    pairs = [(row.layer, _slice(row)) for row in rows]
    return pd.DataFrame(records, index=pd.MultiIndex.from_tuples(pairs, names=["layer", "slice"]))


def _slice(row: Row) -> str:
    """The slice of which a row is, that of a layer which has but one, or nothing."""
    return row.name if row.depth is Depth.SLICE else row.only


def _numbers(column: Column, value: Any) -> Iterator[tuple[str, Any]]:
    values = value if isinstance(value, tuple) else (value,)
    yield from zip(column.names, (*values, *[None] * len(column.names)), strict=False)
