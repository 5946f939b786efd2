"""A run: the folder in which a model was trained, and what it holds.

`run.json`: configuration, recipe, alphabet, history.  `last.pt`: all that resuming needs.  `best.pt`: the weights with
the lowest validation loss.  `checkpoints/step-NNNNNNN.pt`: the weights after so many steps, if they were asked for.
"""

import io
import json
import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, UsageError, decoding
from errtax.lm.files import release, replacing, require_absent, require_output_folder, write_text
from errtax.lm.neural.corpus import Corpus
from errtax.lm.neural.models import Model, ModelConfig, build_model
from errtax.lm.neural.streams import Streams, streams_of
from errtax.lm.records import read_json, record_of
from errtax.lm.seal import require_unbroken, seal_zip
from errtax.lm.text import Alphabet, Codes, Text, Unit, read_text

SCHEMA = "errtax.run/1"
_PIECE = 1 << 20  # symbols looked up at a time
logger = logging.getLogger("errtax")


@dataclass(frozen=True)
class Recipe:
    """The recipe of Karpathy et al. 2015, section 3.2; what it does not print is that of the authors' char-rnn."""

    epochs: int = 50
    batch: int = 100
    unroll: int = 100
    learning_rate: float = 2e-3  # RMSProp
    rms_decay: float = 0.95
    lr_decay: float = 0.95  # per epoch, after epoch `decay_after`
    decay_after: int = 10
    clip: float = 5.0  # element-wise clamp of the gradient of the loss summed over the steps (not printed; char-rnn's)
    patience: int = 8  # epochs without a better validation loss before stopping early
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "unroll", "patience", "seed", "decay_after"):
            value, least = getattr(self, name), 0 if name in ("seed", "decay_after") else 1
            if type(value) is not int or value < least:
                raise UsageError(f"{name} must be a whole number of at least {least}, got {value!r}.")
        for name in ("learning_rate", "rms_decay", "lr_decay", "clip"):
            value, most = getattr(self, name), 1.0 if name in ("rms_decay", "lr_decay") else math.inf
            if type(value) not in (int, float) or not (0 < value <= most and math.isfinite(value)):
                limit = "above 0" if most == math.inf else "above 0 and at most 1"
                raise UsageError(f"{name} must be a number {limit}, got {value!r}.")

    def rate_of_epoch(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 1."""
        return self.learning_rate * self.lr_decay ** max(0, epoch - self.decay_after)


@dataclass(frozen=True)
class Epoch:
    """One line of a run's history; losses in nats per symbol."""

    epoch: int
    train_loss: float
    val_loss: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Run:
    """What `run.json` holds: what was trained on what, and how it went."""

    config: ModelConfig
    recipe: Recipe
    unit: Unit
    alphabet: list[int]
    train_sha256: str
    val_sha256: str
    history: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch with the lowest validation loss; `BadInput` before the first has ended."""
        if not self.history:
            raise BadInput("this run was stopped before its first epoch ended; resume it with errtax train --resume.")
        return min(self.history, key=lambda epoch: epoch.val_loss)

    @property
    def described(self) -> str:
        """What a signature says of the model with its best weights."""
        return f"model:{self.config.name}|epochs:{self.best.epoch}|seed:{self.recipe.seed}"

    def to_json(self) -> dict[str, Any]:
        """How the training went, for programs; losses in nats per symbol."""
        return {
            "schema": SCHEMA,
            "model": self.config.name,
            "parameters": self.config.parameters,
            "epochs": len(self.history),
            "best_epoch": self.best.epoch,
            "val_loss": self.best.val_loss,
            "train_loss": self.best.train_loss,
        }

    @property
    def outcome(self) -> str:
        """The same in a sentence."""
        best = self.best
        loss = f"best validation loss {best.val_loss:.4f} nats"
        return f"{self.config.name}: {loss} in epoch {best.epoch} of {len(self.history)}"

    @property
    def finished(self) -> bool:
        """Whether all epochs are done or early stopping has struck."""
        done = len(self.history)
        return done >= self.recipe.epochs or (done > 0 and done - self.best.epoch >= self.recipe.patience)

    def encode(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        """The ids of a text's symbols in this model; -1 for symbols that it does not know."""
        return Alphabet(np.array(self.alphabet, np.uint32)).encode(codes)

    def encode_window(self, codes: Codes) -> torch.Tensor:
        """The ids of some columns of a text's rows, (B, T), in the order in which models read them: (T, B)."""
        return torch.from_numpy(self.encode(codes.reshape(-1))).reshape(codes.shape).T.contiguous()


def read_run(folder: Path) -> Run:
    """The run described by `folder/run.json`."""
    path = folder / "run.json"
    if not path.is_file():
        if (folder / "config.json").is_file():
            raise BadInput(
                f"{folder} has a config.json and no run.json: is it a transformer? Then give it by --hf {folder}."
            )
        raise BadInput(f"{folder} is not a run: it has no run.json; make one with errtax train TEXT -o {folder}.")
    what, advice = "a run description", "; train again with errtax train"
    fields = read_json(path, SCHEMA, what, advice)
    with decoding(f"{path} is not {what}", advice):
        run = record_of(Run, fields)
        _require_whole(run)
        return run


def _require_whole(run: Run) -> None:
    """Raise `ValueError` where what `run.json` says does not hold together."""
    largest = 0xFF if run.unit is Unit.BYTE else 0x10FFFF
    symbols = run.alphabet
    if any(not 0 <= symbol <= largest for symbol in symbols):
        raise ValueError(f"its alphabet has entries that are not a {run.unit}")
    if len(set(symbols)) != len(symbols) or len(symbols) != run.config.symbols:
        raise ValueError(f"its alphabet does not have {run.config.symbols} different symbols")
    if [epoch.epoch for epoch in run.history] != list(range(1, len(run.history) + 1)):
        raise ValueError("the epochs of its history do not count from 1")


def write_run(folder: Path, run: Run) -> None:
    """Write `folder/run.json`."""
    write_text(folder / "run.json", json.dumps({"schema": SCHEMA, **asdict(run)}, indent=1) + "\n")


def open_run(folder: Path, corpus: Corpus, config: ModelConfig, recipe: Recipe, resume: bool, force: bool) -> Run:
    """The run to train in a folder: new, or resumed, then with the recipe's `epochs` and `patience`."""
    if resume and (folder / "run.json").is_file():
        run = read_run(folder)
        if (run.train_sha256, run.val_sha256) != (corpus.train_sha256, corpus.val_sha256):
            raise BadInput(
                f"{folder} was trained or validated on another text; give those texts, or another folder with -o."
            )
        return replace(run, recipe=replace(run.recipe, epochs=recipe.epochs, patience=recipe.patience))
    if resume and (folder / "last.pt").is_file():
        raise BadInput(
            f"{folder} has weights but no run.json, so it is unknown what they belong to; give another folder with -o."
        )
    for path in files_of(folder):
        require_absent(path, force)
    run = Run(config, recipe, corpus.unit, corpus.alphabet, corpus.train_sha256, corpus.val_sha256)
    require_output_folder(folder).mkdir(parents=True, exist_ok=True)
    for path in (folder / "last.pt", folder / "best.pt", *checkpoints(folder).values()):
        path.unlink(missing_ok=True)
    write_run(folder, run)
    return run


def choose_device(name: str = "auto", threads: int | None = None) -> torch.device:
    """The device of that name; `auto` is CUDA where there is one, else the CPU.  `threads`: of torch on the CPU."""
    if threads is not None:
        torch.set_num_threads(threads)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.zeros(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device {name!r} cannot be used here ({reason}); try --device cpu.") from None


def read_for(run: Run, path: Path) -> tuple[Text, Streams]:
    """The text at `path` that a run's model is to read, and the rows in which it reads it.

    Warns where the model does not know some of its symbols.  Raises `BadInput` for a folder, and where a text has
    nothing to predict: one symbol, with nothing before it.
    """
    if path.is_dir():
        hint = f"; give the text itself, for example {path / 'test.txt'}" if (path / "test.txt").is_file() else ""
        raise BadInput(f"{path} is a folder, a model reads one text{hint}.")
    text = read_text(path, run.unit)
    streams = streams_of(path, text)
    if streams.n_columns < 2:
        raise BadInput(f"{path} has one symbol alone, so there is nothing to predict; give a longer text.")
    unknown = sum(int((run.encode(part) < 0).sum()) for part in _pieces(text.codes))
    if unknown:
        logger.warning(
            "%s of the %s symbols are not in the model's alphabet: to them it gives probability 0.",
            f"{unknown:,}",
            f"{len(text):,}",
        )
    return text, streams


def _pieces(codes: Codes) -> Iterator[Codes]:
    for start in range(0, len(codes), _PIECE):
        yield codes[start : start + _PIECE]
        release(codes)


def files_of(folder: Path) -> list[Path]:
    """The files of a run that must not be written over."""
    return [folder / "run.json", folder / "last.pt", folder / "best.pt", *checkpoints(folder).values()]


def load_best(folder: Path, device: torch.device) -> Model:
    """The model of a run with its best weights, ready to predict."""
    return load_weights(read_run(folder), folder / "best.pt", device)


def load_weights(run: Run, path: Path, device: torch.device) -> Model:
    """A run's model with the weights of one file, ready to predict."""
    require_room(run, path)
    model = build_model(run.config)
    restore(model, load_file(path, device), path)
    model.to(device).eval()
    return model


def require_room(run: Run, path: Path) -> None:
    """Raise `BadInput` where a file is too small for a run's weights: so no description makes a model beyond it."""
    if path.is_file() and 4 * run.config.parameters > path.stat().st_size:
        found = f"{path} has {path.stat().st_size:,} bytes, too few for the {run.config.parameters:,} parameters"
        raise BadInput(f"{found} that run.json describes; train again with errtax train.")


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the weights after `step` steps are kept."""
    return folder / "checkpoints" / f"step-{step:07}.pt"


def checkpoints(folder: Path) -> dict[int, Path]:
    """The checkpoints of a run by the number of steps before them, in ascending order."""
    paths = sorted((folder / "checkpoints").glob("step-*.pt"))
    return {step_of(path): path for path in paths}


def step_of(path: Path) -> int:
    """The number of steps before a checkpoint, by its file's name; 0 for other files.

    >>> step_of(Path("run/checkpoints/step-0000260.pt")), step_of(Path("best.pt"))
    (260, 0)
    """
    number = path.stem.removeprefix("step-")
    return int(number) if number.isdigit() else 0


def save_file(state: Any, path: Path) -> None:
    """`torch.save`, all or nothing and sealed: damage is found by `load_file`.

    `OSError` on a full disk, where torch itself raises what looks like a bug.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
        seal_zip(temporary)


def load_file(path: Path, device: torch.device) -> Any:
    """What `save_file`, or `torch.save`, put into a file."""
    if not path.is_file():
        raise BadInput(f"{path} is missing: the run was stopped before its first epoch ended; resume it with --resume.")
    with path.open("rb") as file:
        require_unbroken(file, str(path))
    with decoding(f"{path} is damaged", "; train again with errtax train"):
        return torch.load(path, map_location=device, weights_only=True)


def restore(target: Model | torch.optim.Optimizer, state: Any, path: Path) -> None:
    """Put a saved state back; `BadInput` where it belongs to another model."""
    with decoding(f"{path} does not fit the model that run.json describes"):
        if isinstance(target, torch.optim.Optimizer):
            groups = target.state_dict()["param_groups"]  # the recipe's, whatever the file says
            target.load_state_dict({"state": _averages(state["state"], target), "param_groups": groups})
            return
        for name, due in target.state_dict().items():
            _require_alike(name, state.get(name), due)
        target.load_state_dict(state)


def _averages(state: Any, optimizer: torch.optim.Optimizer) -> dict[int, Any]:
    """What RMSProp remembers of each parameter; `ValueError` where that is something else."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if state.keys() != set(range(len(parameters))):
        raise ValueError("its optimiser has other parameters")
    found = {}
    for k, due in enumerate(parameters):
        if state[k].keys() != {"step", "square_avg"}:
            raise ValueError("its optimiser is no RMSProp of errtax train")
        _require_alike(f"square_avg of parameter {k}", state[k]["square_avg"], due)
        found[k] = {"step": float(state[k]["step"]), "square_avg": state[k]["square_avg"].contiguous()}
    return found


def _require_alike(name: str, found: Any, due: torch.Tensor) -> None:
    """Raise `ValueError` unless what was found is a tensor of the same shape and type."""
    if not torch.is_tensor(found):
        raise ValueError(f"{name} is no tensor")
    if (found.shape, found.dtype, found.layout) != (due.shape, due.dtype, due.layout):
        raise ValueError(f"{name} is {found.dtype} of shape {tuple(found.shape)}, {tuple(due.shape)} is due")
