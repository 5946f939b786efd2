"""`errtax predict`."""

import math
from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, progress
from errtax.cli.paths import FILE, OUTPUT, RUN


@declare("predict", "errtax predict lstm2 --text wp/test.txt -o preds.parquet")
@click.argument("run", type=RUN)
@click.option("--text", type=FILE, required=True, help="The text to predict.")
@click.option("-o", "--output", type=OUTPUT, default="preds.parquet", show_default=True, help="Log to write.")
@click.option("--checkpoint", type=FILE, help="Weights to use instead of the best: RUN/checkpoints/step-….pt.")
@click.option("--dynamic", is_flag=True, help="Dynamic evaluation: the model trains on the text as it goes.")
@click.option("--dynamic-rate", type=float, default=0.02, show_default=True, help="Its learning rate (plain descent).")
@click.option("--dynamic-window", type=int, default=50, show_default=True, help="Symbols predicted between two steps.")
@click.option("--device", default="auto", show_default=True)
@force_option
def command(
    run: Path,
    text: Path,
    output: Path,
    checkpoint: Path | None,
    dynamic: bool,
    dynamic_rate: float,
    dynamic_window: int,
    device: str,
    force: bool,
) -> None:
    """Write the prediction log of a trained model (RUN) on a text.

    The text is read as one stream.  The test part of `split --scheme streams` is read as its streams, each after the
    validation part of its own stream.  With --dynamic each stream is read by itself,
    starting from the run's weights.
    """
    from errtax.lm.files import require_absent
    from errtax.lm.neural.prediction import Dynamic, PredictOptions, predict
    from errtax.lm.prediction_log import LOG

    require_absent(output, force)

    options = PredictOptions(device, Dynamic(dynamic_rate, dynamic_window) if dynamic else None, checkpoint)
    with progress("predicting") as update:
        nats = predict(run, text, output, options, force, lambda done, total: update(done, total, ""))
    finite = math.isfinite(nats)  # not so where the model gives a symbol of the text probability 0
    document = {"schema": LOG.name, "log": str(output), "nats": nats if finite else None}
    emit({**document, "bits": nats / math.log(2) if finite else None}, f"{output}  {nats:.4f} nats per symbol")
