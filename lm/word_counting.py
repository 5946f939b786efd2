"""Counting the words of a text of bytes or characters within bounded memory.

Words go into a hash table.  Where it would outgrow its budget, it is sorted and written to a file without a name, of
which nothing is left after a kill, and counting starts again with an empty table; at the end the files are merged.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.files import release, reserve
from errtax.lm.text import Text, Unit
from errtax.lm.word_counts import PATTERN, Bytes, Offsets, WordCounts, encode_word
from errtax.lm.word_table import DONE, FULL, UNKNOWN, add_counted, count_matches, merge_sorted, move, new_table

MEMORY = 1 << 28
"""What counting may take at most where nothing is said."""
_PIECE = 1 << 22
_SLOTS = 1 << 14
_ROOM = 2.5  # a table, while it is copied into a larger one or sorted, and what it becomes


class WordRule(NamedTuple):
    """What a word is.

    `name`: as files say it.  `find`: the words of some whole lines, as the first character of each and the one after
    its last, shape (words, 2); None for the default rule, which has a kernel of its own.
    """

    name: str = PATTERN
    find: Callable[[str], NDArray[np.int64]] | None = None


DEFAULT = WordRule()


def count_words(text: Text, rule: WordRule = DEFAULT, memory: int = MEMORY, folder: Path | None = None) -> WordCounts:
    """The words of a text with their counts, equal to those of `re.findall` over the whole text.

    `memory`: bytes for it beside the text, exceeded only for a single word that is longer.  `folder`: where files go
    that it does not hold; None: that of temporary files.  Raises `BadInput` for words and tokens.

    Time O(n): by the default rule 100 MB/s of prose, 84 MB/s of source code.

    >>> from errtax.lm.text import text_of_bytes
    >>> list(count_words(text_of_bytes("to be, or not to be".encode(), Unit.BYTE)).items())
    [('be', 2), ('not', 1), ('or', 1), ('to', 2)]
    """
    if text.unit not in (Unit.BYTE, Unit.CHAR):
        raise BadInput(f"{text.name} is read in units of {text.unit}, without its characters; use --unit byte or char.")
    counter = _Counter(memory, folder)
    take = counter.add_matches if rule.find is None else _takes_lines(counter, rule.find)
    start, size = 0, _PIECE
    while start < len(text):
        stop = min(start + size, len(text))
        data = _utf8(text, start, stop)
        taken = take(data, stop == len(text))
        size = size if taken else 2 * size  # within one word, or one line
        start += taken if text.unit is Unit.BYTE else int(np.count_nonzero((data[:taken] & 0xC0) != 0x80))
        release(data)
    return WordCounts(rule.name, *counter.finish())


def _utf8(text: Text, start: int, stop: int) -> Bytes:
    """Some symbols of a text as bytes, read-only."""
    piece: Any = text.codes[start:stop]
    if text.unit is Unit.CHAR:
        string = piece.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return np.frombuffer(string.encode("utf-8", "surrogatepass"), np.uint8)
    piece = piece.view()
    piece.setflags(write=False)
    return piece  # type: ignore[no-any-return]


def _takes_lines(counter: "_Counter", find: Callable[[str], NDArray[np.int64]]) -> Callable[[Bytes, bool], int]:
    def take(data: Bytes, last: bool) -> int:
        content = data.tobytes()
        lines = content if last else content[: content.rfind(b"\n") + 1]
        string = lines.decode("utf-8", "surrogateescape")
        words = [encode_word(string[start:stop]) for start, stop in find(string).tolist()]
        counted = pa.array(words, pa.large_binary()).value_counts()
        counter.add_counted(counted.field("values"), counted.field("counts"))
        return len(lines)

    return take


# --- the table -------------------------------------------------------------------------------------------------------


class _Run(NamedTuple):
    """Sorted words with their counts: `content` end to end, see `WordCounts`."""

    content: Bytes
    ends: Offsets
    counts: NDArray[np.int64]


class _Counter:
    """Adds words up: in a table, and in sorted runs in files, of which the next is always shorter than the one before.

    So every word is merged O(log runs) times.
    """

    def __init__(self, memory: int, folder: Path | None) -> None:
        self.largest = int(memory / _ROOM)
        self.folder = folder
        self.table = new_table(_SLOTS, 8 * _SLOTS)
        self.runs: list[_Run] = []
        self.classes = np.full(0x110000, UNKNOWN, np.uint8)  # by code point: 1 where `\w` matches it
        self._classify(0)

    def add_matches(self, data: Bytes, last: bool) -> int:
        """Count the words of a piece by the default rule; the bytes taken, since the last word may go on after it."""
        taken: int = 0
        while True:
            step, what = count_matches(data[taken:], last, self.classes, self.table)
            taken += step
            if what == DONE:
                return taken
            if what == FULL:
                self._make_room()
            else:
                self._classify(what)

    def add_counted(self, words: Any, counts: Any) -> None:
        """Add distinct words, a `pa.LargeBinaryArray`, with their counts."""
        _, ends, content = words.buffers()
        offsets = np.frombuffer(ends, np.int64, len(words) + 1)
        data = np.frombuffer(content or b"", np.uint8)
        done, numbers = 0, counts.to_numpy()
        while (done := add_counted(data, offsets, numbers, done, self.table)) < len(words):
            self._make_room()

    def finish(self) -> _Run:
        """All words, sorted."""
        run = self._sorted()
        while self.runs:
            run = _merge(self.runs.pop(), run, self.folder)
        return run

    def _classify(self, point: int) -> None:
        first = point & ~0xFF
        self.classes[first : first + 256] = [chr(p).isalnum() or p == ord("_") for p in range(first, first + 256)]

    def _make_room(self) -> None:
        """A larger table, or an empty one where that is not allowed."""
        old = self.table
        n_slots, n_bytes = len(old.digests), len(old.content)
        n_slots = 2 * n_slots if 2 * old.state[0] == n_slots else n_slots
        n_bytes = n_bytes if old.state[2] <= n_bytes else 2 * int(old.state[2])
        if old.state[0] and 24 * n_slots + n_bytes > self.largest:
            self._spill()
            return
        self.table = new_table(n_slots, n_bytes)
        move(old, self.table)

    def _spill(self) -> None:
        run = _stored(self._sorted(), self.folder)
        while self.runs and len(self.runs[-1].ends) <= 2 * len(run.ends):
            run = _merge(self.runs.pop(), run, self.folder)
        self.runs.append(run)
        self.table.digests.fill(0)
        self.table.state.fill(0)

    def _sorted(self) -> _Run:
        n, n_bytes, _ = self.table.state.tolist()
        buffers = [None, pa.py_buffer(self.table.offsets[: n + 1]), pa.py_buffer(self.table.content[:n_bytes])]
        words = pa.LargeBinaryArray.from_buffers(pa.large_binary(), n, buffers)
        order = pc.array_sort_indices(words)
        _, ends, content = words.take(order).buffers()
        counts = self.table.counts[order.to_numpy()]
        ends = np.frombuffer(ends, np.int64, n + 1)[1:] if n else np.empty(0, np.int64)
        return _Run(np.frombuffer(content or b"", np.uint8, n_bytes), ends, counts)


# --- runs in files ---------------------------------------------------------------------------------------------------


def _new_run(n_words: int, n_bytes: int, folder: Path | None) -> _Run:
    """Room for a run in a file without a name, which goes when nobody has it mapped any more."""
    with tempfile.TemporaryFile(prefix="errtax-", dir=folder) as file:
        reserve(file.fileno(), 16 * n_words + n_bytes)
        data = np.asarray(np.memmap(file, np.uint8, "r+", shape=(max(16 * n_words + n_bytes, 1),)))
    ends, counts = (data[8 * k * n_words : 8 * (k + 1) * n_words].view(np.int64) for k in (0, 1))
    return _Run(data[16 * n_words : 16 * n_words + n_bytes], ends, counts)


def _stored(run: _Run, folder: Path | None) -> _Run:
    stored = _new_run(len(run.ends), len(run.content), folder)
    pairs: Any = zip(stored, run, strict=True)
    for target, source in pairs:
        target[:] = source
        release(target)
    return stored


def _merge(a: _Run, b: _Run, folder: Path | None) -> _Run:
    merged = _new_run(len(a.ends) + len(b.ends), len(a.content) + len(b.content), folder)
    n, n_bytes = merge_sorted(_Run(*_read_only(a)), _Run(*_read_only(b)), merged)
    for array in (*a, *merged):
        release(array)
    return _Run(merged.content[:n_bytes], merged.ends[:n], merged.counts[:n])


def _read_only(run: _Run) -> Iterator[NDArray[Any]]:
    for array in run:
        view = array.view()
        view.setflags(write=False)
        yield view
