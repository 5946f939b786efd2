"""Every kind of table that errtax writes, as docs/schemas/tables describes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from errtax.lm.files import write_text
from errtax.lm.prediction_log import LOG
from errtax.lm.scores import SCORES_NAME, scores_schema
from errtax.lm.table import Column, TableSchema
from errtax.taxonomy.peel_columns import PEEL
from errtax.taxonomy.studies.cells_file import CELLS
from errtax.taxonomy.studies.distance_file import DISTANCE
from errtax.taxonomy.studies.dynamics_file import CLASSES, DIVERGENCE
from errtax.taxonomy.studies.gates_file import GATES
from errtax.taxonomy.studies.overlap_file import overlap_schema
from errtax.taxonomy.studies.sweep_file import RESULTS
from errtax.taxonomy.studies.trace_file import TRACE

_MEMBERS = overlap_schema(2)
TABLES = (
    *(LOG, scores_schema((1,)), PEEL, DISTANCE, TRACE, _MEMBERS, CELLS, GATES, DIVERGENCE, CLASSES),
    RESULTS,
)
"""Scores of order 1, overlaps of two members."""
_FURTHER = {
    LOG.name: "prob, the probability, may stand in place of logprob; other columns are ignored.",
    SCORES_NAME: "logprob_N for each order N that was asked for.",
    PEEL.name: "oracle_NAME, bool or int32 and nullable, for each oracle of your own.",
    _MEMBERS.name: "mean_3 and errors_3 where three members overlap.",
}


def file_name(schema: TableSchema) -> str:
    """The name of the file that describes a table: peel.json of errtax.peel/1."""
    return f"{schema.name.removeprefix('errtax.').partition('/')[0]}.json"


def description_of(schema: TableSchema) -> dict[str, Any]:
    """A table for programs: its columns in their order, with the Arrow types that are accepted, the first is written.

    `required`: whether each file has the column; `nullable`: whether its values may be null; `further`: columns whose
    number or names depend on the file.
    """
    further = {"further": _FURTHER[schema.name]} if schema.name in _FURTHER else {}
    columns = [_described(column) for column in schema.columns]
    return {"schema": schema.name, "title": schema.what, "columns": columns, **further}


def type_name(arrow_type: Any) -> str:
    """The name of an Arrow type, as its constructor in pyarrow is called.

    >>> import pyarrow as pa
    >>> type_name(pa.float32()), type_name(pa.dictionary(pa.int16(), pa.string()))
    ('float32', 'dictionary<values=string, indices=int16, ordered=0>')
    """
    return {"float": "float32", "double": "float64"}.get(str(arrow_type), str(arrow_type))


def _described(column: Column) -> dict[str, Any]:
    limits = {"minimum": column.low, "maximum": column.high}
    return {
        "name": column.name,
        "types": [type_name(each) for each in column.types],
        "required": column.required,
        "nullable": column.nullable,
        **{name: limit for name, limit in limits.items() if np.isfinite(limit)},
        "description": column.meaning,
    }


def write_descriptions(folder: Path) -> None:
    """Write the description of each table into a folder that is there."""
    for schema in TABLES:
        content = json.dumps(description_of(schema), indent=2, ensure_ascii=False)
        write_text(folder / file_name(schema), f"{content}\n", force=True)
