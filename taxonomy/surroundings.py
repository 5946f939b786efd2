"""A peel read once in blocks, each with some rows of its neighbours: what shows rows in their context reads this."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from errtax.lm.prediction_log import BLOCK_ROWS
from errtax.taxonomy.peel import Peel, PeelSource, join_peels


@dataclass(frozen=True, eq=False)
class Surrounded:
    """A block of a peel, and the rows next to it.  `first`: the number of its first row in the peel."""

    before: Peel
    peel: Peel
    after: Peel
    first: int

    def around(self, row: int, before: int, after: int) -> tuple[Peel, int]:
        """A row of the block with so many rows before and after it, as far as there are, copied; and its place there.

        No more of them than the block was given of its neighbours.
        """
        n, behind = len(self.peel), len(self.before)
        start, stop = max(row - before, -behind), min(row + 1 + after, n + len(self.after))
        parts = [self.peel.part(max(start, 0), min(stop, n))]
        if start < 0:
            parts.insert(0, self.before.part(behind + start, behind))
        if stop > n:
            parts.append(self.after.part(0, stop - n))
        return join_peels(parts), row - start


class Reader(Protocol):
    """What takes from a peel, block by block, what it needs.  `width`: the rows that it sees on both sides of each."""

    width: int

    def add(self, block: Surrounded) -> None:
        """Take what is needed of the next block."""


def read_through(source: PeelSource, readers: Sequence[Reader], rows: int = BLOCK_ROWS) -> None:
    """Show all readers the blocks of a peel, in one pass."""
    for block in surrounded(source, max(reader.width for reader in readers), rows):
        for reader in readers:
            reader.add(block)


def surrounded(source: PeelSource, width: int, rows: int = BLOCK_ROWS) -> Iterator[Surrounded]:
    """The blocks of a peel, each with the `width` rows before and after it, or as many as there are.

    Blocks have `rows` rows, or `width` where that is more, but for the last; three of them are in memory at a time.
    """
    rows = max(rows, width)
    blocks = _pieces(source.blocks(rows), rows)
    block, first = next(blocks, None), 0
    before = None if block is None else block.head
    while block is not None and before is not None:
        following = next(blocks, None)
        yield Surrounded(before, block, block.head if following is None else following.part(0, width), first)
        before = join_peels([block.part(max(len(block) - width, 0), len(block))])  # a view would keep the whole block
        first, block = first + len(block), following


def _pieces(blocks: Iterator[Peel], rows: int) -> Iterator[Peel]:
    """The rows of some blocks in pieces of just so many, the last one shorter."""
    rest: Peel | None = None
    for block in blocks:
        waiting = block if rest is None else join_peels([rest, block])
        whole = len(waiting) // rows * rows
        yield from (waiting.part(start, start + rows) for start in range(0, whole, rows))
        rest = waiting.part(whole, len(waiting)) if whole < len(waiting) else None
    if rest is not None:
        yield rest
