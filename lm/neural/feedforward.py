"""The paper's n-NN baseline: one tanh layer on the last n symbols, one-hot (Karpathy et al. 2015, section 4.2).

Shapes: B streams (batch), T steps, K symbols, H hidden units, n symbols of context.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from errtax.lm.errors import UsageError


@dataclass(frozen=True)
class FeedforwardConfig:
    """Everything that fixes the model's shape."""

    context: int = 3
    hidden: int = 128
    symbols: int = 87
    dropout: float = 0.0  # before the softmax

    def __post_init__(self) -> None:
        if self.context < 1 or self.hidden < 1 or self.symbols < 1:
            raise UsageError(f"context, hidden and symbols must be at least 1, got {self}.")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must lie in [0, 1), got {self.dropout}.")

    @property
    def name(self) -> str:
        """For example `3-NN (128 units)`."""
        return f"{self.context}-NN ({self.hidden} units)"

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return self.hidden * (self.context * self.symbols + 1) + self.symbols * (self.hidden + 1)


class FeedforwardLM(nn.Module):  # type: ignore[misc,unused-ignore]
    """logits = V tanh(b + sum over j < n of U_j x_(t-j)) + a, with x one-hot; symbols before the text are zero.

    The product of a one-hot vector with U_j is a row of a table, so a window is one sum of n rows per symbol.
    """

    def __init__(self, config: FeedforwardConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Parameter(torch.empty(config.context * config.symbols, config.hidden))
        self.bias = nn.Parameter(torch.empty(config.hidden))
        self.decoder = nn.Linear(config.hidden, config.symbols)
        self.dropout = nn.Dropout(config.dropout)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.08, 0.08)
        offsets = torch.arange(config.context).flip(0) * config.symbols  # the oldest symbol stands first
        self.register_buffer("offsets", offsets, persistent=False)

    def forward(self, symbols: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Logits (T, B, K) of the next symbol after each of `symbols` (T, B; -1 = unknown), and the new state.

        The state is the history: the last n - 1 symbols, (n - 1, B).
        """
        n = self.config.context
        history = symbols.new_full((n - 1, symbols.shape[1]), -1) if state is None else state[0]
        read = torch.cat([history, symbols])
        windows = read.unfold(0, n, 1)  # (T, B, n), the newest symbol last
        known = (windows >= 0).to(self.table.dtype)
        rows = (windows.clamp(min=0) + self.offsets).flatten(0, 1)
        summed = F.embedding_bag(rows, self.table, mode="sum", per_sample_weights=known.flatten(0, 1))
        hidden = torch.tanh(summed + self.bias).unflatten(0, symbols.shape)
        return self.decoder(self.dropout(hidden)), (read[len(read) - n + 1 :],)
