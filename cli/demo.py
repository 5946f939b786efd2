"""`errtax demo`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice, progress
from errtax.cli.paths import OUTPUT


@declare("demo", "errtax demo -o errtax-demo")
@click.option("-o", "--output", type=OUTPUT, default="errtax-demo", show_default=True, help="Folder to write.")
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
    from errtax.cli.demonstration import Demo
    from errtax.reports.terminal import summary_table

    demo = Demo(output, corpus, epochs)
    with progress("training") as update:
        summary = demo.run(update, notice, force)
    written = [
        str(output / name) for name in ("report.html", "pie.png", "bars.png", "preds.parquet", "preds.peel.parquet")
    ]
    next_steps = [
        f"errtax show {output / 'preds.peel.parquet'} --layer rare",
        f"errtax report {output / 'preds.peel.parquet'} --pie pie.svg",
    ]
    emit(
        {**summary.to_json(), "written": written},
        summary_table(summary),
        summary.signature,
        "",
        "Open " + written[0],
        *("Try  " + step for step in next_steps),
    )
