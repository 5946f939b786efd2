"""Scores of a text by all orders of an n-gram model (errtax.scores/1)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import errtax
from errtax.lm.errors import UsageError
from errtax.lm.ngram.model import NgramModel
from errtax.lm.symbols import symbol_column
from errtax.lm.table import Column, TableSchema, arrow_of, metadata_of, numpy_of, open_parquet, table_writer
from errtax.lm.text import Text, Unit

SCORES_NAME = "errtax.scores/1"


def scores_schema(orders: tuple[int, ...]) -> TableSchema:
    """The columns for these orders; row i predicts symbol i from all before it."""
    columns = (Column(f"logprob_{n}", (pa.float32(),), f"natural log-probability by order {n}") for n in orders)
    return TableSchema(
        SCORES_NAME,
        "a table of n-gram scores",
        (
            Column("position", (pa.int64(),), "index of the symbol in the text"),
            Column("symbol", (pa.string(), pa.binary()), "the symbol"),
            *columns,
        ),
    )


def score_text(
    text: Text,
    model: NgramModel,
    output: Path,
    orders: tuple[int, ...] | None = None,
    force: bool = False,
    on_block: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, float]:
    """Write the scores of a text; return the cross-entropy, in nats per symbol, by order.

    Streamed: memory does not grow with the text beyond the text itself.
    """
    codes = model.codes_of(text)
    orders = orders or tuple(range(1, model.order + 1))
    if not 1 <= orders[0] <= orders[-1] <= model.order:
        raise UsageError(
            f"orders must lie in 1..{model.order}, the orders of the model; got {', '.join(map(str, orders))}."
        )
    symbol = pa.binary() if text.unit is Unit.BYTE else pa.string()
    schema = scores_schema(orders).arrow(symbol=symbol)
    columns = [n - 1 for n in orders]
    metadata = {
        "errtax.schema": SCORES_NAME,
        "unit": str(text.unit),
        "text_sha256": text.sha256,
        "train_sha256": model.text_sha256,
        "signature": scores_signature(text, model),
        "symbols": str(len(text)),
    }
    # total[k]: log-probabilities of order orders[k], summed over the symbols before `start`
    total, start = np.zeros(len(orders)), 0
    with table_writer(output, schema, metadata, force) as writer:
        for block in model.score_blocks(codes):
            stop = start + len(block)
            arrays: list[Any] = [
                arrow_of(np.arange(start, stop)),
                symbol_column(text, start, stop),
            ]
            arrays += [arrow_of(np.ascontiguousarray(block[:, column])) for column in columns]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            total += block[:, columns].sum(axis=0, dtype=np.float64)
            start = stop
            on_block(stop, len(text))
    return {n: float(-total[k] / len(text)) for k, n in enumerate(orders)}


def scores_signature(text: Text, model: NgramModel) -> str:
    """How the scores were made, for example `errtax:0.1.0|unit:byte|n:330000|ngram:mkn,order=21,compat|...`."""
    made = f"errtax:{errtax.__version__}|unit:{text.unit}|n:{len(text)}|ngram:{model.description}"
    return f"{made}|text:{text.sha256[:8]}|train:{model.text_sha256[:8] or 'none'}"


def scores_problems(path: Path) -> list[str]:
    """What is wrong with a table of scores, one line per problem."""
    file = open_parquet(path)
    names = [name for name in file.schema_arrow.names if name.startswith("logprob_")]
    orders = tuple(int(name.removeprefix("logprob_")) for name in names if name.removeprefix("logprob_").isdigit())
    problems = scores_schema(orders).mistyped(file.schema_arrow)
    if not orders:
        problems.append("there is no column logprob_N")
    if problems:
        return problems
    stated = metadata_of(file.schema_arrow).get("symbols")
    if stated is not None and stated != str(file.num_rows):
        problems.append(f"there are {file.num_rows} rows, the metadata say {stated[:20]!r}")
    for batch in file.iter_batches(columns=names):
        for name, column in zip(names, batch.columns, strict=True):
            values = numpy_of(column, missing=1.0)  # a null is not a score
            if not (values <= 0).all():
                problems.append(f"column {name!r} has values above 0, or NaN; log-probabilities are at most 0")
    return sorted(set(problems))
