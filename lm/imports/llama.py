"""llama.cpp: the file of `llama-perplexity --kl-divergence-base`.

`_logits_`; int32 n_ctx, n_vocab, n_chunk; int32 tokens, n_ctx of each chunk; then, for the tokens n_ctx/2 + 1 to
n_ctx - 1 of each chunk, a row: float32 scale, float32 min, n_vocab uint16 q padded to an even number.
log p = scale q + min, whose steps are 1/65535 of the range of the logits, which ends 16 nats below the best
(`log_softmax` in perplexity.cpp).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import map_bytes, release
from errtax.lm.imports.records import Block, Distributions, Reading, ReadOptions, Source

_MAGIC = b"_logits_"
_HEADER = len(_MAGIC) + 12
_ROWS = 64  # distributions at a time
_NEEDED = "the file has ids and no text"


class _Header(NamedTuple):
    n_ctx: int
    n_vocab: int
    n_chunk: int

    @property
    def first(self) -> int:
        """The first token of a chunk that is predicted."""
        return self.n_ctx // 2 + 1

    @property
    def width(self) -> int:
        """uint16 of a row: two float32, and the padded distribution."""
        return 4 + self.n_vocab + self.n_vocab % 2

    @property
    def n_rows(self) -> int:
        """Rows of a chunk."""
        return self.n_ctx - self.first

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return _HEADER + 4 * self.n_chunk * self.n_ctx + 2 * self.n_chunk * self.n_rows * self.width


def read(path: Path, options: ReadOptions) -> Reading:
    """One document, in blocks of `_ROWS` tokens.  Memory O(n_vocab), whatever the file says of itself.

    Raises `BadInput` for a file that is cut off or is none.
    """
    if options.vocabulary is None:
        raise UsageError(f"llama needs --tokenizer (the model's .gguf will do): {_NEEDED}.")
    data = map_bytes(path)
    header = _header(path, data)
    size = len(options.vocabulary)
    if header.n_vocab < size and not options.vocabulary.special[header.n_vocab :].all():
        raise BadInput(
            f"{path} is of a model with {header.n_vocab:,} tokens, the tokenizer has {size:,}; give its own."
        )
    remarks: list[str] = []
    return Reading(_blocks(path, data, header, max(size, header.n_vocab), remarks), remarks=remarks, rest=True)


def _header(path: Path, data: NDArray[np.uint8]) -> _Header:
    if data[: len(_MAGIC)].tobytes() != _MAGIC:
        raise BadInput(f"{path} does not begin with _logits_; give the file of llama-perplexity --kl-divergence-base.")
    if len(data) < _HEADER:
        raise BadInput(f"{path} is cut off after {len(data)} bytes; write it again.")
    header = _Header(*(int(n) for n in data[len(_MAGIC) : _HEADER].view("<i4")))
    if header.n_ctx < 4 or header.n_vocab < 2 or header.n_chunk < 1:
        raise BadInput(
            f"{path} says n_ctx {header.n_ctx}, n_vocab {header.n_vocab}, n_chunk {header.n_chunk}; is it damaged?"
        )
    if len(data) != header.size:
        row = max(len(data) - _HEADER - 4 * header.n_chunk * header.n_ctx, 0) // (2 * header.width)
        what = f"cut off in row {row:,} of" if len(data) < header.size else "longer than"
        raise BadInput(
            f"{path} is {what} the {header.n_chunk * header.n_rows:,} rows that its header promises: it has "
            f"{len(data):,} bytes, {header.size:,} are needed; write it again."
        )
    return header


def _blocks(path: Path, data: NDArray[np.uint8], header: _Header, width: int, remarks: list[str]) -> Iterator[Block]:
    rows_at = _HEADER + 4 * header.n_chunk * header.n_ctx
    tokens = data[_HEADER:rows_at].view("<i4").reshape(header.n_chunk, header.n_ctx)
    rows = data[rows_at:].view("<u2").reshape(header.n_chunk, header.n_rows, header.width)
    clipped = 0
    for chunk in range(header.n_chunk):
        for start in range(0, header.n_ctx, _ROWS):
            stop = min(start + _ROWS, header.n_ctx)
            ids = tokens[chunk, start:stop].astype(np.int64)
            predicted = np.arange(start, stop) >= header.first
            scores = np.full((stop - start, width), -np.inf, np.float32)
            part = rows[chunk, max(start - header.first, 0) : max(stop - header.first, 0)]
            if len(part):
                values = _log_probabilities(path, part, header, chunk * header.n_rows + max(start - header.first, 0))
                scores[predicted, : header.n_vocab] = values
                known = ids[predicted]
                inside = (known >= 0) & (known < header.n_vocab)
                clipped += int((part[np.flatnonzero(inside), 4 + known[inside]] == 0).sum())
            yield Distributions(
                document=None, place=_places(path, chunk, start), ids=ids, scores=scores, predicted=predicted
            )
        release(data)
    if clipped:
        n = header.n_chunk * header.n_rows
        remarks.append(
            f"{clipped:,} of {n:,} tokens have the least probability that the file can hold, 16 nats below the best."
        )


def _log_probabilities(path: Path, rows: NDArray[np.uint16], header: _Header, first: int) -> NDArray[np.float32]:
    """log p of some rows, (n, n_vocab); `first`: the number of the first one."""
    floats = np.ascontiguousarray(rows[:, :4]).view("<f4")  # scale, min
    wrong = ~np.isfinite(floats).all(axis=1) | (floats[:, 0] < 0) | (floats[:, 1] > 0)
    if wrong.any():
        k = int(np.argmax(wrong))
        said = f"scale {floats[k, 0]:g} and least log-probability {floats[k, 1]:g}"
        raise BadInput(f"{path}: row {first + k} has {said}; is it damaged?")
    values: NDArray[np.float32] = floats[:, :1] * rows[:, 4 : 4 + header.n_vocab] + floats[:, 1:]
    return values


def _places(path: Path, chunk: int, start: int) -> Callable[[int], str]:
    return lambda i: f"{path}: chunk {chunk}, token {start + i}"


SOURCE = Source(
    "llama",
    "the file of llama.cpp's `llama-perplexity --kl-divergence-base`",
    "`llama-perplexity -m MODEL.gguf -f test.txt --kl-divergence-base FILE -c 512`",
    "byte log",
    (
        "only the second half of each chunk is predicted (half the bytes are null), and what does not fill a chunk is "
        "left out",
        "probabilities end 16 nats below the best token's and have steps of 2.4e-4 nats or so",
        "llama.cpp's own arithmetic and quantised weights: not the values of transformers",
    ),
    read,
    tokenizer=_NEEDED,
)
