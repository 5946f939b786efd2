"""`errtax peel`."""

from pathlib import Path
from typing import Any

import click

from errtax.cli.configuration import allow_config_code_option, require_own_code
from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option
from errtax.cli.paths import FILE, LOG, MODULE, OUTPUT
from errtax.cli.settings import layers_and_oracles, settings_of, settings_options
from errtax.cli.types import ENGINE, Repeated


@declare("peel", "errtax peel --preds preds.parquet --ngram train.ngram --train-text train.txt")
@click.option(
    "--preds",
    type=LOG,
    required=True,
    help="Prediction log (Parquet); - for stdin, a folder or 'part-*' of its parts.",
)
@click.option(
    "--ngram",
    type=FILE,
    help="Index made by errtax build-ngram, or a model of KenLM [default: built from --train-text].",
)
@click.option("--engine", type=ENGINE, help="What reads an .arpa file as --ngram [default: native].")
@click.option("--train-text", type=FILE, help="The model's training text.")
@click.option("--text", type=FILE, help="The text under test, to check that the log is of it.")
@click.option("-o", "--output", type=OUTPUT, help="Peel to write [default: PREDS.peel.parquet].")
@click.option(
    "--oracles",
    cls=Repeated,
    type=MODULE,
    metavar="FILE.py|MODULE",
    callback=require_own_code,
    help="Oracles of your own (docs/oracles.md); layers before boost, unless --layers says where.",
)
@click.option(
    "--words",
    default=r"\w+",
    show_default=True,
    metavar="PATTERN|icu",
    help="What a word is: matches of a pattern, or ICU's words.",
)
@allow_config_code_option
@settings_options
@force_option
def command(
    preds: Path,
    ngram: Path | None,
    train_text: Path | None,
    text: Path | None,
    engine: str | None,
    output: Path | None,
    oracles: tuple[str, ...],
    words: str,
    force: bool,
    **given: Any,
) -> None:
    """Break the errors of a prediction log down, layer by layer, by what could have explained them."""
    from errtax.lm.files import require_absent
    from errtax.lm.log_files import log_stem
    from errtax.reports.terminal import summary_table
    from errtax.taxonomy.peel_file import write_peel
    from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
    from errtax.taxonomy.statistics import statistics
    from errtax.taxonomy.summary import summarise

    output = require_absent(output or Path(f"{log_stem(preds)}.peel.parquet"), force)
    settings = settings_of(given, custom=layers_and_oracles(given, oracles))
    peel = peel_files(PeelInputs(preds, ngram, train_text, text, engine, words), settings)
    write_peel(output, peel, force)
    summary, found = summarise(peel), statistics([peel])
    document = {**summary.to_json(), "statistics": found.to_json(), "peel": str(output)}
    emit(document, summary_table(summary, found), peel.signature, str(output))
