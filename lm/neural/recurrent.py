"""LSTM, GRU and RNN language models over one-hot symbols (Karpathy et al. 2015, section 3).

Shapes: B streams (batch), T steps (unrolled), K symbols, H hidden units, L layers.
"""

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from errtax.lm.errors import UsageError

State = tuple[Tensor, ...]
"""Hidden state: (h, c) for an LSTM, (h,) otherwise; each (L, B, H)."""


class CellKind(StrEnum):
    """The recurrent cells of the paper's section 3.1."""

    LSTM = "lstm"
    GRU = "gru"
    RNN = "rnn"


_GATES = {CellKind.LSTM: 4, CellKind.GRU: 3, CellKind.RNN: 1}
_MODULES: dict[CellKind, type[nn.RNNBase]] = {CellKind.LSTM: nn.LSTM, CellKind.GRU: nn.GRU, CellKind.RNN: nn.RNN}


@dataclass(frozen=True)
class RecurrentConfig:
    """Everything that fixes the model's shape."""

    cell: CellKind = CellKind.LSTM
    layers: int = 2
    hidden: int = 128
    symbols: int = 87
    dropout: float = 0.0  # between layers and before the softmax, as in char-rnn

    def __post_init__(self) -> None:
        if self.layers < 1 or self.hidden < 1 or self.symbols < 1:
            raise UsageError(f"layers, hidden and symbols must be at least 1, got {self}.")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must lie in [0, 1), got {self.dropout}.")

    @property
    def name(self) -> str:
        """For example `LSTM-2 (45 units)`."""
        return f"{self.cell.upper()}-{self.layers} ({self.hidden} units)"

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return count_parameters(self.cell, self.layers, self.hidden, self.symbols)


def count_parameters(cell: CellKind, layers: int, hidden: int, symbols: int) -> int:
    """Parameters of a model: per gate one input matrix, one recurrent matrix and one bias; a softmax on top."""
    inputs = symbols + (layers - 1) * hidden
    return _GATES[cell] * hidden * (inputs + layers * (hidden + 1)) + symbols * (hidden + 1)


def hidden_for_budget(cell: CellKind, layers: int, budget: int, symbols: int) -> int:
    """The hidden size whose parameter count is nearest to that of a 1-layer LSTM of `budget` units.

    The rows 64, 128, 256, 512 of the paper's Table 1 are such budgets.

    >>> hidden_for_budget(CellKind.LSTM, 2, 64, 87), hidden_for_budget(CellKind.LSTM, 3, 512, 87)
    (45, 241)
    >>> hidden_for_budget(CellKind.GRU, 3, 512, 87), hidden_for_budget(CellKind.RNN, 2, 256, 87)
    (280, 325)
    """
    target = count_parameters(CellKind.LSTM, 1, budget, symbols)
    hidden = 1
    while count_parameters(cell, layers, hidden + 1, symbols) <= target:
        hidden += 1
    return min(hidden, hidden + 1, key=lambda h: abs(count_parameters(cell, layers, h, symbols) - target))


class RecurrentLM(nn.Module):  # type: ignore[misc,unused-ignore]
    """A stack of recurrent layers on one-hot symbols with a softmax on top.

    One bias per gate, as in the paper: torch's second bias stays at zero and is not trained.  torch's GRU applies
    the reset gate to U h, the paper's to h; with one bias the two differ in nothing else.
    """

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        dropout = config.dropout if config.layers > 1 else 0.0
        self.cells = _MODULES[config.cell](config.symbols, config.hidden, config.layers, dropout=dropout)
        self.decoder = nn.Linear(config.hidden, config.symbols)
        self.dropout = nn.Dropout(config.dropout)
        # row K stays zero: the input for a symbol outside the alphabet
        self.register_buffer("one_hot", torch.eye(config.symbols + 1)[:, : config.symbols], persistent=False)
        # the forget gate's bias, too: begun at 1, as by later versions of char-rnn, an LSTM-1 of 64 units on War and
        # Peace is at 1.83 nats after seven epochs instead of 1.70, and comes to 1.53 instead of 1.46
        for name, parameter in self.named_parameters():
            nn.init.uniform_(parameter, -0.08, 0.08)
            if name.startswith("cells.bias_hh"):
                nn.init.zeros_(parameter).requires_grad_(False)

    def forward(self, symbols: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (T, B, K) of the next symbol after each of `symbols` (T, B; -1 = unknown), and the new state."""
        inputs = self.one_hot[symbols]  # (T, B, K); index -1 is the zero row
        if state is not None and self.config.cell is not CellKind.LSTM:
            output, new = self.cells(inputs, state[0])
        else:
            output, new = self.cells(inputs, state)
        return self.decoder(self.dropout(output)), new if isinstance(new, tuple) else (new,)
