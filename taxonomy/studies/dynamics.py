"""The course of a training: which simpler model it resembles, and which errors it has, checkpoint by checkpoint.

Karpathy et al. 2015, section 4.4: an LSTM resembles the 1-, then the 2-, the 3- and the 4-gram model in turn.
"""

import logging
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.files import require_each_once, reserve
from errtax.lm.neural.dynamics import Divergences, ReferenceComparison, chosen_checkpoints, compare_checkpoints
from errtax.lm.neural.run import Run, read_for, read_run
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.model import require_unit
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Text, read_text
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.rare import training_words
from errtax.oracle.text_view import TextView
from errtax.taxonomy.peel import available_layers, peel_log
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import make_signature
from errtax.taxonomy.summary import Summary, summarise

SCHEMA = "errtax.dynamics/1"
logger = logging.getLogger("errtax")


@dataclass(frozen=True)
class DynamicsInputs:
    """A run with checkpoints, the text to read, and what to compare and explain with."""

    run: Path
    text: Path
    ngram: Path | None = None
    train_text: Path | None = None
    networks: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class Dynamics:
    """`summaries[c]`: the breakdown of the errors of checkpoint c."""

    divergences: Divergences
    summaries: list[Summary]
    signature: str


def follow_training(
    inputs: DynamicsInputs, settings: Settings, on_step: Callable[[int, int], None] = lambda done, total: None
) -> Dynamics:
    """Divergences and peels of all checkpoints of a run.  The oracles look at the text once.

    Memory O(n): the evidence of the peel, some 100 bytes per position; and a scratch file of 4 bytes per position and
    checkpoint.
    """
    require_each_once(inputs.networks)
    run = read_run(inputs.run)
    text, streams = read_for(run, inputs.text)
    index = None if inputs.ngram is None else NgramIndex.open(inputs.ngram, verify=True)
    if index is not None:
        require_unit(index, run.unit, str(inputs.run))
        settings = settings.changed(ngram_max=min(settings.ngram_max, index.order - 1))
    train = None if inputs.train_text is None else read_text(inputs.train_text, run.unit)
    _warn_of_other_texts(run, index, train)
    shape = (len(chosen_checkpoints(inputs.run)), len(text))
    with tempfile.NamedTemporaryFile(prefix="errtax-") as scratch:
        reserve(scratch.fileno(), 4 * shape[0] * shape[1])
        logprobs = np.memmap(scratch, np.float32, "r+", shape=shape)
        comparison = ReferenceComparison(index, inputs.networks)
        divergences = compare_checkpoints(inputs.run, text, streams, comparison, logprobs, on_step)
        log = _log(run, text, logprobs[0])
        evidence = collect_evidence(TextView.of_log(log), index, training_words(train, index))
        settings = available_layers(settings, evidence)
        summaries = [summarise(peel_log(_log(run, text, row), evidence, settings)) for row in logprobs]
    sources = {
        "ngram_model": index.description if index else "",
        "text_sha256": text.sha256,
        "train_sha256": train.sha256 if train else index.text_sha256 if index else "",
    }
    signature = make_signature(str(run.unit), len(text), settings, sources)
    signature += f"|model:{run.config.name}|seed:{run.recipe.seed}|checkpoints:{shape[0]}"
    networks = [r.name for r in divergences.references if r.kind != "n-gram"]
    signature += f"|networks:{','.join(networks)}" if networks else ""
    return Dynamics(divergences, summaries, signature)


def _warn_of_other_texts(run: Run, index: NgramIndex | None, train: Text | None) -> None:
    for what, sha256 in (
        ("index", index.text_sha256 if index else ""),
        ("training text", train.sha256 if train else ""),
    ):
        if sha256 and sha256 != run.train_sha256:
            logger.warning("The run was trained on another text than that of the %s.", what)


def _log(run: Run, text: Text, logprobs: NDArray[np.float32]) -> PredictionLog:
    metadata = {"model": run.config.name, "parameters": str(run.config.parameters)}
    positions = np.arange(len(text))
    return PredictionLog("a checkpoint", text.unit, positions, text.codes, logprobs.astype(np.float64), None, metadata)


def to_json(dynamics: Dynamics) -> dict[str, Any]:
    """One document: each checkpoint with its divergences and its error classes."""
    divergences = dynamics.divergences
    nearest = {kind: divergences.nearest(kind) for kind in divergences.kinds}

    def by_name(values: NDArray[np.float64]) -> dict[str, float | None]:
        numbers = (value if math.isfinite(value) else None for value in values.tolist())
        return dict(zip((reference.name for reference in divergences.references), numbers, strict=True))

    rows = [
        {
            "step": step,
            "loss": float(divergences.losses[c]),
            "nearest": {kind: names[c].name for kind, names in nearest.items()},
            "divergence": by_name(divergences.divergence[c]),
            "errors": dynamics.summaries[c].errors,
            "layers": {layer.name: layer.count for layer in dynamics.summaries[c].layers},
        }
        for c, step in enumerate(divergences.steps)
    ]
    head = {"schema": SCHEMA, "signature": dynamics.signature, "model": divergences.run.config.name}
    return {
        **head,
        "positions": divergences.positions,
        "reference_losses": by_name(divergences.reference_losses),
        "checkpoints": rows,
    }
