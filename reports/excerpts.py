"""Errors in their context, with each oracle's evidence in words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errtax.lm.prediction_log import splits_character
from errtax.lm.visible import visible
from errtax.taxonomy.layers.registry import REST, all_layers
from errtax.taxonomy.naming import layer_in, slice_in
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.surroundings import Surrounded, read_through

WIDTH = 40
"""Symbols of context before an error; half as many follow it."""


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


class WorstErrors:
    """Of the errors that were read, the n with the lowest probability, of one layer or slice if so asked."""

    def __init__(
        self, head: Peel, n: int, layer: str | None = None, part: str | None = None, width: int = WIDTH
    ) -> None:
        """`layer`: its name, title or letter.

        Raises `UsageError` for a layer or slice that this peel does not have.
        """
        self.width = width
        self._n, self._wanted = n, _wanted(head, layer, part)
        self._kept: list[tuple[float, int, Excerpt]] = []

    def add(self, block: Surrounded) -> None:
        """Read a block."""
        logprobs, chosen = block.peel.log.logprobs, block.peel.error.copy()
        for number, part in self._wanted:
            chosen &= block.peel.layer == number
            if part is not None:
                chosen &= block.peel.slice == part
        if len(self._kept) == self._n:  # of equal ones, the first stay
            chosen &= logprobs < self._kept[-1][0]
        rows = np.flatnonzero(chosen)
        rows = rows[np.argsort(logprobs[rows], kind="stable")[: self._n]]
        found = [
            (float(logprobs[row]), block.first + row, _excerpt_in(block, row, self.width)) for row in rows.tolist()
        ]
        self._kept = sorted([*self._kept, *found], key=lambda each: each[:2])[: self._n]

    @property
    def excerpts(self) -> list[Excerpt]:
        """The errors, least probable first; of equally probable ones, the first of the text first."""
        return [found for _, _, found in self._kept]


def _wanted(head: Peel, layer: str | None, part: str | None) -> list[tuple[int, int | None]]:
    """The number of the layer, and of the slice in it, that an error must have."""
    wanted: list[tuple[int, int | None]] = []
    if layer is not None:
        wanted.append((head.layer_names.index(layer_in(head, layer)), None))
    if part is not None:
        owner, part = slice_in(head, part)
        wanted.append((head.layer_names.index(owner), head.slice_names(owner).index(part)))
    return wanted


def worst_errors(
    source: PeelSource, n: int, layer: str | None = None, part: str | None = None, width: int = WIDTH
) -> list[Excerpt]:
    """The n errors with the lowest probability, found as by `WorstErrors` in one pass."""
    worst = WorstErrors(source.head, n, layer, part, width)
    read_through(source, [worst])
    return worst.excerpts


class Examples:
    """n errors of each layer, evenly spaced over the text.  `errors[name]`: how many the layer has in all."""

    width = WIDTH

    def __init__(self, errors: Mapping[str, int], n: int) -> None:
        self._left = {name: even_ranks(count, n) for name, count in errors.items()}  # ranks from the block on
        self.excerpts: dict[str, list[Excerpt]] = {name: [] for name in errors}

    def add(self, block: Surrounded) -> None:
        """Read a block."""
        for name, ranks in self._left.items():
            rows = np.flatnonzero(block.peel.layer == block.peel.layer_names.index(name))
            here = rows[ranks[ranks < len(rows)]]
            self.excerpts[name] += [_excerpt_in(block, row, self.width) for row in here.tolist()]
            self._left[name] = ranks[ranks >= len(rows)] - len(rows)


def even_ranks(count: int, n: int) -> NDArray[np.int64]:
    """The ranks of n of so many things, from 0, evenly spaced."""
    return np.linspace(0, count - 1, min(n, count)).round().astype(np.int64)


def _excerpt_in(block: Surrounded, row: int, width: int) -> Excerpt:
    return excerpt(*block.around(row, width, width // 2), width)


def excerpt(peel: Peel, row: int, width: int = WIDTH) -> Excerpt:
    """One row in its context of `width` symbols before and half as many after, in its document."""
    begin, end = peel.log.document_around(row)
    start, stop = max(row - width, begin), min(row + 1 + width // 2, end)
    first, end = row, row + 1
    while first > start and splits_character(peel.log, first):
        first -= 1
    while end < stop and splits_character(peel.log, end):
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
    return visible(peel.log.part(start, stop).content.decode("utf-8", "surrogateescape"))


def evidence_in_words(peel: Peel, row: int) -> str:
    """What the oracles say about one row, for example `4-gram gave it; seen 312 symbols ago; 7 times in training`."""
    said = [layer.in_words(peel.evidence, row) for layer in all_layers(peel.settings)]
    known = "; ".join(filter(None, said))
    return known or ("nothing known" if peel.layer_names[peel.layer[row]] != REST else "no layer claims it")
