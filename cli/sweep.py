"""`errtax sweep`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.frame import Update, emit, notice, progress
from errtax.cli.frame import command as declare
from errtax.cli.parts import Cluster, ray_option
from errtax.cli.paths import FILE, RUN_OUTPUT, SPLIT_NAME
from errtax.cli.types import INTEGERS, NAMES, PATTERNS

if TYPE_CHECKING:
    from errtax.lm.executors.ray_pool import RayPool
    from errtax.taxonomy.studies.sweep import SweepStatus


@declare("sweep", "errtax sweep --text wp -o zoo --budgets 64,128 --ngrams 1,2,3 --jobs 2")
@click.argument("spec", type=FILE, required=False, metavar="[SPEC.toml]")
@click.option("-o", "--output", type=RUN_OUTPUT, default="sweep", show_default=True, help="Folder of the runs.")
@click.option("--text", type=SPLIT_NAME, help="Folder made by errtax split: train.txt, val.txt, test.txt.")
@click.option("--models", type=NAMES, help="[default: lstm,rnn,gru]")
@click.option("--layers", type=INTEGERS, help="[default: 1,2,3]")
@click.option("--budgets", type=INTEGERS, help="Sizes, as parameters of an LSTM-1 of so many units [64,128,256,512].")
@click.option("--nn", type=INTEGERS, help="Also n-NN baselines, for these n.")
@click.option("--nn-hidden", type=int, help="Their hidden units [256].")
@click.option("--ngrams", type=INTEGERS, help="Also n-gram baselines, for these n (symbols of context).")
@click.option("--skip", type=PATTERNS, help="Patterns of runs to leave out [rnn-*-512].")
@click.option("--epochs", type=int, help="[default: 50]")
@click.option("--patience", type=int, help="Epochs without a better validation loss before stopping [8].")
@click.option("--learning-rate", type=float, help="[default: 0.002]")
@click.option("--seed", type=int, help="[default: 1]")
@click.option("--seeds", type=INTEGERS, help="Train each model from these seeds, too.")
@click.option("--device", help="auto, cpu, cuda, cuda:1, ...; all --jobs share it  [default: auto]")
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Runs at a time; with --ray, threads of each."
)
@ray_option
def command(
    spec: Path | None, output: Path, device: str | None, jobs: int, cluster: Cluster | None, **given: Any
) -> None:
    """Train, run and peel a grid of models, and compare them: by default those of the paper's Table 1.

    SPEC.toml holds the same keys as the options (nn_hidden, ...), a table [recipe], and
    tables [dropout] and [epochs] of patterns.
    A sweep that was stopped resumes where it was; finished work is not repeated.
    """
    from errtax.lm.files import require_input
    from errtax.reports.studies.sweep import sweep_tables, write_sweep
    from errtax.taxonomy.studies.sweep import run_sweep
    from errtax.taxonomy.studies.sweep_results import read_results, to_json
    from errtax.taxonomy.studies.sweep_spec import read_spec

    wanted = read_spec(spec and require_input(spec), {key: v for key, v in given.items() if v is not None})
    notice(f"Runs in {output}: {len(wanted.names)}{'' if cluster else f', {jobs} at a time'}.")
    with progress("sweep") as update:
        failures = run_sweep(wanted, output, jobs, _report(update), _pool_of(cluster), device)
    runs = read_results(wanted, output, failures)
    if runs.results:
        paths = [str(path) for path in write_sweep(output, runs)]
        emit({**to_json(runs), "failures": failures, "written": paths}, *sweep_tables(runs), runs.signature, *paths)
    _refuse_failures(failures, len(wanted.names))


def _pool_of(cluster: Cluster | None) -> "Callable[[int], AbstractContextManager[RayPool]] | None":
    """What makes the pool of so many threads per run, and a GPU where there are any; None for child processes."""
    return None if cluster is None else partial(cluster.pool, "Runs", 1)


def _refuse_failures(failures: dict[str, str], runs: int) -> None:
    """Raise `BadInput` with the first of the failures, if there are any."""
    from errtax.lm.errors import BadInput

    for name, message in failures.items():
        raise BadInput(f"{len(failures)} of {runs} runs failed; {name}: {message}")


def _report(update: Update) -> "Callable[[SweepStatus], None]":
    """Moves the bar with the epochs, and tells of each once."""
    told: dict[str, int] = {}

    def on_status(status: "SweepStatus") -> None:
        for name, (done, total, loss) in status.epochs.items():
            if told.get(name) != done:
                told[name] = done
                notice(f"{name}: epoch {done} of {total}, validation {loss:.4f} nats")
        parts = sum(done / total for done, total, _ in status.epochs.values())
        update(status.done + parts, status.total, f"{status.done} of {status.total} runs")

    return on_status
