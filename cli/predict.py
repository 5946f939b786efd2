"""`errtax predict`."""

import math
from pathlib import Path
from typing import Any

import click

from errtax.cli.frame import Update, emit, force_option, progress
from errtax.cli.frame import command as declare
from errtax.cli.paths import FILE, OUTPUT, RUN, SPLIT
from errtax.cli.transformer import predict_transformer, require_one_model, transformer_options


@declare("predict", "errtax predict lstm2 --text wp/test.txt -o preds.parquet")
@click.argument("run", type=RUN, required=False)
@click.option("--text", type=SPLIT, required=True, help="The text to predict; for --hf JSON lines, too, or a split.")
@click.option("-o", "--output", type=OUTPUT, default="preds.parquet", show_default=True, help="Log to write.")
@click.option("--checkpoint", type=FILE, help="Weights to use instead of the best: RUN/checkpoints/step-….pt.")
@click.option("--dynamic", is_flag=True, help="Dynamic evaluation: the model trains on the text as it goes.")
@click.option("--dynamic-rate", type=float, default=0.02, show_default=True, help="Its learning rate (plain descent).")
@click.option("--dynamic-window", type=int, default=50, show_default=True, help="Symbols predicted between two steps.")
@transformer_options
@click.option("--device", default="auto", show_default=True)
@force_option
def command(run: Path | None, hf: str | None, text: Path, output: Path, force: bool, **options: Any) -> None:
    """Write the prediction log of a model on a text: a trained one (RUN), or a transformer (--hf MODEL).

    The text is read as one stream.  The test part of `split --scheme streams` is read as its streams, each after the
    validation part of its own stream.  With --dynamic each stream is read by itself,
    starting from the run's weights.

    A transformer reads its text in windows of tokens, and the log is of bytes, computed from its whole distributions,
    or of its tokens (--unit token).  An interrupted prediction is resumed by the same command.
    """
    from errtax.lm.prediction_log import LOG

    require_one_model(run, hf)
    predict: Any = _predict_run if hf is None else _predict_hf
    with progress("predicting") as update:
        nats, line, more = predict(run or hf, text, output, force, update, options)
    finite = math.isfinite(nats)  # not so where the model gives a symbol of the text probability 0
    document = {"schema": LOG.name, "log": str(output), "nats": nats if finite else None}
    emit({**document, "bits": nats / math.log(2) if finite else None, **more}, f"{output}  {line}")


_Result = tuple[float, str, dict[str, Any]]  # nats per row, a line that says it, what else JSON has


def _predict_run(run: Path, text: Path, output: Path, force: bool, update: Update, options: dict[str, Any]) -> _Result:
    from errtax.lm.files import require_absent
    from errtax.lm.neural.prediction import Dynamic, PredictOptions, predict

    require_absent(output, force)
    dynamic = Dynamic(options["dynamic_rate"], options["dynamic_window"]) if options["dynamic"] else None
    chosen = PredictOptions(options["device"], dynamic, options["checkpoint"])
    nats = predict(run, text, output, chosen, force, lambda done, total: update(done, total, ""))
    return nats, f"{nats:.4f} nats per symbol", {}


def _predict_hf(hf: str, text: Path, output: Path, force: bool, update: Update, options: dict[str, Any]) -> _Result:
    found = predict_transformer(hf, text, output, force, update, options)
    bits = found.bits_per_byte if math.isfinite(found.nats) else None
    line = f"{found.mean:.4f} nats per {found.unit}, {found.bits_per_byte:.4f} bits per byte"
    return found.mean, line, {"unit": str(found.unit), "predicted": found.predicted, "bits_per_byte": bits}
