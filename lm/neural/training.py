"""Training a model by the recipe of Karpathy et al. 2015, section 3.2.

In: a training and a validation text.  Out: a run folder (see `run`).  The text is laid out as B rows that are read side
by side, in windows of T steps; the state is carried from window to window along a row.  Memory does not grow with the
text: each window is encoded when its turn comes.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from errtax.lm.errors import BadInput, UsageError, decoding
from errtax.lm.neural.models import Model, build_model
from errtax.lm.neural.run import Epoch, Run, checkpoint_path, load_file, require_room, restore, save_file, write_run
from errtax.lm.neural.streams import Streams, lay_out
from errtax.lm.records import record_of
from errtax.lm.text import Codes

_IGNORED = -1  # the id of an unknown symbol: a position without a target


@dataclass(frozen=True)
class Status:
    """Where the training stands, once per window."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float  # nats per symbol, mean of this epoch so far
    symbols_per_second: float


@dataclass(frozen=True)
class CheckpointRule:
    """After which steps the weights are kept, in `checkpoints/`: after every so many, at the end of each epoch, and
    ten times in each decade of steps (1, 2, 3, 4, 6, 7, 8, 10, 13, 16, 20, 26, ...), where most happens early."""

    every: int | None = None
    epochs: bool = False
    logarithmic: bool = False

    @classmethod
    def parse(cls, text: str) -> "CheckpointRule":
        """The rule that `100`, `epoch`, `log` or a list of them such as `epoch,log` stands for."""
        names = [name.strip() for name in text.split(",")]
        numbers = [int(name) for name in names if name.isdigit()]
        if (
            len(numbers) > 1
            or 0 in numbers
            or any(name not in ("epoch", "log") and not name.isdigit() for name in names)
        ):
            raise UsageError(f"checkpoints are kept every so many steps, at each 'epoch' and 'log'; got {text!r}.")
        return cls(numbers[0] if numbers else None, "epoch" in names, "log" in names)

    def keeps(self, step: int, last_of_epoch: bool) -> bool:
        """Whether the weights after this step are kept."""
        due = self.every is not None and step % self.every == 0
        return due or (self.epochs and last_of_epoch) or (self.logarithmic and _begins_a_tenth(step))


def _begins_a_tenth(step: int) -> bool:
    """Whether 10^(k/10) lies in (step - 1, step] for a whole k."""
    return step == 1 or math.floor(10 * math.log10(step) + 1e-9) > math.floor(10 * math.log10(step - 1) + 1e-9)


@dataclass(frozen=True)
class Watch:
    """What to tell while training, and what to keep.  `on_weights`: gets the model after each step."""

    on_step: Callable[[Status], None] = lambda status: None
    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    checkpoints: CheckpointRule = CheckpointRule()
    on_weights: Callable[[int, Model], object] = lambda step, model: None


