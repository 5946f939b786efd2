"""`errtax calibration`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, jobs_option
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, OUTPUT


@declare("calibration", "errtax calibration preds.peel.parquet --figure calibration.png")
@click.argument("peel", type=FILE)
@click.option("--figure", type=OUTPUT, help="Also reliability diagrams, as .png, .svg or .pdf.")
@jobs_option
@force_option
def command(peel: Path, figure: Path | None, force: bool) -> None:
    """Is the model right as often as it says?  By kind of position.

    confidence: mean probability of the first-ranked symbol; right: how often it was the correct one; calibration error:
    mean distance of the two over ten bins of confidence.  A position, right or wrong, belongs to the first layer that
    claims it.
    """
    from errtax.reports.calibration import calibration_figure, calibration_table
    from errtax.taxonomy.calibration import calibration
    from errtax.taxonomy.peel_file import PeelFile

    outputs = Outputs(force, figures=[figure])
    result = calibration(PeelFile(peel))
    outputs.figure(figure, calibration_figure, result)
    document = {**result.to_json(), "written": outputs.written}
    emit(document, calibration_table(result), result.signature, *outputs.written)
