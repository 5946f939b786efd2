"""Peels of the same text side by side, a block of each at a time, on the positions that they have in common.

Common is a position that is in all of them, and that all of them predicted, or none.  The rest is left out of each, and
counted: comparing on common positions is comparing peels of these rows alone.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.kernels import ordered_map
from errtax.lm.prediction_log import BLOCK_ROWS, same_symbols
from errtax.lm.text import Unit
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.units import document_of

logger = logging.getLogger("errtax")
Blocks = tuple[Peel, ...]
Result = TypeVar("Result")
LEAST_COMMON = 0.1
"""Of the predicted positions of the peel that has fewest: with a smaller share in common nothing is compared."""
WHOLE_TEXT = "whole_text_sha256"
"""Among a peel's sources: the digest of the whole text that its log states, whatever rows of it the log has."""
_FEWEST = 1 << 15  # rows of a block


@dataclass(eq=False)
class Aligned:
    """Some peels on their common positions.

    `common`, `left_out`: predicted positions that all have, and those of each that another lacks or did not predict;
    counted while the blocks pass.  `whole`: the sources are all rows of their peels; of some of them nothing is said or
    refused that only all rows together tell (`finish`).
    """

    sources: Sequence[PeelSource]
    aloud: bool = False  # say what was left out, as a notice
    whole: bool = True
    common: int = 0
    left_out: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.left_out = [0] * len(self.sources)

    @property
    def heads(self) -> list[Peel]:
        """The peels without rows; where any were left out, without what is known of all rows only.

        That is the n-gram model's own score; the signature says on how many positions they are compared.
        """
        heads = [source.head for source in self.sources]
        if not any(self.left_out):
            return heads
        return [
            replace(
                head,
                signature=f"{head.signature}|common:{self.common}",
                sources={key: value for key, value in head.sources.items() if key != "ngram_alone"},
            )
            for head in heads
        ]

    def blocks(self, rows: int | None = None) -> Iterator[Blocks]:
        """Blocks of at most `rows` rows, the same rows of each peel; memory of a block of each.

        Raises `BadInput` unless all are peels of the same symbols, in the same documents, made in the same way, with
        enough in common (`LEAST_COMMON`); a difference in rows is found when their block is due.  The more peels, the
        smaller the blocks.
        """
        rows = rows or max(BLOCK_ROWS // len(self.sources), _FEWEST)
        self.common, self.left_out = 0, [0] * len(self.sources)
        if len(self.sources) == 1:  # its head may be known only when its last block is
            yield from ((block,) for block in self.sources[0].blocks(rows))
            return
        first, *others = heads = [source.head for source in self.sources]
        for head in others:
            if first.log.unit != head.log.unit:
                raise _different_texts(first, head)
        documents: list[Any] = []  # of the latest row
        for pieces in _in_step([source.blocks(rows) for source in self.sources], heads):
            blocks = self._common_rows(pieces)
            if not len(blocks[0]):
                continue
            goes_on = [document_of(block.log, 0) == name for block, name in zip(blocks, documents, strict=False)]
            for k, block in enumerate(blocks[1:], 1):
                _require_same_rows(blocks[0], block, not goes_on or goes_on[0] == goes_on[k])
            for head in others if not documents else ():
                _require_same_making(first, head)
            documents = [document_of(block.log, -1) for block in blocks]
            yield blocks
        if self.whole:
            self.finish()

    def _common_rows(self, pieces: Blocks) -> Blocks:
        """The common rows of pieces that cover the same stretch of the text."""
        first, *others = pieces
        if all(np.array_equal(first.log.positions, each.log.positions) for each in others) and all(
            np.array_equal(first.predicted, each.predicted) for each in others
        ):
            self.common += int(first.predicted.sum())
            return pieces
        keys = [2 * piece.log.positions + piece.predicted for piece in pieces]
        common = reduce(intersection, keys)
        predicted = int((common & 1).sum())
        self.common += predicted
        for k, piece in enumerate(pieces):
            self.left_out[k] += int(piece.predicted.sum()) - predicted
        return tuple(piece.at(np.searchsorted(key, common)) for piece, key in zip(pieces, keys, strict=True))

    def finish(self) -> None:
        """Refuse what has too little in common, and say what was left out, once all rows are counted."""
        if not any(self.left_out):
            return
        heads = [source.head for source in self.sources]
        for head in heads[1:]:
            _require_same_whole(heads[0], head)
        if self.common < LEAST_COMMON * (self.common + min(self.left_out)) or not self.common:
            raise _too_little(heads, self.common, self.left_out)
        if self.aloud:
            logger.info("%s", left_out_line([head.log.name for head in heads], self.common, self.left_out))


def left_out_line(names: Sequence[str], common: int, left_out: Sequence[int]) -> str:
    """What people are told of it.

    >>> left_out_line(["a.parquet", "b.parquet"], 4900, [100, 0])
    'Compared on the 4,900 positions that all predict; left out: 100 of a.parquet, 0 of b.parquet.'
    """
    each = ", ".join(f"{n:,} of {name}" for n, name in zip(left_out, names, strict=True))
    return f"Compared on the {common:,} positions that all predict; left out: {each}."


@dataclass(frozen=True, eq=False)
class CommonPeel:
    """One of some peels, on the rows that they have in common; a `PeelSource` that reads all of them."""

    sources: Sequence[PeelSource]
    number: int
    rows: int  # that are common, as an earlier pass counted them
    head: Peel

    def __len__(self) -> int:
        return self.rows

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Peel]:
        """Its common rows, in pieces of at most so many."""
        return (blocks[self.number] for blocks in Aligned(self.sources).blocks(rows))

    def map_blocks(self, function: Callable[[Peel], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        """What `function` makes of each of them, on all cores."""
        return ordered_map(function, self.blocks(rows))


def _in_step(sources: Sequence[Iterator[Peel]], heads: Sequence[Peel]) -> Iterator[Blocks]:
    """Pieces of several peels that cover the same stretch of the text; those of one that has ended are its head."""
    waiting: list[Peel | None] = [next(source, None) for source in sources]
    while any(block is not None for block in waiting):
        end = min(int(block.log.positions[-1]) for block in waiting if block is not None)
        pieces, rest = [], []
        for k, (block, source) in enumerate(zip(waiting, sources, strict=True)):
            n = 0 if block is None else int(np.searchsorted(block.log.positions, end, "right"))
            pieces.append(heads[k] if block is None else block if n == len(block) else block.part(0, n))
            rest.append(next(source, None) if block is None or n == len(block) else block.part(n, len(block)))
        yield tuple(pieces)
        waiting = rest


def intersection(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """What two ascending arrays share."""
    if not len(a) or not len(b):
        return a[:0]
    places = np.minimum(np.searchsorted(b, a), len(b) - 1)
    common: NDArray[np.int64] = a[b[places] == a]
    return common


def _require_same_rows(baseline: Peel, other: Peel, begins_alike: bool) -> None:
    """`begins_alike`: whether both begin a document with this block, or neither."""
    a, b = baseline.log, other.log
    same = same_symbols(a, b)
    if not same.all():
        where = f": they differ first at position {int(a.positions[np.argmin(same)]):,}"
        raise _different_texts(baseline, other, where)
    if not begins_alike or not np.array_equal(a.document_starts, b.document_starts):
        raise different_documents(baseline, other)


def different_documents(baseline: Peel, other: Peel) -> BadInput:
    """Why peels cannot be compared one of which begins a document where the other does not."""
    names = f"{baseline.log.name} and {other.log.name}"
    return BadInput(f"{names} have different documents; give both logs the same column 'doc', or none.")


def _require_same_whole(baseline: Peel, other: Peel) -> None:
    """Where rows differ, the texts that the logs state must be the same."""
    whole = [peel.sources.get(WHOLE_TEXT) for peel in (baseline, other)]
    if None not in whole and whole[0] != whole[1]:
        raise _different_texts(baseline, other, " (text_sha256)")


def _different_texts(baseline: Peel, other: Peel, where: str = "") -> BadInput:
    names = f"{baseline.log.name} and {other.log.name}"
    units = [str(peel.log.unit) for peel in (baseline, other)]
    if units[0] != units[1]:
        return BadInput(f"{names} have other units, {units[0]} and {units[1]}; compare logs of one, such as of bytes.")
    if baseline.log.surface is not None and units[0] == Unit.TOKEN:
        made = [peel.log.metadata.get("tokenizer_sha256", "") for peel in (baseline, other)]
        if made[0] != made[1]:
            return BadInput(
                f"{names} are of different tokenizers; compare their byte logs, or the spans that errtax align makes."
            )
    return BadInput(f"{names} are peels of different texts{where}; compare models on the same text.")


def _too_little(heads: Sequence[Peel], common: int, left_out: Sequence[int]) -> BadInput:
    sizes = ", ".join(f"{head.log.name} {common + n:,}" for head, n in zip(heads, left_out, strict=True))
    found = f"only {common:,} positions are predicted by all ({sizes})"
    return BadInput(
        f"{found}, less than {100 * LEAST_COMMON:.0f} % of the fewest; predict the same text with all models."
    )


def _require_same_making(baseline: Peel, other: Peel) -> None:
    if _making(baseline) != _making(other):
        raise BadInput(
            f"{baseline.log.name} and {other.log.name} were peeled differently; "
            f"use the same options, index and training text.\n  {baseline.signature}\n  {other.signature}"
        )


def _making(peel: Peel) -> tuple[str, ...]:
    """How a peel was made, but for the model: rules, what a word is, and the oracles' index and training text."""
    oracles = (peel.sources.get(key, "") for key in ("ngram_model", "train_sha256", "words", "partners"))
    return str(peel.settings.criterion), peel.settings.description, *oracles
