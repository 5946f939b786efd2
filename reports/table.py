"""The record of a table: what results make, and terminal, Markdown, HTML and frames draw, each in its way.

Cells are values; a column knows how they are printed.  So no view formats numbers of its own, and none walks through
results.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from errtax.reports.palette import LETTERS

LADDER = 4
"""A layer of more slices is a ladder of thresholds, which the terminal folds unless it is asked not to."""


DAGGER = "†"
"""Marks the label of a row, of which a note says something."""


class Kind(StrEnum):
    """Numbers are aligned on the right, words on the left; a text may be long, and then is broken into lines."""

    NUMBER = "number"
    WORD = "word"
    TEXT = "text"


class Depth(StrEnum):
    """What a row stands for."""

    LAYER = "layer"
    SLICE = "slice"
    TOTAL = "total"
    PLAIN = "plain"


class Marked(NamedTuple):
    """A text of which the middle is marked."""

    before: str
    mark: str
    after: str

    def __str__(self) -> str:
        return f"{self.before}►{self.mark}◄{self.after}"


@dataclass(frozen=True)
class Column:
    """A column: `form` prints its values, but None, which is empty.

    `rank`: where not all columns stand beside each other, those of higher rank are the first to move below.
    `names`: in a frame, of the number or numbers that a value is; a column without names has no place there.
    """

    head: str
    form: Callable[[Any], str] = str
    kind: Kind = Kind.NUMBER
    rank: int = 0
    names: tuple[str, ...] = ()

    def drawn(self, value: Any) -> str:
        """A value as it is printed."""
        return "" if value is None else self.form(value)


@dataclass(frozen=True)
class Row:
    """A row: `cells[k]` is the value in column k.

    `layer`: whose row it is, or of which layer a slice is.  `name`: in a frame.  `only`: the name of the one slice of a
    layer, which has no row of its own.  `empty`: it counts nothing.
    """

    label: str
    cells: tuple[Any, ...]
    depth: Depth = Depth.PLAIN
    layer: str | None = None
    name: str = ""
    only: str = ""
    empty: bool = False

    @property
    def letter(self) -> str:
        """The letter of a layer's row, else nothing."""
        return LETTERS[self.layer] if self.layer and self.depth is Depth.LAYER else ""


@dataclass(frozen=True)
class Table:
    """Rows below a title; `label` is the head of their labels, `notes` stand below, a line each."""

    title: str
    label: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def drawn(self, row: Row) -> list[str]:
        """The cells of a row as they are printed."""
        return [column.drawn(value) for column, value in zip(self.columns, row.cells, strict=True)]

    def depths(self, *depths: Depth) -> "Table":
        """The same with the rows of these depths alone."""
        return replace(self, rows=tuple(row for row in self.rows if row.depth in depths))

    def folded(self, slices: bool | None) -> "Table":
        """The same for the eye: no slices that count nothing, and ladders folded; with `slices` all, or none."""
        shown = [row for row in self.rows if row.depth is not Depth.SLICE or (slices is not False and not row.empty)]
        size = {name: sum(row.layer == name and row.depth is Depth.SLICE for row in self.rows) for name in self._layers}
        ladders = {name for name, n in size.items() if n > LADDER} if slices is None else set()
        kept = tuple(row for row in shown if row.depth is not Depth.SLICE or row.layer not in ladders)
        titles = [
            row.label.removesuffix(f" {DAGGER}") for row in kept if row.depth is Depth.LAYER and row.layer in ladders
        ]
        said = (f"Folded: the slices of {', '.join(titles)}; --slices shows them.",) if titles else ()
        return replace(self, rows=kept, notes=(*self.notes, *said))

    @property
    def _layers(self) -> list[str]:
        return list(dict.fromkeys(row.layer for row in self.rows if row.layer))
