"""The options of `errtax predict --hf`, and what they do."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from errtax.cli.frame import Update, emit, progress
from errtax.cli.parts import Cluster, part_folder, parts_beside, tell_part
from errtax.cli.paths import MODULE
from errtax.lm.errors import UsageError
from errtax.lm.hf.sources import DTYPES

if TYPE_CHECKING:
    from errtax.lm.hf.parts import HfPart
    from errtax.lm.log_parts import Predicted
    from errtax.lm.part import Part

_OF_HF = ("unit", "window", "stride", "prefix", "batch", "bytes", "least_context", "limit", "revision", "dtype", "jobs")
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


def emit_transformer(
    hf: str,
    text: Path,
    output: Path | None,
    part: "Part | None",
    cluster: Cluster | None,
    force: bool,
    options: dict[str, Any],
) -> None:
    """Write the log of a transformer on a text, or a part of it, here or on a cluster, and show what came out."""
    from errtax.lm.files import require_absent
    from errtax.lm.hf.parts import HfPart, predict_whole, write_hf_part
    from errtax.lm.hf.prediction import HfOptions

    kept = {name: options[name] for name in ("unit", "window", "stride", "prefix", "batch", "bytes", "least_context")}
    given = {name: options[name] for name in ("limit", "revision", "dtype", "device")}
    spec = HfPart(hf, text, HfOptions(**kept), Path(), **given)  # wrong options are found before anything is loaded
    if part is not None:
        spec = replace(spec, part=part, folder=part_folder(output, "preds.parquet", cluster))
        with progress("predicting") as update:
            made = write_hf_part(spec, force, _on_step(update))
        tell_part(part, spec.path, made)
        return
    path = require_absent(output or Path("preds.parquet"), force)
    if cluster is not None:
        _emit_on(cluster, spec, path, force)
        return
    with progress("predicting") as update:
        found = predict_whole(spec, path, force, _on_step(update))
    emit_predicted(found, path)


def _emit_on(cluster: Cluster, spec: "HfPart", output: Path, force: bool) -> None:
    from errtax.lm.files import discard
    from errtax.lm.hf.parts import predict_on

    folder = parts_beside(output)
    with cluster.pool("Predicting", gpus=1) as pool, progress("predicting") as update:
        predict_on(pool, replace(spec, folder=folder), cluster.tasks, update)
    emit_merged_log(folder, output, force)
    discard(folder)


def emit_merged_log(folder: Path, output: Path, force: bool) -> None:
    """Write the log that all parts in a folder are, and show it as `predict --hf` would."""
    from errtax.lm.log_parts import merge_log

    with progress("merging") as update:
        found = merge_log(folder, output, force, update)
    emit_predicted(found, output)


def emit_predicted(found: "Predicted", output: Path) -> None:
    """What a log comes to."""
    from errtax.lm.prediction_log import LOG

    finite = math.isfinite(found.nats)  # not so where the model gives a symbol of the text probability 0
    means = {"nats": found.mean, "bits": found.mean / math.log(2)}
    document = {"schema": LOG.name, "log": str(output), **{name: n if finite else None for name, n in means.items()}}
    document |= {"unit": str(found.unit), "predicted": found.predicted}
    line = f"{output}  {found.mean:.4f} nats per {found.unit}, {found.bits_per_byte:.4f} bits per byte"
    emit({**document, "bits_per_byte": found.bits_per_byte if finite else None}, line)


def _on_step(update: Update) -> Callable[[int, int], None]:
    begun: list[tuple[float, int]] = []

    def on_step(done: int, total: int) -> None:
        begun.append((monotonic(), done)) if not begun else None
        seconds, tokens = monotonic() - begun[0][0], done - begun[0][1]
        update(done, total, f"{tokens / seconds:,.0f} tokens/s" if seconds and tokens else "")

    return on_step
