"""The passages on which a model fails worst, for texts that are too long to be shown whole."""

from collections.abc import Iterator
from html import escape
from itertools import groupby

import numpy as np

from errtax.lm.prediction_log import bytes_of
from errtax.lm.text import Unit
from errtax.lm.visible import visible
from errtax.taxonomy.peel import Peel

LENGTH = 300
COUNT = 40
DOCUMENT_MARK = '<span class="doc" title="another document">¶</span>'
"""Stands where a passage runs on into another document."""


def worst_windows(peel: Peel, name: str = "text") -> str:
    """The passages with the highest surprisal, as HTML: symbols with errors underlined in the colour of their layer."""
    surprisal = np.nan_to_num(np.where(peel.predicted, -peel.log.logprobs, 0), posinf=50) / np.log(2)
    whole = len(surprisal) // LENGTH * LENGTH
    sums = surprisal[:whole].reshape(-1, LENGTH).sum(axis=1)
    starts = np.sort(np.argsort(-sums, kind="stable")[:COUNT]) * LENGTH
    parts = [_window(peel, int(start), float(sums[start // LENGTH])) for start in starts]
    head = f"The {len(parts)} passages of {LENGTH} symbols with the most bits, of {whole // LENGTH:,}, in their order."
    return f'<h2 id="{name}">Worst passages of {escape(peel.log.model)}</h2><p>{head}</p>{"".join(parts)}'


def _window(peel: Peel, start: int, bits: float) -> str:
    stop = start + LENGTH
    while start and _continues(peel, start):  # whole characters
        start -= 1
    while stop < len(peel.log) and _continues(peel, stop):
        stop += 1
    head = f"<h3>position {int(peel.log.positions[start]):,}: {bits / LENGTH:.2f} bits per symbol</h3>"
    return f'{head}<p class="x passage">{"".join(_runs(peel, start, stop))}</p>'


def _runs(peel: Peel, start: int, stop: int) -> Iterator[str]:
    layers = [int(peel.layer[row]) for row in range(start, stop)]
    for k in range(1, len(layers)):  # the bytes of a character go with the first of them
        if _continues(peel, start + k):
            layers[k] = layers[k - 1]
    documents = np.searchsorted(peel.log.document_starts, np.arange(start, stop), "right").tolist()
    runs = groupby(range(start, stop), key=lambda row: (documents[row - start], layers[row - start]))
    document = documents[0]
    for (now, layer), run in runs:
        if now != document:
            yield DOCUMENT_MARK
            document = now
        rows = list(run)
        data = bytes_of(peel.log.codes[rows[0] : rows[-1] + 1], peel.log.unit)
        text = escape(visible(data.decode("utf-8", "surrogateescape")))
        yield text if layer < 0 else f'<u class="e l-{peel.layer_names[layer]}">{text}</u>'


def _continues(peel: Peel, row: int) -> bool:
    """Whether this row is a byte inside a UTF-8 character."""
    if peel.log.document_around(row)[0] == row:
        return False
    return peel.log.unit is Unit.BYTE and bool(peel.log.codes[row] & 0xC0 == 0x80)
