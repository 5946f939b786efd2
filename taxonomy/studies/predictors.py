"""Several models on one text: prediction logs, and orders of an n-gram model that become logs of the same rows."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import require_each_once
from errtax.lm.log_files import log_sha256
from errtax.lm.log_reader import read_log
from errtax.lm.ngram.index import require_tokenizer
from errtax.lm.ngram.model import NgramModel, require_unit
from errtax.lm.ngram.open_model import open_model_for_log
from errtax.lm.prediction_log import PredictionLog, same_symbols
from errtax.oracle.text_view import TextView
from errtax.taxonomy.aligned import LEAST_COMMON, intersection, left_out_line
from errtax.taxonomy.identity import distinct_names

logger = logging.getLogger("errtax")
_LOG_HALF = np.log(0.5)
_SAME_TEXT = "predict the same text with all models"


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
    left_out: tuple[int, ...] = ()  # predicted positions of each log that another log does not have


def read_predictors(sources: Sources) -> Predictors:
    """The logs of all models.

    On the positions that all of them have.  Raises `BadInput` when a file cannot be read, or when two logs are not of
    the same text.
    """
    logs, left_out = on_common_positions([read_log(path) for path in sources.preds])
    view = TextView.of_log(next((log for log in logs if log.docs is not None), logs[0]))
    digests = {"preds_sha256": ",".join(log_sha256(path) or "" for path in sources.preds)}
    train_sha256 = logs[0].metadata.get("train_sha256", "")
    read = Predictors(
        tuple(logs),
        tuple(distinct_names(logs)),
        (None,) * len(logs),
        view,
        train_sha256=train_sha256,
        sources=digests,
        left_out=left_out,
    )
    if sources.ngram is None:
        return read
    model = open_model_for_log(sources.ngram, logs[0].unit)
    require_unit(model, logs[0].unit, logs[0].name)
    require_tokenizer(model, logs[0].metadata.get("tokenizer_sha256", ""), logs[0].name)
    if not logs[0].has_ids:
        raise BadInput(f"{logs[0].name} has no ids of tokens, which an n-gram model needs; leave --ngram out.")
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
        left_out=(*left_out, *(0 for _ in grams)),
    )


def on_common_positions(logs: Sequence[PredictionLog]) -> tuple[list[PredictionLog], tuple[int, ...]]:
    """The rows of some logs at the positions that all of them have, and how many predicted rows of each are left out.

    Raises `BadInput`, naming two files, unless they have the same symbols there, and enough of them.
    """
    first, *others = logs
    for other in others:
        _require_alike(first, other)
    if all(np.array_equal(first.positions, other.positions) for other in others):
        common, cut, left_out = first.positions, list(logs), (0,) * len(logs)
    else:
        common = reduce(intersection, (log.positions for log in logs))
        cut = [log.at(np.searchsorted(log.positions, common)) for log in logs]
        whole, kept = ([len(log) - log.unpredicted for log in each] for each in (logs, cut))
        left_out = tuple(a - b for a, b in zip(whole, kept, strict=True))
        if not len(common) or min(kept) < LEAST_COMMON * min(whole):
            raise BadInput(f"{first.name} and {others[0].name} have {len(common):,} positions in common; {_SAME_TEXT}.")
        logger.info("%s", left_out_line([log.name for log in logs], len(common), left_out))
    for other in cut[1:]:
        same = same_symbols(cut[0], other)
        if not same.all():
            position = int(common[np.argmin(same)])
            what = f"{first.name} and {other.name} are logs of different texts"
            raise BadInput(f"{what}: they differ first at position {position:,}; {_SAME_TEXT}.")
    return cut, left_out


def _require_alike(one: PredictionLog, other: PredictionLog) -> None:
    what = f"{one.name} and {other.name} are logs of different"
    if one.unit != other.unit:
        raise BadInput(f"{what} units, {one.unit} and {other.unit}; predict one text in one unit.")
    whole = [log.metadata.get("text_sha256") for log in (one, other)]
    if None not in whole and whole[0] != whole[1] and not np.array_equal(one.positions, other.positions):
        raise BadInput(f"{what} texts (text_sha256); {_SAME_TEXT}.")


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
