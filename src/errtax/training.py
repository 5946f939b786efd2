"""Training one can watch: what a model in training gets wrong, class by class, while it learns.

Every so many steps a fixed sample of a held-out text is predicted and peeled.  The classes of errors go to whatever
keeps the training's curves; logs and peels stay in a folder, and a page there follows it all (`docs/transformers.md`).

>>> import errtax.training
>>> watch = errtax.training.PeelWatch(model, tokenizer, "val.txt", "watch", ngram="train.ngram")  # doctest: +SKIP
>>> for step, batch in enumerate(batches, 1):  # doctest: +SKIP
...     train_on(batch)
...     watch.step(step)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from errtax.reports.studies.peel_callback import PeelCallback
    from errtax.reports.studies.peel_watch import PeelWatch

__all__ = ["PeelCallback", "PeelWatch"]


def __getattr__(name: str) -> Any:
    """The classes, imported when they are asked for: `PeelWatch` needs torch, `PeelCallback` transformers, too."""
    if name == "PeelWatch":
        from errtax.reports.studies.peel_watch import PeelWatch  # noqa: PLC0415

        return PeelWatch
    if name == "PeelCallback":
        from errtax.reports.studies.peel_callback import PeelCallback  # noqa: PLC0415

        return PeelCallback
    raise AttributeError(f"module 'errtax.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, those that are not imported yet among them."""
    return sorted(__all__)
