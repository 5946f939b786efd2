"""errtax: why is my language model wrong?  Error analysis around n-gram oracles.

The folders are the method.  A language model (`errtax.lm`) writes a prediction log, oracles
(`errtax.oracle`) add evidence to it, the taxonomy (`errtax.taxonomy`) peels the errors layer by layer,
reports (`errtax.reports`) show the result, and the CLI (`errtax.cli`) is a skin over all of it.

In a notebook: `errtax.peel(log, train_text="train.txt")`, or `errtax.read("preds.peel.parquet")`; see `docs/python.md`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from errtax import training
    from errtax.lm.hf.python import predict
    from errtax.lm.ngram.index import NgramIndex
    from errtax.lm.projected_log import byte_log
    from errtax.reports.notebook import forecast, peel, read, trend

__version__ = "0.1.0"
__all__ = ["NgramIndex", "__version__", "byte_log", "forecast", "peel", "predict", "read", "training", "trend"]


def __getattr__(name: str) -> Any:
    """The public functions, imported when they are asked for: `import errtax` itself stays light."""
    if name in ("forecast", "peel", "read", "trend"):
        from errtax.reports import notebook  # noqa: PLC0415

        return getattr(notebook, name)
    if name == "byte_log":
        from errtax.lm.projected_log import byte_log  # noqa: PLC0415
        from errtax.reports.python_words import speaks_python  # noqa: PLC0415

        return speaks_python(byte_log)
    if name == "NgramIndex":
        from errtax.lm.ngram.index import NgramIndex  # noqa: PLC0415

        return NgramIndex
    if name == "predict":
        from errtax.lm.hf.python import predict  # noqa: PLC0415
        from errtax.reports.python_words import speaks_python  # noqa: PLC0415

        return speaks_python(predict)
    if name == "training":
        return import_module("errtax.training")
    raise AttributeError(f"module 'errtax' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, those that are not imported yet among them."""
    return sorted(__all__)
