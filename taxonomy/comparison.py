"""Two or more peels of the same text, layer by layer: which class of errors did the better model buy off?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.aligned import Blocks
from errtax.taxonomy.block_sums import PeelSums, Quantity, sum_peels
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.caution import cautions
from errtax.taxonomy.correction import DEFAULT, find_correction
from errtax.taxonomy.difference import BitsDifference, Difference
from errtax.taxonomy.intervals import Interval
from errtax.taxonomy.paired import PairedBlocks
from errtax.taxonomy.peel import Peel, PeelSource
from errtax.taxonomy.sum_kernels import count_pairs
from errtax.taxonomy.summary import Summary, summary_of
from errtax.taxonomy.units import Units

SCHEMA = "errtax.compare/1"


@dataclass(frozen=True)
class Comparison:
    """One model against the baseline, on the same positions.

    `total`: all errors.  `correct`: bits of the symbols that are not errors; with those of the layers they sum to the
    bits of `total`, which are those of all symbols.  `unit`: what was drawn and flipped, `doc`, `stream` or `block`.
    `left_out`: predicted positions of the baseline, and of the other, that not all peels compared have.  `correction`:
    how p-values are adjusted for being several (`correction`).  `cautions`: what to keep in mind of all this.
    """

    baseline: Summary
    other: Summary
    total: Difference
    layers: tuple[Difference, ...]
    correct: BitsDifference
    unit: str
    signature: str
    left_out: tuple[int, int] = (0, 0)
    correction: str = DEFAULT
    cautions: tuple[str, ...] = ()

    @property
    def warning(self) -> str | None:
        """What to keep in mind of intervals and tests."""
        return " ".join(self.cautions) or None

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
        apart = f"{abs(self.saved):,} error{'' if abs(self.saved) == 1 else 's'} apart"
        if self.total.tied and self.total.detectable is None:
            few = f"in too few {Units(self.unit).plural} for a test"
            return f"{self.other.model} and {self.baseline.model} are {apart}, {few}."
        if self.total.tied:
            return f"{self.other.model} and {self.baseline.model} are tied: {apart}, p = {self.total.p:.2g}."
        count = f"{abs(self.saved):,} {'fewer' if self.saved > 0 else 'more'}"
        return f"{self.other.model} makes {count} errors than {self.baseline.model}; {self._largest_class()}."

    def _largest_class(self) -> str:
        """The class of most of the errors apart, of those whose difference is no chance."""
        told = [layer for layer in self.layers if layer.direction == np.sign(self.saved)]
        if not told:
            return "no class alone differs by more than chance"
        largest = max(told, key=lambda layer: abs(layer.saved))
        share = largest.share or Interval(0.0, None, None)
        ends = "" if share.low is None or share.high is None else f" [{100 * share.low:.0f}, {100 * share.high:.0f}]"
        return (
            f"{100 * share.value:.0f} %{ends} of them ({abs(largest.saved):,}) were {self.titles[largest.name]} errors"
        )

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
            "correction": self.correction,
            "warning": self.warning,
            "left_out": dict(zip(("baseline", "other"), self.left_out, strict=True)),
            "finding": self.finding(),
            "total": self.total.to_json(),
            "layers": [
                {**layer.to_json(), "slices": [part.to_json() for part in layer.slices]} for layer in self.layers
            ],
            "correct_bits": self.correct.to_json(),
        }


def compare(
    baseline: PeelSource, other: PeelSource, resampling: Resampling = STANDARD, correction: str = DEFAULT
) -> Comparison:
    """The comparison of two peels.

    On the positions that both predict.  `correction`: `holm` or `bh`, see `errtax.taxonomy.correction`.  Raises
    `BadInput` unless both are of the same symbols, by the same layers.
    """
    return compare_all(baseline, [other], resampling, correction)[1][0]


def compare_all(
    baseline: PeelSource,
    others: Sequence[PeelSource],
    resampling: Resampling = STANDARD,
    correction: str = DEFAULT,
) -> tuple[list[PeelSums], list[Comparison]]:
    """The sums of a baseline and of other peels, which are read once, and the comparison of each with the baseline."""
    pairs = PairCounts(baseline.head, len(others))
    sums = sum_peels([baseline, *others], resampling, pairs.add)
    return sums, comparisons_of(sums, pairs, resampling, correction)


def comparisons_of(
    sums: Sequence[PeelSums], pairs: "PairCounts", resampling: Resampling, correction: str = DEFAULT
) -> list[Comparison]:
    """The comparison of each peel but the first with the first, from what was summed and counted of all."""
    first, *rest = sums
    found = (_Pair(first, each, pairs, k, resampling) for k, each in enumerate(rest))
    return [_comparison(pair, resampling, correction) for pair in found]


def _comparison(pair: "_Pair", resampling: Resampling, correction: str) -> Comparison:
    head, before, after = pair.before.head, summary_of(pair.before), summary_of(pair.after)
    present = {layer.name for layer in (*before.layers, *after.layers)}
    names = [name for name in head.layer_names if name in present]
    parts_of = {name: head.slice_names(name) for name in names}
    n = sum(map(len, parts_of.values()))
    slices = {
        name: [pair.difference(part, name, k, tests=n) for k, part in enumerate(parts)]
        for name, parts in parts_of.items()
    }
    layers, correct = _adjusted(
        [pair.difference(name, name, tests=len(names)) for name in names],
        [pair.bits([Quantity("correct")], len(names) + 1)],
        correction,
    )
    parts = iter(_adjusted([part for name in names for part in slices[name]], [], correction)[0])
    units = pair.before.blocks.units
    return Comparison(
        before,
        after,
        pair.difference("all errors"),
        tuple(replace(layer, slices=tuple(next(parts) for _ in slices[layer.name])) for layer in layers),
        correct[0],
        units.kind,
        f"{head.signature}|bootstrap:{units.describe(resampling)}|test:flips={resampling.flips},correction={correction}",
        (pair.before.left_out, pair.after.left_out),
        correction,
        tuple(dict.fromkeys((*cautions(pair.before), *cautions(pair.after)))),
    )


def _adjusted(
    differences: list[Difference], others: list[BitsDifference], correction: str
) -> tuple[list[Difference], list[BitsDifference]]:
    """The differences with adjusted p-values: over their errors, and over their bits with those of `others`."""
    adjust = find_correction(correction)
    values = adjust([difference.p for difference in differences])
    bits = [difference.bits for difference in differences] + others
    tested = iter(adjust([each.p for each in bits if each.p is not None]))
    bits = [each if each.p is None else replace(each, adjusted=next(tested)) for each in bits]
    rows = zip(differences, values, bits, strict=False)
    return [replace(row, adjusted=p, bits=each) for row, p, each in rows], bits[len(differences) :]


class PairCounts:
    """Errors of a baseline and of other models by what became of them, summed over blocks of the same rows."""

    def __init__(self, head: Peel, others: int) -> None:
        sizes = [len(head.slice_names(name)) for name in head.layer_names]
        self._first = np.cumsum([0, *sizes])  # of each layer's slices
        # by model: fixed, kept, new; the last row: of all
        self._counts = np.zeros((others, self._first[-1] + 1, 3), np.int64)

    def add(self, blocks: Blocks) -> None:
        """The next block of each, the baseline first."""
        baseline = self._slices(blocks[0])
        for counts, block in zip(self._counts, blocks[1:], strict=True):
            count_pairs(baseline, self._slices(block), counts)

    def merge(self, other: "PairCounts") -> None:
        """Add the counts of other rows."""
        self._counts = self._counts + other._counts  # not in place: what another process sends may be read-only

    def _slices(self, peel: Peel) -> NDArray[np.int64]:
        """The number of each row's slice among those of all layers; -1 for no error."""
        return np.where(peel.error, self._first[peel.layer] + peel.slice, -1)

    def of(self, model: int, layer: int | None, part: int | None) -> tuple[int, int, int]:
        """How many errors of all, of a layer, or of one of its slices are fixed, kept and new, by another model."""
        counts = self._counts[model]
        if layer is None:
            rows = counts[-1:]
        elif part is None:
            rows = counts[self._first[layer] : self._first[layer + 1]]
        else:
            rows = counts[[self._first[layer] + part]]
        fixed, kept, new = rows.sum(axis=0).tolist()
        return fixed, kept, new


