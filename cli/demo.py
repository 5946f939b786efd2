"""`errtax demo`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice, progress
from errtax.cli.paths import RUN_OUTPUT


@declare("demo", "errtax demo -o errtax-demo")
@click.option("-o", "--output", type=RUN_OUTPUT, default="errtax-demo", show_default=True, help="Folder to write.")
@click.option(
    "--corpus",
    type=click.Choice(["prose", "code"]),
    default="prose",
    show_default=True,
    help="prose: Python's own manual; code: the standard library's sources.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of training [default: prose 12, code 6].")
@force_option
def command(output: Path, corpus: str, epochs: int | None, force: bool) -> None:
    """The whole chain, offline: train a small LSTM, build the index, predict, peel, draw."""
    from errtax.cli.training import watch_training
    from errtax.reports.studies.demonstration import WRITTEN, Demo
    from errtax.reports.tables import summary_table

    with progress("training") as update:
        summary = Demo(output, corpus, epochs).run(watch_training(update), notice, force)
    written = [str(output / name) for name in WRITTEN]
    peel = output / "preds.peel.parquet"
    next_steps = (
        "",
        f"Open {written[0]}",
        f"Try  errtax show {peel} --layer rare",
        f"Try  errtax report {peel} --pie pie.svg",
    )
    emit({**summary.to_json(), "written": written}, summary_table(summary).folded(None), summary.signature, *next_steps)
