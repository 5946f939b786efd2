"""What one model saves against another in a class of errors: in errors, and in bits."""

from dataclasses import dataclass
from typing import Any

from errtax.taxonomy.intervals import Interval, finite

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class BitsDifference:
    """Bits per symbol of the text that fall on a class of symbols in the baseline and in the other model.

    `saved`: before - after.  `p`: of the paired test; `adjusted`: by Holm, as for the errors; both None where bits are
    infinite, of which no flip of signs says anything.  `detectable`: as for the errors.
    """

    before: float
    after: float
    saved: Interval
    p: float | None
    adjusted: float | None
    detectable: float | None = None

    @property
    def tied(self) -> bool:
        """Whether the difference may be chance: not significant at 5 %."""
        return self.adjusted is not None and self.adjusted >= SIGNIFICANT

    @property
    def direction(self) -> int:
        """1 where the other model spends fewer bits, -1 where it spends more, 0 where they are tied or both endless."""
        if self.tied or self.before == self.after:
            return 0
        return 1 if self.before > self.after else -1

    def to_json(self) -> dict[str, Any]:
        """One object, `saved` as [value, low, high]; null for what is not finite."""
        numbers = {name: finite(getattr(self, name)) for name in ("before", "after", "p", "adjusted", "detectable")}
        return {**numbers, "saved": [finite(number) for number in self.saved], "tied": self.tied}


@dataclass(frozen=True)
class Difference:
    """Errors of one layer or slice in the baseline and in the other model.

    `fixed`: baseline errors of this class that the other model has right; `kept`: those that it has wrong, too; `new`:
    errors of this class in the other model where the baseline was right.  `net`: errors saved; `share`: of all errors
    saved, None where none was.  `p`: of the paired test; `adjusted`: by Holm, over all layers or over all slices.
    `detectable`: errors of a difference that this test, among all, finds in 80 % of texts like this one; None where it
    never does.  `bits`: those of the class's errors; in the row of all errors, those of all symbols.
    """

    name: str
    before: int
    after: int
    fixed: int
    kept: int
    new: int
    net: Interval
    share: Interval | None
    p: float
    adjusted: float
    bits: BitsDifference
    detectable: float | None = None
    slices: tuple["Difference", ...] = ()

    @property
    def saved(self) -> int:
        """How many fewer errors of this class the other model makes."""
        return self.before - self.after

    @property
    def tied(self) -> bool:
        """Whether the difference may be chance: not significant at 5 %."""
        return self.adjusted >= SIGNIFICANT

    @property
    def direction(self) -> int:
        """1 where the other model makes fewer errors, -1 where it makes more, 0 where they are tied."""
        return 0 if self.tied or not self.saved else 1 if self.saved > 0 else -1

    def to_json(self) -> dict[str, Any]:
        """Counts, intervals as [value, low, high], and the tests."""
        names = ("name", "before", "after", "saved", "fixed", "kept", "new", "p", "adjusted", "detectable", "tied")
        return {
            **{name: getattr(self, name) for name in names},
            "net": list(self.net),
            "share_of_saved": None if self.share is None else list(self.share),
            "bits": self.bits.to_json(),
        }
