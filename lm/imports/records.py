"""What a reader of another tool's file yields, and how a source is declared."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from errtax.lm.vocabulary import Vocabulary

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
UNKNOWN_ID = -1


class Encoded(Protocol):
    """The tokens of a text: their ids, and the bytes before the text that the tokenizer made up."""

    @property
    def ids(self) -> Ids:
        """int64, (n,)."""

    @property
    def invented(self) -> bytes:
        """`b" "` or nothing."""


class Tokenizer(Protocol):
    """What an import needs of a tokenizer; `lm/hf/tokenizer.py` has one for those of transformers."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The bytes of each id."""

    def encode(self, text: bytes, name: str = "the text") -> Encoded:
        """The tokens of a text.  Raises `BadInput` where it has none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenScores:
    """Consecutive tokens of one document, with the log-probability of each; entry i of each array is one token.

    `document`: its number, ascending; None in a file that has only one.  `place(i)`: where entry i stands in the file,
    for messages.  `logprobs`: natural, NaN where nothing was predicted.  `pieces`: the tokens as the tool wrote them.
    `ids`: their ids, `UNKNOWN_ID` for one that the file does not tell.  At least one of the two is there.  `ranks`:
    int32, from 1; 0 for unknown.  `best_ids`, `best_logprobs`, `best_pieces`: the most probable token; `UNKNOWN_ID`,
    NaN, None where the file does not tell.  `text`: the text of the document, if the file has it.  `spaced`: the tokens
    are words, and what stands between them in the text is the beginning of the next one.
    """

    document: int | None
    place: Callable[[int], str]
    logprobs: Floats
    pieces: Sequence[str] | None = None
    ids: Ids | None = None
    ranks: NDArray[np.int32] | None = None
    best_ids: Ids | None = None
    best_logprobs: Floats | None = None
    best_pieces: Sequence[str | None] | None = None
    text: str | None = None
    spaced: bool = False

    def __len__(self) -> int:
        return len(self.logprobs)

    def part(self, start: int, stop: int) -> "TokenScores":
        """The entries start .. stop - 1."""
        whole = {name: getattr(self, name) for name in _ARRAYS}
        cut: dict[str, Any] = {name: None if values is None else values[start:stop] for name, values in whole.items()}
        return replace(self, place=lambda i: self.place(start + i), **cut)


_ARRAYS = ("logprobs", "pieces", "ids", "ranks", "best_ids", "best_logprobs", "best_pieces")


@dataclass(frozen=True, kw_only=True, eq=False)
class Distributions:
    """Consecutive tokens of one document, with a whole distribution for each.

    `document`, `place` as in `TokenScores`.  `ids`: (n,).  `scores`: (n, V) log-probabilities or logits; those of a
    token that is not `predicted` are not looked at.
    """

    document: int | None
    place: Callable[[int], str]
    ids: Ids
    scores: NDArray[Any]
    predicted: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


Block = TokenScores | Distributions


@dataclass(frozen=True)
class ReadOptions:
    """`base`: of the file's logarithms, or `p` for probabilities; None where the source knows.

    `columns`: the file's names of our columns.  `vocabulary`: of the tokenizer, if one is given.
    """

    base: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None


@dataclass(frozen=True)
class Reading:
    """What a reader makes of a file: its blocks, the model's name if the file has it, and remarks made so far.

    `remarks`: sentences for the user, complete once all blocks are read.  `rest`: the text may go on after the last
    token of the file, because the tool leaves the end out.
    """

    blocks: Iterator[Block]
    model: str = ""
    remarks: list[str] = field(default_factory=list)
    rest: bool = False


@dataclass(frozen=True)
class Source:
    """A tool whose files can be imported.

    `file`: what its file is.  `made_by`: the command or call that makes one.  `log`: which log it becomes.  `traps`:
    how the file misleads, and what is done about it.  `tokenizer`: why one is needed, empty where it is not.  `based`,
    `named`: whether `--base` and `--columns` apply.  `read`: the reader.
    """

    name: str
    file: str
    made_by: str
    log: str
    traps: tuple[str, ...]
    read: Callable[[Path, ReadOptions], Reading]
    tokenizer: str = ""
    based: bool = False
    named: bool = False
