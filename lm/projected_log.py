"""The byte log of a model of tokens from what a Python program has at hand: distributions, and tokens as bytes."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import errtax
from errtax.lm.byte_log import ByteProjector, ByteRows
from errtax.lm.byte_table import byte_batch, byte_schema
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.locations import location
from errtax.lm.prediction_log import LOG, PredictionLog
from errtax.lm.table import table_writer
from errtax.lm.text import Unit
from errtax.lm.visible import shown_name
from errtax.lm.vocabulary import Vocabulary

_ROWS = 256
"""Distributions that are projected at a time."""


def byte_log(  # noqa: PLR0913  # what a log says of itself
    distributions: Any,
    token_bytes: Sequence[bytes] | Vocabulary,
    ids: ArrayLike,
    *,
    special: Iterable[int] = (),
    predicted: ArrayLike | None = None,
    prefix: bytes = b"",
    text: str | bytes | None = None,
    output: str | PathLike[str] | None = None,
    force: bool = False,
    model: str = "model",
    parameters: int | None = None,
    step: int | None = None,
) -> PredictionLog | Path:
    """The byte log of a model of subword tokens, as `errtax.peel` takes it.

    `distributions`: a row for each token that is predicted, with the logits or the log-probabilities (natural) of all
    tokens given those before it: an array or CPU tensor (n, V or more), or an iterable of such pieces or of single
    rows (V,), of which one at a time is in memory.  An array with a row less than there are tokens begins with the
    second.  `token_bytes[k]`: the bytes that id k puts into a text, `b""` for none.  `ids`: (n,), the text's tokens.
    `special`: ids that are no part of a text.  `predicted`: (n,) of bool, which tokens have a row; default all.
    `prefix`: bytes that the tokenizer puts before the text, such as a space; they have no rows.  `text`: what the
    tokens should spell, to be checked.  `output`: a file to write, whose path is returned; else the log itself is.
    `model`, `parameters`, `step`: its metadata.

    Definition: `errtax.lm.byte_log`.  Raises `BadInput` for tokens, distributions and texts that do not fit each other,
    `UsageError` for arguments that do not.

    >>> log = byte_log(np.log([[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]]), [b"a", b"ab", b"b"], [1, 0], text="aba")
    >>> np.exp(log.logprobs).round(4).tolist()
    [0.75, 0.6667, 0.75]
    """
    vocabulary = token_bytes if isinstance(token_bytes, Vocabulary) else Vocabulary.of(token_bytes, special)
    tokens = np.asarray(ids)
    projector = ByteProjector(vocabulary, prefix)
    known = _known(distributions, tokens, predicted)
    content = _content(vocabulary, tokens, prefix, text)
    metadata = _metadata(vocabulary, content, shown_name(model), {"parameters": parameters, "step": step})
    symbols = np.frombuffer(content, np.uint8)
    pieces = _project(projector, distributions, tokens, known)
    if output is not None:
        written = location(output)
        _write(written, metadata, force, symbols, pieces)
        return written
    rows = ByteRows(*(np.concatenate(column) for column in zip(*pieces, strict=True)))
    return PredictionLog(
        metadata["model"], Unit.BYTE, np.arange(len(symbols)), symbols, rows.logprob, rows.argmax, metadata,
        argmax_logprobs=rows.argmax_logprob,
    )  # fmt: skip


def _known(distributions: Any, tokens: NDArray[Any], predicted: ArrayLike | None) -> NDArray[np.bool_]:
    """Which tokens have a row of scores."""
    if predicted is not None:
        known = np.asarray(predicted, bool)
        if known.shape != tokens.shape:
            raise UsageError(f"predicted has shape {known.shape} for ids of shape {tokens.shape}.")
        return known
    known = np.ones(len(tokens), bool)
    if len(tokens) and len(getattr(distributions, "shape", ())) == 2 and len(distributions) == len(tokens) - 1:
        known[0] = False
    return known


def _content(vocabulary: Vocabulary, tokens: NDArray[Any], prefix: bytes, text: str | bytes | None) -> bytes:
    """The bytes of the log's rows."""
    if tokens.ndim != 1 or not len(tokens):
        raise UsageError(f"ids are those of a text's tokens, shape (n,) with n >= 1; got shape {tokens.shape}.")
    found = vocabulary.bytes_of(tokens).removeprefix(prefix)
    if text is not None:
        wanted = text.encode() if isinstance(text, str) else text
        if found != wanted:
            at = next((i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), len(wanted))
            at = min(at, len(found), len(wanted))
            raise BadInput(
                f"the tokens do not spell the text: at byte {at:,} they have {found[at : at + 12]!r}, the text "
                f"{wanted[at : at + 12]!r}; give the bytes of each token, and the ids of this text."
            )
    return found


