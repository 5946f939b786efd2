"""`errtax score`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import force_option, progress
from errtax.cli.parts import part_folder, part_option
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.scores import announce_unknown, emit_score_part, emit_scored
from errtax.cli.types import ANY_UNIT, ENGINE, RANGE, SENTENCES

if TYPE_CHECKING:
    from errtax.lm.part import Part
    from errtax.lm.text import Sentences, Unit


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
    force: bool,
) -> None:
    """Write the log-probability of each symbol of TEXT by every order; print the cross-entropies."""
    from errtax.lm.score_parts import ScorePart
    from errtax.lm.text import Sentences, Unit

    stem = "stdin" if str(text) == "-" else text.stem
    how = (orders, Unit(unit) if unit else None, Sentences(sentences) if sentences else None, engine)
    if part is not None:
        emit_score_part(ScorePart(text, ngram, part, part_folder(output, stem), *how), force)
    else:
        _emit_scores(text, ngram, output or Path(f"{stem}.scores.parquet"), force, *how)


def _emit_scores(
    text: Path,
    ngram: Path,
    output: Path,
    force: bool,
    orders: tuple[int, ...] | None,
    unit: "Unit | None",
    sentences: "Sentences | None",
    engine: str | None,
) -> None:
    """Score a text, and show what came out."""
    from errtax.lm.files import require_absent
    from errtax.lm.ngram.open_model import open_model
    from errtax.lm.score_parts import Scored
    from errtax.lm.scores import count_unknown, score_text, scores_signature
    from errtax.lm.text import read_text

    require_absent(output, force)
    model = open_model(ngram, unit, sentences, engine)
    symbols = read_text(text, model.unit, model.sentences)
    unknown = count_unknown(symbols, model)
    announce_unknown(unknown, len(symbols), ngram)
    with progress("scoring") as update:
        entropies = score_text(symbols, model, output, orders, force, update)
    emit_scored(Scored(scores_signature(symbols, model), len(symbols), unknown, entropies), output)
