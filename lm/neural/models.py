"""The models that are trained here, behind one interface: `logits, state = model(symbols, state)`.

symbols: (T, B) ids, -1 = unknown.  logits: (T, B, K), of the next symbol after each.  state: a tuple of tensors that
carries on to the next window, None at the start of a text.
"""

from dataclasses import dataclass

from errtax.lm.errors import UsageError
from errtax.lm.neural.feedforward import FeedforwardConfig, FeedforwardLM
from errtax.lm.neural.recurrent import CellKind, RecurrentConfig, RecurrentLM, count_parameters, hidden_for_budget

ModelConfig = RecurrentConfig | FeedforwardConfig
Model = RecurrentLM | FeedforwardLM


def build_model(config: ModelConfig) -> Model:
    """A new model with the recipe's initial weights."""
    return RecurrentLM(config) if isinstance(config, RecurrentConfig) else FeedforwardLM(config)


@dataclass(frozen=True)
class Shape:
    """A model as it is asked for, before the number of symbols is known.

    `budget`: instead of `hidden`, as many parameters as a 1-layer LSTM of that size.
    """

    model: str = "lstm"  # lstm, gru, rnn or nn
    layers: int = 2
    hidden: int | None = None
    budget: int | None = None
    context: int = 3  # of an n-NN: n
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.hidden is not None and self.budget is not None:
            raise UsageError("hidden and budget both fix the size; give one of them.")
        if min(size for size in (self.hidden, self.budget, 1) if size is not None) < 1:
            raise UsageError(f"hidden and budget are at least 1; got {self.hidden or self.budget}.")

    def config(self, symbols: int) -> ModelConfig:
        """The configuration for so many symbols; 128 units where neither size is given."""
        if self.model == "nn":
            hidden = self.hidden or (_hidden_of_nn(self.context, self.budget, symbols) if self.budget else 128)
            return FeedforwardConfig(self.context, hidden, symbols, self.dropout)
        cell = CellKind(self.model)
        hidden = self.hidden or (hidden_for_budget(cell, self.layers, self.budget, symbols) if self.budget else 128)
        return RecurrentConfig(cell, self.layers, hidden, symbols, self.dropout)


def _hidden_of_nn(context: int, budget: int, symbols: int) -> int:
    target = count_parameters(CellKind.LSTM, 1, budget, symbols)
    return max(1, round((target - symbols) / ((context + 1) * symbols + 1)))
