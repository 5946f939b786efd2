"""Documents as tokens: which tokens a model reads, which of them are the log's, and where their bytes stand.

A token may begin before the text that the log is about: with the space that a tokenizer invents, or in what a stream is
read after. Its first bytes are then *given*: they are conditioned on, and only the others are rows.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.hf.documents import Documents
from errtax.lm.hf.tokenizer import TextTokenizer
from errtax.lm.hf.windows import Window, WindowPlan


@dataclass(frozen=True, eq=False)
class Passage:
    """A document's tokens.  `ids`: int64 (n,), all that is read.  `first`: the first one with bytes of the text.

    `given`: the bytes of that token that stand before the text.  `start`: where the text's bytes of these tokens begin
    in the text of all documents.
    """

    ids: NDArray[np.int64]
    first: int
    given: bytes
    start: int

    @property
    def asked(self) -> int:
        """The first token that the model is asked about: the one before the text's first says where that one ends."""
        return max(self.first - 1, 0)


@dataclass(frozen=True, eq=False)
class Passages:
    """The documents of a text, tokenised.

    Of all tokens with bytes of the text, in order: `ids`: int64 (n,).  `starts`: int64 (n,), where their bytes in the
    text begin.  `lengths`: int64 (n,), how many those are.  `documents`: int64 (n,), the document's number.
    `text`: uint8, the bytes of all documents; `document_starts`: int64, where each begins.
    """

    parts: tuple[Passage, ...]
    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    documents: NDArray[np.int64]
    text: NDArray[np.uint8]
    document_starts: NDArray[np.int64]

    def windows(self, plan: WindowPlan, least: int = 0) -> list[tuple[int, Window]]:
        """All windows in order, each with the number of its passage; its first `least` tokens are not asked about."""
        asked = [(k, len(part.ids), max(part.asked, least)) for k, part in enumerate(self.parts)]
        return [(k, each) for k, n, first in asked for each in plan.windows(n, first)]

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where each passage's tokens begin among `ids`, (passages + 1,)."""
        counts = [len(part.ids) - part.first for part in self.parts]
        return np.cumsum([0, *counts], dtype=np.int64)

    @property
    def whole(self) -> bool:
        """Whether each byte of the text is in a token: not where a cut has parted a character."""
        return int(self.lengths.sum()) == len(self.text)

    def rows_of(self, k: int, first: int, stop: int) -> slice:
        """The places among `ids` of the tokens first .. stop − 1 of passage k."""
        base, skip = int(self.offsets[k]), self.parts[k].first
        return slice(base + max(first - skip, 0), base + max(stop - skip, 0))


def read_passages(documents: Documents, tokenizer: TextTokenizer) -> Passages:
    """All documents as tokens.  Memory: 32 bytes per token, and what the tokenizer needs for one document.

    Raises `BadInput` for a text that the tokenizer does not keep.
    """
    lengths = tokenizer.vocabulary.lengths
    parts: list[Passage] = []
    numbers: list[int] = []
    place = 0
    for number, document in enumerate(documents.parts):
        start, stop = document.whole
        own = max(len(document.before) - start, 0)  # bytes of what is tokenised that stand before the text
        data = (document.before + document.text)[start:stop]
        if len(data) > own:
            name = f"document {number} of {documents.name}" if documents.separate else documents.name
            tokens = tokenizer.encode(data, name)
            own_start = own + len(tokens.invented)
            ends = np.cumsum(lengths[tokens.ids])
            first = int(np.searchsorted(ends, own_start, "right"))
            begin = int(ends[first] - lengths[tokens.ids[first]])
            given = tokenizer.vocabulary.piece(int(tokens.ids[first]))[: own_start - begin]
            parts.append(Passage(tokens.ids, first, given, place + max(start - len(document.before), 0)))
            numbers.append(number)
        place += len(document.text)
    if not parts:
        raise BadInput(f"{documents.name} has no text to predict.")
    return _joined(documents, tuple(parts), numbers, lengths)


def _joined(
    documents: Documents, parts: tuple[Passage, ...], numbers: list[int], lengths: NDArray[np.int64]
) -> Passages:
    ids = np.concatenate([part.ids[part.first :] for part in parts])
    counts = [len(part.ids) - part.first for part in parts]
    own, starts = lengths[ids], np.empty(len(ids), np.int64)
    place = 0
    for part, count in zip(parts, counts, strict=True):
        own[place] -= len(part.given)
        rows = slice(place, place + count)
        starts[rows] = part.start + np.cumsum(own[rows]) - own[rows]
        place += count
    sizes = [len(part.text) for part in documents.parts]
    document_starts = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
    text = np.frombuffer(documents.text, np.uint8)
    return Passages(parts, ids, starts, own, np.repeat(numbers, counts), text, document_starts)
