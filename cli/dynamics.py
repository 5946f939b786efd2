"""`errtax dynamics`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, progress
from errtax.cli.paths import FILE, OUTPUT, RUN


@declare("dynamics", "errtax dynamics lstm2 --ngram train.ngram --text wp/test.txt --train-text wp/train.txt")
@click.argument("run", type=RUN)
@click.option("--text", type=FILE, required=True, help="The text to read.")
@click.option("--ngram", type=FILE, help="Index made by errtax build-ngram: all its orders are compared with.")
@click.option("--nn", "networks", type=RUN, multiple=True, help="A run to compare with, such as an n-NN; repeatable.")
@click.option("--train-text", type=FILE, help="The training text, for the layer of rare words.")
@click.option("-o", "--output", type=OUTPUT, help="Folder for tables and picture [default: RUN.dynamics].")
@force_option
def command(
    run: Path,
    text: Path,
    ngram: Path | None,
    networks: tuple[Path, ...],
    train_text: Path | None,
    output: Path | None,
    force: bool,
) -> None:
    """Follow a training (RUN, trained with --checkpoint-every): which simpler model it resembles, which errors it has.

    The measure of resemblance is the symmetric Kullback-Leibler divergence of the predicted distributions.
    """
    from errtax.lm.files import require_absent, require_output_folder
    from errtax.reports.figure import save_figure
    from errtax.reports.studies.dynamics import dynamics_figure, dynamics_table
    from errtax.taxonomy.settings import Settings
    from errtax.taxonomy.studies.dynamics import DynamicsInputs, follow_training, to_json
    from errtax.taxonomy.studies.dynamics_file import table_paths, write_dynamics

    folder = require_output_folder(output or Path(f"{run.resolve().name}.dynamics"))
    picture = folder / "dynamics.png"
    for path in (picture, *table_paths(folder)):
        require_absent(path, force)
    with progress("reading") as update:
        chosen = DynamicsInputs(run, text, ngram, train_text, networks)
        dynamics = follow_training(chosen, Settings(), lambda done, total: update(done, total, ""))
    written = [*write_dynamics(folder, dynamics, force), picture]
    save_figure(dynamics_figure(dynamics), picture, force)
    paths = [str(path) for path in written]
    emit({**to_json(dynamics), "written": paths}, dynamics_table(dynamics), dynamics.signature, *paths)
