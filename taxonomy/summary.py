"""Counts, shares and bits of a peel by layer and slice: what tables, pictures and JSON show."""

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from errtax.lm.errors import BadInput
from errtax.lm.visible import whole_number
from errtax.oracle.ngram import NgramAlone
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel

SCHEMA = "errtax.peel-summary/1"


@dataclass(frozen=True)
class SliceSummary:
    """`share`: of all errors.  `bits`: surprisal of the slice's errors, in bits per predicted symbol of the text."""

    name: str
    count: int
    share: float
    bits: float


@dataclass(frozen=True)
class LayerSummary:
    """A layer and its slices; count, share and bits are the sums over the slices."""

    name: str
    title: str
    count: int
    share: float
    bits: float
    slices: tuple[SliceSummary, ...]


@dataclass(frozen=True)
class Summary:
    """The breakdown of one model's errors.  Layer counts sum to `errors`; layers + `correct_bits` sum to `bits`."""

    model: str
    parameters: int | None
    signature: str
    positions: int  # with a prediction
    unpredicted: int  # positions without one
    errors: int
    bits: float  # mean surprisal, bits per symbol
    correct_bits: float  # the part of it that falls on correct symbols
    layers: tuple[LayerSummary, ...]
    ngram: NgramAlone | None = None  # the n-gram models' best order, on the same positions

    @property
    def error_rate(self) -> float:
        """Errors per position."""
        return self.errors / self.positions if self.positions else 0.0

    @property
    def nats(self) -> float:
        """Mean cross-entropy, in nats per symbol."""
        return self.bits * math.log(2)

    def to_json(self) -> dict[str, Any]:
        """One document: schema first, floats unrounded; an infinite number of bits (probability 0) is null."""

        def number(value: float) -> float | None:
            return value if math.isfinite(value) else None

        def alone(ngram: NgramAlone) -> dict[str, Any]:
            nats = number(ngram.nats)
            bits = None if nats is None else nats / math.log(2)
            rate = ngram.errors / max(self.positions, 1)
            return {"order": ngram.order, "nats": nats, "bits": bits, "errors": ngram.errors, "error_rate": rate}

        def sums(item: LayerSummary | SliceSummary) -> dict[str, Any]:
            return {"name": item.name, "count": item.count, "share": item.share, "bits": number(item.bits)}

        return {
            "schema": SCHEMA,
            "signature": self.signature,
            "model": self.model,
            "parameters": self.parameters,
            "positions": self.positions,
            "unpredicted": self.unpredicted,
            "errors": self.errors,
            "error_rate": self.error_rate,
            "bits": number(self.bits),
            "correct_bits": number(self.correct_bits),
            "ngram": None if self.ngram is None else alone(self.ngram),
            "layers": [{**sums(layer), "slices": [sums(part) for part in layer.slices]} for layer in self.layers],
        }


def summarise(peel: Peel) -> Summary:
    """The summary of a peel; the layer `rest` appears only where it holds errors."""
    predicted = peel.predicted
    positions = int(predicted.sum())
    surprisal = -peel.log.logprobs / math.log(2)
    errors = int(peel.error.sum())
    # counts[l, k], bits[l, k]: layer l, slice k, which is an int8
    width = 128
    cell = peel.layer[peel.error].astype(np.int64) * width + peel.slice[peel.error]
    size = len(peel.layer_names) * width
    counts = np.bincount(cell, minlength=size).reshape(-1, width)
    bits = np.bincount(cell, surprisal[peel.error], minlength=size).reshape(-1, width) / max(positions, 1)
    layers = []
    for number, name in enumerate(peel.layer_names):
        parts = tuple(
            SliceSummary(part, int(counts[number, k]), counts[number, k] / max(errors, 1), float(bits[number, k]))
            for k, part in enumerate(peel.slice_names(name))
        )
        if name == REST and not parts[0].count:
            continue
        count = sum(part.count for part in parts)
        title = find_layer(name, peel.settings).title
        layers.append(LayerSummary(name, title, count, count / max(errors, 1), sum(part.bits for part in parts), parts))
    correct = predicted & ~peel.error
    parameters = peel.sources.get("parameters", peel.log.metadata.get("parameters"))
    return Summary(
        model=peel.log.model,
        parameters=whole_number(parameters),
        signature=peel.signature,
        positions=positions,
        unpredicted=len(peel.log) - positions,
        errors=errors,
        bits=float(surprisal[predicted].sum()) / max(positions, 1),
        correct_bits=float(surprisal[correct].sum()) / max(positions, 1),
        layers=tuple(layers),
        ngram=_ngram_of(peel),
    )


def _ngram_of(peel: Peel) -> NgramAlone | None:
    """What the n-gram model scored when the peel was made; None where there was none."""
    if "ngram_alone" not in peel.sources:
        return None
    try:
        found = json.loads(peel.sources["ngram_alone"])
        return NgramAlone(int(found["order"]), float(found["nats"]), int(found["errors"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise BadInput(f"{peel.log.name}: its metadata ngram_alone are damaged; peel the log again.") from None
