"""`errtax repeel`."""

from pathlib import Path
from typing import Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.settings import layers_and_oracles, settings_of, settings_options


@declare("repeel", "errtax repeel preds.peel.parquet --layers rare,ngram,memory,word,punctuation,boost --ngram-max 5")
@click.argument("peel", type=FILE)
@click.option("-o", "--output", type=OUTPUT, help="Peel to write; without it only the table is printed.")
@settings_options
@force_option
def command(peel: Path, output: Path | None, force: bool, **given: Any) -> None:
    """Peel again from the evidence in PEEL: other layers, another order, other thresholds.

    What is not given stays as it was in PEEL; --preset changes the thresholds, not the layers.
    """
    from dataclasses import replace

    from errtax.lm.files import require_outputs
    from errtax.reports.terminal import summary_table
    from errtax.taxonomy.peel_file import read_peel, write_peel
    from errtax.taxonomy.repeel import repeel
    from errtax.taxonomy.statistics import statistics
    from errtax.taxonomy.summary import summarise

    require_outputs([output], force)
    found = read_peel(peel)
    settings = settings_of(given, found.settings, layers_and_oracles(given, custom=found.settings.custom))
    if given["layers"] is None:
        settings = replace(settings, layers=found.settings.layers)
    again = repeel(found, settings)
    if output:
        write_peel(output, again, force)
    summary, numbers = summarise(again), statistics([again])
    document = {**summary.to_json(), "statistics": numbers.to_json(), "peel": str(output) if output else None}
    emit(document, summary_table(summary, numbers), again.signature, *([str(output)] if output else []))
