"""Scores of a text by all orders of an n-gram model (errtax.scores/1)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import errtax
from errtax.lm.errors import UsageError
from errtax.lm.ngram.model import NgramModel
from errtax.lm.ngram.totals import NgramTotals, totals_of_scores
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
    orders = chosen_orders(model, orders)
    total = NgramTotals()
    with table_writer(output, arrow_schema(text, orders), scores_metadata(text, model), force) as writer:
        for batch, totals in score_rows(text, model, orders):
            writer.write_batch(batch)
            total += totals
            on_block(total.positions, len(text))
    return dict(zip(orders, total.entropies, strict=True))


def chosen_orders(model: NgramModel, orders: tuple[int, ...] | None) -> tuple[int, ...]:
    """The orders asked for, by default all.  Raises `UsageError` for others than those of the model."""
    orders = orders or tuple(range(1, model.order + 1))
    if not 1 <= orders[0] <= orders[-1] <= model.order:
        raise UsageError(
            f"orders must lie in 1..{model.order}, the orders of the model; got {', '.join(map(str, orders))}."
        )
    return orders


def arrow_schema(text: Text, orders: tuple[int, ...]) -> Any:
    """The columns of a text's scores."""
    return scores_schema(orders).arrow(symbol=pa.binary() if text.unit is Unit.BYTE else pa.string())


def scores_metadata(text: Text, model: NgramModel) -> dict[str, str]:
    """What a table of scores says of itself."""
    return {
        "errtax.schema": SCORES_NAME,
        "unit": str(text.unit),
        "text_sha256": text.sha256,
        "train_sha256": model.text_sha256,
        "signature": scores_signature(text, model),
        "symbols": str(len(text)),
    }


def score_rows(
    text: Text, model: NgramModel, orders: tuple[int, ...], first: int = 0, stop: int | None = None
) -> Iterator[tuple[Any, NgramTotals]]:
    """The rows first .. stop - 1 of a text's scores in blocks, by default all, with what the orders score on each.

    The model reads as many symbols before them as its contexts have.
    """
    schema, columns = arrow_schema(text, orders), [n - 1 for n in orders]
    stop = len(text) if stop is None else stop
    start = begin = max(first - model.order + 1, 0)
    for scores in model.score_blocks(model.codes_of(text)[begin:stop]):
        start += len(scores)
        block = scores[max(first - (start - len(scores)), 0) :, columns]
        if len(block):
            rows = start - len(block), start
            arrays = [arrow_of(np.arange(*rows)), symbol_column(text, *rows)]
            arrays += [arrow_of(np.ascontiguousarray(block[:, k])) for k in range(len(columns))]
            yield pa.record_batch(arrays, schema=schema), totals_of_scores(block, np.ones(len(block), bool))


def count_unknown(text: Text, model: NgramModel, first: int = 0, stop: int | None = None) -> int:
    """How many of the symbols first .. stop - 1 the model does not know."""
    return int(np.count_nonzero(~model.knows(model.codes_of(text)[first:stop])))


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
