"""The two tables of a training: divergences (errtax.dynamics/1) and error classes (errtax.dynamics-classes/1)."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from errtax.lm.files import require_absent
from errtax.lm.table import Column, TableSchema, arrow_of, arrow_of_names, table_writer

if TYPE_CHECKING:  # a table is checked without torch
    from errtax.taxonomy.studies.dynamics import Dynamics

DIVERGENCE = TableSchema(
    "errtax.dynamics/1",
    "a table of divergences along a training",
    (
        Column("step", (pa.int64(),), "updates of the weights before this checkpoint", low=1),
        Column("reference", (pa.string(),), "the model compared with: `3-gram`, or the name of an n-NN"),
        Column("kind", (pa.string(),), "n-gram or n-NN"),
        Column("context", (pa.int64(),), "its symbols of context, n", low=0),
        Column("divergence", (pa.float64(),), "mean of KL(p || q) + KL(q || p) over the positions, nats", low=0),
        Column("loss", (pa.float64(),), "cross-entropy of the checkpoint, nats per symbol", low=0),
        Column("reference_loss", (pa.float64(),), "cross-entropy of the reference, nats per symbol", low=0),
    ),
)
CLASSES = TableSchema(
    "errtax.dynamics-classes/1",
    "a table of error classes along a training",
    (
        Column("step", (pa.int64(),), "updates of the weights before this checkpoint", low=1),
        Column("layer", (pa.string(),), "the layer of the peel"),
        Column("slice", (pa.string(),), "its slice"),
        Column("count", (pa.int64(),), "errors", low=0),
        Column("bits", (pa.float64(),), "their surprisal, bits per symbol of the text", low=0),
    ),
)


def table_paths(folder: Path) -> list[Path]:
    """Where `write_dynamics` writes its tables."""
    return [folder / "divergence.parquet", folder / "classes.parquet"]


def write_dynamics(folder: Path, dynamics: "Dynamics", force: bool = False) -> list[Path]:
    """Write `divergence.parquet` and `classes.parquet` into a folder."""
    paths = table_paths(folder)
    for path in paths:
        require_absent(path, force)
    folder.mkdir(parents=True, exist_ok=True)
    run = dynamics.divergences.run
    for path, schema, batch in zip(
        paths, (DIVERGENCE, CLASSES), (_divergence_batch(dynamics), _classes_batch(dynamics)), strict=True
    ):
        metadata = {"errtax.schema": schema.name, "model": run.config.name, "signature": dynamics.signature}
        with table_writer(path, schema.arrow(), metadata, force) as writer:
            writer.write_batch(batch)
    return paths


def _divergence_batch(dynamics: "Dynamics") -> pa.RecordBatch:
    divergences = dynamics.divergences
    n_steps, references = len(divergences.steps), divergences.references
    columns = [
        arrow_of(np.repeat(np.array(divergences.steps, np.int64), len(references))),
        arrow_of_names([reference.name for reference in references] * n_steps),
        arrow_of_names([reference.kind for reference in references] * n_steps),
        arrow_of(np.array([reference.context for reference in references] * n_steps, np.int64)),
        arrow_of(divergences.divergence.reshape(-1)),
        arrow_of(np.repeat(divergences.losses, len(references))),
        arrow_of(np.tile(divergences.reference_losses, n_steps)),
    ]
    return pa.record_batch(columns, schema=DIVERGENCE.arrow())


def _classes_batch(dynamics: "Dynamics") -> pa.RecordBatch:
    rows = [
        (step, layer.name, part.name, part.count, part.bits)
        for step, summary in zip(dynamics.divergences.steps, dynamics.summaries, strict=True)
        for layer in summary.layers
        for part in layer.slices
    ]
    steps, layers, slices, counts, bits = zip(*rows, strict=True)
    columns = [
        arrow_of(np.array(steps, np.int64)),
        arrow_of_names(layers),
        arrow_of_names(slices),
        arrow_of(np.array(counts, np.int64)),
        arrow_of(np.array(bits, np.float64)),
    ]
    return pa.record_batch(columns, schema=CLASSES.arrow())
