"""Training a recurrent model by the recipe of Karpathy et al. 2015, section 3.2.

In: the ids of a training and a validation text.  Out: a run folder with `run.json` (configuration, alphabet,
history), `last.pt` (everything to go on from) and `best.pt` (the weights with the lowest validation loss).
The text is laid out as B rows that are read side by side; the state is carried from window to window along a row.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import replacing, write_text
from errtax.lm.recurrent import Cell, RecurrentConfig, RecurrentLM, State
from errtax.lm.text import Alphabet, Unit

SCHEMA = "errtax.run/1"
_IGNORED = -100  # cross_entropy's mark for a position without a target


@dataclass(frozen=True)
class Recipe:
    """The paper's training recipe; what it does not print is that of the authors' char-rnn."""

    epochs: int = 50
    batch: int = 100
    unroll: int = 100
    learning_rate: float = 2e-3  # RMSProp
    rms_decay: float = 0.95
    lr_decay: float = 0.95  # per epoch, after epoch `decay_after`
    decay_after: int = 10
    clip: float = 5.0  # element-wise clamp of the gradient (not printed in the paper)
    patience: int = 8  # epochs without a better validation loss before stopping early
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.unroll, self.patience) < 1 or not self.learning_rate > 0:
            raise UsageError(f"epochs, batch, unroll and patience must be at least 1, learning rate > 0; got {self}.")

    def rate_of_epoch(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 1."""
        return self.learning_rate * self.lr_decay ** max(0, epoch - self.decay_after)