class Windows:
    """The windows of a text: inputs and targets, both (T, B) ids; -1 is no target, and a symbol unknown."""

    def __init__(self, run: Run, codes: Codes, device: torch.device) -> None:
        self.run, self.device = run, device
        self.streams: Streams = lay_out(codes, run.recipe.batch, run.recipe.unroll)

    @property
    def steps(self) -> int:
        """The windows of one epoch."""
        return -(-(self.streams.n_columns - 1) // self.run.recipe.unroll)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        last = self.streams.n_columns - 1  # the last column is a target only
        for start, stop in self.streams.windows(self.run.recipe.unroll, last):
            codes = self.streams.columns(start, stop + 1)
            ids = self.run.encode_window(codes).to(self.device)  # (T + 1, B)
            yield ids[:-1], ids[1:]


def train(
    folder: Path, run: Run, train_codes: Codes, val_codes: Codes, device: torch.device, watch: Watch = Watch()
) -> Run:
    """Train until the last epoch or early stopping, resuming after the epochs that `folder` already holds.

    Equal seeds give equal numbers on the same device and thread count, also across any number of resumptions:
    each epoch begins with a clean state and its own random seed.
    """
    recipe = run.recipe
    if run.history:
        require_room(run, folder / "last.pt")
    torch.manual_seed(recipe.seed)
    model = build_model(run.config).to(device)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.RMSprop(trained, lr=recipe.learning_rate, alpha=recipe.rms_decay)
    if run.history:
        run = _go_on(folder, run, model, optimizer)
        write_run(folder, run)  # a kill may have come between last.pt and run.json
    text, held_out = Windows(run, train_codes, device), Windows(run, val_codes, device)
    with _denormals_flushed():
        while not run.finished:
            start, epoch = time.perf_counter(), len(run.history) + 1
            torch.manual_seed(recipe.seed * 1_000_003 + epoch)
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate_of_epoch(epoch)
            train_loss = _train_epoch(folder, model, optimizer, text, epoch, watch)
            val_loss = mean_loss(model, held_out)
            if not math.isfinite(val_loss):
                raise BadInput(f"the loss is not finite after epoch {epoch}; try a lower --learning-rate.")
            seconds = time.perf_counter() - start
            record = Epoch(epoch, train_loss, val_loss, recipe.rate_of_epoch(epoch), seconds)
            run = replace(run, history=[*run.history, record])
            _save(folder, run, model, optimizer)
            watch.on_epoch(record)
    return run


def _go_on(folder: Path, run: Run, model: Model, optimizer: torch.optim.Optimizer) -> Run:
    path = folder / "last.pt"
    last = load_file(path, next(model.parameters()).device)
    if not isinstance(last, dict) or last.keys() != {"model", "optimizer", "history"}:
        raise BadInput(f"{path} is not a checkpoint of errtax train; train again, without --resume.")
    restore(model, last["model"], path)
    restore(optimizer, last["optimizer"], path)
    with decoding(f"{path} does not say how the training went"):
        return replace(run, history=[record_of(Epoch, epoch) for epoch in last["history"]])


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """RMSProp's averages for rare symbols decay into denormal numbers: 10 % of the time of a small model."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _train_epoch(
    folder: Path, model: Model, optimizer: torch.optim.Optimizer, text: Windows, epoch: int, watch: Watch
) -> float:
    recipe = text.run.recipe
    model.train()
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: tuple[Tensor, ...] | None = None
    total, symbols, start = torch.zeros((), dtype=torch.float64), 0, time.perf_counter()
    for step, (window, targets) in enumerate(text, 1):
        logits, state = model(window, state)
        state = tuple(part.detach() for part in state)
        loss = cross_entropy(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(trained, recipe.clip / len(window))  # the loss is a mean over the steps
        optimizer.step()
        after = (epoch - 1) * text.steps + step
        if watch.checkpoints.keeps(after, step == text.steps):
            save_weights(model, checkpoint_path(folder, after))
        watch.on_weights(after, model)
        total += loss.detach().cpu() * targets.numel()
        symbols += targets.numel()
        rate = symbols / (time.perf_counter() - start)
        watch.on_step(Status(epoch, recipe.epochs, step, text.steps, float(total) / symbols, rate))
    return float(total) / symbols


def cross_entropy(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Nats per symbol; logits (T, B, K), targets (T, B), those of -1 left out."""
    if reduction == "mean" and not (targets != _IGNORED).any():
        return logits.sum() * 0  # torch's mean of nothing is NaN
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED, reduction=reduction)


@torch.no_grad()
def mean_loss(model: Model, text: Windows) -> float:
    """Cross-entropy in nats per symbol of a text, from a clean state, without dropout."""
    model.eval()
    state: tuple[Tensor, ...] | None = None
    total, symbols = 0.0, 0
    for window, targets in text:
        logits, state = model(window, state)
        total += float(cross_entropy(logits, targets, "sum"))
        symbols += int((targets != _IGNORED).sum())
    return total / max(symbols, 1)


def save_weights(model: Model, path: Path) -> None:
    """Write a model's weights, all or nothing."""
    path.parent.mkdir(exist_ok=True)
    save_file(model.state_dict(), path)


def _save(folder: Path, run: Run, model: Model, optimizer: torch.optim.Optimizer) -> None:
    # last.pt is one consistent whole, from which alone training resumes; a kill between two of these files
    # repeats an epoch, to the same numbers; run.json repeats the history for readers
    if run.best is run.history[-1]:
        save_weights(model, folder / "best.pt")
    history: list[dict[str, Any]] = [asdict(epoch) for epoch in run.history]
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "history": history}
    save_file(state, folder / "last.pt")
    write_run(folder, run)
