"""The words of a text with their counts: sorted by their bytes, and looked up in the arrays as they lie in a file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]

PATTERN = r"\w+"
"""What a word is by default: letters, digits and `_` of any script, case-sensitive."""


@dataclass(frozen=True, eq=False)
class WordCounts(Mapping[str, int]):
    """How often each distinct word occurs in a text; as a mapping, 0 for one that does not.

    Word k is `content[ends[k - 1] : ends[k]]`, in UTF-8 (an invalid byte is itself), and occurs `counts[k]` >= 1 times;
    words ascend by their bytes.  `rule`: what a word is, as files say it: a regular expression, or `icu` and a version.
    """

    rule: str
    content: Bytes
    ends: Offsets
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        for array in (self.content, self.ends, self.counts):  # kernels are compiled once, for arrays of files too
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self.ends.tolist():
            yield self.content[start:end].tobytes().decode("utf-8", "surrogateescape")
            start = end

    def __getitem__(self, word: str) -> int:
        return int(self.look_up(*arrays_of_words([word]))[0])

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self[word] > 0

    def look_up(self, content: Bytes, ends: Offsets) -> NDArray[np.int64]:
        """The counts of some words, 0 for one that does not occur; shape (len(ends),).

        Words stand end to end, as in `WordCounts`, in any order.  Time O(log n) comparisons a word.
        """
        found = np.empty(len(ends), np.int64)
        _look_up(self.content, self.ends, self.counts, _read_only(content), _read_only(ends), found)
        return found

    def problem(self) -> str | None:
        """What the arrays hold that no count puts there, or None; reads all of them."""
        if len(self.ends) != len(self.counts) or (len(self.ends) and int(self.ends[-1]) != len(self.content)):
            return "its words of the text have other lengths than their counts"
        if not _is_sorted(self.content, self.ends, self.counts):
            return "its words of the text are not in order, each with its count"
        return None


def arrays_of_words(words: Iterable[str]) -> tuple[Bytes, Offsets]:
    """Some words end to end, and where each ends; a lone surrogate is the invalid byte that it stands for."""
    encoded = [encode_word(word) for word in words]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return np.frombuffer(b"".join(encoded), np.uint8), np.cumsum(lengths)


def encode_word(word: str) -> bytes:
    """A word in UTF-8; a lone surrogate is the invalid byte that it stands for."""
    return word.encode("utf-8", "surrogateescape")


def _read_only(array: NDArray[np.generic]) -> NDArray[np.generic]:
    array = array.view()
    array.setflags(write=False)
    return array


@inlined
def compare_words(a, a_start, a_end, b, b_start, b_end):
    """Negative, 0 or positive as the bytes a[a_start:a_end] sort before, with or after those of b."""
    for k in range(min(a_end - a_start, b_end - b_start)):
        difference = np.int64(a[a_start + k]) - np.int64(b[b_start + k])
        if difference != 0:
            return difference
    return (a_end - a_start) - (b_end - b_start)


@tight
def _look_up(content, ends, counts, asked, asked_ends, found):
    # invariant of the search: words before `low` sort before the asked one, those from `high` on do not
    start = np.int64(0)
    for k in range(len(asked_ends)):
        stop = asked_ends[k]
        low, high, count = np.int64(0), np.int64(len(ends)), np.int64(0)
        while low < high:
            middle = (low + high) // 2
            begin = ends[middle - 1] if middle > 0 else np.int64(0)
            difference = compare_words(content, begin, ends[middle], asked, start, stop)
            if difference == 0:
                count = counts[middle]
                break
            if difference < 0:
                low = middle + 1
            else:
                high = middle
        found[k] = count
        start = stop


@tight
def _is_sorted(content, ends, counts):
    # every end is known to lie within `content` before a byte is read, since the last one does and they ascend
    before, start = np.int64(0), np.int64(0)
    for k in range(len(ends)):
        if ends[k] <= start or ends[k] > len(content) or counts[k] < 1:
            return False
        if k > 0 and compare_words(content, before, start, content, start, ends[k]) >= 0:
            return False
        before, start = start, ends[k]
    return True
