"""The doctor's rounds: a log and the scores that an n-gram model gives its symbols, piece by piece."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.log_files import open_log
from errtax.lm.log_reader import open_log_file
from errtax.lm.ngram.index import NgramIndex, require_tokenizer
from errtax.lm.ngram.model import NgramModel, require_unit
from errtax.lm.ngram.open_model import open_model_for_log
from errtax.lm.prediction_log import BLOCK_ROWS, LOG, PredictionLog
from errtax.lm.table import numpy_of
from errtax.lm.text import Unit, read_text
from errtax.oracle.ngram import NgramTally
from errtax.oracle.text_view import TextView
from errtax.taxonomy.doctor import SUSPICION, Finding, findings
from errtax.taxonomy.doctor_sums import DoctorSums, Piece

_ALL_UP_TO, _STRETCH, _EVERY = 1 << 16, 1 << 12, 8
TRAIN_ORDER = 20
"""Of the index of a training text."""


class DoctorTally(NgramTally):
    """What the n-gram models score while an oracle reads them, and what the doctor adds up of the log beside it."""

    def __init__(
        self,
        view: TextView,
        log: PredictionLog,
        model: NgramModel | None,
        entropy: NDArray[np.float64] | None = None,
        sample: bool = False,
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        """`log`: the rows of the view; `entropy[r]`: of row r, NaN where it has none.

        `counted`: the rows that the models are scored on; None: all that are predicted.  The doctor sees these.
        `sample`: the doctor looks at a part of a long text only, which its positions alone determine (`sampled`).
        """
        super().__init__(view, ~np.isnan(log.logprobs) if counted is None else counted)
        self.sums = DoctorSums()
        self._view, self._log, self._model, self._entropy, self._sample = view, log, model, entropy, sample

    @cached_property
    def _columns(self) -> dict[str, Any]:
        """By symbol of the view; of no use, and not made, where no model is asked."""
        log, best, rank, entropy = self._log, self._log.argmax_logprobs, self._log.ranks, self._entropy
        return {
            "positions": self._spread(log.positions, -1),
            "x": self._spread(log.logprobs, np.nan),
            "starts": self._spread(_starts(log), False),
            "best": None if best is None else self._spread(best, np.nan),
            "rank": None if rank is None else self._spread(rank, 0),
            "entropy": None if entropy is None else self._spread(entropy, np.nan),
        }

    def add(self, logprobs: NDArray[np.float32], start: int) -> None:
        """A block of a text: `logprobs[i, n - 1]` of symbol start + i by order n."""
        super().add(logprobs, start)
        stop = start + len(logprobs)
        spans = sampled(self._columns["positions"][start:stop]) if self._sample else [(0, len(logprobs))]
        for first, last in spans:
            rows = slice(start + first, start + last)
            cut: dict[str, Any] = {name: None if each is None else each[rows] for name, each in self._columns.items()}
            codes = self._view.codes[rows]
            known = np.ones(len(codes), bool) if self._model is None else self._model.knows(codes)
            self.sums.add(Piece(codes=codes, scores=logprobs[first:last], known=known, **cut))

    def _spread(self, values: NDArray[Any], missing: Any) -> NDArray[Any]:
        """Values of the log's rows as values of the view's symbols."""
        found = np.full(len(self._view), missing, values.dtype)
        found[self._view.rows] = values
        return found


def sampled(positions: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Which of these symbols, first and last + 1, a sample holds: all of the first 65,536 positions, then an eighth.

    It is every eighth stretch of 4,096 positions, so that the sample does not depend on blocks; -1 has no position.
    """
    reached = np.maximum.accumulate(positions)
    chosen = (reached < _ALL_UP_TO) | (reached // _STRETCH % _EVERY == 0)
    borders = np.flatnonzero(np.diff(chosen, prepend=False, append=False))
    return list(zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True))


def _starts(log: PredictionLog) -> NDArray[np.bool_]:
    """The rows that begin the text, or a document after another, and were predicted from nothing.

    Streams go on where the part before them ends, as the column `context` says, too.
    """
    starts = np.zeros(len(log), bool)
    starts[log.document_starts[1:]] = True
    starts[0] = log.positions[0] == 0 and int(log.metadata.get("streams", "1")) == 1
    if log.contexts is not None:
        starts &= log.contexts <= 0
    return starts


def examine_file(path: Path, kind: str, ngram: Path | None, train_text: Path | None) -> tuple[list[Finding], bool]:
    """What `examine` finds in a file of this kind, and whether any of it is a suspicion.

    Raises `UsageError` for a file that is no log.
    """
    if kind != LOG.name:
        raise UsageError(f"--ngram and --train-text examine a prediction log; {path} is {kind}.")
    found = examine(path, ngram, train_text)
    return found, any(each.level == SUSPICION for each in found)


def examine(path: Path, ngram: Path | None, train_text: Path | None) -> list[Finding]:
    """What is suspected of a log beside an n-gram model, or beside one of its training text; memory of one block.

    Where both are given, the training text is only asked whether it holds the text under test.  Raises `BadInput`
    where the log cannot be read, or the model is of another unit; `UsageError` for spans, which have no n-grams.
    """
    head = open_log_file(path).head
    if head.unit == Unit.SPAN:
        raise UsageError("spans have no n-grams; validate the logs of bytes or tokens that they were made of.")
    in_tokens, found = head.unit == Unit.TOKEN, []
    if in_tokens and train_text is not None:
        raise UsageError("--train-text is text, the log has tokens; give --ngram, built with --tokenizer from it.")
    if ngram is not None:
        model = open_model_for_log(ngram, head.unit)
        require_unit(model, head.unit, head.name)
        require_tokenizer(model, head.metadata.get("tokenizer_sha256", ""), head.name)
        found = findings(_examined(path, model), in_tokens)
    if train_text is not None:
        index = NgramIndex.build(read_text(train_text, head.unit), TRAIN_ORDER)
        others = findings(_examined(path, index), in_tokens)
        found += [each for each in others if ngram is None or each.name == "contained"]
    return found


def _examined(path: Path, model: NgramModel) -> DoctorSums:
    sums = DoctorSums()
    for log, entropy in _blocks(path):
        view = TextView.of_log(log)
        tally, start = DoctorTally(view, log, model, entropy), 0
        for scores in model.score_blocks(view.codes, unknown=view.gaps):
            tally.add(scores, start)
            start += len(scores)
        sums += tally.sums
    return sums


def _blocks(path: Path) -> Iterator[tuple[PredictionLog, NDArray[np.float64] | None]]:
    """The log in blocks, each with its entropy, where there is such a column."""
    log, parts = open_log_file(path), None if str(path) == "-" else open_log(path)
    if parts is None or "entropy" not in parts.schema_arrow.names:
        yield from ((block, None) for block in log.blocks())
        return
    values = np.zeros(0)
    tables = parts.blocks(["entropy"], BLOCK_ROWS)
    for block in log.blocks():
        while len(values) < len(block):
            values = np.concatenate([values, numpy_of(next(tables)["entropy"], missing=np.nan).astype(np.float64)])
        yield block, values[: len(block)]
        values = values[len(block) :]
