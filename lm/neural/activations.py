"""What happens inside a recurrent model while it reads a text: gates and cells of every unit, window by window.

torch's recurrent modules give out the hidden states h of a layer, and quickly; the gates follow from them by the
layer's own equations (Karpathy et al. 2015, section 3.1), for all steps of a window in one product.  Only the LSTM's
cell state c needs a loop over the steps, of one multiplication and addition each.

Shapes: B rows, T steps, H units.  Memory O(B T H), whatever the length of the text.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from errtax.lm.errors import UsageError
from errtax.lm.neural.recurrent import CellKind, RecurrentLM
from errtax.lm.neural.run import choose_device, load_best, read_run
from errtax.lm.neural.streams import Span, Streams
from errtax.lm.text import Codes

GATES: Mapping[CellKind, tuple[str, ...]] = {
    CellKind.LSTM: ("input", "forget", "output"),
    CellKind.GRU: ("update", "reset"),
    CellKind.RNN: (),
}
"""The gates of each cell, in the order of the paper's Figure 3."""
_WINDOW = 100  # steps at a time


class LayerActivations(NamedTuple):
    """One layer over one window; the arrays have shape (T, B, H) and hold what was computed on reading each symbol.

    `gates`: by name, each in (0, 1).  `cell`: the LSTM's c; of a GRU and an RNN the hidden state h.
    """

    gates: dict[str, Tensor]
    cell: Tensor


class Window(NamedTuple):
    """Some columns of a text's rows, `codes` (B, T) from column `start` on, and what each layer did on reading them."""

    start: int
    codes: Codes
    layers: list[LayerActivations]


class CellWindow(NamedTuple):
    """As `Window`, with one array (T, B, H) a layer: tanh(c) of an LSTM, h of a GRU or an RNN, after each symbol."""

    start: int
    codes: Codes
    values: tuple[NDArray[np.float32], ...]


@torch.no_grad()
def read_layers(
    folder: Path,
    streams: Streams,
    device: str = "auto",
    double: bool = False,
    on_step: Callable[[int, int], None] = lambda done, total: None,
    span: Span | None = None,
) -> Iterator[Window]:
    """The activations of a run's best model on the rows of a text (see `run.read_for`).

    `double`: in double precision; else in the model's own, in which it also predicts.  `span`: only these rows, whose
    numbers the windows then count from 0, and only these columns.
    """
    run = read_run(folder)
    model = load_best(folder, choose_device(device))
    if not isinstance(model, RecurrentLM):
        raise UsageError(f"{folder} holds {run.config.name}, without gates or cells; give an LSTM, GRU or RNN.")
    first, total = streams.width, streams.n_columns
    if span is not None:
        streams, first, total = streams.select(span.rows), first + span.start, min(first + span.stop, total)
    stack = _Stack(model.double() if double else model)
    for begin, stop in streams.windows(_WINDOW, total):
        codes, skip = streams.columns(begin, stop), max(first - begin, 0)
        ids = run.encode_window(codes).to(stack.device)
        if skip >= stop - begin:  # columns that only lead up to the rows
            stack.advance(ids)
        else:
            layers = stack.read(ids)
            kept = [
                LayerActivations({name: gate[skip:] for name, gate in gates.items()}, cell[skip:])
                for gates, cell in layers
            ]
            yield Window(begin + skip - streams.width, codes[:, skip:], kept)
        on_step(stop, total)


def read_cells(
    folder: Path,
    streams: Streams,
    device: str = "auto",
    on_step: Callable[[int, int], None] = lambda done, total: None,
    span: Span | None = None,
) -> Iterator[CellWindow]:
    """The cells alone, as the paper's Figure 2 colours them: tanh(c) of an LSTM, h otherwise."""
    squashed = read_run(folder).config
    is_lstm = getattr(squashed, "cell", None) is CellKind.LSTM
    for start, codes, layers in read_layers(folder, streams, device, on_step=on_step, span=span):
        values = [layer.cell.tanh() if is_lstm else layer.cell for layer in layers]
        yield CellWindow(start, codes, tuple(value.float().cpu().numpy() for value in values))


