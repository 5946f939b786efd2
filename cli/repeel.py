"""`errtax repeel`."""

from pathlib import Path
from typing import Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import force_option, jobs_option, slices_option
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.peels import emit_peel
from errtax.cli.settings import layers_and_oracles, settings_of, settings_options


@declare("repeel", "errtax repeel preds.peel.parquet --layers rare,ngram,memory,word,punctuation,boost --ngram-max 5")
@click.argument("peel", type=FILE)
@click.option("-o", "--output", type=OUTPUT, help="Peel to write; without it only the table is printed.")
@settings_options
@jobs_option
@slices_option
@force_option
def command(peel: Path, output: Path | None, force: bool, slices: bool | None, **given: Any) -> None:
    """Peel again from the evidence in PEEL: other layers, another order, other thresholds.

    What is not given stays as it was in PEEL; --preset changes the thresholds, not the layers, except between layers
    made for characters and those made for tokens.
    """
    from errtax.taxonomy.layers.registry import with_verbatim
    from errtax.taxonomy.peel_file import PeelFile
    from errtax.taxonomy.repeel import by_preset, repeel

    Outputs(force, [output])
    original = PeelFile(peel)
    base = by_preset(original.head.settings, given.pop("preset"))
    kept = base.layers if given["verbatim"] is None else with_verbatim(base.layers)
    asked = {**given, "layers": given["layers"] or kept, "preset": None}
    settings = settings_of(asked, base, layers_and_oracles(asked, custom=base.custom, base=base))
    emit_peel(repeel(original, settings), output, slices, force)
