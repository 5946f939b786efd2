"""Two or more peels of the same text, layer by layer: which class of errors did the better model buy off?"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.taxonomy.block_sums import Quantity, block_sums
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.difference import BitsDifference, Difference
from errtax.taxonomy.paired import PairedBlocks, holm
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.statistics import Interval
from errtax.taxonomy.summary import Summary, summarise
from errtax.taxonomy.units import share_units

SCHEMA = "errtax.compare/1"


@dataclass(frozen=True)
class Comparison:
    """One model against the baseline, on the same positions.

    `total`: all errors.  `correct`: bits of the symbols that are not errors; with those of the layers they sum to the
    bits of `total`, which are those of all symbols.  `unit`: what was drawn and flipped, `doc`, `stream` or `block`.
    """

    baseline: Summary
    other: Summary
    total: Difference
    layers: tuple[Difference, ...]
    correct: BitsDifference
    unit: str
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
        """Which model makes fewer errors, of which class, and what the bits say of it."""
        errors, bits = self.total.direction, self.total.bits.direction
        warning = ""
        if errors * bits < 0:
            warning = "Fewer errors but more bits: " if errors > 0 else "More errors but fewer bits: "
        return f"{warning}{self._errors_found()} {self._bits_found()}"

    def _errors_found(self) -> str:
        if self.saved == 0:
            return f"{self.other.model} makes as many errors as {self.baseline.model}."
        if self.total.tied:
            p = f"p = {self.total.p:.2g}"
            return f"{self.other.model} and {self.baseline.model} are tied: {abs(self.saved):,} errors apart, {p}."
        largest = max(self.layers, key=lambda layer: layer.saved * np.sign(self.saved))
        share = largest.share or Interval(0.0, None, None)
        ends = "" if share.low is None or share.high is None else f" [{100 * share.low:.0f}, {100 * share.high:.0f}]"
        count = f"{abs(self.saved):,} {'fewer' if self.saved > 0 else 'more'}"
        part = (
            f"{100 * share.value:.0f} %{ends} of them ({abs(largest.saved):,}) were {self.titles[largest.name]} errors"
        )
        return f"{self.other.model} makes {count} errors than {self.baseline.model}; {part}."

    def _bits_found(self) -> str:
        bits = self.total.bits
        endless = [side.model for side in (self.baseline, self.other) if not math.isfinite(side.bits)]
        if endless:
            names = " and ".join(dict.fromkeys(endless))
            return f"Bits per symbol are infinite: {names} gives symbols of the text probability 0."
        apart = f"{abs(bits.saved.value):.4f}"
        if bits.tied or bits.p is None:
            also = "also " if self.total.direction == 0 else ""
            return f"Their bits are {also}tied: {apart} per symbol apart, p = {bits.p:.2g}."
        low, high = sorted(bits.direction * (end or 0.0) for end in bits.saved[1:])
        change = f"{apart} [{low:.4f}, {high:.4f}] bits per symbol {'less' if bits.direction > 0 else 'more'}"
        return f"{'But it' if self.total.direction == 0 else 'It'} spends {change}."

    def to_json(self) -> dict[str, Any]:
        """One document of all counts, intervals and tests."""
        return {
            "baseline": self.baseline.to_json(),
            "other": self.other.to_json(),
            "signature": self.signature,
            "unit": self.unit,
            "finding": self.finding(),
            "total": self.total.to_json(),
            "layers": [
                {**layer.to_json(), "slices": [part.to_json() for part in layer.slices]} for layer in self.layers
            ],
            "correct_bits": self.correct.to_json(),
        }


def compare(baseline: Peel, other: Peel, resampling: Resampling = STANDARD) -> Comparison:
    """The comparison of two peels.

    Raises `BadInput` unless both are peels of the same symbols at the same positions, by the same layers.
    """
    require_comparable(baseline, other)
    baseline, other = share_units([baseline, other])
    pair = _Pair(baseline, other, resampling)
    before, after = summarise(baseline), summarise(other)
    present = {layer.name for layer in (*before.layers, *after.layers)}
    names = [name for name in baseline.layer_names if name in present]
    slices = {
        name: [pair.difference(part, name, k) for k, part in enumerate(baseline.slice_names(name))] for name in names
    }
    layers, correct = _adjusted([pair.difference(name, name) for name in names], [pair.bits([Quantity("correct")])])
    parts = iter(_adjusted([part for name in names for part in slices[name]])[0])
    units = pair.before.units
    return Comparison(
        before,
        after,
        pair.difference("all errors"),
        tuple(replace(layer, slices=tuple(next(parts) for _ in slices[layer.name])) for layer in layers),
        correct[0],
        units.kind,
        f"{baseline.signature}|bootstrap:{units.describe(resampling)}",
    )


def _adjusted(
    differences: list[Difference], others: list[BitsDifference] | None = None
) -> tuple[list[Difference], list[BitsDifference]]:
    """The differences with Holm's p-values: over their errors, and over their bits with those of `others`."""
    values = holm([difference.p for difference in differences])
    bits = [difference.bits for difference in differences] + (others or [])
    tested = iter(holm([each.p for each in bits if each.p is not None]))
    bits = [each if each.p is None else replace(each, adjusted=next(tested)) for each in bits]
    rows = zip(differences, values, bits, strict=False)
    return [replace(row, adjusted=p, bits=each) for row, p, each in rows], bits[len(differences) :]


class _Pair:
    """Two peels of the same rows, with their blocks."""

    def __init__(self, baseline: Peel, other: Peel, resampling: Resampling) -> None:
        self.baseline, self.other = baseline, other
        self.before, self.after = (block_sums([peel], resampling) for peel in (baseline, other))
        self.blocks = PairedBlocks(self.before, self.after, resampling)

    def difference(self, label: str, layer: str | None = None, part: int | None = None) -> Difference:
        """All errors, those of a layer, or those of one of its slices."""
        was, now = (self._taken(peel, layer, part) for peel in (self.baseline, self.other))
        quantities = self._quantities("count", layer, part) or [Quantity("errors")]
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
            self.bits(self._quantities("bits", layer, part) or [Quantity("surprisal")]),
        )

    def bits(self, quantities: list[Quantity]) -> BitsDifference:
        """Bits per symbol of some classes."""
        n = max(self.before.total("positions"), 1)
        before, after = (sum(sums.total(*each) for each in quantities) / n for sums in (self.before, self.after))
        p = self.blocks.p_value(quantities) if math.isfinite(before - after) else None
        return BitsDifference(before, after, self.blocks.net_per_symbol(quantities), p, p)

    def _quantities(self, what: str, layer: str | None, part: int | None) -> list[Quantity]:
        if layer is None:
            return []
        names = self.baseline.slice_names(layer)
        return [Quantity(what, layer, name) for name in (names if part is None else [names[part]])]

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
    """How a peel was made, but for the model: rules, what a word is, and the oracles' index and training text."""
    oracles = (peel.sources.get(key, "") for key in ("ngram_model", "train_sha256", "words"))
    return str(peel.settings.criterion), peel.settings.description, *oracles
