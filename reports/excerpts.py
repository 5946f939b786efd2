"""Errors in their context, with each oracle's evidence in words."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errtax.lm.prediction_log import bytes_of
from errtax.lm.text import Unit
from errtax.lm.visible import visible
from errtax.taxonomy.layers.registry import REST, all_layers
from errtax.taxonomy.naming import layer_in, slice_in
from errtax.taxonomy.peel import Peel


@dataclass(frozen=True)
class Excerpt:
    """One error: `before` + `symbol` + `after` is the text around it, with control characters made visible."""

    position: int
    p: float
    layer: str
    slice: str
    before: str
    symbol: str
    after: str
    evidence: str


def worst_rows(peel: Peel, n: int, layer: str | None = None, part: str | None = None) -> NDArray[np.int64]:
    """The rows of the n errors with the lowest probability, of one layer or slice if so asked.

    `layer`: its name, title or letter.  Raises `UsageError` for a layer or slice that this peel does not have.
    """
    chosen = peel.error.copy()
    if layer is not None:
        chosen &= peel.layer == peel.layer_names.index(layer_in(peel, layer))
    if part is not None:
        owner, part = slice_in(peel, part)
        chosen &= peel.layer == peel.layer_names.index(owner)
        chosen &= peel.slice == peel.slice_names(owner).index(part)
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(peel.log.logprobs[rows], kind="stable")[:n]]


def sample_rows(peel: Peel, layer: str, n: int) -> NDArray[np.int64]:
    """n errors of a layer, evenly spaced over the text."""
    rows = np.flatnonzero(peel.error & (peel.layer == peel.layer_names.index(layer)))
    return rows[np.linspace(0, len(rows) - 1, min(n, len(rows))).round().astype(np.int64)]


def excerpt(peel: Peel, row: int, width: int = 40) -> Excerpt:
    """One row in its context of `width` symbols before and half as many after, in its document."""
    begin, end = peel.log.document_around(row)
    start, stop = max(row - width, begin), min(row + 1 + width // 2, end)
    first, end = row, row + 1
    if peel.log.unit is Unit.BYTE:  # show whole characters
        while first > start and peel.log.codes[first] & 0xC0 == 0x80:
            first -= 1
        while end < stop and peel.log.codes[end] & 0xC0 == 0x80:
            end += 1
    name = peel.layer_names[peel.layer[row]]
    return Excerpt(
        position=int(peel.log.positions[row]),
        p=float(np.exp(peel.log.logprobs[row])),
        layer=name,
        slice=peel.slice_names(name)[peel.slice[row]],
        before=_text(peel, start, first),
        symbol=_text(peel, first, end),
        after=_text(peel, end, stop),
        evidence=evidence_in_words(peel, row),
    )


def _text(peel: Peel, start: int, stop: int) -> str:
    return visible(bytes_of(peel.log.codes[start:stop], peel.log.unit).decode("utf-8", "surrogateescape"))


def evidence_in_words(peel: Peel, row: int) -> str:
    """What the oracles say about one row, for example `4-gram gave it; seen 312 symbols ago; 7 times in training`."""
    said = [layer.in_words(peel.evidence, row) for layer in all_layers(peel.settings)]
    known = "; ".join(filter(None, said))
    return known or ("nothing known" if peel.layer_names[peel.layer[row]] != REST else "no layer claims it")
