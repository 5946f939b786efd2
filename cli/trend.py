"""`errtax trend`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, jobs_option
from errtax.cli.outputs import Outputs
from errtax.cli.paths import OUTPUT
from errtax.cli.peels import sizes_options

if TYPE_CHECKING:
    from errtax.taxonomy.peel import PeelSource


@declare("trend", "errtax trend small.peel.parquet middle.peel.parquet large.peel.parquet --figure trend.png")
@sizes_options
@click.option("--figure", type=OUTPUT, help="Also a picture, as .png, .svg or .pdf.")
@jobs_option
@force_option
def command(
    peels: "Callable[[], list[PeelSource]]",
    by: str,
    figure: Path | None,
    force: bool,
) -> None:
    """How each class of errors falls over three or more models: by parameters, or by training step.

    step: for logs made by errtax predict --checkpoint.
    """
    from errtax.reports.trend import trend_figure, trend_table
    from errtax.taxonomy.trend import trend

    outputs = Outputs(force, figures=[figure])
    result = trend(peels(), by)
    outputs.figure(figure, trend_figure, result)
    document = {**result.to_json(), "written": outputs.written}
    emit(document, trend_table(result), result.signature, *outputs.written)
