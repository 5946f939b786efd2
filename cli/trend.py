"""`errtax trend`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, jobs_option
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.types import INTEGERS, Repeated


@declare("trend", "errtax trend small.peel.parquet middle.peel.parquet large.peel.parquet --figure trend.png")
@click.argument("peels", type=FILE, nargs=-1, required=True, metavar="PEEL...")
@click.option("--by", type=click.Choice(["parameters", "step"]), default="parameters", show_default=True)
@click.option("--model", cls=Repeated, metavar="NAME", help="A model's name; once for each PEEL, in their order.")
@click.option("--parameters", type=INTEGERS, help="Parameters of the models, in the order of PEEL [the logs' own].")
@click.option("--step", type=INTEGERS, help="Training steps of the models, likewise.")
@click.option("--figure", type=OUTPUT, help="Also a picture, as .png, .svg or .pdf.")
@jobs_option
@force_option
def command(
    peels: tuple[Path, ...],
    by: str,
    model: tuple[str, ...],
    parameters: tuple[int, ...] | None,
    step: tuple[int, ...] | None,
    figure: Path | None,
    force: bool,
) -> None:
    """How each class of errors falls over three or more models: by parameters, or by training step.

    step: for logs made by errtax predict --checkpoint.
    """
    from errtax.lm.files import require_each_once
    from errtax.reports.trend import trend_figure, trend_table
    from errtax.taxonomy.identity import identities
    from errtax.taxonomy.peel_file import PeelFile
    from errtax.taxonomy.trend import trend

    require_each_once(peels)
    outputs, said = Outputs(force, figures=[figure]), identities(len(peels), model, parameters, step)
    result = trend([each.of(PeelFile(path)) for each, path in zip(said, peels, strict=True)], by)
    outputs.figure(figure, trend_figure, result)
    document = {**result.to_json(), "written": outputs.written}
    emit(document, trend_table(result), result.signature, *outputs.written)
