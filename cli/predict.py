"""`errtax predict`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, jobs_option, progress
from errtax.cli.parts import Cluster, part_option, ray_options
from errtax.cli.paths import FILE, OUTPUT, RUN, SPLIT
from errtax.cli.transformer import emit_transformer, require_one_model, transformer_options
from errtax.lm.errors import UsageError

if TYPE_CHECKING:
    from errtax.lm.part import Part

_OUTPUT = "Log to write [default: preds.parquet]; with --part a folder [default: preds.parquet.parts]."


@declare("predict", "errtax predict lstm2 --text wp/test.txt -o preds.parquet")
@click.argument("run", type=RUN, required=False)
@click.option("--text", type=SPLIT, required=True, help="The text to predict; for --hf JSON lines, too, or a split.")
@click.option("-o", "--output", type=OUTPUT, help=_OUTPUT)
@click.option("--checkpoint", type=FILE, help="Weights to use instead of the best: RUN/checkpoints/step-….pt.")
@click.option("--dynamic", is_flag=True, help="Dynamic evaluation: the model trains on the text as it goes.")
@click.option("--dynamic-rate", type=float, default=0.02, show_default=True, help="Its learning rate (plain descent).")
@click.option("--dynamic-window", type=int, default=50, show_default=True, help="Symbols predicted between two steps.")
@transformer_options
@click.option("--device", default="auto", show_default=True)
@part_option
@ray_options
@jobs_option
@force_option
def command(
    run: Path | None,
    hf: str | None,
    text: Path,
    output: Path | None,
    part: "Part | None",
    cluster: Cluster | None,
    force: bool,
    **options: Any,
) -> None:
    """Write the prediction log of a model on a text: a trained one (RUN), or a transformer (--hf MODEL).

    The text is read as one stream.  The test part of `split --scheme streams` is read as its streams, each after the
    validation part of its own stream.  With --dynamic each stream is read by itself,
    starting from the run's weights.

    A transformer reads its text in windows of tokens, and the log is of bytes, computed from its whole distributions,
    or of its tokens (--unit token).  An interrupted prediction is resumed by the same command.
    """
    require_one_model(run, hf)
    if hf is not None:
        emit_transformer(hf, text, output, part, cluster, force, options)
    elif part is not None or cluster is not None:
        found = "a run carries its state from symbol to symbol, so it cannot be predicted in parts"
        raise UsageError(f"{found}; leave --part and --ray out, or predict texts that stand alone by a command each.")
    elif run is not None:
        _emit_run(run, text, output or Path("preds.parquet"), force, options)


def _emit_run(run: Path, text: Path, output: Path, force: bool, options: dict[str, Any]) -> None:
    from errtax.lm.files import require_absent
    from errtax.lm.neural.prediction import Dynamic, PredictOptions, predict
    from errtax.lm.prediction_log import LOG

    require_absent(output, force)
    dynamic = Dynamic(options["dynamic_rate"], options["dynamic_window"]) if options["dynamic"] else None
    chosen = PredictOptions(options["device"], dynamic, options["checkpoint"])
    with progress("predicting") as update:
        nats = predict(run, text, output, chosen, force, lambda done, total: update(done, total, ""))
    finite = math.isfinite(nats)  # not so where the model gives a symbol of the text probability 0
    document = {"schema": LOG.name, "log": str(output), "nats": nats if finite else None}
    line = f"{output}  {nats:.4f} nats per symbol"
    emit({**document, "bits": nats / math.log(2) if finite else None}, line)
