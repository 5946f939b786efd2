"""Counts, shares and bits of a peel by layer and slice: what tables, pictures and JSON show."""

import json
import math
from dataclasses import dataclass
from typing import Any

from errtax.lm.errors import BadInput
from errtax.lm.ngram.totals import NgramAlone
from errtax.lm.visible import whole_number
from errtax.taxonomy.block_sums import PeelSums, Quantity, sum_peels
from errtax.taxonomy.layers.registry import REST, find_layer
from errtax.taxonomy.peel import Peel, PeelSource

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
    left_out: int | None = None  # predicted positions in passages of the training text; None: they count as all do

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
            **({} if self.left_out is None else {"verbatim_left_out": self.left_out}),
            "errors": self.errors,
            "error_rate": self.error_rate,
            "bits": number(self.bits),
            "correct_bits": number(self.correct_bits),
            "ngram": None if self.ngram is None else alone(self.ngram),
            "layers": [{**sums(layer), "slices": [sums(part) for part in layer.slices]} for layer in self.layers],
        }


def summarise(peel: PeelSource) -> Summary:
    """The summary of a peel; the layer `rest` appears only where it holds errors."""
    return summary_of(sum_peels([peel])[0])


def summary_of(sums: PeelSums) -> Summary:
    """The summary that follows from the sums of a peel."""
    peel, blocks = sums.head, sums.blocks
    positions = blocks.count("positions")
    left_out = whole_number(peel.sources.get("verbatim_left_out"))
    layers = (_layer(sums, name) for name in peel.layer_names)
    return Summary(
        model=peel.log.model,
        parameters=whole_number(peel.sources.get("parameters", peel.log.metadata.get("parameters"))),
        signature=peel.signature,
        positions=positions,
        unpredicted=sums.rows - positions - (left_out or 0),
        errors=blocks.count("errors"),
        bits=blocks.total("surprisal") / max(positions, 1),
        correct_bits=blocks.total("correct") / max(positions, 1),
        layers=tuple(layer for layer in layers if layer.name != REST or layer.count),
        ngram=_ngram_of(peel),
        left_out=left_out,
    )


def _layer(sums: PeelSums, name: str) -> LayerSummary:
    blocks, slices = sums.blocks, sums.head.slice_names(name)
    positions, errors = (max(blocks.count(what), 1) for what in ("positions", "errors"))

    def of(parts: list[str]) -> tuple[int, float, float]:
        count = blocks.exactly(Quantity("count", name, part) for part in parts)
        return count, count / errors, blocks.sum_of([Quantity("bits", name, part) for part in parts]) / positions

    title = find_layer(name, sums.head.settings).title
    return LayerSummary(name, title, *of(slices), tuple(SliceSummary(part, *of([part])) for part in slices))


def _ngram_of(peel: Peel) -> NgramAlone | None:
    """What the n-gram model scored when the peel was made; None where there was none."""
    if "ngram_alone" not in peel.sources:
        return None
    try:
        found = json.loads(peel.sources["ngram_alone"])
        return NgramAlone(int(found["order"]), float(found["nats"]), int(found["errors"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise BadInput(f"{peel.log.name}: its metadata ngram_alone are damaged; peel the log again.") from None
