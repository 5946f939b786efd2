"""Peels of the same text side by side, a block of each at a time; refused where they cannot be compared."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import BLOCK_ROWS, same_symbols
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.units import document_of

Blocks = tuple[Peel, ...]
_FEWEST = 1 << 15  # rows of a block


def aligned_blocks(sources: Sequence[PeelSource]) -> Iterator[Blocks]:
    """The blocks of some peels, the same rows of each.

    Raises `BadInput` unless all are peels of the same symbols at the same positions, in the same documents, made in the
    same way; a difference in rows is found when their block is due.  The more peels, the smaller the blocks.
    """
    rows = max(BLOCK_ROWS // len(sources), _FEWEST)
    if len(sources) == 1:  # its head may be known only when its last block is
        yield from ((block,) for block in sources[0].blocks(rows))
        return
    first, *others = heads = [source.head for source in sources]
    for head, source in zip(others, sources[1:], strict=True):
        if first.log.unit != head.log.unit or len(sources[0]) != len(source):
            raise _different_texts(first, head)
    documents: list[Any] = [None] * len(heads)  # of the latest row
    begun = False
    for blocks in _in_step([source.blocks(rows) for source in sources]):
        starts = [begun and document_of(block.log, 0) != name for block, name in zip(blocks, documents, strict=True)]
        for k, block in enumerate(blocks[1:], 1):
            _require_same_rows(blocks[0], block, starts[0] == starts[k])
            if not begun:
                _require_same_making(first, heads[k])
        documents, begun = [document_of(block.log, -1) for block in blocks], True
        yield blocks


def _in_step(sources: Sequence[Iterator[Peel]]) -> Iterator[Blocks]:
    """Pieces of several peels of the same length, cut wherever a block of any of them ends."""
    waiting: list[Peel | None] = [None] * len(sources)
    while True:
        blocks = [next(source, None) if rest is None else rest for source, rest in zip(sources, waiting, strict=True)]
        found = [block for block in blocks if block is not None]
        if len(found) < len(sources):
            return
        n = min(map(len, found))
        yield tuple(block if len(block) == n else block.part(0, n) for block in found)
        waiting = [block.part(n, len(block)) if len(block) > n else None for block in found]


def _require_same_rows(baseline: Peel, other: Peel, begins_alike: bool) -> None:
    """`begins_alike`: whether both begin a document with this block, or neither."""
    a, b = baseline.log, other.log
    if not same_symbols(a, b).all():
        raise _different_texts(baseline, other)
    if not np.array_equal(a.positions, b.positions) or not np.array_equal(baseline.predicted, other.predicted):
        raise BadInput(f"{a.name} and {b.name} predict different positions of the text; predict the same ones.")
    if not begins_alike or not np.array_equal(a.document_starts, b.document_starts):
        raise BadInput(
            f"{a.name} and {b.name} have different documents; give both logs the same column 'doc', or none."
        )


def _different_texts(baseline: Peel, other: Peel) -> BadInput:
    names = f"{baseline.log.name} and {other.log.name}"
    return BadInput(f"{names} are peels of different texts; compare models on the same text.")


def _require_same_making(baseline: Peel, other: Peel) -> None:
    if _making(baseline) != _making(other):
        raise BadInput(
            f"{baseline.log.name} and {other.log.name} were peeled differently; "
            f"use the same options, index and training text.\n  {baseline.signature}\n  {other.signature}"
        )


def _making(peel: Peel) -> tuple[str, ...]:
    """How a peel was made, but for the model: rules, what a word is, and the oracles' index and training text."""
    oracles = (peel.sources.get(key, "") for key in ("ngram_model", "train_sha256", "words"))
    return str(peel.settings.criterion), peel.settings.description, *oracles
