"""What the commands around models share: the need for torch, and word of how a training goes."""

from collections.abc import Callable
from typing import Any

from errtax.cli.frame import notice
from errtax.lm.errors import UsageError


def require_torch() -> None:
    """Raise `UsageError`, with the way out, where torch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UsageError("training and prediction need torch: pip install 'errtax[lm]'.")


def watch_training(update: Callable[[float, float, str], None], rule: Any = None) -> Any:
    """What `train` calls: one function moves the bar at each step, one tells of each epoch; and what it keeps."""
    from errtax.lm.neural.training import CheckpointRule, Watch

    def on_step(status: Any) -> None:
        done = (status.epoch - 1) * status.steps + status.step
        text = f"epoch {status.epoch}/{status.epochs}  loss {status.loss:.3f}  {status.symbols_per_second:,.0f} chars/s"
        update(done, status.epochs * status.steps, text)

    def on_epoch(epoch: Any) -> None:
        losses = f"training {epoch.train_loss:.4f}, validation {epoch.val_loss:.4f} nats"
        notice(f"epoch {epoch.epoch}: {losses}, {epoch.seconds:.0f} s")

    return Watch(on_step, on_epoch, rule or CheckpointRule())
