"""The options of `errtax predict --hf`, and what they do."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from errtax.cli.frame import Update
from errtax.cli.paths import MODULE
from errtax.lm.errors import UsageError
from errtax.lm.hf.sources import DTYPES

if TYPE_CHECKING:
    from errtax.lm.hf.log import Predicted

_OF_HF = ("unit", "window", "stride", "prefix", "batch", "bytes", "least_context", "limit", "revision", "dtype")
_OF_RUNS = ("checkpoint", "dynamic", "dynamic_rate", "dynamic_window")
_BYTES = "Probabilities of bytes by the tokenizer's own tokens, or by the K best tokenizations at a time (very slow)."
_LEAST = "Do not predict the first tokens of a document, those with fewer before them."
_MODEL = "A transformer: a folder, a .gguf file, or a name on the hub."
_OPTIONS = (
    click.option("--hf", type=MODULE, metavar="MODEL", help=_MODEL),
    click.option("--unit", type=click.Choice(["byte", "token"]), default="byte", show_default=True, help="Its rows."),
    click.option("--bytes", metavar="canonical|exact,beam=K", default="canonical", show_default=True, help=_BYTES),
    click.option("--window", type=int, help="Tokens that it reads at a time [default: all that it can, at most 1024]."),
    click.option("--stride", type=int, help="Tokens from one window's start to the next [default: half of a window]."),
    click.option("--prefix", metavar="auto|none|ID", default="auto", show_default=True, help="Before each window."),
    click.option("--least-context", type=int, default=0, show_default=True, help=_LEAST),
    click.option("--batch", type=int, default=1, show_default=True, help="Windows read side by side."),
    click.option("--limit", type=int, metavar="BYTES", help="Predict the beginning of the text only."),
    click.option("--revision", help="Version of a model on the hub; step1000 says which training step it is."),
    click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of its weights."),
)


def transformer_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of transformers."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def require_one_model(run: Path | None, hf: str | None) -> None:
    """Raise `UsageError` unless a run or a transformer is given, and the options of that one alone."""
    if (run is None) == (hf is None):
        found = "both are given" if run else "neither is given"
        raise UsageError(f"predict takes a trained model, RUN, or a transformer, --hf MODEL; {found}.")
    context = click.get_current_context()
    for name in _OF_RUNS if hf else _OF_HF:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            what = "a transformer (--hf) takes no" if hf else "a run takes no"
            raise UsageError(f"{what} --{name.replace('_', '-')}; leave it out.")


def predict_transformer(
    hf: str, text: Path, output: Path, force: bool, update: Update, options: dict[str, Any]
) -> "Predicted":
    """Write the log of a transformer on a text; return its sums."""
    from errtax.lm.files import require_absent
    from errtax.lm.hf.documents import read_documents
    from errtax.lm.hf.model import load_model
    from errtax.lm.hf.prediction import HfOptions, predict_text
    from errtax.lm.hf.sources import Source
    from errtax.lm.hf.tokenizer import load_tokenizer

    kept = {name: options[name] for name in ("unit", "window", "stride", "prefix", "batch", "bytes", "least_context")}
    require_absent(output, force)
    chosen = HfOptions(**kept)  # wrong options are found before anything is loaded
    documents = read_documents(text).limited(options["limit"])
    tokenizer = load_tokenizer(hf, options["revision"])
    model = load_model(Source.of(hf, options["revision"]), options["dtype"], options["device"])
    begun: list[tuple[float, int]] = []

    def on_step(done: int, total: int) -> None:
        begun.append((monotonic(), done)) if not begun else None
        seconds, tokens = monotonic() - begun[0][0], done - begun[0][1]
        update(done, total, f"{tokens / seconds:,.0f} tokens/s" if seconds and tokens else "")

    return predict_text(model, tokenizer, documents, output, chosen, force, on_step)
