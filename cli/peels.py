"""What commands around peels share: the log, as argument or option; what the user says of a model; the result."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from errtax.cli.frame import emit
from errtax.cli.paths import FILE, LOG
from errtax.cli.types import INTEGERS, Repeated
from errtax.lm.errors import UsageError

if TYPE_CHECKING:
    from errtax.taxonomy.peel import PeelSource
    from errtax.taxonomy.peel_inputs import PeelInputs
    from errtax.taxonomy.settings import Settings

PARTS = click.IntRange(1, 256)
"""All parts of a peel are open until its last row is written, and a process has 1,024 files or fewer."""


def log_argument(many: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The argument LOG, beside which --preds stays; `many`: any number of them."""
    return click.argument(
        "logs", type=LOG, nargs=-1 if many else 1, required=False, metavar="[LOG]..." if many else "[LOG]"
    )


def given_logs(argument: Path | tuple[Path, ...] | None, option: Path | tuple[Path, ...] | None) -> tuple[Path, ...]:
    """The logs that LOG or --preds names; --preds of a file or the environment gives way to LOG.

    Raises `UsageError` where both or neither is given.
    """
    as_argument, as_option = (
        value if isinstance(value, tuple) else () if value is None else (value,) for value in (argument, option)
    )
    if as_argument and as_option:
        if click.get_current_context().get_parameter_source("preds") is ParameterSource.COMMANDLINE:
            raise UsageError("the log is given as an argument and by --preds; give it once.")
        return as_argument
    if not (as_argument or as_option):
        command = click.get_current_context().info_name
        raise UsageError(f"no prediction log is given; give its file, as in errtax {command} preds.parquet.")
    return as_argument or as_option


def sizes_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Peels of models along a scale, which one (`by`), and what is said of each; `peels()` opens them, each once."""

    def collect(
        *,
        peels: tuple[Path, ...],
        model: tuple[str, ...],
        parameters: tuple[int, ...] | None,
        step: tuple[int, ...] | None,
        **rest: Any,
    ) -> Any:
        from errtax.lm.files import require_each_once
        from errtax.taxonomy.identity import identities
        from errtax.taxonomy.peel_file import PeelFile

        def opened() -> "list[PeelSource]":
            require_each_once(peels)
            said = identities(len(peels), model, parameters, step)
            return [each.of(PeelFile(path)) for each, path in zip(said, peels, strict=True)]

        return function(peels=opened, **rest)

    options = (
        click.argument("peels", type=FILE, nargs=-1, required=True, metavar="PEEL..."),
        click.option("--by", type=click.Choice(["parameters", "step"]), default="parameters", show_default=True),
        click.option(
            "--model", cls=Repeated, metavar="NAME", help="A model's name; once for each PEEL, in their order."
        ),
        click.option(
            "--parameters", type=INTEGERS, help="Parameters of the models, in the order of PEEL [the logs' own]."
        ),
        click.option("--step", type=INTEGERS, help="Training steps of the models, likewise."),
    )
    return _with_options(collect, function, options)


def identity_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options --model, --parameters and --step; their values come as one `identity`."""

    def collect(*, model: str | None, parameters: int | None, step: int | None, **rest: Any) -> Any:
        from errtax.taxonomy.identity import Identity

        return function(identity=Identity(model, parameters, step), **rest)

    options = (
        click.option("--model", metavar="NAME", help="Name of the model [default: the log's, or its file's]."),
        click.option("--parameters", type=click.IntRange(1), help="Its number of parameters, for errtax trend."),
        click.option("--step", type=click.IntRange(1), help="Its training step, for errtax trend."),
    )
    return _with_options(collect, function, options)


def _with_options(
    collect: Callable[..., Any], function: Callable[..., Any], options: Sequence[Callable[..., Any]]
) -> Callable[..., Any]:
    """A command that `collect`s the values of some options for `function`, whose help and other options it has."""
    collect.__doc__ = function.__doc__
    collect.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(options):
        collect = option(collect)
    return collect


def emit_dry_run(inputs: "PeelInputs", settings: "Settings", output: Path, force: bool, parts: int) -> None:
    """Say what a peel would take, and do nothing else."""
    from errtax.reports.dry_run import dry_run_lines
    from errtax.taxonomy.dry_run import dry_run

    plan = dry_run(inputs, settings, output, force, parts)
    emit(plan.to_json(), *dry_run_lines(plan))


def emit_peel(
    peel: "PeelSource", output: Path | None, slices: bool | None, force: bool = False, parts: int = 1
) -> None:
    """Write a peel, where there is an `output`, and show it: all `slices`, none, or those of layers that have few."""
    from errtax.reports.tables import summary_table
    from errtax.taxonomy.block_sums import sum_peels
    from errtax.taxonomy.peel_file import writing
    from errtax.taxonomy.statistics import statistics_of
    from errtax.taxonomy.summary import summary_of

    with writing(output, peel, force, parts) if output else nullcontext(peel) as passing:
        (sums,) = sum_peels([passing])
    summary, shares = summary_of(sums), statistics_of(sums)
    written = [] if output is None else [str(output)]
    document = {**summary.to_json(), "statistics": shares.to_json(), "peel": output and str(output)}
    emit(document, summary_table(summary, shares).folded(slices), summary.signature, *written)
