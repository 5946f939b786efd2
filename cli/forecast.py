"""`errtax forecast`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, jobs_option
from errtax.cli.peels import sizes_options

if TYPE_CHECKING:
    from errtax.taxonomy.peel import PeelSource


@declare("forecast", "errtax forecast small.peel.parquet middle.peel.parquet large.peel.parquet")
@sizes_options
@click.option("--at", type=click.FloatRange(1), help="Parameters or steps to forecast [default: one more step].")
@jobs_option
def command(peels: "Callable[[], list[PeelSource]]", by: str, at: float | None) -> None:
    """What the next size of a model would save, by class of errors.

    Three sizes or more: E(N) = F + A N^-α with one α for all classes, at most one step ahead, and how far the same fit
    misses the last model when that is left out.  Two sizes: a range of scenarios, from a power law to no change.
    """
    from errtax.reports.forecast import forecast_lines, forecast_table
    from errtax.taxonomy.forecast import forecast

    result = forecast(peels(), by, at)
    emit(result.to_json(), forecast_table(result), *forecast_lines(result), result.signature)
