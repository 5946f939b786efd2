"""The table of an overlap (errtax.overlap/1): one row per symbol; the regions of the Venn diagram in the metadata."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from errtax.lm.errors import BadInput
from errtax.lm.log_columns import encode_symbols
from errtax.lm.table import Column, TableSchema, arrow_of, metadata_of, numpy_of, open_parquet, table_writer
from errtax.lm.text import Unit
from errtax.taxonomy.studies.overlap import SCHEMA, Overlap


def overlap_schema(members: int) -> TableSchema:
    """The columns for two or three members, numbered from 1."""
    numbers = range(1, members + 1)
    means = [Column(f"mean_{k}", (pa.float64(),), f"mean probability that member {k} gave it") for k in numbers]
    errors = [Column(f"errors_{k}", (pa.int64(),), f"how often member {k} was wrong there") for k in numbers]
    return TableSchema(
        SCHEMA,
        "a table of overlapping errors",
        (
            Column("symbol", (pa.string(), pa.binary()), "the correct symbol"),
            Column("n", (pa.int64(),), "positions at which it is correct, predicted by all members"),
            *means,
            *errors,
        ),
    )


def write_overlap(path: Path, overlap: Overlap, force: bool = True) -> None:
    """Write an overlap; all that is not by symbol stands in the metadata."""
    unit, table = Unit(overlap.unit), overlap.by_symbol
    names = encode_symbols(table.codes, unit) if table.surface is None else table.surface.column()
    schema = overlap_schema(len(overlap.members)).arrow(symbol=names.type)
    columns = [names, arrow_of(table.n)]
    columns += [arrow_of(row) for row in (*table.mean, *table.errors)]
    metadata = {
        "errtax.schema": SCHEMA,
        "signature": overlap.signature,
        "unit": overlap.unit,
        "members": json.dumps(overlap.members, ensure_ascii=False),
        "regions": json.dumps([region.count for region in overlap.regions]),
        "left_out": str(overlap.left_out),
        **overlap.sources,
    }
    with table_writer(path, schema, metadata, force) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))


def overlap_problems(path: Path) -> list[str]:
    """What is wrong with a table of overlapping errors, one line per problem.

    Raises `BadInput` where its metadata do not name the members and the regions.
    """
    file = open_parquet(path)
    members, regions = _described(path, metadata_of(file.schema_arrow))
    problems = overlap_schema(members).mistyped(file.schema_arrow)
    if problems:
        return problems
    table = file.read()
    n = numpy_of(table["n"])
    if (n < 1).any():
        problems.append("column 'n' has counts below 1")
    if n.sum() != sum(regions):
        problems.append(f"column 'n' sums to {n.sum()}, the regions to {sum(regions)}")
    for k in range(members):
        problems += _member_problems(table, k, sum(count for index, count in enumerate(regions) if index >> k & 1))
    return problems


def _described(path: Path, metadata: dict[str, str]) -> tuple[int, list[int]]:
    try:
        members, regions = len(json.loads(metadata["members"])), json.loads(metadata["regions"])
        if members in (2, 3) and len(regions) == 1 << members and all(isinstance(n, int) for n in regions):
            return members, regions
    except (KeyError, ValueError, TypeError, RecursionError):
        pass
    raise BadInput(f"{path} does not say which members and regions it has (its metadata); make it again.")


def _member_problems(table: Any, k: int, due: int) -> list[str]:
    mean, errors, n = (numpy_of(table[name]) for name in (f"mean_{k + 1}", f"errors_{k + 1}", "n"))
    problems = []
    if not ((mean >= 0) & (mean <= 1)).all():
        row = int(np.argmin((mean >= 0) & (mean <= 1)))
        problems.append(f"column 'mean_{k + 1}', row {row}: {mean[row]} is not a probability")
    if ((errors < 0) | (errors > n)).any():
        problems.append(f"column 'errors_{k + 1}' must lie in 0..n")
    if errors.sum() != due:
        problems.append(f"column 'errors_{k + 1}' sums to {errors.sum()}, its regions to {due}")
    return problems
