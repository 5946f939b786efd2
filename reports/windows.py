"""The passages on which a model fails worst, for texts that are too long to be shown whole."""

from collections.abc import Iterator
from html import escape
from itertools import groupby

import numpy as np

from errtax.lm.prediction_log import BLOCK_ROWS, splits_character
from errtax.lm.visible import visible
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.surroundings import Surrounded, read_through

LENGTH = 300
COUNT = 40
PASSAGE_ROWS = BLOCK_ROWS // LENGTH * LENGTH
"""Rows of a block of whole passages."""
_SPILL = 3
"""Bytes of a character, at most, on the other side of a passage's border."""
DOCUMENT_MARK = '<span class="doc" title="another document">¶</span>'
"""Stands where a passage runs on into another document."""


class WorstPassages:
    """Of the passages that were read, those with the highest surprisal, as HTML.

    Symbols with errors are underlined in the colour of their layer.  Blocks must begin at multiples of LENGTH rows.
    """

    width = _SPILL

    def __init__(self, head: Peel) -> None:
        self._model, self._passages = head.log.model, 0
        self._kept: list[tuple[float, int, str]] = []

    def add(self, block: Surrounded) -> None:
        """Read a block."""
        peel = block.peel
        surprisal = np.nan_to_num(np.where(peel.predicted, -peel.log.logprobs, 0), posinf=50) / np.log(2)
        whole = len(surprisal) // LENGTH * LENGTH
        sums = surprisal[:whole].reshape(-1, LENGTH).sum(axis=1)
        self._passages += len(sums)
        rivals = np.flatnonzero(sums > -self._kept[-1][0]) if len(self._kept) == COUNT else np.arange(len(sums))
        best = rivals[np.argsort(-sums[rivals], kind="stable")[:COUNT]].tolist()
        found = [(-float(sums[k]), block.first + k * LENGTH, _passage(block, k * LENGTH, sums[k])) for k in best]
        self._kept = sorted([*self._kept, *found])[:COUNT]

    def html(self, name: str = "text") -> str:
        """The passages in their order, under a heading with this name."""
        parts = [made for _, _, made in sorted(self._kept, key=lambda each: each[1])]
        head = (
            f"The {len(parts)} passages of {LENGTH} symbols with the most bits, of {self._passages:,}, in their order."
        )
        return f'<h2 id="{name}">Worst passages of {escape(self._model)}</h2><p>{head}</p>{"".join(parts)}'


def worst_passages(source: PeelSource, rows: int = PASSAGE_ROWS) -> str:
    """The passages with the highest surprisal, as HTML, found in one pass."""
    worst = WorstPassages(source.head)
    read_through(source, [worst], rows)
    return worst.html()


def _passage(block: Surrounded, row: int, bits: float) -> str:
    peel, start = block.around(row, _SPILL, LENGTH - 1 + _SPILL)
    stop = start + LENGTH
    first, end = max(start - _SPILL, 0), min(stop + _SPILL, len(peel))
    while start > first and _continues(peel, start):  # whole characters
        start -= 1
    while stop < end and _continues(peel, stop):
        stop += 1
    head = f"<h3>position {int(peel.log.positions[start]):,}: {bits / LENGTH:.2f} bits per symbol</h3>"
    return f'{head}<p class="x passage">{"".join(marked_text(peel, start, stop))}</p>'


def marked_text(peel: Peel, start: int, stop: int, before: Peel | None = None) -> Iterator[str]:
    """Rows of a peel as HTML, errors underlined in the colour of their layer.

    With a peel of a model `before` on the same rows, also what became of its errors: fixed, kept, or new ones.
    """
    marks = [_mark(peel, row, before) for row in range(start, stop)]
    for k in range(1, len(marks)):  # the bytes of a character go with the first of them
        if _continues(peel, start + k):
            marks[k] = marks[k - 1]
    documents = np.searchsorted(peel.log.document_starts, np.arange(start, stop), "right").tolist()
    runs = groupby(range(start, stop), key=lambda row: (documents[row - start], marks[row - start]))
    document = documents[0] if documents else 0
    for (now, mark), run in runs:
        if now != document:
            yield DOCUMENT_MARK
            document = now
        rows = list(run)
        data = peel.log.part(rows[0], rows[-1] + 1).content
        text = escape(visible(data.decode("utf-8", "surrogateescape")))
        yield f'<u class="e {mark}">{text}</u>' if mark else text


def _mark(peel: Peel, row: int, before: Peel | None) -> str:
    """The classes of a row; empty where there is nothing to mark."""
    wrong, was = bool(peel.error[row]), before is not None and bool(before.error[row])
    if before is None or not (wrong or was):
        return f"l-{peel.layer_names[peel.layer[row]]}" if wrong else ""
    change = "kept" if wrong and was else "new" if wrong else "fixed"
    of = peel if wrong else before
    return f"l-{of.layer_names[of.layer[row]]} c-{change}"


def _continues(peel: Peel, row: int) -> bool:
    """Whether this row begins inside a UTF-8 character."""
    return peel.log.document_around(row)[0] != row and splits_character(peel.log, row)
