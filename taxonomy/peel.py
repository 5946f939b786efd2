"""The peel: errors, the layers that claim them, and the first layer in the chosen order that takes each.

Karpathy et al. 2015, section 4.3.  Verdicts follow from evidence and `Settings` alone, so another threshold, order or
subset of layers is a re-reading of the same evidence.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.kernels import kernel, ordered_map
from errtax.lm.prediction_log import BLOCK_ROWS, PredictionLog, join_logs, right_first
from errtax.oracle.evidence import Evidence, join_evidence
from errtax.taxonomy.layers.layer import Layer
from errtax.taxonomy.layers.registry import REST, TOKENS, all_layers, claim_bits, find_layer
from errtax.taxonomy.settings import Criterion, Settings

Result = TypeVar("Result")


class PeelSource(Protocol):
    """A peel that comes in blocks: in memory (`Peel`), from a file or a folder of parts, or on its way from a log."""

    @property
    def head(self) -> "Peel":
        """Name, unit, metadata, settings, sources and signature, without rows."""

    def __len__(self) -> int:
        """The number of rows."""

    def map_blocks(self, function: Callable[["Peel"], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        """What `function` makes of consecutive pieces of about so many rows."""

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator["Peel"]:
        """These pieces."""


@dataclass(frozen=True, eq=False)
class Peel:
    """A peeled log; row r is a row of the log.

    `error[r]`: whether the model was wrong.  `claims[r]`: a bit per layer that would take this error alone.
    `layer[r]`: index into `layer_names` of the layer that took it, -1 where correct; `slice[r]`: its slice.
    """

    log: PredictionLog
    evidence: Evidence
    settings: Settings
    error: NDArray[np.bool_]
    claims: NDArray[np.uint32]
    layer: NDArray[np.int8]
    slice: NDArray[np.int8]
    signature: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def head(self) -> "Peel":
        """The peel without its rows."""
        return self.part(0, 0)

    def __len__(self) -> int:
        return len(self.log)

    def part(self, start: int, stop: int) -> "Peel":
        """The rows start .. stop - 1, as views."""
        return self.at(slice(start, stop))

    def at(self, rows: Any) -> "Peel":
        """Some rows only: a slice of them, or their numbers in ascending order."""
        verdicts: dict[str, Any] = {name: getattr(self, name)[rows] for name in ("error", "claims", "layer", "slice")}
        return replace(self, log=self.log.at(rows), evidence=self.evidence.at(rows), **verdicts)

    def map_blocks(self, function: Callable[["Peel"], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        """What `function` makes of each piece of so many rows, in order, computed on all cores."""
        return ordered_map(function, (self.part(start, start + rows) for start in range(0, len(self), rows)))

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator["Peel"]:
        """The peel in pieces of so many rows, the last one shorter."""
        return (self.part(start, start + rows) for start in range(0, len(self), rows))

    @property
    def layer_names(self) -> list[str]:
        """The layers in their order, `rest` last: it holds what no chosen layer claims."""
        return [*self.settings.layers, REST]

    def slice_names(self, name: str) -> list[str]:
        """The slices of a layer."""
        return find_layer(name, self.settings).slices(self.settings)

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """Rows with a prediction: only these are counted."""
        return ~np.isnan(self.log.logprobs)


@dataclass(frozen=True, eq=False)
class ChangedPeel:
    """A peel with each block changed alike as it passes; a `PeelSource`."""

    source: PeelSource
    change: Callable[[Peel], Peel]

    @property
    def head(self) -> Peel:
        """The peel without rows, changed."""
        return self.change(self.source.head)

    def __len__(self) -> int:
        return len(self.source)

    def map_blocks(self, function: Callable[[Peel], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        """What `function` makes of each changed block."""
        return self.source.map_blocks(lambda block: function(self.change(block)), rows)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Peel]:
        """The changed blocks."""
        return self.map_blocks(lambda block: block, rows)


def layers_without_evidence(settings: Settings, evidence: Evidence) -> list[Layer]:
    """The layers, chosen or not, whose oracle could not be asked."""
    return [layer for layer in all_layers(settings) if layer.source and not layer.source.given(evidence)]


def available_layers(settings: Settings, evidence: Evidence) -> Settings:
    """The settings without the layers whose oracle could not be asked."""
    absent = {layer.name for layer in layers_without_evidence(settings, evidence)}
    left = tuple(name for name in settings.layers if name not in absent)
    if not left:
        wanted = ",".join(settings.layers)
        raise UsageError(f"no layer is left of {wanted}: give --ngram X.ngram or --train-text train.txt.")
    return replace(settings, layers=left)


def require_tokens(log: PredictionLog, settings: Settings) -> None:
    """Raise `UsageError` where layers made for tokens are asked about bytes or characters."""
    if settings.made_for == TOKENS and log.surface is None:
        raise UsageError(f"--preset token is for logs of tokens; {log.name} has units of {log.unit}.")


def leave_out(log: PredictionLog, length: NDArray[np.int32] | None, settings: Settings) -> tuple[PredictionLog, int]:
    """The log as if the rows that the settings leave out were not predicted, and how many predicted ones these are.

    `length`: of the longest passage around each row that the training text has.
    """
    if not settings.exclude_verbatim or length is None:
        return log, 0
    inside = (length >= settings.exclude_verbatim) & ~np.isnan(log.logprobs)
    return replace(log, logprobs=np.where(inside, np.nan, log.logprobs)), int(inside.sum())


def find_errors(log: PredictionLog, criterion: Criterion) -> NDArray[np.bool_]:
    """Where the model was wrong: p below the threshold (strict), or another symbol ranked first; never unpredicted."""
    if criterion.threshold is not None:
        low: NDArray[np.bool_] = np.exp(log.logprobs) < criterion.threshold  # NaN, not predicted, is below nothing
        return low
    wrong: NDArray[np.bool_] = ~np.isnan(log.logprobs) & ~right_first(log)
    return wrong


def peel_log(log: PredictionLog, evidence: Evidence, settings: Settings) -> Peel:
    """Give every error of a log to the first layer that claims it.  Time O(rows x slices)."""
    evidence = evidence._replace(rank=log.ranks)
    settings = available_layers(settings, evidence)
    error = find_errors(log, settings.criterion)
    p, known = np.exp(log.logprobs), claim_bits(settings)
    claims, rest = np.zeros(len(log), np.uint32), np.int8(len(settings.layers))
    part = error.astype(np.int8) - np.int8(1)  # the only slice of `rest`, -1 where correct
    layer = (part + np.int8(1)) * (rest + np.int8(1)) - np.int8(1)
    for number, name in enumerate(settings.layers):
        claimed_by = find_layer(name, settings).slice_of(evidence, p, settings)
        _take(error, claimed_by, np.uint32(known[name]), np.int8(number), rest, claims, layer, part)
    return Peel(log, evidence, settings, error, claims, layer, part)


@kernel
def _take(error: Any, claimed_by: Any, bit: Any, number: Any, rest: Any, claims: Any, layer: Any, part: Any) -> None:
    """Note the claims of a layer, and give it the errors that no layer before it has taken: those still of `rest`."""
    for row in range(len(error)):
        if error[row] and claimed_by[row] >= 0:
            claims[row] |= bit
            if layer[row] == rest:
                layer[row], part[row] = number, claimed_by[row]


def join_peels(parts: Sequence[Peel]) -> Peel:
    """The rows of some parts of a peel, one after another, copied."""
    names = ("error", "claims", "layer", "slice")
    verdicts: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    log = reduce(join_logs, (part.log for part in parts), parts[0].log.head)
    return replace(parts[0], log=log, evidence=join_evidence([part.evidence for part in parts]), **verdicts)


def whole_peel(source: PeelSource) -> Peel:
    """All rows of a peel in memory."""
    pieces = list(source.blocks(max(len(source), 1)))
    return pieces[0] if pieces else source.head
