"""What transformers' `Trainer` calls: a watch is told where the training stands."""

from collections.abc import Callable
from typing import Any, Protocol

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Watch(Protocol):
    """What is told of the steps."""

    def begin(self, step: int = 0) -> None:
        """The training begins, or goes on after a step."""

    def step(self, step: int, model: Any = None) -> object:
        """A step is done."""

    def finish(self, model: Any = None) -> object:
        """The training has ended."""


class WatchCallback(TrainerCallback):  # type: ignore[misc]  # transformers is not typed here
    """Tells a watch of the steps of a trainer, in its first process alone.

    `make(log)`: the watch, which gives its numbers to `log(step, numbers)`: they go wherever the trainer reports to.
    """

    def __init__(self, trainer: Trainer, make: Callable[[Callable[[int, dict[str, float]], None]], Watch]) -> None:
        self._trainer = trainer
        self._watch = make(self._log) if trainer.is_world_process_zero() else None

    def _log(self, step: int, numbers: dict[str, float]) -> None:
        """Log numbers; the trainer's own are logged at this step, too, if they were going to be."""
        due = self._trainer.control.should_log
        self._trainer.log(dict(numbers))
        self._trainer.control.should_log = due

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The training begins, or goes on from a checkpoint."""
        if self._watch is not None and state.is_world_process_zero:
            self._watch.begin(state.global_step)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """The weights were updated."""
        if self._watch is not None and state.is_world_process_zero:
            self._watch.step(state.global_step, model)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """The training has ended."""
        if self._watch is not None and state.is_world_process_zero:
            self._watch.finish(model)
