"""How a training tells of itself: a bar for its steps, a line for each epoch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from errtax.cli.frame import notice

if TYPE_CHECKING:
    from errtax.lm.neural.corpus import Corpus
    from errtax.lm.neural.models import Model
    from errtax.lm.neural.run import Epoch, Run
    from errtax.lm.neural.training import CheckpointRule, Status, Watch


def watch_training(
    update: Callable[[float, float, str], None],
    rule: "CheckpointRule | None" = None,
    on_weights: "Callable[[int, Model], object]" = lambda step, model: None,
) -> "Watch":
    """What `train` calls: one function moves the bar at each step, one tells of each epoch; and what it keeps."""
    from errtax.lm.neural.training import CheckpointRule, Watch

    def on_step(status: "Status") -> None:
        done = (status.epoch - 1) * status.steps + status.step
        text = f"epoch {status.epoch}/{status.epochs}  loss {status.loss:.3f}  {status.symbols_per_second:,.0f} chars/s"
        update(done, status.epochs * status.steps, text)

    def on_epoch(epoch: "Epoch") -> None:
        losses = f"training {epoch.train_loss:.4f}, validation {epoch.val_loss:.4f} nats"
        notice(f"epoch {epoch.epoch}: {losses}, {epoch.seconds:.0f} s")

    return Watch(on_step, on_epoch, rule or CheckpointRule(), on_weights)


@contextmanager
def watched(
    folder: Path, run: "Run", corpus: "Corpus", every: int | None
) -> "Iterator[tuple[Callable[[int, Model], object], dict[str, str]]]":
    """What looks at the model after each step, and what JSON says of it: where the page is, once all has ended."""
    if every is None:
        yield lambda step, model: None, {}
        return
    from errtax.reports.studies.run_watch import RunWatch

    watch, written = RunWatch(folder, run, corpus, every), dict[str, str]()
    notice(f"{watch.page} follows the training")
    yield watch.on_weights, written
    watch.finish()
    written["watch"] = str(watch.page)
