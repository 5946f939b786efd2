"""`errtax train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice, progress
from errtax.cli.paths import FILE, RUN_OUTPUT, SPLIT
from errtax.cli.types import UNIT

if TYPE_CHECKING:
    from errtax.lm.neural.corpus import Corpus
    from errtax.lm.neural.models import ModelConfig
    from errtax.lm.neural.run import Recipe, Run
    from errtax.lm.neural.training import CheckpointRule


def _checkpoint_rule(ctx: click.Context, param: click.Parameter, value: str | None) -> "CheckpointRule | None":
    if value is None:
        return None
    from errtax.lm.neural.training import CheckpointRule

    return CheckpointRule.parse(value)


@declare("train", "errtax train wp -o lstm2 --model lstm --layers 2 --budget 64")
@click.argument("text", type=SPLIT, metavar="TEXT|DIR")
@click.option("-o", "--output", type=RUN_OUTPUT, help="Run folder to write [default: TEXT's name + .run].")
@click.option("--val", type=FILE, help="Validation text [default: DIR/val.txt, or the last 5 % of TEXT].")
@click.option("--model", type=click.Choice(["lstm", "gru", "rnn", "nn"]), default="lstm", show_default=True)
@click.option("--layers", type=int, default=2, show_default=True)
@click.option("--hidden", type=int, help="Units per layer [default: 128].")
@click.option("--budget", type=int, help="Instead of --hidden: as many parameters as an LSTM-1 of this size.")
@click.option("--context", type=int, default=3, show_default=True, help="For --model nn: symbols it sees (n of n-NN).")
@click.option("--dropout", type=float, default=0.0, show_default=True, help="Between layers and before the softmax.")
@click.option("--unit", type=UNIT, default="byte", show_default=True)
@click.option("--epochs", type=int, default=50, show_default=True)
@click.option("--batch", type=int, default=100, show_default=True, help="Rows read side by side.")
@click.option("--unroll", type=int, default=100, show_default=True, help="Steps of back-propagation.")
@click.option("--learning-rate", type=float, default=2e-3, show_default=True)
@click.option(
    "--patience",
    type=int,
    default=8,
    show_default=True,
    help="Epochs without a better validation loss before stopping.",
)
@click.option(
    "--checkpoint-every",
    callback=_checkpoint_rule,
    metavar="STEPS,epoch,log",
    help="Keep the weights for errtax dynamics: every so many steps, each epoch, ten times per decade of steps.",
)
@click.option(
    "--watch",
    type=click.IntRange(1),
    metavar="STEPS",
    help="Peel a sample of the validation text every so many steps; RUN/watch/index.html follows the errors.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--resume", is_flag=True, help="Resume the run in the folder where it stopped; the numbers are the same.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, ...")
@click.option("--threads", type=click.IntRange(1), help="Processor threads [default: torch's].")
@force_option
def command(
    text: Path,
    output: Path | None,
    val: Path | None,
    unit: str,
    checkpoint_every: "CheckpointRule | None",
    watch: int | None,
    resume: bool,
    device: str,
    threads: int | None,
    force: bool,
    **options: Any,
) -> None:
    """Train a character model on TEXT, or on DIR/train.txt, by the recipe of Karpathy et al. 2015."""
    from errtax.cli.training import watch_training, watched
    from errtax.lm.neural.corpus import read_corpus
    from errtax.lm.neural.run import choose_device
    from errtax.lm.neural.training import train
    from errtax.lm.text import Unit

    folder = output or Path(f"{text.stem if text.is_file() else text.name}.run")
    place = choose_device(device, threads)
    corpus = read_corpus(text, val, Unit(unit))
    run = _open_run(folder, corpus, options, resume, force)
    kinds = f"{len(corpus.train):,} symbols of {run.config.symbols} kinds"
    notice(f"{run.config.name}, {run.config.parameters:,} parameters, {kinds}, on {place}")
    with watched(folder, run, corpus, watch) as (look, written), progress("training") as update:
        run = train(folder, run, corpus.train, corpus.val, place, watch_training(update, checkpoint_every, look))
    emit({**run.to_json(), "run": str(folder), **written}, f"{folder}  {run.outcome}")


def _open_run(folder: Path, corpus: "Corpus", options: dict[str, Any], resume: bool, force: bool) -> "Run":
    """The run that the options ask for, new or to be resumed; refused before anything is written."""
    from errtax.lm.neural.models import Shape
    from errtax.lm.neural.run import Recipe, open_run
    from errtax.lm.neural.streams import lay_out

    shape = Shape(**{name: options.pop(name) for name in ("model", "layers", "hidden", "budget", "context", "dropout")})
    config, recipe = shape.config(len(corpus.alphabet)), Recipe(**options)
    for codes in (corpus.train, corpus.val):
        lay_out(codes, recipe.batch, recipe.unroll)  # raises where a text is too short
    if resume:
        _refuse_other_options(folder, config, recipe)
    return open_run(folder, corpus, config, recipe, resume, force)


def _refuse_other_options(folder: Path, config: "ModelConfig", recipe: "Recipe") -> None:
    """Raise `UsageError` for an option on the command line that a run to be resumed was not trained with."""
    from errtax.lm.errors import UsageError
    from errtax.lm.neural.run import read_run

    if not (folder / "run.json").is_file():
        return
    run, context = read_run(folder), click.get_current_context()
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if given & {"model", "layers", "hidden", "budget", "context", "dropout"} and config != run.config:
        raise UsageError(f"{folder} holds {run.config}, not {config}; leave these options out with --resume.")
    for name in given & {"batch", "unroll", "learning_rate", "seed"}:
        if getattr(recipe, name) != getattr(run.recipe, name):
            raise UsageError(f"{folder} was begun with {name} {getattr(run.recipe, name)}; leave it out with --resume.")
