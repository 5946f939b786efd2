"""Slow, obvious twins of the analyses: pairs by regular expressions and lists, bins and overlaps by loops.

Nothing here is shared with the package: no arrays, no state machines, no view of a text.
"""

import math
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*[\s\S]*?(?:\*/|\Z))
    |(?P<quote>["'])(?P<inside>(?:\\(?:\r\n|[\s\S])|(?!(?P=quote))[^\\\n])*)(?P<close>(?P=quote))?
    |(?P<plain>[\s\S])""",
    re.VERBOSE,
)
BLANK_LINE = re.compile(r"^[^\S\n]*\n", re.MULTILINE)


@dataclass
class Pairs:
    """(opener, closer) by index of the first symbol, in the order of the closers; what was left over."""

    found: list[tuple[int, int]] = field(default_factory=list)
    opened: int = 0
    closed: int = 0


def runs_of(positions: Sequence[int], codes: Sequence[int], as_bytes: bool) -> Iterator[tuple[int, list[str]]]:
    """The stretches of a log without a gap: the first row of each, and its characters (invalid bytes alone)."""
    start = 0
    for row in range(1, len(positions) + 1):
        if row == len(positions) or positions[row] != positions[row - 1] + 1:
            piece = codes[start:row]
            text = bytes(piece).decode("utf-8", "surrogateescape") if as_bytes else "".join(map(chr, piece))
            yield start, list(text)
            start = row


def width(character: str, as_bytes: bool) -> int:
    return len(character.encode("utf-8", "surrogateescape")) if as_bytes else 1


def pairs_of(
    positions: Sequence[int],
    codes: Sequence[int],
    as_bytes: bool,
    pair: str,
    code: bool,
    starts: Sequence[int] = (),
) -> Pairs:
    """The pairs of a log, by row; `starts`: rows at which a document begins."""
    result, opener, closer = Pairs(), pair[0], pair[1]
    for first, characters in runs_of(positions, codes, as_bytes):
        rows = [first]
        for character in characters:
            rows.append(rows[-1] + width(character, as_bytes))
        cuts = [k for k in range(1, len(characters)) if any(rows[k - 1] < start <= rows[k] for start in starts)]
        text = prepared("".join(characters), code)
        for low, high in zip([0, *cuts], [*cuts, len(characters)], strict=True):
            section = text[low:high]
            events = code_events(section, opener, closer) if code else prose_events(section, opener, closer)
            match_events(((rows[low + k], kind) for k, kind in events), result)
    return result


def prepared(text: str, code: bool) -> str:
    """Every newline as one LF, so that the CR that are left belong to CR LF; in prose no apostrophe within words."""
    text = re.sub(r"\r(?!\n)", "\n", text)
    return text if code else re.sub(r"(?<=\w)['’](?=\w)", "x", text)


def match_events(events: Iterator[tuple[int, int]], result: Pairs) -> None:
    stack: list[int] = []
    for row, kind in events:
        if kind > 0:
            stack.append(row)
        elif stack:
            result.found.append((stack.pop(), row))
        else:
            result.closed += 1
    result.opened += len(stack)


def prose_events(text: str, opener: str, closer: str) -> Iterator[tuple[int, int]]:
    if opener == closer:
        yield from quote_events(text, opener)
        return
    for k, character in enumerate(text):
        if character in (opener, closer):
            yield k, 1 if character == opener else -1


def quote_events(text: str, mark: str) -> Iterator[tuple[int, int]]:
    escaped = {match.start() + 1 for match in re.finditer(r"\\[\s\S]", text)}
    ends = [match.end() for match in BLANK_LINE.finditer(text)]
    for low, high in zip([0, *ends], [*ends, len(text)], strict=True):
        is_open = False
        for k in range(low, high):
            if text[k] == mark and k not in escaped:
                yield k, -1 if is_open else 1
                is_open = not is_open


def code_events(text: str, opener: str, closer: str) -> Iterator[tuple[int, int]]:
    if opener == closer and opener not in "\"'":
        masked = "".join(m[0] if m["plain"] else re.sub(r"[^\s\\]", "x", m[0]) for m in TOKEN.finditer(text))
        yield from quote_events(masked, opener)
        return
    for match in TOKEN.finditer(text):
        if opener == closer and match["quote"] == opener:
            yield match.start(), 1
            if match["close"]:
                yield match.end() - 1, -1
        elif match["plain"] in (opener, closer) and opener != closer:
            yield match.start(), 1 if match["plain"] == opener else -1


def probability(logprobs: Sequence[float], row: int, character: str, as_bytes: bool) -> float:
    """Of a character that begins at a row; NaN where one of its symbols was not predicted."""
    return math.exp(sum(logprobs[row : row + width(character, as_bytes)]))


Bin = tuple[int, float | None, float | None]


def bins_of(distances: Sequence[int], p: Sequence[float], edges: Sequence[int]) -> list[Bin]:
    """n, mean and standard error of the mean in each bin [low, high)."""
    bins: list[Bin] = []
    for low, high in pairwise(edges):
        inside = [x for d, x in zip(distances, p, strict=True) if low <= d < high]
        mean = statistics.fmean(inside) if inside else None
        sem = statistics.stdev(inside) / math.sqrt(len(inside)) if len(inside) > 1 else None
        bins.append((len(inside), mean, sem))
    return bins


def overlap_of(logprobs: Sequence[Sequence[float]], wrong: Sequence[Sequence[bool]]) -> dict[frozenset[int], int]:
    """How many positions exactly these members have wrong, among those that all predicted."""
    counts: dict[frozenset[int], int] = {}
    for row in range(len(logprobs[0])):
        if not any(math.isnan(member[row]) for member in logprobs):
            key = frozenset(k for k, member in enumerate(wrong) if member[row])
            counts[key] = counts.get(key, 0) + 1
    return counts


def means_of(codes: Sequence[int], logprobs: Sequence[Sequence[float]]) -> Mapping[int, list[float]]:
    """Of each symbol: how often it is correct where all predicted, then the mean probability by each member."""
    kept: dict[int, list[int]] = {}
    for row, code in enumerate(codes):
        if not any(math.isnan(member[row]) for member in logprobs):
            kept.setdefault(code, []).append(row)
    return {
        code: [len(rows), *(statistics.fmean(math.exp(member[row]) for row in rows) for member in logprobs)]
        for code, rows in kept.items()
    }
