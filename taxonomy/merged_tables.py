"""Tables by ascending number, in bounded memory: neighbours are added up in pairs while there are too many."""

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.fixed_point import Halves, carry

Integers = NDArray[np.int64]


class MergedTables:
    """Tables by number; those of numbers 2 k and 2 k + 1 are added up while more than `most` hold anything.

    `level`: how often that was done.
    """

    def __init__(self, most: int) -> None:
        self.level, self._most = 0, most
        self._numbers: list[Integers] = []
        self._tables: list[Halves] = []
        self._waiting = 0

    def add(self, numbers: Integers, table: Halves) -> None:
        """The next tables; numbers do not fall."""
        held = np.flatnonzero(table.reshape(len(table), -1).any(axis=1))
        if len(held):
            numbers, table = _gathered(numbers[held] >> self.level, table[held])
            self._numbers.append(numbers)
            self._tables.append(table)
            self._waiting += len(numbers)
        if self._waiting > self._most:
            self._gather()

    def move(self, offset: int) -> bool:
        """Make all numbers larger by `offset`; whether the same tables would then have been added up."""
        if offset % (1 << self.level):
            return False
        self._numbers = [numbers + (offset >> self.level) for numbers in self._numbers]
        return True

    def merge(self, other: "MergedTables") -> None:
        """Add other tables, of any numbers."""
        level = max(self.level, other.level)
        numbers = [each >> (level - one.level) for one in (self, other) for each in one._numbers]
        if numbers:
            order = np.argsort(np.concatenate(numbers), kind="stable")
            tables = np.concatenate([*self._tables, *other._tables])[order]
            self.level, self._numbers, self._tables = level, [np.concatenate(numbers)[order]], [tables]
            self._gather()

    def _gather(self) -> None:
        numbers, table = _gathered(np.concatenate(self._numbers), np.concatenate(self._tables))
        while len(numbers) > self._most:
            self.level += 1
            numbers, table = _gathered(numbers >> 1, table)
        self._numbers, self._tables, self._waiting = [numbers], [table], len(numbers)

    def result(self) -> Halves:
        """The tables, without the numbers."""
        if not self._tables:
            return np.zeros((0, 0, 2), np.int64)
        self._gather()
        return self._tables[0]


def _gathered(numbers: Integers, table: Halves) -> tuple[Integers, Halves]:
    """Neighbours of one number added up."""
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    if len(starts) == len(numbers):
        return numbers, carry(table)
    return numbers[starts], carry(np.add.reduceat(table, starts))
