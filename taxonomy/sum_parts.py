"""Sums of peels over ranges of their rows, which tasks make without word of each other, and the whole that they are.

A task sums the rows of all peels that lie between two positions; the borders are those at which the rows of the first
peel are spread evenly.  Sums are integers (`fixed_point`), so the whole is that of one process to the last bit.  Only
numbers of documents hang on what stands before: they are counted from 0 in each range, and moved when it is known how
many there are before.  Where that cannot be done (`UnitTables.renumber`), the range is summed again.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from errtax.lm.executors.tasks import Pool, Task, Watch, parts_for, run_tasks
from errtax.lm.part import Part, parts_of
from errtax.lm.prediction_log import BLOCK_ROWS
from errtax.taxonomy.aligned import Aligned, different_documents
from errtax.taxonomy.block_sums import PeelSums, RunningSums, results_of, running_sums
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.comparison import Comparison, PairCounts, comparisons_of
from errtax.taxonomy.correction import DEFAULT
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.peel_file import PeelFile
from errtax.taxonomy.units import Documents

Result = TypeVar("Result")
_LEAST = 1 << 20  # rows of a part, unless somebody says how many parts


@dataclass(frozen=True)
class SumPart:
    """A range of some peels of one text.  `sealed`: of each, as in `PeelFile`; `first`: as in `UnitTables`."""

    peels: tuple[Path, ...]
    sealed: tuple[bool, ...]
    part: Part
    resampling: Resampling
    first: int = 0


@dataclass(frozen=True, eq=False)
class RangeSums:
    """What a range adds to the whole.  `pairs`: of the first peel with each other; the rest: as in `Aligned`."""

    sums: list[RunningSums]
    pairs: PairCounts
    common: int
    left_out: list[int]


@dataclass(frozen=True, eq=False)
class PeelRange:
    """Rows first .. stop - 1 of the file of a peel; a `PeelSource`."""

    file: PeelFile
    first: int
    stop: int

    @property
    def head(self) -> Peel:
        """The peel without rows."""
        return self.file.head

    def __len__(self) -> int:
        return self.stop - self.first

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Peel]:
        """These rows, in pieces of about so many."""
        return self.map_blocks(lambda peel: peel, rows)

    def map_blocks(self, function: Callable[[Peel], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        """What `function` makes of each piece."""
        return self.file.map_rows(function, self.first, self.stop, rows)


def sum_range(spec: SumPart) -> RangeSums:
    """The sums of one range.  Raises `BadInput` like `sum_peels`, but for what only all rows together tell."""
    files = [PeelFile(path, sealed=sealed) for path, sealed in zip(spec.peels, spec.sealed, strict=True)]
    aligned = Aligned(ranges_of(files, spec.part), whole=False)
    pairs = PairCounts(files[0].head, len(files) - 1)
    sums = running_sums(aligned, spec.resampling, pairs.add, spec.first)
    return RangeSums(sums, pairs, aligned.common, aligned.left_out)


def ranges_of(files: Sequence[PeelFile], part: Part) -> list[PeelRange]:
    """The rows of peels that belong to one part: each row of each peel to just one."""
    first, *others = files
    start, stop = part.share(len(first))
    begin = None if part.k == 1 else first.position_of(start)
    end = None if part.k == part.n else first.position_of(stop)
    rows = [(_row_at(file, begin, 0), _row_at(file, end, len(file))) for file in others]
    return [PeelRange(file, *each) for file, each in zip(files, [(start, stop), *rows], strict=True)]


def _row_at(file: PeelFile, position: int | None, otherwise: int) -> int:
    """The first row that is not before a position."""
    return otherwise if position is None else bisect_left(range(len(file)), position, key=file.position_of)


def require_text(path: Path) -> None:
    """Raise `BadInput` where the rows of a peel are not those of its text."""
    PeelFile(path, sealed=False).require_text()


def sum_on(
    pool: Pool[Any],
    peels: Sequence[PeelSource],
    files: Sequence[PeelFile],
    n: int | None,
    watch: Watch,
    resampling: Resampling = STANDARD,
) -> tuple[list[PeelSums], PairCounts]:
    """The sums of peels on a pool, over n ranges or as many as there is room for, and the counts of their pairs.

    `peels`: what is in the `files`, by the names that the models are to have.  The result is that of `sum_peels`, and
    so are the errors.
    """
    spec = SumPart(
        tuple(file.path.absolute() for file in files), tuple(file.sealed for file in files), Part(1, 1), resampling
    )
    parts = parts_of(n or parts_for(pool.slots, max(map(len, files)), _LEAST))
    tasks = [Task(f"part {part}", sum_range, replace(spec, part=part)) for part in parts]
    texts = [Task(f"the text of {file.path}", require_text, file.path.absolute()) for file in files if not file.sealed]
    whole = _Whole(peels)
    run_tasks(pool, [*tasks, *texts], watch, take=whole.take)
    if whole.again:
        run_tasks(pool, whole.again, watch, done=len(tasks), take=whole.take_again)
    return whole.result()


def compare_on(
    pool: Pool[Any],
    peels: Sequence[PeelSource],
    files: Sequence[PeelFile],
    n: int | None,
    watch: Watch,
    resampling: Resampling = STANDARD,
    correction: str = DEFAULT,
) -> list[Comparison]:
    """The comparison of each peel but the first with the first, as `compare_all` makes it, on a pool."""
    return comparisons_of(*sum_on(pool, peels, files, n, watch, resampling), resampling, correction)


class _Whole:
    """The ranges that are summed so far, added up in the order of the text."""

    def __init__(self, peels: Sequence[PeelSource]) -> None:
        self._aligned = Aligned(peels, aloud=True)
        self._sum: RangeSums | None = None
        self._documents: list[Documents] = []  # the latest, by peel
        self._waiting: dict[int, tuple[Task, RangeSums]] = {}
        self._next = 1
        self.again: list[Task] = []
        """Ranges that must be summed again, now that the numbers of their documents are known."""

    def take(self, task: Task, found: RangeSums | None) -> None:
        """What a task has summed; its turn comes after all before it."""
        if found is not None:
            self._waiting[task.spec.part.k] = task, found
        while self._next in self._waiting:
            self._place(*self._waiting.pop(self._next))
            self._next += 1

    def take_again(self, task: Task, found: RangeSums) -> None:
        """The sums of a range whose documents have the numbers of the whole text."""
        self._add(found)

    def _place(self, task: Task, found: RangeSums) -> None:
        first = self._number(found)
        if all(sums.tables.renumber(first) for sums in found.sums):
            self._add(found)
        else:
            self.again.append(replace(task, spec=replace(task.spec, first=first)))

    def _number(self, found: RangeSums) -> int:
        """The number that the first document of the next range has in the whole text; the same in all peels."""
        here = [documents for sums in found.sums if (documents := sums.tables.documents) is not None]
        if not here:
            return 0  # it has no rows
        ends = zip(self._documents or here, here, strict=True)
        first = [last.number_after(each.first_id) if self._documents else 0 for last, each in ends]
        if len(set(first)) > 1:
            heads = [peel.head for peel in self._aligned.sources]
            raise different_documents(heads[0], heads[min(k for k, n in enumerate(first) if n != first[0])])
        self._documents = [each.moved(first[0]) for each in here]
        return first[0]

    def _add(self, found: RangeSums) -> None:
        self._aligned.common += found.common
        self._aligned.left_out = [a + b for a, b in zip(self._aligned.left_out, found.left_out, strict=True)]
        if self._sum is None:
            self._sum = found
            return
        for sums, more in zip(self._sum.sums, found.sums, strict=True):
            sums.merge(more)
        self._sum.pairs.merge(found.pairs)

    def result(self) -> tuple[list[PeelSums], PairCounts]:
        """Of all rows.  Raises `BadInput` where the peels have too little in common."""
        self._aligned.finish()
        assert self._sum is not None
        return results_of(self._sum.sums, self._aligned), self._sum.pairs
