"""`errtax score`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import force_option, jobs_option
from errtax.cli.parts import Cluster, part_folder, part_option, ray_options
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.scores import emit_score_part, emit_scores
from errtax.cli.types import ANY_UNIT, ENGINE, RANGE, SENTENCES

if TYPE_CHECKING:
    from errtax.lm.part import Part


@declare("score", "errtax score test.txt --ngram train.ngram --orders 1-20")
@click.argument("text", type=FILE)
@click.option(
    "--ngram",
    type=FILE,
    required=True,
    help="Index made by errtax build-ngram, or a model of KenLM (folder, .arpa, .binary).",
)
@click.option("-o", "--output", type=OUTPUT, help="Scores to write [default: TEXT.scores.parquet].")
@click.option("--orders", type=RANGE, help="Orders, in KenLM's meaning: n - 1 symbols of context [default: all].")
@click.option("--unit", type=ANY_UNIT, help="What one symbol is, where the model does not say it (.arpa, .binary).")
@click.option("--sentences", type=SENTENCES, help="Likewise: one sentence, or one per line.")
@click.option("--engine", type=ENGINE, help="What reads an .arpa file [default: native].")
@part_option
@ray_options
@jobs_option
@force_option
def command(
    text: Path,
    ngram: Path,
    output: Path | None,
    orders: tuple[int, ...] | None,
    unit: str | None,
    sentences: str | None,
    engine: str | None,
    part: "Part | None",
    cluster: Cluster | None,
    force: bool,
) -> None:
    """Write the log-probability of each symbol of TEXT by every order; print the cross-entropies."""
    from errtax.lm.part import Part
    from errtax.lm.score_parts import ScorePart
    from errtax.lm.text import Sentences, Unit

    stem = "stdin" if str(text) == "-" else text.stem
    how = (orders, Unit(unit) if unit else None, Sentences(sentences) if sentences else None, engine)
    if part is not None:
        emit_score_part(ScorePart(text, ngram, part, part_folder(output, stem, cluster), *how), force)
    else:
        spec = ScorePart(text, ngram, Part(1, 1), Path(), *how)
        emit_scores(spec, output or Path(f"{stem}.scores.parquet"), cluster, force)
