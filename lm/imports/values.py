"""Numbers of a file as natural log-probabilities, and what is wrong with them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.imports.records import Block, Distributions, Floats

_CLAMPED = -9999.0  # what vLLM's server writes for -infinity, which JSON lacks
_ROUNDING = 1e-5  # above 0: float32 sums of exponentials
_LEAST = 20  # rows in which the best token is a neighbour, before a shift is believed


def natural(values: Floats, base: str) -> Floats:
    """Natural logs of numbers that are logs to some base, or (`p`) probabilities; NaN stays.

    >>> natural(np.array([-1.0]), "10").round(4).tolist(), natural(np.array([0.5]), "p").round(4).tolist()
    ([-2.3026], [-0.6931])
    """
    if base == "p":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(values < 0, np.inf, np.log(values)), np.float64)
    return np.asarray(values * {"e": 1.0, "2": math.log(2), "10": math.log(10)}[base], np.float64)


def number_of(value: Any, place: str) -> float:
    """A number of a JSON file; NaN for null, which means not predicted.  Raises `BadInput` for NaN and others."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"{place}: {value!r} is not a log-probability; a number or null is needed.")
    if math.isnan(value):
        raise BadInput(f"{place}: the log-probability is NaN; null means not predicted. Run the model again.")
    return float(value)


def checked(values: Floats, place: Callable[[int], str]) -> Floats:
    """Natural log-probabilities as a log may have them; rounding above 0 is 0.

    Raises `BadInput`, with the place, for values above 0 and for the log of 0 (also written as −9999).
    """
    high = values > _ROUNDING
    if high.any():
        k = int(np.argmax(high))
        if np.isinf(values[k]):
            raise BadInput(
                f"{place(k)}: the log-probability is infinite, above 0; where it was given as a probability "
                "(--base p), it was below 0, as logs are: leave out --base p."
            )
        raise BadInput(
            f"{place(k)}: the log-probability is {values[k]:g}, above 0; is it a probability "
            "(--base p), or a surprisal (turn its sign)?"
        )
    low = (values == -np.inf) | (values == _CLAMPED)
    if low.any():
        k = int(np.argmax(low))
        raise BadInput(
            f"{place(k)}: the token of the text has probability 0 (its log is {values[k]:g}, that is -infinity): "
            "scores after top-k, top-p or a grammar, not the model's; score the text again without them."
        )
    return np.minimum(values, 0.0)


class ShiftTest:
    """Whether each row's best token is that of another row: sums over the blocks of a file.

    A sound model's best token is the right one in a third of the rows or more, and the one before or after it in a few
    per cent.  In a file that is off by one it is the other way round (llama-cpp-python's `echo` without BOS).
    """

    def __init__(self) -> None:
        self._hits = np.zeros(3, np.int64)  # the best token is the one before, the right one, the one after
        self._rows = 0

    def add(self, block: Block) -> None:
        """Count the rows of a block."""
        if isinstance(block, Distributions):
            best = np.where(block.predicted, np.argmax(block.scores, axis=1), -1)
            self._count(block.ids, best, block.predicted)
        elif block.ids is not None and block.best_ids is not None:
            self._count(block.ids, block.best_ids, block.best_ids >= 0)
        elif block.pieces is not None and block.best_pieces is not None:
            known = np.array([piece is not None for piece in block.best_pieces], bool)
            self._count(np.array(block.pieces, object), np.array([*block.best_pieces, None], object)[:-1], known)

    def _count(self, own: NDArray[Any], best: NDArray[Any], known: NDArray[np.bool_]) -> None:
        self._rows += int(known.sum())
        self._hits += (
            int((known[1:] & (best[1:] == own[:-1])).sum()),
            int((known & (best == own)).sum()),
            int((known[:-1] & (best[:-1] == own[1:])).sum()),
        )

    def require_sound(self, name: str) -> None:
        """Raise `BadInput` where the best token is a neighbour far more often than the right one.

        The difference of two counts has at most the variance of their sum; four standard deviations are required.
        """
        before, right, after = self._hits.tolist()
        other, where = max((before, "before"), (after, "after"))
        if other >= _LEAST and other - right > 4 * math.sqrt(other + right):
            raise BadInput(
                f"{name} is off by one: of {self._rows:,} rows the best token is the right one in {right:,}, but the "
                f"one {where} it in {other:,}, so that each number belongs to another token. llama-cpp-python's echo "
                "does so for models without BOS; import the file of llama-perplexity --kl-divergence-base."
            )