@dataclass(frozen=True)
class Epoch:
    """One line of a run's history; losses in nats a symbol."""

    epoch: int
    train_loss: float
    val_loss: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Run:
    """What `run.json` holds: what was trained on what, and how it went."""

    config: RecurrentConfig
    recipe: Recipe
    unit: Unit
    alphabet: list[int]
    train_sha256: str
    val_sha256: str
    history: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch with the lowest validation loss."""
        return min(self.history, key=lambda epoch: epoch.val_loss)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done or early stopping has struck."""
        done = len(self.history)
        return done >= self.recipe.epochs or (done > 0 and done - self.best.epoch >= self.recipe.patience)

    def encode(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        """The ids of a text's symbols in this model; -1 for symbols that it does not know."""
        return Alphabet(np.array(self.alphabet, np.uint32)).encode(codes)


@dataclass(frozen=True)
class Status:
    """Where the training stands, once a window."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float  # nats a symbol, mean of this epoch so far
    symbols_per_second: float
    seconds_left: float  # of all epochs, as if none were saved by early stopping


def read_run(folder: Path) -> Run:
    """The run described by `folder/run.json`."""
    path = folder / "run.json"
    if not path.is_file():
        raise BadInput(f"{folder} is not a run: it has no run.json; make one with errtax train TEXT -o {folder}.")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("schema", None) != SCHEMA:
            raise ValueError(f'"schema" is not "{SCHEMA}"')
        config, recipe = fields.pop("config"), fields.pop("recipe")
        return Run(
            config=RecurrentConfig(**{**config, "cell": Cell(config["cell"])}),
            recipe=Recipe(**recipe),
            unit=Unit(fields.pop("unit")),
            history=[Epoch(**epoch) for epoch in fields.pop("history")],
            **fields,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path} is not a run description ({error}); train again with errtax train.") from None


def write_run(folder: Path, run: Run) -> None:
    """Write `folder/run.json`."""
    write_text(folder / "run.json", json.dumps({"schema": SCHEMA, **asdict(run)}, indent=1) + "\n")


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is CUDA where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.zeros(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device {name!r} cannot be used here ({reason}); try --device cpu.") from None


def load_best(folder: Path, device: torch.device) -> RecurrentLM:
    """The model of a run with its best weights, ready to predict."""
    run = read_run(folder)
    model = RecurrentLM(run.config)
    _restore(model, _load(folder / "best.pt", device), folder / "best.pt")
    model.to(device).eval()
    return model


def _load(path: Path, device: torch.device) -> Any:
    if not path.is_file():
        raise BadInput(f"{path} is missing: the run was stopped before its first epoch ended; go on with --resume.")
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise BadInput(f"{path} is damaged ({type(error).__name__}); train again with errtax train.") from None


def _restore(target: RecurrentLM | torch.optim.Optimizer, state: Any, path: Path) -> None:
    try:
        target.load_state_dict(state)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{path} does not fit the model that run.json describes ({reason}); train again.") from None


def lay_out(ids: NDArray[np.int64], batch: int, unroll: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets, both (steps, B): B equal rows of the text side by side.

    A text too short for B rows of one window gets fewer rows.  What does not fill a row is dropped (fewer than B
    symbols).  The last target of a row is ignored: its successor belongs to another row.
    """
    rows = max(1, min(batch, len(ids) // (unroll + 1)))
    length = len(ids) // rows
    if length < 2:
        raise BadInput(f"a text of {len(ids)} symbols is too short to train on; at least 2 are needed.")
    inputs = torch.from_numpy(ids[: rows * length].reshape(rows, length).T.copy())
    targets = torch.full_like(inputs, _IGNORED)
    targets[:-1] = inputs[1:]
    targets[targets < 0] = _IGNORED  # a validation symbol that training never saw
    return inputs, targets


def train(
    folder: Path,
    run: Run,
    train_ids: NDArray[np.int64],
    val_ids: NDArray[np.int64],
    device: torch.device,
    on_step: Callable[[Status], None] = lambda status: None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Run:
    """Train until the last epoch or early stopping, going on after the epochs that `folder` already holds.

    Equal seeds give equal numbers on the same device and thread count, also across any number of resumptions:
    each epoch begins with a clean state and its own random seed.
    """
    recipe = run.recipe
    torch.manual_seed(recipe.seed)
    model = RecurrentLM(run.config).to(device)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.RMSprop(trained, lr=recipe.learning_rate, alpha=recipe.rms_decay)
    if run.history:
        last = _load(folder / "last.pt", device)
        if not isinstance(last, dict) or last.keys() != {"model", "optimizer", "history"}:
            raise BadInput(f"{folder / 'last.pt'} is no checkpoint of errtax train; train again, without --resume.")
        run = replace(run, history=[Epoch(**epoch) for epoch in last["history"]])
        _restore(model, last["model"], folder / "last.pt")
        _restore(optimizer, last["optimizer"], folder / "last.pt")
    inputs, targets = (part.to(device) for part in lay_out(train_ids, recipe.batch, recipe.unroll))
    validation = tuple(part.to(device) for part in lay_out(val_ids, recipe.batch, recipe.unroll))
    while not run.finished:
        epoch = len(run.history) + 1
        torch.manual_seed(recipe.seed * 1_000_003 + epoch)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_of_epoch(epoch)
        start = time.perf_counter()
        train_loss = _train_epoch(model, optimizer, inputs, targets, recipe, epoch, on_step)
        val_loss = mean_loss(model, *validation, recipe.unroll)
        if not math.isfinite(val_loss):
            raise BadInput(f"the loss is not finite after epoch {epoch}; try a lower --learning-rate.")
        seconds = time.perf_counter() - start
        record = Epoch(epoch, train_loss, val_loss, recipe.rate_of_epoch(epoch), seconds)
        run = replace(run, history=[*run.history, record])
        _save(folder, run, model, optimizer)
        on_epoch(record)
    return run


def _train_epoch(
    model: RecurrentLM,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    recipe: Recipe,
    epoch: int,
    on_step: Callable[[Status], None],
) -> float:
    model.train()
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: State | None = None
    total, symbols, start = torch.zeros((), device=inputs.device), 0, time.perf_counter()
    steps = -(-len(inputs) // recipe.unroll)
    for step, (window, target) in enumerate(_windows(inputs, targets, recipe.unroll), 1):
        logits, state = model(window, state)
        state = tuple(part.detach() for part in state)
        loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=_IGNORED)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(trained, recipe.clip)
        optimizer.step()
        total += loss.detach() * target.numel()
        symbols += target.numel()
        rate = symbols / (time.perf_counter() - start)
        left = inputs.numel() * (recipe.epochs - epoch + 1) - symbols
        on_step(Status(epoch, recipe.epochs, step, steps, float(total) / symbols, rate, left / rate))
    return float(total) / symbols


def _windows(inputs: Tensor, targets: Tensor, unroll: int) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(inputs), unroll):
        target = targets[start : start + unroll]
        if (target != _IGNORED).any():  # a last window of one ignored target would have no loss
            yield inputs[start : start + unroll], target


@torch.no_grad()
def mean_loss(model: RecurrentLM, inputs: Tensor, targets: Tensor, unroll: int) -> float:
    """Cross-entropy in nats a symbol of a laid-out text, from a clean state, without dropout."""
    model.eval()
    state: State | None = None
    total, symbols = 0.0, 0
    for window, target in _windows(inputs, targets, unroll):
        logits, state = model(window, state)
        loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=_IGNORED, reduction="sum")
        total += float(loss)
        symbols += int((target != _IGNORED).sum())
    return total / max(symbols, 1)


def _save(folder: Path, run: Run, model: RecurrentLM, optimizer: torch.optim.Optimizer) -> None:
    # last.pt is one consistent whole, from which alone training goes on; a kill between two of these files
    # repeats an epoch, to the same numbers; run.json repeats the history for readers
    history = [asdict(epoch) for epoch in run.history]
    if run.best is run.history[-1]:
        with replacing(folder / "best.pt") as temporary:
            torch.save(model.state_dict(), temporary)
    with replacing(folder / "last.pt") as temporary:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "history": history}
        torch.save(state, temporary)
    write_run(folder, run)
