"""Prediction logs of n-gram models: what `predict` writes for a network, for several orders in one pass."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import errtax
from errtax.lm.log_columns import encode_symbols
from errtax.lm.ngram.distributions import TextDistributions
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import LOG, log_schema
from errtax.lm.table import arrow_of, table_writer
from errtax.lm.text import Text

_BLOCK = 1 << 12  # positions whose distributions are held at a time


def predict_orders(
    index: NgramIndex, text: Text, outputs: dict[int, Path], force: bool = False, streams: int = 1
) -> dict[int, float]:
    """Write the log of the model of each order in `outputs`; return their cross-entropies, in nats per symbol.

    `logprob` is KenLM's; the other columns are of the distribution over the index's alphabet.  Every symbol is
    predicted, the first from `<s>`.  `streams`: those that the text is the pieces of; the logs say so, for statistics.
    """
    orders = sorted(outputs)
    distributions = TextDistributions(index, text.codes, index.alphabet.codes, normalised=False)
    totals, start = dict.fromkeys(orders, 0.0), 0
    with ExitStack() as stack:
        writers = {
            order: stack.enter_context(
                table_writer(path, log_schema(text.unit), _metadata(index, text, order, streams), force)
            )
            for order, path in outputs.items()
        }
        for scores in index.score_blocks(text.codes, block=_BLOCK):
            stop = start + len(scores)
            p = distributions.at(np.arange(start, stop))
            for order in orders:
                logprobs = np.ascontiguousarray(scores[:, order - 1])
                totals[order] -= float(logprobs.sum(dtype=np.float64))
                writers[order].write_batch(_batch(index, text, start, logprobs, p[:, order - 1]))
            start = stop
    return {order: total / len(text) for order, total in totals.items()}


def _metadata(index: NgramIndex, text: Text, order: int, streams: int) -> dict[str, str]:
    made = f"errtax:{errtax.__version__}|ngram:{index.description}|order:{order}"
    return {
        "errtax.schema": LOG.name,
        "unit": str(text.unit),
        "model": f"{order - 1}-gram",
        "text_sha256": text.sha256,
        "train_sha256": index.text_sha256,
        "streams": str(streams),
        "symbols": str(len(text)),
        "signature": f"{made}|text:{text.sha256[:8]}|train:{index.text_sha256[:8]}",
    }


def _batch(
    index: NgramIndex, text: Text, start: int, logprobs: NDArray[np.float32], p: NDArray[np.float32]
) -> pa.RecordBatch:
    """p[i, k]: of the alphabet's symbol k."""
    stop = start + len(p)
    codes = text.codes[start:stop]
    best = p.argmax(axis=1)
    with np.errstate(divide="ignore"):
        logs: Sequence[NDArray[np.float32]] = (np.log(p.max(axis=1)), np.log(p))
    entropy = -np.where(p > 0, p * logs[1], 0).sum(axis=1, dtype=np.float32)
    ids = index.alphabet.encode(codes)
    correct = np.where(ids >= 0, p[np.arange(len(p)), ids], 0)
    columns = [
        arrow_of(np.arange(start, stop)),
        encode_symbols(codes, text.unit),
        arrow_of(logprobs),
        encode_symbols(index.alphabet.codes[best].astype(codes.dtype), text.unit),
        arrow_of(logs[0]),
        arrow_of(entropy),
        arrow_of(1 + (p > correct[:, None]).sum(axis=1).astype(np.int32)),
    ]
    return pa.record_batch(columns, schema=log_schema(text.unit))
