"""Limits that a model must keep, alone or against a baseline: the gate of a release.

A limit is `NAME:VALUE`, NAME a layer, a slice, `errors` (all of them) or `bits`; VALUE in counts (`120`), in percentage
points of the positions (`0.3pp`) or in bits a symbol (`0.01bits`).  With a sign, as in `ngram:+0.3pp`, it is the most
that the value may rise above the baseline's; without, the most that it may be.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from errtax.lm.errors import UsageError
from errtax.taxonomy.block_sums import BlockSums, Quantity, block_sums
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.comparison import SIGNIFICANT, require_comparable
from errtax.taxonomy.paired import PairedBlocks, holm
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.statistics import Interval

SCHEMA = "errtax.check/1"
_LIMIT = re.compile(r"(?P<name>.+):(?P<sign>[+-]?)(?P<value>\d+(?:\.\d+)?)(?P<unit>pp|bits|)")


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
        """The limit that a text stands for.

        >>> Limit.parse("ngram:+0.3pp")
        Limit(text='ngram:+0.3pp', name='ngram', value=0.3, unit='pp', relative=True)
        """
        found = _LIMIT.fullmatch(text.strip())
        if found is None:
            example = "ngram:+0.3pp, errors:45pp, bits:+0.01bits or 0-train:+20"
            raise UsageError(f"{text!r} is no limit; give NAME:VALUE such as {example}.")
        unit = found["unit"] or ("bits" if found["name"] == "bits" else "")
        value = float(found["value"]) * (-1 if found["sign"] == "-" else 1)
        return cls(text, found["name"], value, unit, bool(found["sign"]))


@dataclass(frozen=True)
class Verdict:
    """How a limit fared, in its unit.  `change`: from the baseline, with its interval; `p`: adjusted by Holm."""

    limit: Limit
    value: float
    baseline: float | None
    change: Interval | None
    p: float | None
    exceeded: bool
    broken: bool

    def to_json(self) -> dict[str, Any]:
        """One object, intervals as [value, low, high]."""
        change = None if self.change is None else list(self.change)
        numbers = {"value": self.value, "baseline": self.baseline, "change": change, "p": self.p}
        return {"limit": self.limit.text, **numbers, "exceeded": self.exceeded, "broken": self.broken}

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        unit = {"pp": " pp", "bits": " bits", "": ""}[self.limit.unit]
        digits = 0 if not unit else 4
        said = f"{self.limit.text}: {self.value:,.{digits}f}{unit}"
        if self.change is not None:
            said += f", {self.change.value:+,.{digits}f}{unit} from {self.baseline:,.{digits}f}{unit}"
        if self.p is not None:
            said += f", p = {self.p:.2g}"
        return f"{said} – {self.outcome}"

    @property
    def outcome(self) -> str:
        """`broken`, `kept`, or `exceeded, but not significantly`."""
        return "broken" if self.broken else "exceeded, but not significantly" if self.exceeded else "kept"


def check(
    peel: Peel,
    limits: Sequence[Limit],
    baseline: Peel | None = None,
    require_significant: bool = False,
    resampling: Resampling = STANDARD,
) -> list[Verdict]:
    """How each limit fares.

    `require_significant`: a rise over the baseline breaks a limit only if a paired test says, after Holm's adjustment
    over all limits, that it is no chance.  Raises `UsageError` for limits that need a baseline where there is none, and
    `BadInput` for peels that cannot be compared.
    """
    if baseline is None and (require_significant or any(limit.relative for limit in limits)):
        raise UsageError("limits with a sign, and --require-significant, need --baseline OLD.peel.parquet.")
    if baseline is not None:
        require_comparable(baseline, peel)
    after = block_sums([peel], resampling.block)
    before = None if baseline is None else block_sums([baseline], resampling.block)
    pair = None if before is None else PairedBlocks(before, after, resampling)
    wanted = [_quantities(peel, limit) for limit in limits]
    p_values = [None] * len(limits) if pair is None else holm([pair.p_value(quantities) for quantities in wanted])
    return [
        _verdict(limit, quantities, after, before, pair, p, require_significant)
        for limit, quantities, p in zip(limits, wanted, p_values, strict=True)
    ]


def _quantities(peel: Peel, limit: Limit) -> list[Quantity]:
    what = "bits" if limit.unit == "bits" else "count"
    if limit.name in ("errors", "bits"):
        return [Quantity("surprisal" if what == "bits" else "errors")]
    if limit.name in peel.layer_names:
        return [Quantity(what, limit.name, name) for name in peel.slice_names(limit.name)]
    for layer in peel.layer_names:
        if limit.name in peel.slice_names(layer):
            return [Quantity(what, layer, limit.name)]
    known = ", ".join(["errors", "bits", *peel.layer_names])
    raise UsageError(f"{limit.text!r}: there is no {limit.name!r} in this peel; there are {known}, and their slices.")


def _verdict(
    limit: Limit,
    quantities: list[Quantity],
    after: BlockSums,
    before: BlockSums | None,
    pair: PairedBlocks | None,
    p: float | None,
    require_significant: bool,
) -> Verdict:
    scale = {"": 1.0, "pp": 100 / after.total("positions"), "bits": 1 / after.total("positions")}[limit.unit]
    value = scale * sum(after.total(*quantity) for quantity in quantities)
    old, change = None, None
    if before is not None and pair is not None:
        old = scale * sum(before.total(*quantity) for quantity in quantities)
        change = _risen(pair.net(quantities), scale)
    exceeded = (change.value if limit.relative and change else value) > limit.value + 1e-12
    by_chance = require_significant and not (p is not None and p < SIGNIFICANT and change and change.value > 0)
    return Verdict(limit, value, old, change, p, exceeded, exceeded and not by_chance)


def _risen(saved: Interval, scale: float) -> Interval:
    """What is saved, as what is lost."""
    low, high = saved.low, saved.high
    ends = (None, None) if low is None or high is None else (-scale * high, -scale * low)
    return Interval(-scale * saved.value, *ends)
