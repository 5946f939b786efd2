"""The table of passages (errtax.trace/1): one row per passage of the text that the training text has."""

from pathlib import Path

import pyarrow as pa

from errtax.lm.table import Column, TableSchema, arrow_of, open_parquet, table_problems, table_writer
from errtax.taxonomy.studies.trace import SCHEMA, Trace

TRACE = TableSchema(
    SCHEMA,
    "a table of passages",
    (
        Column("position", (pa.int64(),), "index of its first symbol in the text", low=0),
        Column("line", (pa.int64(),), "of this symbol, from 1; null: a unit without lines", nullable=True, low=1),
        Column("length", (pa.int64(),), "symbols", low=1),
        Column("count", (pa.int64(),), "occurrences in the training text", low=1),
        Column("file", (pa.dictionary(pa.int32(), pa.string()),), "file of the training text with the first of them"),
        Column("train_line", (pa.int64(),), "the line of this file in which it begins", nullable=True, low=1),
        Column("train_position", (pa.int64(),), "the symbol of this file with which it begins", low=0),
        Column("train_length", (pa.int64(),), "symbols there", required=False, low=1),
        Column("edits", (pa.int64(),), "between the two", required=False, low=0),
    ),
)


def write_trace(path: Path, trace: Trace, force: bool = True) -> None:
    """Write the passages as rows, in the order of the text; the whole text's numbers stand in the metadata."""
    found, n = trace.passages, len(trace.passages.begin)
    nothing = pa.nulls(n, pa.int64())
    columns = [
        arrow_of(found.begin),
        nothing if trace.lines is None else arrow_of(trace.lines),
        arrow_of(found.length),
        arrow_of(found.times),
        pa.DictionaryArray.from_arrays(pa.array(trace.file, pa.int32()), pa.array(trace.files, pa.string())),
        nothing if trace.training_lines is None else arrow_of(trace.training_lines),
        arrow_of(trace.place),
    ]
    metadata = {
        "errtax.schema": SCHEMA,
        "signature": trace.signature,
        "unit": str(trace.text.unit),
        "symbols": str(len(trace.text)),
        "text_sha256": trace.text.sha256,
        "train_sha256": trace.training.sha256,
    }
    near = {"train_length": trace.there, "edits": trace.edits} if trace.search.edits else {}
    columns += map(arrow_of, near.values())
    schema = TRACE.arrow(**dict.fromkeys(near, pa.int64()))
    with table_writer(path, schema, metadata, force) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))


def trace_problems(path: Path) -> list[str]:
    """What is wrong with a table of passages, one line per problem; one without rows tells that there is none."""
    file = open_parquet(path)
    return table_problems(path, TRACE) if file.num_rows else TRACE.mistyped(file.schema_arrow)