def _metadata(vocabulary: Vocabulary, content: bytes, model: str, known: dict[str, int | None]) -> dict[str, str]:
    made = f"errtax:{errtax.__version__}|model:{model}|bytes:canonical"
    digest = vocabulary.sha256
    return {
        "errtax.schema": LOG.name,
        "unit": str(Unit.BYTE),
        "model": model,
        "text_sha256": hashlib.sha256(content).hexdigest(),
        **({"tokenizer_sha256": digest} if digest else {}),
        **{name: str(value) for name, value in known.items() if value is not None},
        "signature": made + (f"|tokenizer:{digest[:12]}" if digest else ""),
    }


def _project(
    projector: ByteProjector, distributions: Any, tokens: NDArray[Any], known: NDArray[np.bool_]
) -> Iterator[ByteRows]:
    """The rows of all tokens, a piece at a time."""
    unknown, n, at = ~known, len(tokens), 0
    for scores in _pieces(distributions):
        done = 0
        while done < len(scores):
            start = at + _leading(unknown, at, n)
            if start == n:
                raise UsageError(f"there are more rows of scores than the {known.sum():,} tokens that are predicted.")
            yield from _unpredicted(projector, tokens[at:start])
            at = start + _leading(known, start, start + len(scores) - done)
            yield projector.add(tokens[start:at], scores[done : done + at - start])
            done += at - start
    if known[at:].any():
        raise UsageError(
            f"there are {known[:at].sum():,} rows of scores for {known.sum():,} tokens that are predicted; "
            "predicted= says which have a row."
        )
    yield from _unpredicted(projector, tokens[at:])


def _leading(flags: NDArray[np.bool_], start: int, stop: int) -> int:
    """How many of the flags from `start` on, and before `stop`, are true before one is not."""
    part = flags[start:stop]
    return len(part) if part.all() else int(np.argmin(part))


def _unpredicted(projector: ByteProjector, tokens: NDArray[Any]) -> Iterator[ByteRows]:
    if len(tokens):
        nothing = np.broadcast_to(np.float32(0), (len(tokens), len(projector.vocabulary)))
        yield projector.add(tokens, nothing, np.zeros(len(tokens), bool))


def _pieces(distributions: Any) -> Iterator[NDArray[Any]]:
    """Arrays (k, V), no longer than `_ROWS`, one after another."""
    whole = hasattr(distributions, "shape")
    for given in [distributions] if whole else distributions:
        values = given if hasattr(given, "shape") else np.asarray(given)
        if len(values.shape) not in ((2,) if whole else (1, 2)):
            raise UsageError(f"distributions have shape (n, V), got {tuple(values.shape)}.")
        rows = values[None] if len(values.shape) == 1 else values
        for start in range(0, len(rows), _ROWS):
            yield _array_of(rows[start : start + _ROWS])


def _array_of(values: Any) -> NDArray[Any]:
    """An array from an array or a tensor, which may be on a device, need a gradient, or be of bfloat16."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if "float16" in str(values.dtype):
            values = values.float()
    return np.asarray(values)


def _write(
    output: Path, metadata: dict[str, str], force: bool, symbols: NDArray[np.uint8], pieces: Iterator[ByteRows]
) -> None:
    first = 0
    with table_writer(output, byte_schema(), metadata, force) as writer:
        for rows in pieces:
            stop = first + len(rows.logprob)
            writer.add_rows(byte_batch(first, symbols[first:stop], rows))
            first = stop
