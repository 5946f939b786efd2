"""The table of distances (errtax.distance/1): one row per pair, model and bin."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from errtax.lm.errors import BadInput
from errtax.lm.table import (
    Column,
    TableSchema,
    arrow_of,
    arrow_of_names,
    metadata_of,
    nulls_of,
    numpy_of,
    open_parquet,
    table_writer,
)
from errtax.taxonomy.studies.distance import SCHEMA, Curve, DistanceBin, Distances, PairDistances

DISTANCE = TableSchema(
    SCHEMA,
    "a table of distances",
    (
        Column("pair", (pa.string(),), "the opening and the closing character"),
        Column("model", (pa.string(),), "the model's name, or that of the n-gram order"),
        Column("order", (pa.int32(),), "of an n-gram model, KenLM's meaning; null: no n-gram", nullable=True),
        Column("low", (pa.int64(),), "least distance of the bin, in symbols"),
        Column("high", (pa.int64(),), "first distance that is too large for it"),
        Column("n", (pa.int64(),), "closing symbols in it that were predicted"),
        Column("mean", (pa.float64(),), "mean probability of these; null where n = 0", nullable=True),
        Column("sem", (pa.float64(),), "standard error of the mean; null where n < 2", nullable=True),
    ),
)
_LEFT_OUT = ("matched", "unmatched_openers", "unmatched_closers", "below", "beyond")

Row = tuple[PairDistances, Curve, DistanceBin]


def write_distances(path: Path, distances: Distances, force: bool = True) -> None:
    """Write the bins as rows; what was left out stands in the metadata."""
    rows = [(pair, curve, b) for pair in distances.pairs for curve in pair.curves for b in curve.bins]
    metadata = {
        "errtax.schema": SCHEMA,
        "signature": distances.signature,
        "unit": distances.unit,
        "left_out": json.dumps({pair.pair: left_out(pair) for pair in distances.pairs}, ensure_ascii=False),
        **distances.sources,
    }
    schema = DISTANCE.arrow()
    with table_writer(path, schema, metadata, force) as writer:
        writer.write_batch(pa.record_batch(_columns(rows), schema=schema))


def left_out(pair: PairDistances) -> dict[str, Any]:
    """What a pair's bins do not hold, as counts; `unpredicted` by model."""
    counts = {key: value for key, value in asdict(pair).items() if key in _LEFT_OUT}
    return {**counts, "unpredicted": {curve.name: curve.unpredicted for curve in pair.curves}}


def _columns(rows: list[Row]) -> list[Any]:
    n = np.array([b.n for _, _, b in rows], np.int64)
    orders = np.array([curve.order or 0 for _, curve, _ in rows], np.int32)
    return [
        arrow_of_names([pair.pair for pair, _, _ in rows]),
        arrow_of_names([curve.name for _, curve, _ in rows]),
        arrow_of(orders, null=orders == 0),
        arrow_of(np.array([b.low for _, _, b in rows], np.int64)),
        arrow_of(np.array([b.high for _, _, b in rows], np.int64)),
        arrow_of(n),
        arrow_of(np.array([b.mean or 0.0 for _, _, b in rows], np.float64), null=n == 0),
        arrow_of(np.array([b.sem or 0.0 for _, _, b in rows], np.float64), null=n < 2),
    ]


def distance_problems(path: Path) -> list[str]:
    """What is wrong with a table of distances, one line per problem.

    Raises `BadInput` where its metadata do not say what was left out.
    """
    file = open_parquet(path)
    problems = DISTANCE.mistyped(file.schema_arrow)
    if problems:
        return problems
    table = file.read()
    n, mean, sem = (numpy_of(table[name], missing=0.0) for name in ("n", "mean", "sem"))
    null_mean, null_sem = (nulls_of(table[name]) for name in ("mean", "sem"))
    checks = {
        "n is negative": n < 0,
        "mean is not a probability": ~((mean >= 0) & (mean <= 1)),
        "sem is negative": ~(sem >= 0),
        "mean must be null where n = 0, and only there": null_mean != (n == 0),
        "sem must be null where n < 2, and only there": null_sem != (n < 2),
        "low is not below high": numpy_of(table["low"]) >= numpy_of(table["high"]),
    }
    problems = [f"row {int(np.argmax(bad))}: {what}" for what, bad in checks.items() if bad.any()]
    return problems + _sum_problems(path, table, n)


def _sum_problems(path: Path, table: Any, n: Any) -> list[str]:
    """matched = below + beyond + n of the bins + unpredicted, for each pair and model."""
    totals: dict[tuple[str, str], int] = {}
    for key, count in zip(zip(table["pair"].to_pylist(), table["model"].to_pylist(), strict=True), n, strict=True):
        totals[key] = totals.get(key, 0) + int(count)
    try:
        pairs = json.loads(metadata_of(table.schema)["left_out"])
        due = {
            (pair, model): counts["matched"] - counts["below"] - counts["beyond"] - unpredicted
            for pair, counts in pairs.items()
            for model, unpredicted in counts["unpredicted"].items()
        }
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise BadInput(f"{path} does not say what was left out (metadata 'left_out'); make it again.") from None
    problems = [f"{pair} of {model}: not in the metadata 'left_out'" for pair, model in totals.keys() - due.keys()]
    for (pair, model), count in due.items():
        found = totals.get((pair, model), 0)
        if found != count:
            problems.append(f"{pair} of {model}: the bins hold {found}, the metadata leave {count} for them")
    return problems
