"""Whether a model keeps its limits, alone or against a baseline: a release gate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from errtax.lm.errors import UsageError
from errtax.taxonomy.block_sums import BlockSums, PeelSums, Quantity, sum_peels
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.caution import cautions
from errtax.taxonomy.correction import DEFAULT, find_correction
from errtax.taxonomy.difference import SIGNIFICANT
from errtax.taxonomy.intervals import Interval, finite
from errtax.taxonomy.limits import Limit
from errtax.taxonomy.naming import part_in
from errtax.taxonomy.paired import PairedBlocks
from errtax.taxonomy.peel import Peel, PeelSource

SCHEMA = "errtax.check/1"
_SIDES = ("baseline", "model")
_ALL = ("errors", "bits")
"""Limits on all errors, or on the bits of all symbols."""


@dataclass(frozen=True)
class Verdict:
    """How a limit fared, in its unit.  `change`: from the baseline, with its interval.

    `p`: of the test that the rise is no more than the limit, adjusted for the other limits; None where no test is
    asked, since the limit is absolute, or a fall, or the numbers have no end.
    `resampling`: how interval and p were made, as a signature says it; None without a baseline.  `left_out`: predicted
    positions of the baseline, and of the model, that the other lacks; what is measured is without them.
    `detectable`: by how much the rise must be above the limit to be found in 80 % of texts like this one; None where no
    test is asked, or none can be significant.  `cautions`: what to keep in mind of interval and test.
    """

    limit: Limit
    value: float
    baseline: float | None
    change: Interval | None
    p: float | None
    exceeded: bool
    broken: bool
    resampling: str | None = None
    left_out: tuple[int, int] | None = None
    detectable: float | None = None
    cautions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """One object, intervals as [value, low, high]; a number without end is null."""
        change = None if self.change is None else [finite(number) for number in self.change]
        numbers = {"value": finite(self.value), "baseline": finite(self.baseline), "change": change, "p": self.p}
        numbers["detectable"] = self.detectable
        return {
            "limit": self.limit.text,
            **numbers,
            "exceeded": self.exceeded,
            "broken": self.broken,
            "resampling": self.resampling,
            "left_out": None if self.left_out is None else dict(zip(_SIDES, self.left_out, strict=True)),
        }

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        unit = {"pp": " pp", "bits": " bits", "": ""}[self.limit.unit]
        digits = 0 if not unit else 4
        said = f"{self.limit.text}: {self.value:,.{digits}f}{unit}"
        if self.change is not None:
            said += f", {self.change.value:+,.{digits}f}{unit} from {self.baseline:,.{digits}f}{unit}"
        if self.p is not None:
            said += f", p = {self.p:.2g}, {self._found}"
        return f"{said} – {self.outcome}"

    @property
    def _found(self) -> str:
        if self.detectable is None:
            return "too few units differ for any rise to be significant"
        unit = f" {self.limit.unit}" if self.limit.unit else ""
        return f"rises {self.detectable:,.4g}{unit} above it are found 4 times of 5"

    @property
    def outcome(self) -> str:
        """`broken`, `kept`, or `exceeded, but not significantly`."""
        return "broken" if self.broken else "exceeded, but not significantly" if self.exceeded else "kept"


def check(
    peel: PeelSource,
    limits: Sequence[Limit],
    baseline: PeelSource | None = None,
    require_significant: bool = False,
    resampling: Resampling = STANDARD,
    correction: str = DEFAULT,
) -> list[Verdict]:
    """How each limit fares.

    What is not finite always breaks its limit.  `require_significant`: a rise above the baseline breaks its limit only
    if a paired test says that it is larger than the limit by more than chance, with p adjusted for all limits that are
    tested (`correction`: `holm` or `bh`).  Absolute limits, and falls that are asked for, are never excused.

    Raises `UsageError` for limits that need a baseline where there is none, and `BadInput` for peels that cannot be
    compared.
    """
    if baseline is None and (require_significant or any(limit.relative for limit in limits)):
        raise UsageError("limits with a sign, and --require-significant, need --baseline OLD.peel.parquet.")
    for limit in limits:
        _quantities(peel.head, limit)  # names that there are not, before all rows are read
    sums = sum_peels([peel] if baseline is None else [baseline, peel], resampling)
    measured = _Measured(sums[-1], None if baseline is None else sums[0], resampling, correction)
    tests = sum(limit.may_be_chance for limit in limits)
    verdicts = [measured.verdict(limit, tests) for limit in limits]
    p_values = [verdict.p for verdict in verdicts if verdict.p is not None]
    adjusted = iter(find_correction(correction)(p_values))
    return [
        verdict if verdict.p is None else _tested(verdict, next(adjusted), require_significant) for verdict in verdicts
    ]


def check_document(peel: PeelSource, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """One JSON document: `broken`, whether any limit is, and the limits."""
    made = peel.head
    head = {"schema": SCHEMA, "signature": made.signature, "model": made.log.model}
    broken = any(verdict.broken for verdict in verdicts)
    limits = [verdict.to_json() for verdict in verdicts]
    return {**head, "broken": broken, "warning": warning_of(verdicts), "limits": limits}


def warning_of(verdicts: Sequence[Verdict]) -> str | None:
    """What to keep in mind of their intervals and tests."""
    return " ".join(dict.fromkeys(caution for verdict in verdicts for caution in verdict.cautions)) or None


def _tested(verdict: Verdict, p: float, require_significant: bool) -> Verdict:
    """The verdict on a limit that chance may have exceeded, with its adjusted p."""
    excused = require_significant and p >= SIGNIFICANT
    return replace(verdict, p=p, broken=verdict.exceeded and not excused)


class _Measured:
    """A peel, and perhaps its baseline, to be held against limits."""

    def __init__(self, peel: PeelSums, baseline: PeelSums | None, resampling: Resampling, correction: str) -> None:
        self._peel, self._after = peel.head, peel.blocks
        self._before: BlockSums | None = None
        self._resampling = self._pair = self._left_out = None
        self._cautions: tuple[str, ...] = ()
        if baseline is not None:
            self._before, self._left_out = baseline.blocks, (baseline.left_out, peel.left_out)
            test = f"flips={resampling.flips},correction={correction}"
            self._resampling = f"{self._after.units.describe(resampling)},{test}"
            self._pair = PairedBlocks(self._before, self._after, resampling)
            self._cautions = tuple(dict.fromkeys((*cautions(baseline), *cautions(peel))))

    def verdict(self, limit: Limit, tests: int = 1) -> Verdict:
        """What a limit finds, with the p of its own test, which is one of so many; exceeded is broken."""
        quantities = _quantities(self._peel, limit)
        per_unit = {"": 1.0, "pp": self._after.total("positions") / 100, "bits": self._after.total("positions")}
        size = per_unit[limit.unit]
        value, old, change = self._after.sum_of(quantities) / size, None, None
        if self._before is not None and self._pair is not None:
            old = self._before.sum_of(quantities) / size
            change = _risen(self._pair.net(quantities), size)
        relevant = change.value if limit.relative and change else value
        finite = math.isfinite(value) and math.isfinite(relevant)
        p = seen = None
        if finite and limit.may_be_chance and self._pair is not None:
            p = self._pair.p_above(quantities, limit.value * size)
            seen = self._pair.detectable_above(quantities, limit.value * size, tests)
        seen = None if seen is None else seen / size
        exceeded = not finite or relevant > limit.value + 1e-12
        made = self._resampling, self._left_out, seen, self._cautions
        return Verdict(limit, value, old, change, p, exceeded, exceeded, *made)


def _risen(saved: Interval, size: float) -> Interval:
    """What is saved, as what is lost, in a limit's unit."""
    low, high = saved.low, saved.high
    ends = (None, None) if low is None or high is None else (-high / size, -low / size)
    return Interval(-saved.value / size, *ends)


def _quantities(peel: Peel, limit: Limit) -> list[Quantity]:
    what = "bits" if limit.unit == "bits" else "count"
    layer, part = part_in(peel, limit.name, _ALL)
    if layer in _ALL:
        return [Quantity("surprisal" if what == "bits" else "errors")]
    return [Quantity(what, layer, name) for name in (peel.slice_names(layer) if part is None else [part])]
