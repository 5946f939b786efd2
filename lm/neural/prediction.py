"""Running a trained model over a text and writing its prediction log.

The text is read as its streams (see `streams`), with the state carried from each row's first symbol to its last.
Dynamic evaluation (Mikolov et al. 2010, section 2.1) reads each row by itself, from the run's weights on, and trains on
each window once it is predicted: the model may learn from all that it has read of a row, and from nothing else.

Tried on War and Peace with an LSTM-1 of 64 units, static 1.4518 nats (every third row): rate 0.02 1.4465, 0.05 1.4474;
without learning from what comes before a row 1.4486; carried on from row to row 1.457 against 1.4559 on all rows.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

import errtax
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.fetched import staged
from errtax.lm.files import release, require_input, reserve
from errtax.lm.log_columns import encode_symbols
from errtax.lm.neural.models import Model
from errtax.lm.neural.run import Run, choose_device, load_best, load_weights, read_for, read_run, step_of
from errtax.lm.neural.streams import Streams
from errtax.lm.neural.training import cross_entropy
from errtax.lm.prediction_log import LOG, log_schema
from errtax.lm.table import arrow_of, numpy_of, table_writer
from errtax.lm.temporary import temporary_beside
from errtax.lm.text import Text

_WINDOW = 100  # steps at a time
_BLOCK = 1 << 18  # rows written at a time
_RELEASED = 1 << 12  # columns after which the scores' pages are let go of


@dataclass(frozen=True)
class Dynamic:
    """Dynamic evaluation by stochastic gradient descent: the step size, and the symbols predicted between two steps."""

    learning_rate: float = 0.02
    window: int = 50
    clip: float = 1.0  # of the gradient's norm

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)) or self.window < 1:
            raise UsageError(f"dynamic evaluation needs a finite learning rate > 0 and a window >= 1, got {self}.")


@dataclass(frozen=True)
class PredictOptions:
    """How to run the model.  `weights`: a checkpoint instead of the best weights."""

    device: str = "auto"
    dynamic: Dynamic | None = None
    weights: Path | None = None


class Scores(NamedTuple):
    """What the model says about each symbol; arrays of one shape, on disk while they are filled."""

    logprob: NDArray[Any]  # float32
    argmax: NDArray[Any]  # int32, id
    argmax_logprob: NDArray[Any]  # float32
    entropy: NDArray[Any]  # float32, nats
    rank: NDArray[Any]  # int32; 0: not predicted


class Predicted(NamedTuple):
    """What a model says of some columns of a text's rows.

    `first`: the first of these columns.  `logits`: (T, B, K), of the symbol in each.  `targets`: (T, B), its id or -1.
    """

    first: int
    logits: Tensor
    targets: Tensor


def predict(
    folder: Path,
    path: Path,
    output: Path,
    options: PredictOptions = PredictOptions(),
    force: bool = False,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> float:
    """Write the prediction log of a run on a text; return the mean cross-entropy, in nats, of the predicted symbols.

    Memory does not grow with the text: the scores wait in a scratch file beside the output.
    """
    run = read_run(folder)
    text, streams = read_for(run, path)
    place = choose_device(options.device)
    model = load_weights(run, require_input(options.weights), place) if options.weights else load_best(folder, place)
    metadata = log_metadata(run, text, len(streams.rows), options)
    total, predicted = 0.0, 0
    with (
        table_writer(output, log_schema(run.unit), metadata, force) as writer,
        temporary_beside(staged(output).with_suffix(".scores"), folder=True) as scratch,
    ):
        scores = scratch_scores(scratch, streams.rows.shape)
        _fill(scores, model, run, streams, place, options.dynamic, on_step)
        for batch in row_batches(text, scores, run):
            logprobs = numpy_of(batch.column(2).drop_null())
            if np.isnan(logprobs).any():
                rate = " the rate of --dynamic is too high" if options.dynamic else " train it again"
                raise BadInput(f"{folder} predicts values that are not numbers:{rate}.")
            total, predicted = total - float(logprobs.sum(dtype=np.float64)), predicted + len(logprobs)
            writer.write_batch(batch)
    return total / predicted


def log_metadata(run: Run, text: Text, rows: int, options: PredictOptions) -> dict[str, str]:
    """What the prediction log of a run says of itself."""
    weights = f"weights:{options.weights.stem}" if options.weights else f"epochs:{run.best.epoch}"
    made = f"errtax:{errtax.__version__}|model:{run.config.name}|{weights}|seed:{run.recipe.seed}|streams:{rows}"
    step = 0 if options.weights is None else step_of(options.weights)
    if options.dynamic:
        dynamic = options.dynamic
        made += f"|dynamic:sgd(lr={dynamic.learning_rate:g},window={dynamic.window},clip={dynamic.clip:g})"
    return {
        "errtax.schema": LOG.name,
        "unit": str(run.unit),
        "model": run.config.name + (", dynamic" if options.dynamic else ""),
        "parameters": str(run.config.parameters),
        "text_sha256": text.sha256,
        "train_sha256": run.train_sha256,
        "streams": str(rows),
        "symbols": str(len(text)),
        "signature": made,
        **({"step": str(step)} if step else {}),
    }


def _fill(
    scores: Scores,
    model: Model,
    run: Run,
    streams: Streams,
    device: torch.device,
    dynamic: Dynamic | None,
    on_step: Callable[[int, int], None],
) -> None:
    """Fill `scores`; the first symbol of a row is predicted only where something is read before the row."""
    rows, length = streams.rows.shape
    if dynamic is None:
        for part in predicted_windows(model, run, streams, device):
            write_window(part, scores, slice(None))
            on_step(part.first + len(part.targets), length)
        return
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    for row in range(rows):
        model.load_state_dict(weights)  # a row is a text of its own: the book's next lines are in none of the others
        with torch.backends.cudnn.flags(enabled=False):  # cuDNN goes back through models in training mode alone
            for part in _adapting_windows(model, run, streams.select([row]), device, dynamic):
                write_window(part, scores, slice(row, row + 1))
                on_step(row * length + part.first + len(part.targets), rows * length)


@torch.no_grad()
def predicted_windows(
    model: Model, run: Run, streams: Streams, device: torch.device, window: int = _WINDOW
) -> Iterator[Predicted]:
    """A text's rows, `window` steps at a time, as a model with fixed weights predicts them."""
    for read in _windows(model, run, streams, device, window):
        part = _of_rows(read, streams)
        if part is not None:
            yield part


