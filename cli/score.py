"""`errtax score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice, progress
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.types import ANY_UNIT, ENGINE, RANGE, SENTENCES

if TYPE_CHECKING:
    from errtax.lm.ngram.model import NgramModel
    from errtax.lm.text import Text
    from errtax.reports.table import Table


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
@force_option
def command(
    text: Path,
    ngram: Path,
    output: Path | None,
    orders: tuple[int, ...] | None,
    unit: str | None,
    sentences: str | None,
    engine: str | None,
    force: bool,
) -> None:
    """Write the log-probability of each symbol of TEXT by every order; print the cross-entropies."""
    from errtax.lm.files import require_absent
    from errtax.lm.ngram.open_model import open_model
    from errtax.lm.scores import score_text
    from errtax.lm.text import Sentences, Unit, read_text

    output = require_absent(output or Path(f"{'stdin' if str(text) == '-' else text.stem}.scores.parquet"), force)
    model = open_model(ngram, Unit(unit) if unit else None, Sentences(sentences) if sentences else None, engine)
    symbols = read_text(text, model.unit, model.sentences)
    unknown = _count_unknown(symbols, model, ngram)
    with progress("scoring") as update:
        entropies = score_text(symbols, model, output, orders, force, update)
    emit(*_result(symbols, model, output, entropies, unknown))


def _result(
    symbols: "Text", model: "NgramModel", output: Path, entropies: dict[int, float], unknown: int
) -> "tuple[dict[str, Any], Table, str, str]":
    """The JSON document, and what people see."""
    from errtax.lm.scores import SCORES_NAME, scores_signature
    from errtax.reports.scores import entropy_rows, entropy_table

    signature = scores_signature(symbols, model)
    document = {"schema": SCORES_NAME, "signature": signature, "scores": str(output), "symbols": len(symbols)}
    document |= {"unknown": unknown, "cross_entropy": entropy_rows(entropies)}
    return document, entropy_table(entropies), signature, str(output)


def _count_unknown(symbols: "Text", model: "NgramModel", path: Path) -> int:
    """How many symbols the model does not know; said aloud where there are any."""
    import numpy as np

    unknown = int(np.count_nonzero(~model.knows(model.codes_of(symbols))))
    if unknown:
        hint = f" Is {path} a model of such a text?" if unknown > len(symbols) // 2 else ""
        notice(f"{unknown:,} of {len(symbols):,} symbols are not in the model and count as <unk>.{hint}")
    return unknown
