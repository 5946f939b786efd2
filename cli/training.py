"""How a training tells of itself: a bar for its steps, a line for each epoch."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from errtax.cli.frame import notice

if TYPE_CHECKING:
    from errtax.lm.neural.run import Epoch
    from errtax.lm.neural.training import CheckpointRule, Status, Watch


def watch_training(update: Callable[[float, float, str], None], rule: "CheckpointRule | None" = None) -> "Watch":
    """What `train` calls: one function moves the bar at each step, one tells of each epoch; and what it keeps."""
    from errtax.lm.neural.training import CheckpointRule, Watch

    def on_step(status: "Status") -> None:
        done = (status.epoch - 1) * status.steps + status.step
        text = f"epoch {status.epoch}/{status.epochs}  loss {status.loss:.3f}  {status.symbols_per_second:,.0f} chars/s"
        update(done, status.epochs * status.steps, text)

    def on_epoch(epoch: "Epoch") -> None:
        losses = f"training {epoch.train_loss:.4f}, validation {epoch.val_loss:.4f} nats"
        notice(f"epoch {epoch.epoch}: {losses}, {epoch.seconds:.0f} s")

    return Watch(on_step, on_epoch, rule or CheckpointRule())