def _adapting_windows(
    model: Model, run: Run, streams: Streams, device: torch.device, dynamic: Dynamic
) -> Iterator[Predicted]:
    """As `predicted_windows`, with a step of gradient descent on each window once it is predicted.

    The model learns from what stands before the rows, too.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=dynamic.learning_rate)
    for read in _windows(model, run, streams, device, dynamic.window):
        part = _of_rows(read, streams)
        if part is not None:
            yield part._replace(logits=part.logits.detach())
        optimizer.zero_grad()
        cross_entropy(read.logits, read.targets).backward()
        torch.nn.utils.clip_grad_norm_(trained, dynamic.clip)
        optimizer.step()


def _windows(model: Model, run: Run, streams: Streams, device: torch.device, window: int) -> Iterator[Predicted]:
    """All columns that can be predicted, counted as in `Streams.columns`: from 1 on."""
    state: tuple[Tensor, ...] | None = None
    for start, stop in streams.windows(window, streams.n_columns - 1):  # input t predicts column t + 1
        ids = run.encode_window(streams.columns(start, stop + 1)).to(device)  # (T + 1, B)
        logits, state = model(ids[:-1], state)
        state = tuple(part.detach() for part in state)
        yield Predicted(start + 1, logits, ids[1:])


def _of_rows(read: Predicted, streams: Streams) -> Predicted | None:
    """The part of a window that predicts the rows, its columns counted from theirs."""
    skip = max(streams.width - read.first, 0)
    if skip >= len(read.targets):
        return None
    return Predicted(read.first + skip - streams.width, read.logits[skip:], read.targets[skip:])


def scratch_scores(folder: Path, shape: tuple[int, ...]) -> Scores:
    """Scores of this shape in files of a folder, zeros first: nothing is predicted."""
    types = (np.float32, np.int32, np.float32, np.float32, np.int32)
    columns = []
    for name, dtype in zip(Scores._fields, types, strict=True):
        path = folder / name
        with path.open("wb") as file:
            reserve(file.fileno(), 4 * int(np.prod(shape)))
        columns.append(np.memmap(path, dtype, "r+", shape=shape))
    return Scores(*columns)


def write_window(part: Predicted, scores: Scores, rows: slice) -> None:
    """Put a window into `scores[rows, columns]`; an unknown symbol has probability 0."""
    columns, targets = slice(part.first, part.first + len(part.targets)), part.targets
    logprobs = part.logits.log_softmax(2)
    known = targets >= 0
    correct = logprobs.gather(2, targets.clamp(min=0).unsqueeze(2)).masked_fill(~known.unsqueeze(2), -torch.inf)
    best, best_id = logprobs.max(2)
    scores.logprob[rows, columns] = correct.squeeze(2).T.cpu()
    scores.argmax[rows, columns] = best_id.T.cpu()
    scores.argmax_logprob[rows, columns] = best.T.cpu()
    scores.entropy[rows, columns] = -(logprobs.exp() * logprobs).sum(2).T.cpu()
    scores.rank[rows, columns] = 1 + (logprobs > correct).sum(2).T.cpu()
    if part.first // _RELEASED != (part.first + len(targets)) // _RELEASED:
        for column in scores:
            release(column)


def row_batches(text: Text, scores: Scores, run: Run, document: int | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a log in blocks; `document`: the symbols of each document of the text, None: it is one."""
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
        if document is not None:
            columns.append(arrow_of(np.arange(start, stop) // document))
        yield pa.record_batch(columns, schema=log_schema(text.unit, document is not None))
        for column in (*scores, text.codes):
            release(column)
