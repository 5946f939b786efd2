"""`errtax.training.PeelCallback`: watching a training by transformers' `Trainer`."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from errtax.lm.hf.callback import WatchCallback
from errtax.reports.studies.peel_watch import PeelWatch


class PeelCallback(WatchCallback):
    """Watches the training of a trainer of transformers.

    `trainer.add_callback(PeelCallback(trainer, "val.txt", ngram="train.ngram"))`

    What is logged goes through `trainer.log`: to TensorBoard, W&B, trackio or whatever it reports to.  In a distributed
    training only the first process does anything.  A training resumed from a checkpoint goes on in its folder.
    """

    def __init__(
        self,
        trainer: Any,
        held_out: str | PathLike[str] | Iterable[str],
        folder: str | PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        """`held_out`: as of `PeelWatch`.  `folder`: of logs, peels and page [`watch` in the trainer's output folder].

        `options`: those of `PeelWatch`, and `tokenizer`, where the trainer has none as its `processing_class`.

        Raises what `PeelWatch` does.
        """
        tokenizer = options.pop("tokenizer", None) or trainer.processing_class
        place = Path(trainer.args.output_dir) / "watch" if folder is None else folder
        super().__init__(trainer, lambda log: PeelWatch(trainer.model, tokenizer, held_out, place, log=log, **options))
