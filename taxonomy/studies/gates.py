"""How often the gates of each unit are saturated (Karpathy et al. 2015, section 4.2, Figure 3).

A gate is left-saturated on a symbol when its activation is below 0.1, right-saturated when it is above 0.9.  One pass
over the text; O(units x gates) memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import errtax
from errtax.lm.errors import UsageError
from errtax.lm.neural.activations import GATES, read_layers
from errtax.lm.neural.recurrent import RecurrentConfig
from errtax.lm.neural.run import read_for, read_run

# isort: split
import torch  # after lm.neural, which says what to install where it is missing

SCHEMA = "errtax.gates/1"


@dataclass(frozen=True)
class Thresholds:
    """Below `left` a gate is left-saturated, above `right` right-saturated (both strict)."""

    left: float = 0.1
    right: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.left < self.right < 1:
            raise UsageError(f"thresholds must be 0 < left < right < 1, got {self.left} and {self.right}.")


@dataclass(frozen=True, eq=False)
class Saturation:
    """Fractions and means, each of shape (layers, gates, units); `n` symbols were read."""

    config: RecurrentConfig
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    mean: NDArray[np.float64]
    n: int
    thresholds: Thresholds
    signature: str

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of the second axis."""
        return GATES[self.config.cell]

    def most_saturated(self, count: int) -> list[tuple[int, int, int]]:
        """The (layer, gate, unit) that are most of the time on one side, the most extreme first."""
        extreme = np.maximum(self.left, self.right)
        order = np.argsort(-extreme, axis=None, kind="stable")[:count]
        return [(int(k), int(g), int(u)) for k, g, u in zip(*np.unravel_index(order, extreme.shape), strict=True)]


def measure_saturation(
    folder: Path,
    path: Path,
    thresholds: Thresholds = Thresholds(),
    device: str = "auto",
    double: bool = False,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Saturation:
    """The saturation of a run's gates on a text.  Raises `UsageError` for a model without gates."""
    run = read_run(folder)
    if not isinstance(run.config, RecurrentConfig) or not GATES[run.config.cell]:
        raise UsageError(f"{folder} holds {run.config.name}, which has no gates; give an LSTM or a GRU.")
    text, streams = read_for(run, path)
    config = run.config
    gates = GATES[config.cell]
    sums = torch.zeros(3, config.layers, len(gates), config.hidden, dtype=torch.float64)
    n = 0
    for window in read_layers(folder, streams, device, double, on_step):
        n += window.codes.size
        for k, layer in enumerate(window.layers):
            for g, name in enumerate(gates):
                sums[:, k, g] += _sums(layer.gates[name].flatten(0, 1), thresholds)
    made = f"errtax:{errtax.__version__}|unit:{run.unit}|n:{n}|{run.described}"
    limits = f"left:<{thresholds.left:g}|right:>{thresholds.right:g}|precision:{'double' if double else 'single'}"
    signature = f"{made}|{limits}|text:{text.sha256[:8]}|train:{run.train_sha256[:8]}"
    left, right, mean = (sums / max(n, 1)).numpy()
    return Saturation(config, left, right, mean, n, thresholds, signature)


def _sums(gate: torch.Tensor, thresholds: Thresholds) -> torch.Tensor:
    """Left, right and all of a gate's activations (N, H), summed over N: (3, H)."""
    left, right = (gate < thresholds.left).sum(0), (gate > thresholds.right).sum(0)
    return torch.stack([left.double(), right.double(), gate.double().sum(0)]).cpu()


def to_json(saturation: Saturation, count: int) -> dict[str, Any]:
    """One document: the most saturated gates, and for each layer and gate how much of it is saturated."""
    return {
        "schema": SCHEMA,
        "signature": saturation.signature,
        "model": saturation.config.name,
        "positions": saturation.n,
        "layers": [
            {
                "layer": k + 1,
                "gate": name,
                "left": float(saturation.left[k, g].mean()),
                "right": float(saturation.right[k, g].mean()),
            }
            for k in range(len(saturation.left))
            for g, name in enumerate(saturation.gates)
        ],
        "most_saturated": [row_of(saturation, *place) for place in saturation.most_saturated(count)],
    }


def row_of(saturation: Saturation, k: int, g: int, u: int) -> dict[str, Any]:
    """What is known of one gate of one unit; layers and units are counted from 1."""
    numbers = {name: float(getattr(saturation, name)[k, g, u]) for name in ("left", "right", "mean")}
    return {"layer": k + 1, "unit": u + 1, "gate": saturation.gates[g], **numbers}
