"""What a word is: the matches of a regular expression, by default `\\w+`, or what ICU's word breaking finds.

`\\w+` takes a clause of Chinese for one word.  ICU (`icu`) breaks Chinese, Japanese, Thai, Lao, Khmer and Burmese by
dictionaries, and other scripts by the rules of Unicode's UAX 29; of its segments those with a letter or a digit are
words.
"""

import importlib
import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError

PATTERN = r"\w+"
"""The default: letters, digits and `_` of any script, case-sensitive."""
ICU = "icu"

_LONGEST_PATTERN = 1000
_MANY = 9  # a repeat of more rounds is as bad as one without end
_SURROGATE = re.compile("[\ud800-\udfff]")
_WITHOUT_SPACES = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),  # Thai to Khmer
    *((0x3041, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D)),  # Hiragana, Katakana
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),  # Han
)


def require_words(words: str) -> None:
    """Raise `UsageError` for what is neither `icu`, with its library installed, nor the pattern of a word."""
    if words == ICU:
        import_breakers()
        return
    allowed = f"words are {ICU}, or a regular expression of Python such as {PATTERN}"
    if len(words) > _LONGEST_PATTERN or not words.isprintable():
        raise UsageError(f"{allowed}; got one of {len(words):,} characters, or with control characters.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # of what later versions will read in another way
            pattern, parsed = re.compile(words), importlib.import_module("re._parser").parse(words)
        loose = _has_loose_repeat(parsed)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise UsageError(f"{allowed}; {words!r} is neither ({error}).") from None
    if pattern.match(""):
        raise UsageError(f"{allowed}; {words!r} matches the empty string, which is not a word.")
    if loose:
        raise UsageError(
            f"{allowed}; in {words!r} a repeated group consists of repeats alone, which may never finish matching; "
            "put something fixed into it, as in \\w+(?:-\\w+)*."
        )


def word_spans(string: str, words: str, breaks: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """The first character of each word and the one after its last; shape (words, 2).

    A pattern is applied to each line on its own: a line feed is in no word, `^` and `$` are a line's ends.  `breaks`:
    further characters that no word contains nor sees beyond.  Raises `UsageError` for a pattern that matches the
    empty string somewhere.
    """
    if words == PATTERN:  # at breaks, and where lines end, stands nothing that it matches
        return _matches(re.compile(words), string, [(-1, len(string))])
    inner = [] if breaks is None else breaks.tolist()
    if words != ICU:
        inner = sorted({*inner, *(match.start() for match in re.finditer("\n", string))})
    edges = [*pairwise([-1, *inner, len(string)])]
    if words != ICU:
        return _matches(re.compile(words), string, edges)
    return np.concatenate([before + 1 + _segments(string[before + 1 : stop]) for before, stop in edges])


def describe_words(words: str) -> str:
    """What files and signatures say: nothing of the default, `icu` with its version, since its dictionaries change."""
    if words == PATTERN:
        return ""
    return f"{ICU} {importlib.import_module('icu4py').icu_version}" if words == ICU else words


def count_without_spaces(points: NDArray[np.uint32]) -> int:
    """How many of some characters are of scripts that put no spaces between words."""
    return sum(int(((points >= low) & (points <= high)).sum()) for low, high in _WITHOUT_SPACES)


def import_breakers() -> Any:
    """The module `icu4py.breakers`; `UsageError` where it is not installed."""
    try:
        return importlib.import_module("icu4py.breakers")
    except ImportError:
        raise UsageError("words by ICU need its library: pip install 'errtax[icu]'.") from None


def _matches(pattern: re.Pattern[str], string: str, pieces: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """The matches in each of some pieces of a string, which are given by the characters before and after them."""
    found = [
        (before + 1 + match.start(), before + 1 + match.end())
        for before, stop in pieces
        for match in pattern.finditer(string[before + 1 : stop])
    ]
    spans = np.array(found, np.int64).reshape(-1, 2)
    if (spans[:, 0] == spans[:, 1]).any():
        raise UsageError(f"the pattern of words {pattern.pattern!r} matches the empty string, which is not a word.")
    return spans


def _segments(string: str) -> NDArray[np.int64]:
    """ICU's segments that have a letter or a digit.  ICU counts in UTF-16, of which some characters are two units."""
    breaker = import_breakers().WordBreaker(_SURROGATE.sub("\ufffd", string), "root")
    units = np.fromiter(chain.from_iterable(breaker.segments()), np.int64).reshape(-1, 2)
    points = np.frombuffer(string.encode("utf-32-le", "surrogatepass"), "<u4")
    first_unit = np.concatenate([np.zeros(1, np.int64), np.cumsum(1 + (points >= 0x10000).astype(np.int64))])
    spans = np.searchsorted(first_unit, units)
    distinct, which = np.unique(points, return_inverse=True)
    is_letter = np.array([chr(point).isalnum() for point in distinct], bool)[which]
    letters = np.concatenate([np.zeros(1, np.int64), np.cumsum(is_letter)])
    return spans[letters[spans[:, 1]] > letters[spans[:, 0]]]


def _has_loose_repeat(items: Any) -> bool:
    """Whether an unbounded repeat in a parsed pattern repeats nothing but repeats: `(a+)*`, `(a*b?)+`, `(?:a|b+)*`.

    Each way to cut a string into its rounds matches, so that failing takes time exponential in the string's length.
    """
    for name, argument in items:
        if _is_unbounded(name, argument) and any(_is_loose(way) for way in _ways(argument[2])):
            return True
        if any(_has_loose_repeat(body) for body in _bodies(argument)):
            return True
    return False


def _is_loose(items: Any) -> bool:
    repeats = all(str(name) in ("MAX_REPEAT", "MIN_REPEAT") for name, _ in items)
    return repeats and any(_is_unbounded(*item) for item in items)


def _is_unbounded(name: Any, argument: Any) -> bool:
    return str(name) in ("MAX_REPEAT", "MIN_REPEAT") and int(argument[1]) > _MANY


def _ways(items: Any) -> Iterator[Any]:
    """The alternatives of what is repeated, without the groups around them."""
    name, argument = items[0] if len(items) == 1 else ("", None)
    if str(name) in ("SUBPATTERN", "BRANCH"):
        for body in _bodies(argument):
            yield from _ways(body)
    else:
        yield items


def _bodies(value: Any) -> Iterator[Any]:
    """The sequences inside an item of a parsed pattern."""
    if hasattr(value, "getwidth"):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _bodies(each)
