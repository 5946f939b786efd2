"""The slow twins of the verbatim oracle: every string of a text is looked for in the training text."""

from typing import NamedTuple


class Match(NamedTuple):
    length: int
    times: int
    place: int


NOTHING = Match(0, 0, -1)
GAP = -1


def occurrences(string: list[int], text: list[int]) -> list[int]:
    return [p for p in range(len(text) - len(string) + 1) if text[p : p + len(string)] == string]


def longest_around(text: list[int], span: tuple[int, int], training: list[int], limit: int) -> Match:
    """The longest string of at most `limit` symbols that contains a span of the text; of equal ones the leftmost.

    Symbols GAP are in no match: the training text has none.
    """
    best = NOTHING
    for begin in range(span[0] + 1):
        for end in range(max(span[1], begin + 1), min(begin + limit, len(text)) + 1):
            places = occurrences(text[begin:end], training) if end - begin > best.length and span[0] < span[1] else []
            if places:
                best = Match(end - begin, len(places), places[0])
    return best


def passages(text: list[int], training: list[int], least: int) -> list[tuple[int, Match]]:
    """Where each string begins that stands in both and goes on neither to the left nor to the right."""
    found = []
    for begin in range(len(text)):
        for end in range(begin + least, len(text) + 1):
            places = occurrences(text[begin:end], training)
            left = begin > 0 and occurrences(text[begin - 1 : end], training)
            right = end < len(text) and occurrences(text[begin : end + 1], training)
            if places and not left and not right:
                found.append((begin, Match(end - begin, len(places), places[0])))
    return found
