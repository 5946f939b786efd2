"""`errtax dynamics`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, progress
from errtax.cli.paths import FILE, OUTPUT, RUN


@declare("dynamics", "errtax dynamics lstm2 --ngram train.ngram --text wp/test.txt --train-text wp/train.txt")
@click.argument("run", type=RUN)
@click.option("--text", type=FILE, required=True, help="The text to read.")
@click.option("--ngram", type=FILE, help="Index made by errtax build-ngram: the run is compared with all its orders.")
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
    paths = [require_absent(path, force) for path in (*table_paths(folder), folder / "dynamics.png")]
    with progress("reading") as update:
        dynamics = follow_training(DynamicsInputs(run, text, ngram, train_text, networks), Settings(), update)
    write_dynamics(folder, dynamics, force)
    save_figure(dynamics_figure(dynamics), paths[-1], force)
    written = [str(path) for path in paths]
    emit({**to_json(dynamics), "written": written}, dynamics_table(dynamics), dynamics.signature, *written)
