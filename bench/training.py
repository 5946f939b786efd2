"""Training speed against a bare torch loop of the same model: the library's `train` on one side, twenty plain lines
on the other, in alternation.

    python bench/training.py [--layers 2] [--hidden 45] [--symbols 400000] [--pairs 3] [--threads 1]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from errtax.lm.recurrent import Cell, RecurrentConfig
from errtax.lm.text import Unit
from errtax.lm.training import Recipe, Run, train

K, BATCH, UNROLL = 87, 100, 100


def bare_epoch(ids: torch.Tensor, layers: int, hidden: int) -> float:
    """Seconds of one epoch of nn.LSTM + nn.Linear with RMSProp and clipping, nothing else."""
    cells, decoder, eye = nn.LSTM(K, hidden, layers), nn.Linear(hidden, K), torch.eye(K)
    parameters = [*cells.parameters(), *decoder.parameters()]
    optimizer = torch.optim.RMSprop(parameters, lr=2e-3, alpha=0.95)
    rows = ids[: len(ids) // BATCH * BATCH].reshape(BATCH, -1).T
    state = None
    start = time.perf_counter()
    for step in range(0, len(rows) - 1, UNROLL):
        inputs, targets = rows[:-1][step : step + UNROLL], rows[1:][step : step + UNROLL]
        output, state = cells(eye[inputs], state)
        state = tuple(part.detach() for part in state)
        loss = nn.functional.cross_entropy(decoder(output).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(parameters, 5.0)
        optimizer.step()
    return time.perf_counter() - start


def our_epoch(ids: np.ndarray, layers: int, hidden: int) -> float:
    """Seconds of one epoch of `errtax train`, with logging, the last checkpoint and a validation of 1 % included."""
    run = Run(RecurrentConfig(Cell.LSTM, layers, hidden, K), Recipe(epochs=1), Unit.BYTE, list(range(K)), "", "")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(Path(folder), run, ids, ids[: len(ids) // 100], torch.device("cpu"))
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=45)
    parser.add_argument("--symbols", type=int, default=400_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ids = np.random.default_rng(1).integers(0, K, options.symbols)
    bare_epoch(torch.from_numpy(ids[:50_000]), options.layers, options.hidden)
    ratios = []
    for _ in range(options.pairs):
        bare = bare_epoch(torch.from_numpy(ids), options.layers, options.hidden)
        ours = our_epoch(ids, options.layers, options.hidden)
        ratios.append(ours / bare)
        rates = f"bare {options.symbols / bare:,.0f} symbols/s, errtax {options.symbols / ours:,.0f} symbols/s"
        print(f"{rates}: ratio of times {ratios[-1]:.3f}")
    print(f"LSTM-{options.layers} ({options.hidden} units): median ratio of times {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
