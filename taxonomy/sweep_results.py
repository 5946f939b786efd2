"""What a sweep found: one row a run, the disagreement of each pair, and the paper's numbers beside ours."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.prediction_log import PredictionLog, read_log
from errtax.lm.run import read_run
from errtax.lm.split import read_split
from errtax.taxonomy.bootstrap import BLOCK, REPLICATES, SEED, deviation_of_mean
from errtax.taxonomy.peel_file import read_peel
from errtax.taxonomy.settings import LAYER_NAMES
from errtax.taxonomy.summary import Summary, summarise
from errtax.taxonomy.sweep_file import SCHEMA
from errtax.taxonomy.sweep_spec import SweepSpec

WAR_AND_PEACE = "fb66ba999dafe24017cdd59e04c56d385a9c8466993d374fd4c6f08b2142985e"
"""SHA-256 of the paper's text, for which its numbers hold."""
_TABLE_1 = {  # Karpathy et al. 2015, Table 1, War and Peace: budget -> model -> layers 1, 2, 3
    64: {"lstm": (1.449, 1.442, 1.540), "rnn": (1.446, 1.401, 1.396), "gru": (1.398, 1.373, 1.472)},
    128: {"lstm": (1.277, 1.227, 1.279), "rnn": (1.417, 1.286, 1.277), "gru": (1.230, 1.226, 1.253)},
    256: {"lstm": (1.189, 1.137, 1.141), "rnn": (1.342, 1.256, 1.239), "gru": (1.198, 1.164, 1.138)},
    512: {"lstm": (1.161, 1.092, 1.082), "gru": (1.170, 1.201, 1.077)},
}
_TABLE_2 = {  # Table 2, War and Peace: n = 1, 2, ...
    "gram": {1: 2.399, 2: 1.928, 3: 1.521, 4: 1.314, 5: 1.232, 6: 1.203, 7: 1.194, 8: 1.194, 9: 1.194, 20: 1.195},
    "nn": {1: 2.399, 2: 1.931, 3: 1.553, 4: 1.451, 5: 1.339, 6: 1.321},
}


@dataclass(frozen=True)
class Result:
    """One run of a sweep; losses in nats a symbol, `classes`: errors by layer."""

    name: str
    model: str
    parameters: int | None
    epochs: int | None
    best_epoch: int | None
    val_loss: float | None
    test_loss: float
    deviation: float
    paper: float | None
    errors: int
    positions: int
    classes: dict[str, int]

    @property
    def family(self) -> str:
        """What kind of model it is: `LSTM-2`, `n-NN` or `n-gram`."""
        kind, layers = self.name.split("-")[:2]
        return {"nn": "n-NN", "gram": "n-gram"}.get(layers) or f"{kind.upper()}-{layers}"

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's."""
        return None if self.paper is None else self.test_loss - self.paper


@dataclass(frozen=True, eq=False)
class SweepResults:
    """The finished runs of a sweep.  `disagreement[i, j]`: share of positions whose first-ranked symbols differ."""

    results: list[Result]
    missing: list[str]
    disagreement: NDArray[np.float64]
    signature: str


def read_results(spec: SweepSpec, folder: Path) -> SweepResults:
    """What the finished runs of a sweep have in their folders.  Memory: one symbol a position and run."""
    split = read_split(Path(spec.text))
    sha256 = split.text_sha256 if split else ""
    results, missing, best = [], [], []
    signature = ""
    for name in spec.names:
        if not (folder / name / "peel.parquet").is_file():
            missing.append(name)
            continue
        log = read_log(folder / name / "preds.parquet")
        peel = read_peel(folder / name / "peel.parquet")
        results.append(_result(folder, name, log, summarise(peel), sha256))
        best.append(log.codes if log.argmax_codes is None else log.argmax_codes)
        signature = f"{peel.signature}|bootstrap:block={BLOCK},replicates={REPLICATES},seed={SEED}"
    disagreement = np.array([[float((a != b).mean()) for b in best] for a in best]).reshape(len(best), -1)
    return SweepResults(results, missing, disagreement, signature)


def _result(folder: Path, name: str, log: PredictionLog, summary: Summary, text_sha256: str) -> Result:
    path = folder / name
    run = read_run(path) if (path / "run.json").is_file() else None
    counts = {layer.name: layer.count for layer in summary.layers}
    return Result(
        name=name,
        model=summary.model,
        parameters=run.config.parameters if run else None,
        epochs=len(run.history) if run else None,
        best_epoch=run.best.epoch if run else None,
        val_loss=run.best.val_loss if run else None,
        test_loss=-float(np.nanmean(log.logprobs)),
        deviation=deviation_of_mean(log.logprobs),
        paper=paper_loss(name) if text_sha256 == WAR_AND_PEACE else None,
        errors=summary.errors,
        positions=summary.positions,
        classes={layer: counts.get(layer, 0) for layer in LAYER_NAMES},
    )


def paper_loss(name: str) -> float | None:
    """The paper's test cross-entropy of a run on War and Peace; None where it has none.

    >>> paper_loss("lstm-2-64"), paper_loss("3-nn"), paper_loss("9-gram"), paper_loss("rnn-1-512")
    (1.442, 1.553, 1.194, None)
    """
    parts = name.split("-")
    if len(parts) == 2:
        return _TABLE_2.get(parts[1], {}).get(int(parts[0]))
    row = _TABLE_1.get(int(parts[2]), {}).get(parts[0], ())
    return row[int(parts[1]) - 1] if int(parts[1]) <= len(row) else None


def to_json(found: SweepResults) -> dict[str, Any]:
    """One document: all runs, those missing, and the disagreements."""
    names = [result.name for result in found.results]
    return {
        "schema": SCHEMA,
        "signature": found.signature,
        "runs": [{**asdict(result), "difference": result.difference} for result in found.results],
        "missing": found.missing,
        "disagreement": {
            name: dict(zip(names, row, strict=True))
            for name, row in zip(names, found.disagreement.tolist(), strict=True)
        },
    }
