"""The table of gate saturation (errtax.gates/1): one row per gate of a unit."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from errtax.lm.table import Column, TableSchema, arrow_of, arrow_of_names, table_writer

if TYPE_CHECKING:  # a table is checked without torch
    from errtax.taxonomy.studies.gates import Saturation

GATES = TableSchema(
    "errtax.gates/1",
    "a table of gate saturation",
    (
        Column("layer", (pa.int64(),), "from 1, the one that reads the symbols", low=1),
        Column("unit", (pa.int64(),), "of the layer, from 1", low=1),
        Column("gate", (pa.string(),), "input, forget, output (LSTM); update, reset (GRU)"),
        Column("left", (pa.float64(),), "fraction of symbols on which the gate is left-saturated", low=0, high=1),
        Column("right", (pa.float64(),), "fraction on which it is right-saturated", low=0, high=1),
        Column("mean", (pa.float64(),), "mean activation", low=0, high=1),
    ),
)


def write_saturation(path: Path, saturation: "Saturation", force: bool = False) -> None:
    """Write one row per gate of a unit (errtax.gates/1)."""
    layer, gate, unit = (axis.reshape(-1) for axis in np.indices(saturation.left.shape))
    columns = [
        arrow_of(layer + 1),
        arrow_of_names([saturation.gates[g] for g in gate.tolist()]),
        *(arrow_of(values.reshape(-1)) for values in (saturation.left, saturation.right, saturation.mean)),
    ]
    columns.insert(1, arrow_of(unit + 1))
    metadata = {"errtax.schema": GATES.name, "model": saturation.config.name, "signature": saturation.signature}
    with table_writer(path, GATES.arrow(), metadata, force) as writer:
        writer.write_batch(pa.record_batch(columns, schema=GATES.arrow()))
