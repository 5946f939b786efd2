"""Errors in their context, with each oracle's evidence in words."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.prediction_log import bytes_of
from errtax.lm.text import Unit
from errtax.lm.visible import visible
from errtax.taxonomy.layers import REST
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
    """The rows of the n errors with the lowest probability, of one layer or slice if so asked."""
    chosen = peel.error.copy()
    if layer is not None:
        if layer not in peel.layer_names:
            raise UsageError(f"there is no layer {layer!r} in this peel; it has {', '.join(peel.layer_names)}.")
        chosen &= peel.layer == peel.layer_names.index(layer)
    if part is not None:
        chosen &= _rows_of_slice(peel, part)
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(peel.log.logprobs[rows], kind="stable")[:n]]


def _rows_of_slice(peel: Peel, part: str) -> NDArray[np.bool_]:
    for number, name in enumerate(peel.layer_names):
        if part in peel.slice_names(name):
            taken: NDArray[np.bool_] = (peel.layer == number) & (peel.slice == peel.slice_names(name).index(part))
            return taken
    names = ", ".join(f"'{each}'" for name in peel.layer_names for each in peel.slice_names(name))
    raise UsageError(f"there is no slice {part!r} in this peel; it has {names}.")


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
    evidence, said = peel.evidence, []
    if evidence.ngram_context is not None and evidence.ngram_context[row]:
        said.append(f"{evidence.ngram_context[row]}-gram gave it")
    if evidence.memory_distance[row] > 0 and evidence.word_offset[row] > 0:
        said.append(f"word seen {evidence.memory_distance[row]:,} symbols ago")
    if evidence.word_count is not None and evidence.word_count[row] >= 0:
        count = int(evidence.word_count[row])
        said.append("word not in training" if not count else f"word {count:,} times in training")
    if evidence.after[row]:
        said.append(f"after a {('', 'space', 'quote', 'newline')[evidence.after[row]]}")
    if evidence.punctuation[row]:
        said.append("punctuation")
    for rule in peel.settings.custom:
        value = evidence.custom[rule.name][row]
        if rule.limits and value >= 0:
            said.append(f"{rule.title}: {value:,}")
        elif value and not rule.limits:
            said.append(rule.title)
    return "; ".join(said) or ("nothing known" if peel.layer_names[peel.layer[row]] != REST else "no layer claims it")
