"""`errtax show`."""

from pathlib import Path

import click

from errtax.cli.completion import complete_layers, complete_slices
from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, jobs_option
from errtax.cli.paths import FILE
from errtax.taxonomy.layers.registry import LAYER_NAMES


@declare("show", "errtax show preds.peel.parquet --layer rare --slice 0-train --worst 20")
@click.argument("peel", type=FILE)
@click.option(
    "--layer",
    shell_complete=complete_layers,
    help=f"Only this layer, by name, title or letter: {', '.join(LAYER_NAMES)}.",
)
@click.option("--slice", shell_complete=complete_slices, help="Only this slice, for example '0-train'.")
@click.option(
    "--worst",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many errors, least probable first.",
)
@click.option(
    "--width",
    type=click.IntRange(1),
    default=40,
    show_default=True,
    help="Symbols of context before the error.",
)
@jobs_option
def command(peel: Path, layer: str | None, slice: str | None, worst: int, width: int) -> None:
    """Show the worst errors of a layer or slice in their context, with what the oracles know."""
    from dataclasses import asdict

    from errtax.reports.excerpts import worst_errors
    from errtax.reports.tables import excerpt_table
    from errtax.taxonomy.peel_file import PeelFile

    excerpts = worst_errors(PeelFile(peel), worst, layer, slice, width)
    emit(
        {"schema": "errtax.show/1", "errors": [asdict(item) for item in excerpts]},
        excerpt_table(excerpts) if excerpts else "No such errors.",
    )
