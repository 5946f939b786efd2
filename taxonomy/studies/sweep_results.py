"""What a sweep found: one row per run, the disagreement of each pair, and the paper's numbers beside ours."""

import math
from collections.abc import Container
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from errtax.lm.log_reader import read_log
from errtax.lm.neural.run import read_run
from errtax.lm.prediction_log import PredictionLog
from errtax.taxonomy.bootstrap import STANDARD
from errtax.taxonomy.layers.registry import LAYER_NAMES
from errtax.taxonomy.peel_file import read_peel
from errtax.taxonomy.studies.sweep_record import SCHEMA, Result, SweepResults, model_of
from errtax.taxonomy.studies.sweep_seeds import over_seeds
from errtax.taxonomy.studies.sweep_spec import SweepSpec
from errtax.taxonomy.summary import Summary, summarise
from errtax.taxonomy.units import deviation_of_mean

WAR_AND_PEACE = "20e2ba2460b703b3775c48b00d4446e44d7bae250efe0e6a1f234e43fb6526a8"
"""SHA-256 of the paper's test part (330,000 bytes, of a split by streams), for which its numbers hold."""
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


def read_results(spec: SweepSpec, folder: Path, failed: Container[str] = ()) -> SweepResults:
    """What the finished runs of a sweep have in their folders, those that `failed` left out: theirs may be stale.

    Memory: one symbol per position and run.
    """
    results, missing, best = [], [], []
    signature = ""
    for name in spec.names:
        if name in failed or not (folder / name / "peel.parquet").is_file():
            missing.append(name)
            continue
        log = read_log(folder / name / "preds.parquet")
        peel = read_peel(folder / name / "peel.parquet")
        deviation, units = deviation_of_mean([log], STANDARD)
        results.append(_result(folder, name, log, summarise(peel), deviation))
        best.append(log.codes if log.argmax_codes is None else log.argmax_codes)
        signature = f"{peel.signature}|bootstrap:{units.describe(STANDARD)}"
    disagreement = np.array([[float((a != b).mean()) for b in best] for a in best]).reshape(len(best), len(best))
    return SweepResults(results, missing, disagreement, agreement_map(disagreement), signature)


def agreement_map(disagreement: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places of models in the plane, (models, 2), by t-SNE (van der Maaten & Hinton 2008) of their disagreements."""
    if len(disagreement) < 3:
        return np.array([[k, 0.0] for k in range(len(disagreement))]).reshape(-1, 2)
    perplexity = min(5.0, (len(disagreement) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, metric="precomputed", init="random", random_state=1)
    places: NDArray[np.float64] = tsne.fit_transform(disagreement).astype(np.float64)
    return places


def _result(folder: Path, name: str, log: PredictionLog, summary: Summary, deviation: float | None) -> Result:
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
        deviation=deviation,
        paper=paper_loss(name) if log.text_sha256 == WAR_AND_PEACE else None,
        errors=summary.errors,
        positions=summary.positions,
        classes={layer: counts.get(layer, 0) for layer in LAYER_NAMES},
    )


def paper_loss(name: str) -> float | None:
    """The paper's test cross-entropy of a run on War and Peace; None where it has none.

    >>> paper_loss("lstm-2-64-seed2"), paper_loss("3-nn"), paper_loss("9-gram"), paper_loss("rnn-1-512")
    (1.442, 1.553, 1.194, None)
    """
    parts = model_of(name).split("-")
    if len(parts) == 2:
        return _TABLE_2.get(parts[1], {}).get(int(parts[0]))
    row = _TABLE_1.get(int(parts[2]), {}).get(parts[0], ())
    return row[int(parts[1]) - 1] if int(parts[1]) <= len(row) else None


def to_json(sweep: SweepResults) -> dict[str, Any]:
    """One document: all runs, models with several seeds, runs that are missing, and the disagreements."""
    names = [result.name for result in sweep.results]
    return {
        "schema": SCHEMA,
        "signature": sweep.signature,
        "runs": [
            {
                **{key: _finite(value) for key, value in asdict(result).items()},
                "difference": _finite(result.difference),
                "place": place,
            }
            for result, place in zip(sweep.results, sweep.places.tolist(), strict=True)
        ],
        "over_seeds": [
            {**{key: _finite(value) for key, value in asdict(model).items()}, "difference": _finite(model.difference)}
            for model in over_seeds(sweep.results)
        ],
        "missing": sweep.missing,
        "disagreement": {
            name: dict(zip(names, row, strict=True))
            for name, row in zip(names, sweep.disagreement.tolist(), strict=True)
        },
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
