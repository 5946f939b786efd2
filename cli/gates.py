"""`errtax gates`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, progress
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, OUTPUT, RUN


@declare("gates", "errtax gates lstm2 --text wp/test.txt")
@click.argument("run", type=RUN)
@click.option("--text", type=FILE, required=True, help="The text to read.")
@click.option("-o", "--output", type=OUTPUT, help="Table to write [default: RUN.gates.parquet].")
@click.option("--figure", type=OUTPUT, help="Picture, as .png, .svg or .pdf [default: RUN.gates.png].")
@click.option("--left", type=float, default=0.1, show_default=True, help="Left-saturated: below this.")
@click.option("--right", type=float, default=0.9, show_default=True, help="Right-saturated: above this.")
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="Gates listed.")
@click.option("--double", is_flag=True, help="Read in double precision: several times slower.")
@click.option("--device", default="auto", show_default=True)
@force_option
def command(
    run: Path,
    text: Path,
    output: Path | None,
    figure: Path | None,
    left: float,
    right: float,
    top: int,
    double: bool,
    device: str,
    force: bool,
) -> None:
    """How often each gate of a trained LSTM or GRU (RUN) is saturated on a text."""
    from errtax.reports.studies.gates import saturation_figure, saturation_table
    from errtax.taxonomy.studies.gates import Thresholds, measure_saturation, to_json
    from errtax.taxonomy.studies.gates_file import write_saturation

    name = run.resolve().name
    table, picture = output or Path(f"{name}.gates.parquet"), figure or Path(f"{name}.gates.png")
    outputs = Outputs(force, [table], [picture])
    with progress("reading") as update:
        saturation = measure_saturation(run, text, Thresholds(left, right), device, double, update)
    outputs.file(table, write_saturation, saturation)
    outputs.figure(picture, saturation_figure, saturation)
    document = {**to_json(saturation, top), "written": outputs.written}
    emit(document, saturation_table(saturation, top), saturation.signature, *outputs.written)
