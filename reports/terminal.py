"""Tables on a terminal: whole at any width.

Where the columns do not fit beside each other, some move below, under the labels again: those of the highest rank
first.  Texts then stand below their rows.  No number is ever cut.
"""

from collections.abc import Sequence
from io import StringIO

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.text import Text

from errtax.lm.visible import visible
from errtax.reports.palette import COLOURS
from errtax.reports.table import Depth, Kind, Marked, Row, Table

_GAP = 2
_HEAD = 12
"""Where there is too little room, heads are broken into lines at spaces; a longer word than this is broken, too."""
_LABEL = 16
"""And labels are not broken into shorter ones than this."""


def table_lines(table: Table, width: int) -> list[Text]:
    """The lines of a table, title and note included; none is wider than `width`, unless a single cell is."""
    drawing = _Drawing(table, width)
    lines = wrapped(Text(visible(table.title), "bold"), width) if table.title else []
    for k, block in enumerate(drawing.blocks()):
        lines += [Text(""), *drawing.lines(block, first=False)] if k else drawing.lines(block, first=True)
    return lines + [line for note in table.notes for line in wrapped(Text(visible(note)), width)]


def wrapped(text: Text, width: int) -> list[Text]:
    """A text in lines of at most `width`, broken at spaces where there are any."""
    console = Console(file=StringIO(), width=width)
    lines = list(text.wrap(console, width, overflow="fold"))
    for line in lines:
        line.rstrip()
    return lines


class _Drawing:
    """A table, and what it takes up."""

    def __init__(self, table: Table, width: int) -> None:
        self.width = width
        self.rows, self.columns = table.rows, table.columns
        self.drawn = [[visible(cell) for cell in table.drawn(row)] for row in table.rows]
        letters = max((len(row.letter) for row in table.rows), default=0)
        self.labels = [_label(row, letters) for row in table.rows]
        self.head = " " * (letters + 1 if letters else 0) + visible(table.label)
        self.values = [max((cell_len(row[k]) for row in self.drawn), default=0) for k in range(len(table.columns))]
        self.label_width = max(map(cell_len, (self.head, *self.labels)))
        beside = [max(cell_len(c.head), n) for c, n in zip(self.columns, self.values, strict=True)]
        self.roomy = self.label_width + sum(beside) + _GAP * len(beside) <= width
        self.widths = beside
        if not self.roomy:
            words = [max(map(cell_len, visible(column.head).split()), default=0) for column in self.columns]
            narrow = [max(v, min(word, _HEAD)) for v, word in zip(self.values, words, strict=True)]
            self.widths = [min(w, n) for w, n in zip(beside, narrow, strict=True)]
            widest = max((self.widths[k] for k in self.beside), default=0)
            self.label_width = min(self.label_width, max(width - _GAP - widest, _LABEL))

    @property
    def beside(self) -> list[int]:
        """The columns that stand beside the labels: all, or all but texts."""
        return [k for k, column in enumerate(self.columns) if self.roomy or column.kind is not Kind.TEXT]

    def blocks(self) -> list[list[int]]:
        """The columns of each block; those of one rank stay together if they can."""
        blocks: list[list[int]] = [[]]
        for rank in sorted({self.columns[k].rank for k in self.beside}):
            together = [k for k in self.beside if self.columns[k].rank == rank]
            for group in [together] if self._fit(together) else [[k] for k in together]:
                if blocks[-1] and not self._fit([*blocks[-1], *group]):
                    blocks.append([])
                blocks[-1] += group
        return [sorted(block) for block in blocks]

    def _fit(self, columns: Sequence[int]) -> bool:
        return self.label_width + sum(_GAP + self.widths[k] for k in columns) <= self.width

    def lines(self, block: Sequence[int], first: bool) -> list[Text]:
        """The lines of a block: heads, rows, and in the first of them the texts below their rows."""
        heads = [self._broken(self.columns[k].head, self.widths[k]) for k in block]
        height = max(map(len, heads), default=1)
        tops = [[*[""] * (height - len(head)), *head] for head in heads]
        labels = [*[""] * (height - 1), self.head]
        lines = [self._line(labels[h], [top[h] for top in tops], block) for h in range(height)]
        below = [k for k, column in enumerate(self.columns) if column.kind is Kind.TEXT and first and not self.roomy]
        for number, row in enumerate(self.rows):
            if not first and not any(self.drawn[number][k] for k in block):
                continue
            lines += self._row(number, row, block)
            lines += [line for k in below for line in self._text(row.cells[k], row)]
        return lines

    def _broken(self, head: str, width: int) -> list[str]:
        return [line.plain for line in wrapped(Text(visible(head)), max(width, 1))]

    def _row(self, number: int, row: Row, block: Sequence[int]) -> list[Text]:
        label, *rest = chop_cells(self.labels[number], self.label_width) or [""]
        cells = [self.drawn[number][k] for k in block]
        texts = {j: row.cells[k] for j, k in enumerate(block) if isinstance(row.cells[k], Marked)}
        line = self._line(label, cells, block, texts, row)
        return [line, *(Text(part, _style(row)) for part in rest)]

    def _line(
        self,
        label: str,
        cells: Sequence[str],
        block: Sequence[int],
        marked: dict[int, Marked] | None = None,
        row: Row | None = None,
    ) -> Text:
        line = Text(set_cell_size(label, self.label_width), _style(row))
        bold = "bold" if row and row.depth in (Depth.LAYER, Depth.TOTAL) else ""
        for j, (k, cell) in enumerate(zip(block, cells, strict=True)):
            room = " " * max(self.widths[k] - cell_len(cell), 0)
            shown = _marked((marked or {})[j], row) if j in (marked or {}) else Text(cell, bold)
            number = self.columns[k].kind is Kind.NUMBER
            line += Text(" " * _GAP + (room if number else "")) + shown + Text("" if number else room)
        line.rstrip()
        return line

    def _text(self, value: object, row: Row) -> list[Text]:
        shown = _marked(value, row) if isinstance(value, Marked) else Text(visible(str(value)))
        return [Text("    ") + line for line in wrapped(shown, self.width - 4)]


def _label(row: Row, letters: int) -> str:
    indent = "" if not letters else " " * (letters + 1)
    if row.depth is Depth.LAYER:
        return f"{row.letter.ljust(letters)} {visible(row.label)}"
    return f"{indent}{'  ' if row.depth is Depth.SLICE else ''}{visible(row.label)}"


def _style(row: Row | None) -> str:
    if row is None or row.depth in (Depth.SLICE, Depth.PLAIN):
        return ""
    return f"bold {COLOURS[row.layer]}" if row.layer else "bold"


def _marked(value: Marked, row: Row | None) -> Text:
    colour = COLOURS[row.layer] if row and row.layer else ""
    before, mark, after = map(visible, value)
    return Text(before) + Text(f"►{mark}◄", f"bold {colour}".strip()) + Text(after)
