"""Running a trained model over a text and writing its prediction log.

The text is read as one stream with the state carried from its first symbol to its last.  A test part made by
`errtax split --scheme streams` is the end of each of 100 streams, not one text: there each stream is read on its own,
side by side, and the model first reads the validation part of that stream.  So every test symbol, the first one of
each stream included, is predicted from what stood before it in the book, as a reader would have it; from a clean
state the first symbols would count errors that are none of the model's.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

import errtax
from errtax.lm.prediction_log import LOG, encode_symbols, log_schema
from errtax.lm.recurrent import RecurrentLM, State
from errtax.lm.split import Scheme, read_split
from errtax.lm.table import arrow_of, numpy_of, table_writer
from errtax.lm.text import Codes, Text, Unit, read_text
from errtax.lm.training import Run, choose_device, load_best, read_run

_WINDOW = 100  # steps at a time
_BLOCK = 1 << 18  # rows written at a time


class Scores(NamedTuple):
    """What the model says about each symbol; arrays of one shape, on disk while they are filled."""

    logprob: NDArray[Any]  # float32
    argmax: NDArray[Any]  # int32, id
    argmax_logprob: NDArray[Any]  # float32
    entropy: NDArray[Any]  # float32, nats
    rank: NDArray[Any]  # int32; 0: not predicted


@dataclass(frozen=True)
class Streams:
    """A text as equal rows that are read side by side, and what is read before each row.

    `rows`: (B, T) codes; `before`: (B, W) codes, W = 0 where nothing comes before.
    """

    rows: Codes
    before: Codes


def streams_of(path: Path, text: Text) -> Streams:
    """How to read the text at `path`: by the `split.json` beside it, if it is its test part, else as one stream."""
    split = read_split(path.parent)
    is_test = split is not None and split.scheme == Scheme.STREAMS and split.is_part("test", text.sha256)
    if split and is_test and text.unit is Unit.BYTE:
        before = path.parent / "val.txt"
        if before.is_file():
            val = read_text(before, text.unit)
            if split.is_part("val", val.sha256):
                return Streams(text.codes.reshape(split.streams, -1), val.codes.reshape(split.streams, -1))
    return Streams(text.codes.reshape(1, -1), text.codes[:0].reshape(1, 0))


def predict(
    folder: Path,
    path: Path,
    output: Path,
    device: str = "auto",
    force: bool = False,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> float:
    """Write the prediction log of a run on a text; return the mean cross-entropy, in nats, of the predicted symbols.

    Memory does not grow with the text: the scores wait in a scratch file beside the output.
    """
    run = read_run(folder)
    text = read_text(path, run.unit)
    place = choose_device(device)
    model = load_best(folder, place)
    streams = streams_of(path, text)
    metadata = {
        "errtax.schema": LOG.name,
        "unit": str(run.unit),
        "model": run.config.name,
        "parameters": str(run.config.parameters),
        "text_sha256": text.sha256,
        "train_sha256": run.train_sha256,
        "signature": f"errtax:{errtax.__version__}|model:{run.config.name}|epochs:{run.best.epoch}"
        f"|seed:{run.recipe.seed}|streams:{len(streams.rows)}",
    }
    total, predicted = 0.0, 0
    with (
        table_writer(output, log_schema(run.unit), metadata, force) as writer,
        tempfile.TemporaryDirectory(prefix=".errtax-", dir=output.parent) as scratch,
    ):
        scores = _scratch(Path(scratch), streams.rows.shape)
        _score_streams(model, run, streams, scores, place, on_step)
        for batch in _batches(text, scores, run):
            logprobs = numpy_of(batch.column(2).drop_null())
            total, predicted = total - float(logprobs.sum(dtype=np.float64)), predicted + len(logprobs)
            writer.write_batch(batch)
    return total / max(predicted, 1)


def _scratch(folder: Path, shape: tuple[int, ...]) -> Scores:
    types = (np.float32, np.int32, np.float32, np.float32, np.int32)
    columns = []
    for name, dtype in zip(Scores._fields, types, strict=True):
        path = folder / name
        with path.open("wb") as file:  # reserved in advance: a full disk is an error here, a crash in a mapped file
            reserve = getattr(os, "posix_fallocate", None)  # not on every system
            size = 4 * int(np.prod(shape))
            reserve(file.fileno(), 0, size) if reserve else file.truncate(size)
        columns.append(np.memmap(path, dtype, "r+", shape=shape))
    return Scores(*columns)


@torch.no_grad()
def _score_streams(
    model: RecurrentLM,
    run: Run,
    streams: Streams,
    scores: Scores,
    device: torch.device,
    on_step: Callable[[int, int], None],
) -> None:
    """Fill `scores`; the first symbol of a row is predicted only where something is read before the row."""
    state: State | None = None
    width, length = streams.before.shape[1], streams.rows.shape[1]
    # inputs are columns 0 .. width + length - 2 of before + rows; input t predicts column t + 1
    for start in range(0, width + length - 1, _WINDOW):
        stop = min(start + _WINDOW, width + length - 1)
        columns = np.concatenate(
            [
                streams.before[:, start : stop + 1],
                streams.rows[:, max(start - width, 0) : max(stop + 1 - width, 0)],
            ],
            axis=1,
        )
        ids = torch.from_numpy(run.encode(columns).T.copy()).to(device)  # (window + 1, B)
        logits, state = model(ids[:-1], state)
        first = max(start + 1 - width, 0)  # columns of `rows` that this window predicts: first .. stop - width
        n = stop + 1 - width - first
        if n > 0:
            _write_window(logits[-n:], ids[-n:], scores, slice(first, first + n))
        on_step(stop, width + length - 1)


def _write_window(logits: torch.Tensor, targets: torch.Tensor, scores: Scores, columns: slice) -> None:
    """logits (T, B, K), targets (T, B) -> scores[:, columns]; an unknown symbol has probability 0."""
    logprobs = logits.log_softmax(2)
    known = targets >= 0
    correct = logprobs.gather(2, targets.clamp(min=0).unsqueeze(2)).masked_fill(~known.unsqueeze(2), -torch.inf)
    best, best_id = logprobs.max(2)
    scores.logprob[:, columns] = correct.squeeze(2).T.cpu()
    scores.argmax[:, columns] = best_id.T.cpu()
    scores.argmax_logprob[:, columns] = best.T.cpu()
    scores.entropy[:, columns] = -(logprobs.exp() * logprobs).sum(2).T.cpu()
    scores.rank[:, columns] = 1 + (logprobs > correct).sum(2).T.cpu()


def _batches(text: Text, scores: Scores, run: Run) -> Iterator[pa.RecordBatch]:
    alphabet: NDArray[Any] = np.array(run.alphabet, text.codes.dtype)
    flat = Scores(*(column.reshape(-1) for column in scores))
    for start in range(0, len(text), _BLOCK):
        stop = min(start + _BLOCK, len(text))
        rank = np.asarray(flat.rank[start:stop])
        missing = rank == 0
        columns = [
            arrow_of(np.arange(start, stop)),
            encode_symbols(text.codes[start:stop], text.unit),
            arrow_of(flat.logprob[start:stop], null=missing),
            encode_symbols(alphabet[flat.argmax[start:stop]], text.unit),
            arrow_of(flat.argmax_logprob[start:stop], null=missing),
            arrow_of(flat.entropy[start:stop], null=missing),
            arrow_of(rank, null=missing),
        ]
        yield pa.record_batch(columns, schema=log_schema(text.unit))
