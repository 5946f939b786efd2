"""Several models on one text: prediction logs, and orders of an n-gram model that become logs of the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import require_each_once
from errtax.lm.log_files import log_sha256
from errtax.lm.log_reader import read_log
from errtax.lm.ngram.model import NgramModel, require_unit
from errtax.lm.ngram.open_model import open_model_for_log
from errtax.lm.prediction_log import PredictionLog, same_symbols
from errtax.oracle.text_view import TextView
from errtax.taxonomy.identity import distinct_names

_LOG_HALF = np.log(0.5)


@dataclass(frozen=True)
class Sources:
    """The files of one analysis: prediction logs of one text, and the orders of an n-gram model that take part.

    `orders` are KenLM's: order n predicts from n - 1 symbols.
    """

    preds: tuple[Path, ...]
    ngram: Path | None = None
    orders: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.preds:
            raise UsageError("no prediction log is given; give one or more.")
        require_each_once(self.preds)
        if self.orders and self.ngram is None:
            raise UsageError("--orders asks for n-gram curves, which need --ngram X.ngram (errtax build-ngram).")


@dataclass(frozen=True, eq=False)
class Predictors:
    """What was read.  `logs`: one per model, on the same rows, those of the n-gram orders last.

    `names[k]`: what log k is called in tables and pictures, no two alike.  `orders[k]`: its order, None for a model
    that is not an n-gram.  `ngram`: what a signature says of the n-gram model, empty without one.
    """

    logs: tuple[PredictionLog, ...]
    names: tuple[str, ...]
    orders: tuple[int | None, ...]
    view: TextView
    ngram: str = ""
    train_sha256: str = ""
    sources: dict[str, str] = field(default_factory=dict)  # SHA-256 of each input, for a file's metadata


def read_predictors(sources: Sources) -> Predictors:
    """The logs of all models.

    Raises `BadInput` when a file cannot be read, or when two logs are not of the same symbols at the same positions.
    """
    logs = [read_log(path) for path in sources.preds]
    for other in logs[1:]:
        require_same_text(logs[0], other)
    view = TextView.of_log(next((log for log in logs if log.docs is not None), logs[0]))
    digests = {"preds_sha256": ",".join(log_sha256(path) or "" for path in sources.preds)}
    train_sha256 = logs[0].metadata.get("train_sha256", "")
    read = Predictors(
        tuple(logs), tuple(distinct_names(logs)), (None,) * len(logs), view, train_sha256=train_sha256, sources=digests
    )
    if sources.ngram is None:
        return read
    model = open_model_for_log(sources.ngram, logs[0].unit)
    require_unit(model, logs[0].unit, logs[0].name)
    if not sources.orders:
        return read
    grams = ngram_logs(model, sources.orders, logs[0], view)
    return replace(
        read,
        logs=(*read.logs, *grams),
        names=(*read.names, *(gram.model for gram in grams)),
        orders=(*read.orders, *sources.orders),
        ngram=model.description,
        train_sha256=model.text_sha256,
    )


def require_same_text(one: PredictionLog, other: PredictionLog) -> None:
    """Raise `BadInput`, naming both files, unless two logs have the same symbols at the same positions."""
    what = f"{one.name} and {other.name} are logs of different"
    if one.unit != other.unit:
        raise BadInput(f"{what} units, {one.unit} and {other.unit}; predict one text in one unit.")
    if not np.array_equal(one.positions, other.positions):
        found = f"{len(one):,} rows from {one.positions[0]:,} to {one.positions[-1]:,}"
        found += f", and {len(other):,} from {other.positions[0]:,} to {other.positions[-1]:,}"
        raise BadInput(f"{what} positions ({found}); predict the same ones with all models.")
    same = same_symbols(one, other)
    if not same.all():
        position = int(one.positions[np.argmin(same)])
        raise BadInput(f"{what} texts: they differ first at position {position:,}; predict the same text.")


def ngram_logs(
    model: NgramModel, orders: Sequence[int], log: PredictionLog, view: TextView
) -> tuple[PredictionLog, ...]:
    """What an n-gram model says of each row of `log`, one log for each order; no context reaches across a gap.

    Time O(n x model.order), memory O(n x len(orders)).
    """
    if not all(1 <= order <= model.order for order in orders):
        asked = ", ".join(map(str, orders))
        raise UsageError(f"--orders must lie in 1..{model.order}, the orders of the model; got {asked}.")
    columns = [order - 1 for order in orders]
    scores = np.empty((len(orders), len(view)), np.float32)
    start = 0
    for block in model.score_blocks(view.codes, unknown=view.gaps):
        scores[:, start : start + len(block)] = block[:, columns].T
        start += len(block)
    return tuple(
        replace(
            log,
            name=f"order {order}",
            logprobs=_exact_half(row[view.rows]),
            argmax_codes=None,
            metadata={"model": ngram_name(order)},
        )
        for order, row in zip(orders, scores, strict=True)
    )


def ngram_name(order: int) -> str:
    """What an order is called: the paper's n-gram has n symbols of context.

    >>> ngram_name(10)
    '9-gram (order 10)'
    """
    return f"{order - 1}-gram (order {order})"


def _exact_half(logprobs: NDArray[np.float32]) -> NDArray[np.float64]:
    """In float64; the float32 nearest to log 1/2 stands for 1/2 itself, which is not an error."""
    return np.where(logprobs == np.float32(_LOG_HALF), _LOG_HALF, logprobs.astype(np.float64))
