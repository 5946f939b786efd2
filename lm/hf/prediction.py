"""Running a model of subword tokens over a text, window by window, and writing its byte log or its token log.

Memory: one batch of windows' logits, 32 bytes per token and the text; the rows wait in a file beside the output, from
which an interrupted run is resumed.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import errtax
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import require_outputs
from errtax.lm.hf.documents import Documents
from errtax.lm.hf.exact import ExactScores
from errtax.lm.hf.log import LogRows
from errtax.lm.hf.model import Asked, LanguageModel
from errtax.lm.hf.partial import Partial, resuming
from errtax.lm.hf.passages import Passages, read_passages
from errtax.lm.hf.scores import ByteScores, Scores, TokenScores, fitted
from errtax.lm.hf.tokenizer import TextTokenizer
from errtax.lm.hf.windows import Window, WindowPlan
from errtax.lm.kernels import thread_limit
from errtax.lm.log_parts import Predicted
from errtax.lm.neural.undisturbed import undisturbed
from errtax.lm.part import WHOLE, Part
from errtax.lm.prediction_log import LOG
from errtax.lm.text import Unit

WINDOW = 1024
"""Tokens of a window where nothing is said, and the model reads as many."""
Step = Callable[[int, int], None]


@dataclass(frozen=True)
class HfOptions:
    """How to run the model.

    `unit`: `byte` or `token`.  `window`: tokens at a time, the prefix included; None: as many as the model reads, at
    most `WINDOW`.  `stride`: tokens between two windows' starts; None: half of a window.  `prefix`: `auto`, `none` or a
    token's id.  `batch`: windows read side by side.  `bytes`: `canonical`, the tokenizer's own tokenization, or
    `exact,beam=K`, the sum over K tokenizations at a time, which needs many runs of the model for each byte.
    `least_context`: the first tokens of a document, those with fewer tokens before them, are read and not predicted.
    """

    unit: str = "byte"
    window: int | None = None
    stride: int | None = None
    prefix: str = "auto"
    batch: int = 1
    bytes: str = "canonical"
    least_context: int = 0

    def __post_init__(self) -> None:
        if self.unit not in ("byte", "token"):
            raise UsageError(f"--unit is byte or token, got {self.unit!r}.")
        if self.batch < 1:
            raise UsageError(f"--batch counts windows, at least 1; got {self.batch}.")
        if self.beam is not None and (self.beam < 1 or self.unit != "byte"):
            raise UsageError(f"--bytes {self.bytes} is for --unit byte, with a beam of at least 1.")
        if self.least_context < 0:
            raise UsageError(f"--least-context counts tokens, from 0; got {self.least_context}.")
        if self.prefix not in ("auto", "none") and not (self.prefix.isascii() and self.prefix.isdigit()):
            raise UsageError(f"--prefix is auto, none or the id of a token, got {self.prefix!r}.")

    @property
    def beam(self) -> int | None:
        """The tokenizations that are kept, None for the tokenizer's own alone."""
        if self.bytes == "canonical":
            return None
        match = re.fullmatch(r"exact,beam=(\d{1,6})", self.bytes)
        if match is None:
            raise UsageError(f"--bytes is canonical, or such as exact,beam=8; got {self.bytes!r}.")
        return int(match[1])

    def plan(self, model: LanguageModel, tokenizer: TextTokenizer) -> WindowPlan:
        """The windows that the model reads.  Raises `UsageError` where it cannot read them."""
        longest = model.longest
        size = min(longest or WINDOW, WINDOW) if self.window is None else self.window
        if longest is not None and size > longest:
            raise UsageError(f"--window {size} is longer than what {model.name} reads, {longest} tokens at a time.")
        stride = max(size // 2, 1) if self.stride is None else self.stride
        return WindowPlan(size, stride, self.prefix_ids(tokenizer))

    def prefix_ids(self, tokenizer: TextTokenizer) -> tuple[int, ...]:
        """The ids before each window."""
        if self.prefix == "auto":
            return tokenizer.prepended
        return () if self.prefix == "none" else (int(self.prefix),)


@dataclass(frozen=True)
class PartOfLog:
    """One part of a log, and the digest that all parts of that log have in common."""

    part: Part
    key: str

    @property
    def metadata(self) -> dict[str, str]:
        """What the part's file says of itself."""
        return {"part": str(self.part), "key": self.key}


@dataclass(frozen=True, eq=False)
class _Work:
    """All that is to be done.  `batches`: windows, each with the number of its passage, to be read side by side."""

    passages: Passages
    plan: WindowPlan
    batches: Sequence[Sequence[tuple[int, Window]]]

    def first_row(self, number: int, unit: Unit) -> int:
        """The first row of a log that a batch answers for; one that is not predicted belongs to the batch before."""
        if number == 0:
            return 0
        if number == len(self.batches):
            return len(self.passages.text if unit is Unit.BYTE else self.passages.ids)
        k, window = self.batches[number][0]
        place = self.passages.rows_of(k, window.first, window.stop).start
        return int(self.passages.starts[place]) if unit is Unit.BYTE else place

    def goes_on(self, number: int) -> bool:
        """Whether a batch begins in a passage that the batch before it has begun."""
        return number > 0 and self.batches[number - 1][-1][0] == self.batches[number][0][0]

    def asked(self, k: int, window: Window) -> Asked:
        """What the model reads for a window."""
        ids = self.passages.parts[k].ids[window.start : window.stop - 1].tolist()
        return Asked([*self.plan.prefix, *ids], window.stop - window.first)

    @property
    def contexts(self) -> NDArray[np.int32]:
        """How many tokens each token of the passages is predicted from; -1: it is not predicted."""
        found = np.full(len(self.passages.ids), -1, np.int32)
        for k, window in (each for batch in self.batches for each in batch):
            places = self.passages.rows_of(k, window.first, window.stop)
            found[places] = window.context[len(window.context) - (places.stop - places.start) :]
        return found


def predict_text(
    model: LanguageModel,
    tokenizer: TextTokenizer,
    documents: Documents,
    output: Path,
    options: HfOptions = HfOptions(),
    force: bool = False,
    on_step: Step = lambda done, total: None,
    of: PartOfLog | None = None,
) -> Predicted:
    """Write the prediction log of a model on a text; return its sums.

    `on_step(done, total)` is called after each batch, with tokens of the text.  `of`: only a part of the batches is
    asked about, whose rows are those of the whole log.  Raises `UsageError` for options that do not fit the model,
    `BadInput` for texts, tokenizers and models that do not fit each other.
    """
    require_outputs([output], force)
    if (threads := thread_limit()) is not None:
        torch.set_num_threads(threads)
    unit, plan = Unit(options.unit), options.plan(model, tokenizer)
    passages = read_passages(documents, tokenizer)
    work = _Work(passages, plan, _batches(passages.windows(plan, options.least_context), options.batch))
    metadata = log_metadata(model, tokenizer, documents, options, plan)
    weights = model.fingerprint if work.batches else ""
    metadata |= {**of.metadata, "weights": weights} if of else {}  # so that parts of other weights are not merged
    settings = {
        **{name: value for name, value in metadata.items() if name != "errtax.schema"},
        "weights": weights,
        "text": documents.sha256,
        "batch": str(options.batch),
        "device": model.device.type,
        "torch": str(torch.__version__),
    }
    with undisturbed(model.network):
        width = _checked_width(model, work, options.least_context)
        vocabulary = fitted(tokenizer.vocabulary, width)
        scores: Scores | ExactScores = (ByteScores if unit is Unit.BYTE else TokenScores)(passages, vocabulary)
        if options.beam is not None:
            scores = ExactScores(model, passages, vocabulary, plan, options.beam)
        batches = range(*(of.part if of else WHOLE).share(len(work.batches)))
        first, stop = (work.first_row(number, unit) for number in (batches.start, batches.stop))
        with resuming(output, settings, stop - first, scores.dtype, force) as partial:
            _run(model, work, scores, _Task(batches, first, partial), on_step)
            separate = documents.separate or (unit is Unit.TOKEN and not passages.whole)
            rows = LogRows(unit, passages, vocabulary, partial.rows, work.contexts, separate, first)
            return rows.write(output, metadata, force)


def _checked_width(model: LanguageModel, work: _Work, least: int) -> int:
    """The number of the model's outputs, once model and tokens are known to fit each other."""
    if not work.batches:
        few = f"no document of more than {least} tokens" if least else "one token alone"
        raise BadInput(f"the text has {few}, so there is nothing to predict; give a longer text, or a --prefix.")
    width = int(model.scores([Asked([0], 1)])[0].shape[1])
    before = max(work.plan.prefix, default=0)
    if before >= width:
        raise UsageError(f"--prefix {before}: the ids of {model.name} are 0 to {width - 1:,}.")
    largest = int(work.passages.ids.max())
    if largest >= width:
        raise BadInput(
            f"the tokenizer gives the id {largest:,}, but {model.name} has outputs for {width:,} tokens; give the "
            "tokenizer that belongs to the model."
        )
    read = ([*work.asked(k, window).ids] for batch in work.batches[:8] for k, window in batch)
    model.require_causal(max(read, key=len)[:8])
    return width


def _batches(windows: list[tuple[int, Window]], size: int) -> list[list[tuple[int, Window]]]:
    return [windows[at : at + size] for at in range(0, len(windows), size)]


@dataclass(frozen=True, eq=False)
class _Task:
    """The batches that are asked for, the first row that they answer for, and the rows from there on."""

    batches: range
    first: int
    partial: Partial


def _run(model: LanguageModel, work: _Work, scores: Scores | ExactScores, task: _Task, on_step: Step) -> None:
    """Fill the rows of all batches that are not done."""
    partial, left = task.partial, task.batches[task.partial.done :]
    sizes = {number: sum(window.stop - window.first for _, window in work.batches[number]) for number in task.batches}
    total = sum(sizes.values())
    done = total - sum(sizes[number] for number in left)
    if left and work.goes_on(left.start) and isinstance(scores, ByteScores):
        # the last token before says how probable it was to end: so the batch before is read once more, and not kept
        for _ in _rows(model, work, scores, left.start - 1):
            pass
    for number in left:
        for first, rows in _rows(model, work, scores, number):
            place = first - task.first
            partial.rows[place : place + len(rows)] = rows
        partial.done += 1
        partial.save()
        done += sizes[number]
        on_step(done, total)


def _rows(
    model: LanguageModel, work: _Work, scores: Scores | ExactScores, number: int
) -> Iterator[tuple[int, NDArray[Any]]]:
    """The rows of a batch of windows, and where each window's begin."""
    batch = work.batches[number]
    if isinstance(scores, ExactScores):
        yield from (scores.rows(k, window) for k, window in batch)
        return
    logits = model.scores([work.asked(k, window) for k, window in batch])
    for (k, window), found in zip(batch, logits, strict=True):
        yield scores.rows(k, window, found)


def log_metadata(
    model: LanguageModel, tokenizer: TextTokenizer, documents: Documents, options: HfOptions, plan: WindowPlan
) -> dict[str, str]:
    """What the log says of itself."""
    prefix = ",".join(map(str, plan.prefix)) or "none"
    made = f"errtax:{errtax.__version__}|model:{model.name}" + (f"@{model.revision}" if model.revision else "")
    unit = f"bytes:{options.bytes.replace(',', ':')}" if options.unit == "byte" else "unit:token"
    least = options.least_context
    read = f"window:{plan.size}|stride:{plan.stride}|prefix:{prefix}" + (f"|context:{least}+" if least else "")
    read += f"|dtype:{model.dtype}"
    sizes = {len(part.text) for part in documents.parts}
    streams = len(documents.parts) if len(sizes) == 1 and not documents.separate else 1
    known = {
        "revision": model.revision,
        "step": model.step,
        "least_context": least or None,
        **({"streams": streams, "symbols": len(documents.text)} if options.unit == "byte" else {}),
    }
    return {
        "errtax.schema": LOG.name,
        "unit": options.unit,
        "model": model.name + (f"@{model.revision}" if model.revision else ""),
        "parameters": str(model.parameters),
        "text_sha256": hashlib.sha256(documents.text).hexdigest(),
        "tokenizer_sha256": tokenizer.sha256,
        "window": str(plan.size),
        "stride": str(plan.stride),
        "prefix": prefix,
        "dtype": model.dtype,
        "signature": f"{made}|{unit}|{read}|tokenizer:{tokenizer.sha256[:12]}",
        **{name: str(value) for name, value in known.items() if value is not None},
    }
