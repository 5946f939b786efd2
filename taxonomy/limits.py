"""Limits as they are written, and what of them is surely a mistake.

A limit is `NAME:VALUE`, NAME a layer, a slice, `errors` (all of them) or `bits` (of all symbols); VALUE in counts
(`120`), in percent of the positions (`45%`, or as points, `0.3pp`) or in bits per symbol (`0.01bits`).  With a sign, as
in `ngram:+0.3pp`, it is the most that the value may rise above the baseline's; without, the most that it may be.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from errtax.lm.errors import UsageError

_LIMIT = re.compile(r"(?P<name>.+):(?P<sign>[+-]?)(?P<value>\d+(?:\.\d+)?)(?P<unit>pp|%|bits|)")
_EXAMPLES = "ngram:+0.3pp, errors:45%, bits:+0.01bits or 0-train:+20"


@dataclass(frozen=True)
class Limit:
    """`unit`: `pp`, `bits` or empty for counts.  `relative`: to the baseline."""

    text: str
    name: str
    value: float
    unit: str
    relative: bool

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """The limit that a text stands for.  Raises `UsageError` for anything else, and for what can only be a mistake.

        >>> Limit.parse("ngram:+0.3pp")
        Limit(text='ngram:+0.3pp', name='ngram', value=0.3, unit='pp', relative=True)
        """
        found = _LIMIT.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"{text!r} is not a limit; give NAME:VALUE such as {_EXAMPLES}.")
        unit = "pp" if found["unit"] == "%" else found["unit"] or ("bits" if found["name"] == "bits" else "")
        value = float(found["value"]) * (-1 if found["sign"] == "-" else 1)
        limit = cls(text, found["name"], value, unit, bool(found["sign"]))
        mistake = _mistake(limit, found["sign"], found["value"])
        if mistake:
            raise UsageError(f"{text!r}: {mistake}.")
        return limit

    @property
    def may_be_chance(self) -> bool:
        """Whether a test may excuse that it is exceeded: a rise above the baseline's, and no fall that is asked for."""
        return self.relative and self.value >= 0


def _mistake(limit: Limit, sign: str, digits: str) -> str | None:
    """What is wrong with a limit, and what was likely meant."""
    if limit.name == "errors" and limit.unit == "bits":
        return f"errors are counted; the bits of all symbols are bits:{sign}{digits}bits"
    if limit.name == "bits" and limit.unit == "pp":
        return f"bits are not a share of the positions; give bits:{sign}1.9bits, or errors:{sign}{digits}%"
    if limit.unit == "pp" and abs(limit.value) > 100:
        return "it is more than 100 % of the positions; a count has no unit"
    if limit.unit == "" and not limit.value.is_integer():
        share = f"; for a share of the positions: {limit.name}:{sign}{100 * abs(limit.value):g}%"
        points = f"for percentage points: {limit.name}:{sign}{digits}pp"
        return f"errors are whole numbers{share if abs(limit.value) < 1 else ''}; {points}"
    return None


def parse_limits(texts: Sequence[str]) -> list[Limit]:
    """Limits as they are written.  Raises `UsageError` also for two of one kind: one of them says nothing."""
    limits = [Limit.parse(text) for text in texts]
    seen: dict[tuple[str, str, bool], Limit] = {}
    for limit in limits:
        twin = seen.setdefault((limit.name, limit.unit, limit.relative), limit)
        if twin is not limit:
            raise UsageError(f"{twin.text!r} and {limit.text!r} are two limits of one kind; give the stricter one.")
    return limits
