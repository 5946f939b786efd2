"""Training speed against a bare torch loop of the same model: the library's `train` on one side, twenty plain lines
on the other, in alternation.  Logging, validation of 1 % and a checkpoint every 10 steps are on.

    python bench/training.py [--models lstm,gru,rnn] [--hidden 64,512] [--layers 1] [--pairs 3] [--threads 1]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from errtax.lm.neural.recurrent import CellKind, RecurrentConfig
from errtax.lm.neural.run import Recipe, Run
from errtax.lm.neural.training import CheckpointRule, Watch, train
from errtax.lm.text import Unit

K, BATCH, UNROLL = 87, 100, 100
MODULES = {CellKind.LSTM: nn.LSTM, CellKind.GRU: nn.GRU, CellKind.RNN: nn.RNN}


def bare_epoch(ids: torch.Tensor, config: RecurrentConfig) -> float:
    """Seconds of one epoch of nn.LSTM (GRU, RNN) + nn.Linear with RMSProp and clipping, nothing else."""
    cells, decoder, eye = (
        MODULES[config.cell](K, config.hidden, config.layers),
        nn.Linear(config.hidden, K),
        torch.eye(K),
    )
    parameters = [*cells.parameters(), *decoder.parameters()]
    optimizer = torch.optim.RMSprop(parameters, lr=2e-3, alpha=0.95)
    rows = ids[: len(ids) // BATCH * BATCH].reshape(BATCH, -1).T
    state = None
    start = time.perf_counter()
    for step in range(0, len(rows) - 1, UNROLL):
        inputs, targets = rows[:-1][step : step + UNROLL], rows[1:][step : step + UNROLL]
        output, state = cells(eye[inputs], state)
        state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        loss = nn.functional.cross_entropy(decoder(output).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(parameters, 5.0)
        optimizer.step()
    return time.perf_counter() - start


def our_epoch(codes: np.ndarray, config: RecurrentConfig) -> float:
    """Seconds of one epoch of `errtax train`, with all that it writes."""
    run = Run(config, Recipe(epochs=1), Unit.BYTE, list(range(K)), "", "")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(
            Path(folder),
            run,
            codes,
            codes[: len(codes) // 100],
            torch.device("cpu"),
            Watch(checkpoints=CheckpointRule(10)),
        )
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="lstm,gru,rnn")
    parser.add_argument("--hidden", default="64,512")
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--work", type=float, default=4e10, help="symbols times parameters in one epoch")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for model in options.models.split(","):
        for hidden in map(int, options.hidden.split(",")):
            config = RecurrentConfig(CellKind(model), options.layers, hidden, K)
            compare(config, max(int(options.work / config.parameters) // 10_000, 20) * 10_000, options.pairs)


def compare(config: RecurrentConfig, symbols: int, pairs: int) -> None:
    """Print the rates of both sides on as many random symbols, and the median of the ratios of their times."""
    codes = np.random.default_rng(1).integers(0, K, symbols).astype(np.uint8)
    ids = torch.from_numpy(codes.astype(np.int64))
    bare_epoch(ids[:30_000], config)
    ratios, rates = [], []
    for _ in range(pairs):
        bare, ours = bare_epoch(ids, config), our_epoch(codes, config)
        ratios.append(ours / bare)
        rates.append((symbols / bare, symbols / ours))
    bare_rate, our_rate = (statistics.median(pair[k] for pair in rates) for k in (0, 1))
    spread = f"[{min(ratios):.3f}, {max(ratios):.3f}]"
    print(
        f"{config.name}: bare {bare_rate:,.0f} symbols/s, errtax {our_rate:,.0f} symbols/s, "
        f"ratio of times {statistics.median(ratios):.3f} {spread}",
        flush=True,
    )


if __name__ == "__main__":
    main()
