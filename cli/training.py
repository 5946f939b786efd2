"""What `train` and `demo` share: setting up a run, and saying how it goes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from errtax.cli.frame import notice
from errtax.lm.errors import BadInput, UsageError


def require_torch() -> None:
    """Raise `UsageError`, with the way out, where torch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UsageError("training and prediction need torch: pip install 'errtax[lm]'.")


def prepare_run(
    text: Path, val: Path | None, folder: Path, options: Mapping[str, Any], resume: bool, force: bool
) -> tuple[Any, Any, Any]:
    """The run to train (new, or resumed from `folder`), and the ids of its training and validation text."""
    require_torch()
    from errtax.lm.files import require_absent
    from errtax.lm.training import read_run, write_run

    unit, train_codes, val_codes, sha256, alphabet = _read_parts(text, val, options["unit"])
    if resume and (folder / "run.json").is_file():
        run = read_run(folder)
        if run.train_sha256 != sha256[0]:
            raise BadInput(
                f"{folder} was trained on another text than {text}; give that text, or another folder with -o."
            )
        run = replace(run, recipe=replace(run.recipe, epochs=options["epochs"], patience=options["patience"]))
    else:
        require_absent(folder / "run.json", force)
        run = _new_run(unit, alphabet, sha256, options)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("last.pt", "best.pt"):
            (folder / name).unlink(missing_ok=True)
        write_run(folder, run)
    return run, run.encode(train_codes), run.encode(val_codes)


def _read_parts(text: Path, val: Path | None, unit_name: str) -> tuple[Any, Any, Any, tuple[str, str], list[int]]:
    from errtax.lm.split import read_split
    from errtax.lm.text import Alphabet, Unit, read_text

    unit = Unit(unit_name)
    source = text / "train.txt" if text.is_dir() else text
    if text.is_dir() and not source.is_file():
        raise BadInput(f"{text} has no train.txt; make it with errtax split TEXT -o {text}.")
    train = read_text(source, unit)
    split = read_split(source.parent)
    whole = split is not None and split.is_part("train", train.sha256) and unit is Unit.BYTE
    alphabet = split.alphabet if whole and split else Alphabet.sorted(train.codes).codes.tolist()
    if val is None and text.is_dir():
        val = text / "val.txt"
    if val is not None:
        held_out = read_text(val, unit)
        return unit, train.codes, held_out.codes, (train.sha256, held_out.sha256), alphabet
    cut = len(train) - max(len(train) // 20, 1)
    notice(f"No validation text: the last {len(train) - cut:,} symbols of {source} are held out.")
    return unit, train.codes[:cut], train.codes[cut:], (train.sha256, train.sha256), alphabet


def _new_run(unit: Any, alphabet: list[int], sha256: tuple[str, str], options: Mapping[str, Any]) -> Any:
    from errtax.lm.recurrent import Cell, RecurrentConfig, hidden_for_budget
    from errtax.lm.training import Recipe, Run

    if options["hidden"] and options["budget"]:
        raise UsageError("--hidden and --budget both fix the size; give one of them.")
    cell = Cell(options["model"])
    hidden = options["hidden"] or 128
    if options["budget"]:
        hidden = hidden_for_budget(cell, options["layers"], options["budget"], len(alphabet))
    config = RecurrentConfig(cell, options["layers"], hidden, len(alphabet), options["dropout"])
    names = ("epochs", "batch", "unroll", "learning_rate", "patience", "seed")
    return Run(config, Recipe(**{name: options[name] for name in names}), unit, alphabet, *sha256)


def report_training(
    update: Callable[[float, float, str], None],
) -> tuple[Callable[[Any], None], Callable[[Any], None]]:
    """The two callbacks of `train`: one moves the bar at each step, one tells of each epoch."""

    def on_step(status: Any) -> None:
        done = (status.epoch - 1) * status.steps + status.step
        text = f"epoch {status.epoch}/{status.epochs}  loss {status.loss:.3f}  {status.symbols_per_second:,.0f} chars/s"
        update(done, status.epochs * status.steps, text)

    def on_epoch(epoch: Any) -> None:
        losses = f"training {epoch.train_loss:.4f}, validation {epoch.val_loss:.4f} nats"
        notice(f"epoch {epoch.epoch}: {losses}, {epoch.seconds:.0f} s")

    return on_step, on_epoch