class _Pair:
    """Two peels of the same rows, by their sums; the second is number `model` of those that `counts` has."""

    def __init__(
        self, before: PeelSums, after: PeelSums, counts: PairCounts, model: int, resampling: Resampling
    ) -> None:
        self.before, self.after, self._counts, self._model = before, after, counts, model
        self._blocks = PairedBlocks(before.blocks, after.blocks, resampling)

    def difference(self, label: str, layer: str | None = None, part: int | None = None, tests: int = 1) -> Difference:
        """All errors, those of a layer, or those of one of its slices; one of so many tests."""
        quantities = self._quantities("count", layer, part) or [Quantity("errors")]
        p = self._blocks.p_value(quantities)
        before, after = (sums.blocks.exactly(quantities) for sums in (self.before, self.after))
        return Difference(
            label,
            before,
            after,
            *self._counts.of(self._model, None if layer is None else self.before.head.layer_names.index(layer), part),
            self._blocks.net(quantities),
            self._blocks.share(quantities),
            p,
            p,
            self.bits(self._quantities("bits", layer, part) or [Quantity("surprisal")], tests),
            self._blocks.detectable(quantities, tests),
        )

    def bits(self, quantities: list[Quantity], tests: int = 1) -> BitsDifference:
        """Bits per symbol of some classes."""
        n = max(self.before.blocks.count("positions"), 1)
        before, after = (sums.blocks.sum_of(quantities) / n for sums in (self.before, self.after))
        p = self._blocks.p_value(quantities) if math.isfinite(before - after) else None
        seen = self._blocks.detectable(quantities, tests)
        return BitsDifference(
            before, after, self._blocks.net_per_symbol(quantities), p, p, None if seen is None else seen / n
        )

    def _quantities(self, what: str, layer: str | None, part: int | None) -> list[Quantity]:
        if layer is None:
            return []
        names = self.before.head.slice_names(layer)
        return [Quantity(what, layer, name) for name in (names if part is None else [names[part]])]
