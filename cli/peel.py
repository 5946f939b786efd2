"""`errtax peel`."""

from pathlib import Path
from typing import Any

import click

from errtax.cli.frame import FILE, emit, force_option
from errtax.cli.frame import command as declare
from errtax.cli.types import ENGINE, FLOATS, INTEGERS, NAMES


@declare("peel", "errtax peel --preds preds.parquet --ngram train.ngram --train-text train.txt")
@click.option("--preds", type=FILE, required=True, help="Prediction log (Parquet).")
@click.option(
    "--ngram",
    type=FILE,
    help="Index made by errtax build-ngram, or a model of KenLM [default: built from --train-text].",
)
@click.option("--engine", type=ENGINE, help="What reads an .arpa file as --ngram [default: native].")
@click.option("--train-text", type=FILE, help="The model's training text.")
@click.option("--text", type=FILE, help="The text under test, to check that the log is of it.")
@click.option("-o", "--output", type=FILE, help="Peel to write [default: PREDS.peel.parquet].")
@click.option(
    "--preset",
    type=click.Choice(["paper", "text"]),
    default="paper",
    show_default=True,
    help="paper: reproduces the paper's counts; text: its words literally.",
)
@click.option(
    "--layers",
    type=NAMES,
    help="Which layers, in which order [default: ngram,memory,rare,word,punctuation,boost].",
)
@click.option(
    "--criterion",
    type=click.Choice(["p<0.5", "argmax"]),
    default="p<0.5",
    show_default=True,
    help="What an error is.",
)
@click.option("--ngram-max", type=int, help="Longest context of the n-gram layer [9].")
@click.option("--memory-windows", type=INTEGERS, help="Windows of the memory layer [100,500,1000,5000].")
@click.option("--memory-min-length", type=int, help="Shortest word of the memory layer [5; text: 1].")
@click.option("--rare-counts", type=INTEGERS, help="Training counts of the rare word layer [0,1,2,3,4,5].")
@click.option("--newline-reach", type=int, help="Characters after a newline that count [3; text: 1].")
@click.option("--boosts", type=FLOATS, help="Steps of the boost layer [0.1,0.2,0.3,0.4,0.5].")
@force_option
def command(
    preds: Path,
    ngram: Path | None,
    train_text: Path | None,
    text: Path | None,
    engine: str | None,
    output: Path | None,
    preset: str,
    criterion: str,
    force: bool,
    **thresholds: Any,
) -> None:
    """Break the errors of a prediction log down, layer by layer, by what could have explained them."""
    from dataclasses import replace

    from errtax.lm.files import require_absent
    from errtax.reports.terminal import summary_table
    from errtax.taxonomy.peel_file import write_peel
    from errtax.taxonomy.run import PeelInputs, peel_files
    from errtax.taxonomy.settings import PRESETS, Criterion
    from errtax.taxonomy.statistics import statistics
    from errtax.taxonomy.summary import summarise

    output = output or Path(f"{preds.name.removesuffix('.parquet')}.peel.parquet")
    require_absent(output, force, [preds, ngram, train_text, text])
    given = {name: value for name, value in thresholds.items() if value is not None}
    settings = replace(PRESETS[preset], criterion=Criterion(criterion), **given)
    peel = peel_files(PeelInputs(preds, ngram, train_text, text, engine), settings)
    write_peel(output, peel, force)
    summary, found = summarise(peel), statistics([peel])
    document = {**summary.to_json(), "statistics": found.to_json(), "peel": str(output)}
    emit(document, summary_table(summary, found), peel.signature, str(output))
