"""`errtax demo`."""

import importlib.util
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice, progress
from errtax.cli.paths import RUN_OUTPUT

if TYPE_CHECKING:
    from errtax.reports.studies.demonstration import Demo, Predictor
    from errtax.taxonomy.summary import Summary

_EPOCHS = {"prose": 3, "code": 2}


@declare("demo", "errtax demo -o errtax-demo")
@click.option("-o", "--output", type=RUN_OUTPUT, default="errtax-demo", show_default=True, help="Folder to write.")
@click.option(
    "--corpus",
    type=click.Choice(["prose", "code"]),
    default="prose",
    show_default=True,
    help="prose: Python's own manual; code: the standard library's sources.",
)
@click.option(
    "--model",
    type=click.Choice(["auto", "lstm", "ngram"]),
    default="auto",
    show_default=True,
    help="Whose errors: a small LSTM's, or an n-gram model's, which needs no torch; auto: lstm where torch is.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of training [default: prose 3, code 2].")
@force_option
def command(output: Path, corpus: str, model: str, epochs: int | None, force: bool) -> None:
    """The whole chain, offline: train a small LSTM, build the index, predict, peel, draw.

    One that was stopped is resumed by the same command.
    """
    from errtax.reports.studies.demonstration import WRITTEN, Demo
    from errtax.reports.tables import summary_table

    kind = _kind_of(model)
    demo = Demo(output, corpus, kind, (epochs or _EPOCHS[corpus]) if kind == "lstm" else 0)
    with _predictor(demo) as predict:
        summary = demo.run(predict, notice, force)
    written = [str(demo.path(name)) for name in WRITTEN]
    document = {**summary.to_json(), "written": written}
    emit(document, summary_table(summary).folded(None), summary.signature, *_closing(demo, summary))


def _kind_of(model: str) -> str:
    """Whose errors are peeled: the LSTM's only where torch is, unless it was asked for."""
    if model != "auto":
        return model
    if importlib.util.find_spec("torch") is not None:
        return "lstm"
    notice("torch is not installed, so the errors are an n-gram model's; pip install 'errtax[lm]' for an LSTM's.")
    return "ngram"


@contextmanager
def _predictor(demo: "Demo") -> "Iterator[Predictor]":
    if demo.model == "ngram":
        from errtax.reports.studies.demonstration import predict_with_ngrams

        yield predict_with_ngrams
        return
    from errtax.cli.training import watch_training
    from errtax.reports.studies.demonstration_lstm import LstmPredictor

    with progress("training") as update:
        yield LstmPredictor(watch_training(update))


def _closing(demo: "Demo", summary: "Summary") -> list[str]:
    """What the breakdown showed, and what to look at next: commands that run as they stand."""
    from errtax.reports.wording import findings
    from errtax.taxonomy.layers.registry import find_layer
    from errtax.taxonomy.settings import Settings

    largest = max(summary.layers, key=lambda layer: layer.count)
    rule = find_layer(largest.name, Settings()).rule
    peel, own = str(demo.path("preds.peel.parquet")), str(demo.path("own.peel.parquet"))
    inputs = [str(demo.path(name)) for name in ("preds.parquet", "train.ngram", "train.txt")]
    flags = ("--preds", "--ngram", "--train-text")
    given = [word for pair in zip(flags, inputs, strict=True) for word in pair]
    hint = "with torch (pip install 'errtax[lm]') the same command with --model lstm --force trains an LSTM"
    trained = (
        [] if demo.model == "lstm" else [f"The model is one of n-grams with short contexts, not a network: {hint}."]
    )
    commands = {
        f"The errors of {largest.title}, the worst first": ["show", peel, "--layer", largest.name, "--worst", "10"],
        "How sure these shares are": ["stats", peel],
        "Your own model, with its log and its training text in place of these": ["peel", *given, "-o", own],
    }
    return [
        "",
        *findings(summary),
        *trained,
        f"{largest.title.capitalize()} claims an error where {rule}.",
        "",
        f"Open {demo.path('report.html')}",
        *(line for what, words in commands.items() for line in (f"{what}:", f"  {shlex.join(['errtax', *words])}")),
    ]