class _Stack:
    """The layers of a model one by one, and the state that each carries from window to window."""

    def __init__(self, model: RecurrentLM) -> None:
        self.kind = model.config.cell
        self.one_hot = model.one_hot.to(model.decoder.weight.dtype)
        self.device = self.one_hot.device
        self.layers = [_single_layer(model, k) for k in range(model.config.layers)]
        blocks = {CellKind.LSTM: ((0, 1, 3), (2,)), CellKind.GRU: ((0, 1),), CellKind.RNN: ()}[self.kind]
        self.parts = [[_Part.of(module, block, k == 0) for block in blocks] for k, module in enumerate(self.layers)]
        self.states: list[tuple[Tensor, ...]] = [()] * len(self.layers)

    def read(self, ids: Tensor) -> list[LayerActivations]:
        """What each layer does on reading a window of ids (T, B), carrying on from the window before."""
        before = [state or self._start(ids.shape[1]) for state in self.states]
        hidden, read, found = self.advance(ids), ids, []
        for k, parts in enumerate(self.parts):
            previous = torch.cat([before[k][0], hidden[k][:-1]])  # what each step began with
            if k > 0:
                read = torch.cat([hidden[k - 1], previous], dim=2)
            found.append(self._layer([part.sums(read, previous) for part in parts], hidden[k], before[k]))
        return found

    def advance(self, ids: Tensor) -> list[Tensor]:
        """The hidden states (T, B, H) of each layer on reading a window of ids (T, B)."""
        inputs, hidden = self.one_hot[ids], []
        for k, module in enumerate(self.layers):
            state = self.states[k] or self._start(ids.shape[1])
            inputs, after = module(inputs, state if self.kind is CellKind.LSTM else state[0])
            self.states[k] = after if isinstance(after, tuple) else (after,)
            hidden.append(inputs)
        return hidden

    def _start(self, rows: int) -> tuple[Tensor, ...]:
        zeros = self.one_hot.new_zeros(1, rows, self.layers[0].hidden_size)
        return (zeros, zeros) if self.kind is CellKind.LSTM else (zeros,)

    def _layer(self, sums: list[Tensor], hidden: Tensor, before: tuple[Tensor, ...]) -> LayerActivations:
        if self.kind is CellKind.RNN:
            return LayerActivations({}, hidden)
        gates = sums[0].sigmoid_().chunk(len(GATES[self.kind]), dim=2)
        if self.kind is CellKind.GRU:
            # torch's update gate keeps the old state, the paper's takes the new one: the one is 1 minus the other
            return LayerActivations({"update": 1 - gates[1], "reset": gates[0]}, hidden)
        named = dict(zip(GATES[self.kind], gates, strict=True))
        written, cells, c = named["input"] * sums[1].tanh_(), torch.empty_like(hidden), before[1][0]
        for t in range(len(cells)):
            c = torch.addcmul(written[t], named["forget"][t], c, out=cells[t])
        return LayerActivations(named, cells)


class _Part(NamedTuple):
    """Some blocks of a layer's rows, W x + U h + b: one matrix on (x, h), or, for ids, a table of W x + b, and U."""

    table: Tensor | None
    matrix: Tensor
    bias: Tensor

    @classmethod
    def of(cls, module: nn.RNNBase, blocks: tuple[int, ...], reads_ids: bool) -> "_Part":
        rows = torch.cat([torch.arange(module.hidden_size) + block * module.hidden_size for block in blocks])
        rows = rows.to(module.weight_ih_l0.device)
        inputs, recurrent = module.weight_ih_l0[rows].T, module.weight_hh_l0[rows].T
        bias = module.bias_ih_l0[rows] + module.bias_hh_l0[rows]
        if not reads_ids:
            return cls(None, torch.cat([inputs, recurrent]), bias)
        unknown = torch.zeros_like(inputs[:1])  # the last row, which id -1 finds
        return cls(torch.cat([inputs, unknown]) + bias, recurrent, bias)

    def sums(self, read: Tensor, previous: Tensor) -> Tensor:
        """(T, B, rows) from ids (T, B) and h (T, B, H), or from (x, h) in one (T, B, 2H)."""
        if self.table is None:
            return torch.addmm(self.bias, read.flatten(0, 1), self.matrix).unflatten(0, read.shape[:2])
        return self.table[read].flatten(0, 1).addmm_(previous.flatten(0, 1), self.matrix).unflatten(0, read.shape)


def _single_layer(model: RecurrentLM, k: int) -> nn.RNNBase:
    """Layer k of a model as a module of its own, with the same parameters."""
    inputs = model.config.symbols if k == 0 else model.config.hidden
    module = type(model.cells)(inputs, model.config.hidden, device=model.one_hot.device)
    module.to(model.decoder.weight.dtype)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(module, f"{name}_l0").copy_(getattr(model.cells, f"{name}_l{k}"))
    return module
