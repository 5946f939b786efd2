"""Two or more peels of the same text, layer by layer: which class of errors did the better model buy off?"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.taxonomy.block_sums import Quantity, block_sums
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.paired import PairedBlocks, holm
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.signature import parse_signature
from errtax.taxonomy.statistics import Interval
from errtax.taxonomy.summary import Summary, summarise

SCHEMA = "errtax.compare/1"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Difference:
    """Errors of one layer or slice in the baseline and in the other model.

    `fixed`: baseline errors of this class that the other model has right; `kept`: those that it has wrong, too; `new`:
    errors of this class in the other model where the baseline was right.  `net`: errors saved; `share`: of all errors
    saved, None where none was.  `p`: of the paired test; `adjusted`: by Holm, over all layers or over all slices.
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
    slices: tuple["Difference", ...] = ()

    @property
    def saved(self) -> int:
        """How many fewer errors of this class the other model makes."""
        return self.before - self.after

    @property
    def tied(self) -> bool:
        """Whether the difference may be chance: not significant at 5 %."""
        return self.adjusted >= SIGNIFICANT

    def to_json(self) -> dict[str, Any]:
        """Counts, intervals as [value, low, high], and the test."""
        names = ("name", "before", "after", "saved", "fixed", "kept", "new", "p", "adjusted", "tied")
        return {
            **{name: getattr(self, name) for name in names},
            "net": list(self.net),
            "share_of_saved": None if self.share is None else list(self.share),
        }


@dataclass(frozen=True)
class Comparison:
    """One model against the baseline, on the same positions.  `total`: all errors."""

    baseline: Summary
    other: Summary
    total: Difference
    layers: tuple[Difference, ...]
    signature: str

    @property
    def saved(self) -> int:
        """How many fewer errors the other model makes in all."""
        return self.total.saved

    @property
    def titles(self) -> dict[str, str]:
        """The title of each layer that either model has."""
        return {layer.name: layer.title for layer in (*self.baseline.layers, *self.other.layers)}

    def finding(self) -> str:
        """The scaling-up finding in one sentence."""
        names = f"{self.other.model} makes {{}} errors than {self.baseline.model}"
        if self.saved == 0:
            return f"{self.other.model} makes as many errors as {self.baseline.model}."
        if self.total.tied:
            p = f"p = {self.total.p:.2g}"
            return f"{self.other.model} and {self.baseline.model} are tied: {abs(self.saved):,} errors apart, {p}."
        largest = max(self.layers, key=lambda layer: layer.saved * np.sign(self.saved))
        share = largest.share or Interval(0.0, None, None)
        ends = "" if share.low is None or share.high is None else f" [{100 * share.low:.0f}, {100 * share.high:.0f}]"
        title = self.titles[largest.name]
        count = f"{abs(self.saved):,} {'fewer' if self.saved > 0 else 'more'}"
        percent = f"{100 * share.value:.0f} %{ends}"
        return f"{names.format(count)}; {percent} of them ({abs(largest.saved):,}) were {title} errors."

    def to_json(self) -> dict[str, Any]:
        """One document of all counts, intervals and tests."""
        return {
            "baseline": self.baseline.to_json(),
            "other": self.other.to_json(),
            "signature": self.signature,
            "finding": self.finding(),
            "total": self.total.to_json(),
            "layers": [
                {**layer.to_json(), "slices": [part.to_json() for part in layer.slices]} for layer in self.layers
            ],
        }


def compare(baseline: Peel, other: Peel, resampling: Resampling = STANDARD) -> Comparison:
    """The comparison of two peels.

    Raises `BadInput` unless both are peels of the same symbols at the same positions, by the same layers.
    """
    require_comparable(baseline, other)
    pair = _Pair(baseline, other, resampling)
    before, after = summarise(baseline), summarise(other)
    present = {layer.name for layer in (*before.layers, *after.layers)}
    names = [name for name in baseline.layer_names if name in present]
    slices = {
        name: [pair.difference(part, name, k) for k, part in enumerate(baseline.slice_names(name))] for name in names
    }
    layers = _adjusted([pair.difference(name, name) for name in names])
    parts = iter(_adjusted([part for name in names for part in slices[name]]))
    made = f"{baseline.signature}|bootstrap:{resampling.description}"
    return Comparison(
        before,
        after,
        pair.difference("all errors"),
        tuple(replace(layer, slices=tuple(next(parts) for _ in slices[layer.name])) for layer in layers),
        made,
    )


def _adjusted(differences: list[Difference]) -> list[Difference]:
    values = holm([difference.p for difference in differences])
    return [replace(difference, adjusted=p) for difference, p in zip(differences, values, strict=True)]


class _Pair:
    """Two peels of the same rows, with their blocks."""

    def __init__(self, baseline: Peel, other: Peel, resampling: Resampling) -> None:
        self.baseline, self.other = baseline, other
        before, after = (block_sums([peel], resampling.block) for peel in (baseline, other))
        self.blocks = PairedBlocks(before, after, resampling)

    def difference(self, label: str, layer: str | None = None, part: int | None = None) -> Difference:
        """All errors, those of a layer, or those of one of its slices."""
        was, now = (self._taken(peel, layer, part) for peel in (self.baseline, self.other))
        quantities = self._quantities(layer, part)
        p = self.blocks.p_value(quantities)
        return Difference(
            label,
            int(was.sum()),
            int(now.sum()),
            int((was & ~self.other.error).sum()),
            int((was & self.other.error).sum()),
            int((now & ~self.baseline.error).sum()),
            self.blocks.net(quantities),
            self.blocks.share(quantities),
            p,
            p,
        )

    def _quantities(self, layer: str | None, part: int | None) -> list[Quantity]:
        if layer is None:
            return [Quantity("errors")]
        names = self.baseline.slice_names(layer)
        return [Quantity("count", layer, name) for name in (names if part is None else [names[part]])]

    def _taken(self, peel: Peel, layer: str | None, part: int | None) -> NDArray[np.bool_]:
        if layer is None:
            return peel.error
        taken: NDArray[np.bool_] = peel.layer == self.baseline.layer_names.index(layer)
        return taken if part is None else taken & (peel.slice == part)


def require_comparable(baseline: Peel, other: Peel) -> None:
    """Raise `BadInput` unless two peels can be compared position by position."""
    a, b = baseline.log, other.log
    if a.unit != b.unit or not np.array_equal(a.codes, b.codes):
        raise BadInput(f"{a.name} and {b.name} are peels of different texts; compare models on the same text.")
    if not np.array_equal(a.positions, b.positions) or not np.array_equal(baseline.predicted, other.predicted):
        raise BadInput(f"{a.name} and {b.name} predict different positions of the text; predict the same ones.")
    if not np.array_equal(a.document_starts, b.document_starts):
        raise BadInput(
            f"{a.name} and {b.name} have different documents; give both logs the same column 'doc', or none."
        )
    if _making(baseline) != _making(other):
        raise BadInput(
            f"{a.name} and {b.name} were peeled differently; use the same options, index and training text.\n"
            f"  {baseline.signature}\n  {other.signature}"
        )


def _making(peel: Peel) -> tuple[str, ...]:
    """How a peel was made, but for the model: rules, and the oracles' index and training text."""
    signed = parse_signature(peel.signature) if peel.signature else {}
    oracles = (signed.get("ngram", ""), signed.get("train", ""))
    return str(peel.settings.criterion), peel.settings.description, *oracles
