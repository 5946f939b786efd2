"""`errtax peel`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.configuration import allow_config_code_option, require_own_code
from errtax.cli.frame import command as declare
from errtax.cli.frame import force_option, jobs_option, slices_option
from errtax.cli.parts import Cluster, PeelTarget, emit_peel_to, part_option, ray_options
from errtax.cli.paths import FILE, LOG, MODULE, OUTPUT
from errtax.cli.peels import PARTS, given_logs, identity_options, log_argument
from errtax.cli.settings import layers_and_oracles, settings_of, settings_options
from errtax.cli.types import ENGINE, Repeated

if TYPE_CHECKING:
    from errtax.lm.part import Part
    from errtax.taxonomy.identity import Identity


@declare("peel", "errtax peel preds.parquet --ngram train.ngram")
@log_argument()
@click.option("--preds", type=LOG, help="The same as LOG, for configuration files.")
@click.option(
    "--ngram",
    type=FILE,
    help="Index made by errtax build-ngram, or a model of KenLM [default: built from --train-text].",
)
@click.option("--engine", type=ENGINE, help="What reads an .arpa file as --ngram [default: native].")
@click.option(
    "--train-text", type=FILE, help="The model's training text [default: that of --ngram, whose words it counts]."
)
@click.option("--text", type=FILE, help="The text under test, to check that the log is of it.")
@click.option("-o", "--output", type=OUTPUT, help="Peel to write [default: PREDS.peel.parquet].")
@click.option(
    "--oracles",
    cls=Repeated,
    type=MODULE,
    metavar="FILE.py|MODULE",
    callback=require_own_code,
    help="Your own oracles (docs/oracles.md); layers before boost, unless --layers places them.",
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
@identity_options
@click.option("--parts", type=PARTS, default=1, help="Write a folder of so many files [default: one file].")
@part_option
@ray_options
@click.option(
    "--dry-run", is_flag=True, help="Peel the first block only, write nothing, and say what the whole would take."
)
@jobs_option
@slices_option
@force_option
def command(
    logs: Path | None,
    preds: Path | None,
    ngram: Path | None,
    train_text: Path | None,
    text: Path | None,
    engine: str | None,
    output: Path | None,
    oracles: tuple[str, ...],
    words: str,
    identity: "Identity",
    parts: int,
    part: "Part | None",
    cluster: Cluster | None,
    dry_run: bool,
    slices: bool | None,
    force: bool,
    **given: Any,
) -> None:
    """Break down the errors of a prediction log, layer by layer, by what could have explained them.

    LOG is Parquet; - for stdin, a folder of its parts, or a pattern such as 'part-*'.
    """
    from errtax.taxonomy.peel_inputs import PeelInputs

    (log,) = given_logs(logs, preds)
    target = PeelTarget(output, log, parts, part, cluster, force)
    if not dry_run:  # before the code of oracles is run
        target.require()
    settings = settings_of(given, custom=layers_and_oracles(given, oracles))
    inputs = PeelInputs(log, ngram, train_text, text, engine, words, identity)
    emit_peel_to(target, inputs, settings, dry_run, slices)
