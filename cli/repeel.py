"""`errtax repeel`."""

from pathlib import Path
from typing import Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import force_option, slices_option
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.peels import emit_peel
from errtax.cli.settings import layers_and_oracles, settings_of, settings_options


@declare("repeel", "errtax repeel preds.peel.parquet --layers rare,ngram,memory,word,punctuation,boost --ngram-max 5")
@click.argument("peel", type=FILE)
@click.option("-o", "--output", type=OUTPUT, help="Peel to write; without it only the table is printed.")
@settings_options
@slices_option
@force_option
def command(peel: Path, output: Path | None, force: bool, slices: bool | None, **given: Any) -> None:
    """Peel again from the evidence in PEEL: other layers, another order, other thresholds.

    What is not given stays as it was in PEEL; --preset changes the thresholds, not the layers.
    """
    from errtax.taxonomy.peel_file import read_peel, write_peel
    from errtax.taxonomy.repeel import repeel

    outputs = Outputs(force, [output])
    original = read_peel(peel)
    asked = {**given, "layers": given["layers"] or original.settings.layers}
    again = repeel(
        original, settings_of(asked, original.settings, layers_and_oracles(asked, custom=original.settings.custom))
    )
    outputs.file(output, write_peel, again)
    emit_peel(again, output, slices)
