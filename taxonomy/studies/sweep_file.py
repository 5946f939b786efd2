"""The table of a sweep's runs (errtax.sweep/1)."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from errtax.lm.table import Column, TableSchema, arrow_of, arrow_of_names, table_writer
from errtax.taxonomy.layers.registry import LAYER_NAMES
from errtax.taxonomy.studies.sweep_record import SCHEMA, SweepResults

RESULTS = TableSchema(
    SCHEMA,
    "a table of a sweep's runs",
    (
        Column("name", (pa.string(),), "the run's folder"),
        Column("model", (pa.string(),), "one line that names the model"),
        Column("parameters", (pa.int64(),), "trained parameters; null for an n-gram model", nullable=True, low=1),
        Column("epochs", (pa.int64(),), "epochs trained", nullable=True, low=1),
        Column("best_epoch", (pa.int64(),), "the epoch whose weights were used", nullable=True, low=1),
        Column("val_loss", (pa.float64(),), "its validation loss, nats per symbol", nullable=True, low=0),
        Column("test_loss", (pa.float64(),), "test cross-entropy, nats per symbol", low=0),
        Column("deviation", (pa.float64(),), "its bootstrap standard deviation", nullable=True, low=0),
        Column("paper", (pa.float64(),), "the paper's, where the text is the paper's", nullable=True, low=0),
        Column("errors", (pa.int64(),), "errors of the peel", low=0),
        *(Column(name, (pa.int64(),), f"of them taken by the layer {name}", low=0) for name in LAYER_NAMES),
    ),
)


def write_results(path: Path, sweep: SweepResults, force: bool = True) -> None:
    """Write the table of runs (errtax.sweep/1)."""
    rows = [{**asdict(result), **result.classes} for result in sweep.results]
    columns = []
    for column in RESULTS.columns:
        values = [row[column.name] for row in rows]
        if column.types[0] == pa.string():
            columns.append(arrow_of_names(values))
            continue
        null = np.array([value is None for value in values], bool)
        numbers = np.array([0 if value is None else value for value in values], column.types[0].to_pandas_dtype())
        columns.append(arrow_of(numbers, null=null if column.nullable else None))
    metadata = {"errtax.schema": SCHEMA, "signature": sweep.signature}
    with table_writer(path, RESULTS.arrow(), metadata, force) as writer:
        writer.write_batch(pa.record_batch(columns, schema=RESULTS.arrow()))
