"""Two or more peels of the same text, layer by layer: which class of errors did the better model buy off?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from errtax.lm.errors import BadInput
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.signature import parse_signature
from errtax.taxonomy.summary import LayerSummary, Summary, summarise

SCHEMA = "errtax.compare/1"


@dataclass(frozen=True)
class Difference:
    """Errors of one layer or slice in the baseline and in the other model.

    `saved` = before - after.  `fixed`: baseline errors of this class that the other model has right.  `new`: errors of
    this class in the other model where the baseline was right.
    """

    name: str
    before: int
    after: int
    fixed: int
    new: int
    slices: tuple["Difference", ...] = ()

    @property
    def saved(self) -> int:
        """How many fewer errors of this class the other model makes."""
        return self.before - self.after


@dataclass(frozen=True)
class Comparison:
    """One model against the baseline, on the same positions."""

    baseline: Summary
    other: Summary
    fixed: int
    kept: int
    new: int
    layers: tuple[Difference, ...]

    @property
    def saved(self) -> int:
        """How many fewer errors the other model makes in all."""
        return self.baseline.errors - self.other.errors

    @property
    def titles(self) -> dict[str, str]:
        """The title of each layer that either model has."""
        return {layer.name: layer.title for layer in (*self.baseline.layers, *self.other.layers)}

    def share_of_saved(self, item: Difference) -> float | None:
        """What part of all errors saved is of this class; None where none was saved in all."""
        return item.saved / self.saved if self.saved else None

    def finding(self) -> str:
        """The scaling-up finding in one sentence."""
        names = f"{self.other.model} makes {{}} errors than {self.baseline.model}"
        if self.saved == 0:
            return f"{self.other.model} makes as many errors as {self.baseline.model}."
        largest = max(self.layers, key=lambda layer: layer.saved * np.sign(self.saved))
        share = 100 * largest.saved / self.saved
        title = self.titles[largest.name]
        count = f"{abs(self.saved):,} {'fewer' if self.saved > 0 else 'more'}"
        return f"{names.format(count)}; {share:.0f} % of them ({abs(largest.saved):,}) were {title} errors."

    def to_json(self) -> dict[str, Any]:
        """One document of all counts."""

        def item(difference: Difference) -> dict[str, Any]:
            counts = {key: getattr(difference, key) for key in ("name", "before", "after", "saved", "fixed", "new")}
            return {**counts, "share_of_saved": self.share_of_saved(difference)}

        return {
            "baseline": self.baseline.to_json(),
            "other": self.other.to_json(),
            "saved": self.saved,
            "fixed": self.fixed,
            "kept": self.kept,
            "new": self.new,
            "finding": self.finding(),
            "layers": [{**item(layer), "slices": [item(part) for part in layer.slices]} for layer in self.layers],
        }


def compare(baseline: Peel, other: Peel) -> Comparison:
    """The comparison of two peels.

    Raises `BadInput` unless both are peels of the same symbols at the same positions, by the same layers.
    """
    require_comparable(baseline, other)
    fixed, new = baseline.error & ~other.error, other.error & ~baseline.error
    before, after = summarise(baseline), summarise(other)
    layers = []
    for name in baseline.layer_names:
        old, now = _layer(before, name), _layer(after, name)
        if old is None and now is None:
            continue
        parts = tuple(
            _difference(part, baseline, other, fixed, new, name, k) for k, part in enumerate(baseline.slice_names(name))
        )
        layers.append(_difference(name, baseline, other, fixed, new, name, None, parts))
    kept = int((baseline.error & other.error).sum())
    return Comparison(before, after, int(fixed.sum()), kept, int(new.sum()), tuple(layers))


def _layer(summary: Summary, name: str) -> LayerSummary | None:
    return next((layer for layer in summary.layers if layer.name == name), None)


def _difference(
    label: str,
    baseline: Peel,
    other: Peel,
    fixed: np.typing.NDArray[np.bool_],
    new: np.typing.NDArray[np.bool_],
    layer: str,
    part: int | None,
    slices: tuple[Difference, ...] = (),
) -> Difference:
    number = baseline.layer_names.index(layer)
    was, now = baseline.layer == number, other.layer == number
    if part is not None:
        was, now = was & (baseline.slice == part), now & (other.slice == part)
    return Difference(label, int(was.sum()), int(now.sum()), int((was & fixed).sum()), int((now & new).sum()), slices)


def require_comparable(baseline: Peel, other: Peel) -> None:
    """Raise `BadInput` unless two peels can be compared position by position."""
    a, b = baseline.log, other.log
    if a.unit != b.unit or not np.array_equal(a.codes, b.codes):
        raise BadInput(f"{a.name} and {b.name} are peels of different texts; compare models on the same text.")
    if not np.array_equal(a.positions, b.positions) or not np.array_equal(baseline.predicted, other.predicted):
        raise BadInput(f"{a.name} and {b.name} predict different positions of the text; predict the same ones.")
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
