"""The table of scores of a model's cells (errtax.cells/1): one row per cell and feature."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from errtax.lm.table import (
    Column,
    TableSchema,
    arrow_of,
    arrow_of_names,
    metadata_of,
    numpy_of,
    open_parquet,
    table_writer,
)
from errtax.lm.visible import whole_number
from errtax.taxonomy.studies.cells import SCHEMA, CellStudy

CELLS = TableSchema(
    SCHEMA,
    "a table of cells",
    (
        Column("layer", (pa.int32(),), "the cell's layer, from 1"),
        Column("unit", (pa.int32(),), "the cell's number in its layer, from 1"),
        Column("feature", (pa.string(), pa.large_string()), "name of the feature"),
        Column("score", (pa.float64(),), "held-out correlation of the feature with its mean given the cell's value"),
        Column("r", (pa.float64(),), "held-out correlation of the feature with the cell's value"),
        Column("accuracy", (pa.float64(),), "held-out balanced accuracy of a threshold; binary only", nullable=True),
        Column("frequency", (pa.float64(),), "share of the positions; binary only", nullable=True),
    ),
)
_RANGES = {"score": (-1, 1), "r": (-1, 1), "accuracy": (0, 1), "frequency": (0, 1)}


def write_cells(path: Path, study: CellStudy, force: bool = True) -> None:
    """Write the scores of all cells, feature after feature, the best cells first; features without scores have no row.

    Why those have none stands in the metadata, `unscored`, as JSON.
    """
    tracking = study.tracking
    metadata = {
        "errtax.schema": CELLS.name,
        "signature": study.signature,
        "model": study.model,
        "unit": str(study.unit),
        "unscored": json.dumps(tracking.unscored),
        "cells": str(len(tracking.cells)),
        **study.sources,
    }
    schema = CELLS.arrow()
    cells = np.array(tracking.cells, np.int32)
    with table_writer(path, schema, metadata, force) as writer:
        for f, feature in enumerate(tracking.features):
            if feature.name not in tracking.unscored:
                columns = _columns(study, f, cells)
                writer.write_batch(pa.record_batch([columns[name] for name in schema.names], schema=schema))


def _columns(study: CellStudy, f: int, cells: Any) -> dict[str, Any]:
    tracking, n = study.tracking, len(cells)
    order = np.argsort(-tracking.score[:, f], kind="stable")
    accuracy = tracking.accuracy[order, f]
    number = np.isnan(accuracy)
    return {
        "layer": arrow_of(cells[order, 0]),
        "unit": arrow_of(cells[order, 1]),
        "feature": arrow_of_names([tracking.features[f].name] * n),
        "score": arrow_of(tracking.score[order, f]),
        "r": arrow_of(tracking.r[order, f]),
        "accuracy": arrow_of(accuracy, null=number),
        "frequency": arrow_of(np.full(n, tracking.mean[f]), null=number),
    }


def cells_problems(path: Path) -> list[str]:
    """What is wrong with a table of cells, one line per problem."""
    file = open_parquet(path)
    problems = CELLS.mistyped(file.schema_arrow)
    if problems:
        return problems
    table = file.read()
    for name, (low, high) in _RANGES.items():
        values = numpy_of(table[name], missing=low)
        if not ((values >= low) & (values <= high)).all():
            problems.append(f"column {name!r} has values outside {low}..{high}, or NaN")
    if table["score"].null_count or table["r"].null_count:
        problems.append("columns 'score' and 'r' have nulls; features without scores have no rows")
    return problems + _missing_cells(table, whole_number(metadata_of(file.schema_arrow).get("cells")))


def _missing_cells(table: Any, due: int | None) -> list[str]:
    """Whether each feature has each cell once."""
    layers, units = numpy_of(table["layer"]).astype(np.int64), numpy_of(table["unit"])
    if len(layers) and min(layers.min(), units.min()) < 1:
        return ["layers and units count from 1; there is a lower number"]
    if due is None:
        return ["its metadata does not have the number of cells"]
    cells = layers << 32 | units
    names = np.array(table["feature"].to_pylist(), object)
    return [
        f"feature {name!r} does not have each of the {due} cells once"
        for name in dict.fromkeys(names.tolist())
        if len(np.unique(cells[names == name])) != due or np.count_nonzero(names == name) != due
    ]
