"""`errtax cells`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.completion import complete_features, listed
from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, progress
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, OUTPUT, RUN, TEXT_OUTPUT
from errtax.cli.types import NAMES, Repeated

if TYPE_CHECKING:
    from errtax.taxonomy.studies.cells import CellOptions


class CellType(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in some versions of click
    """`2:17` as (2, 17)."""

    name = "layer:unit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Layer and unit."""
        layer, colon, unit = str(value).partition(":")
        if not (colon and layer.isdecimal() and unit.isdecimal()):
            self.fail(f"{value!r} is not a cell, which is layer:unit, both from 1, such as 2:17.", param, ctx)
        return int(layer), int(unit)


@declare("cells", "errtax cells lstm2 --text wp/test.txt -o cells.html --table cells.parquet")
@click.argument("run", type=RUN)
@click.option("--text", type=FILE, required=True, help="The text to read.")
@click.option(
    "--cell",
    cls=Repeated,
    type=CellType(),
    help="Show this cell, layer:unit, both from 1; can be repeated [default: the best of each feature].",
)
@click.option(
    "--features", type=NAMES, shell_complete=listed(complete_features), help="Only these features [default: all]."
)
@click.option(
    "--reading",
    type=click.Choice(["auto", "prose", "code"]),
    default="auto",
    show_default=True,
    help="Whether comments, strings and brackets are those of C.",
)
@click.option(
    "--from", type=click.IntRange(0), metavar="POSITION", help="Where passages begin [where a feature varies]."
)
@click.option("--length", type=click.IntRange(1, 100_000), default=2000, show_default=True, help="Symbols shown.")
@click.option("-o", "--output", type=TEXT_OUTPUT, default="cells.html", show_default=True, help="HTML page to write.")
@click.option("--table", type=OUTPUT, help="Also the scores of all cells, as Parquet.")
@click.option("--device", default="auto", show_default=True)
@force_option
def command(
    run: Path,
    text: Path,
    output: Path,
    table: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """Find the cells of a trained model (RUN) that track quotes, brackets, the position in the line, …

    Every cell is scored for every feature, on text that the score was not fitted to.  The page shows the best cells, or
    those given, on passages of the text coloured by their value.
    """
    from errtax.reports.studies.cells_page import cells_page
    from errtax.reports.studies.cells_table import cells_table
    from errtax.taxonomy.studies.cell_study import study_cells
    from errtax.taxonomy.studies.cells_file import write_cells

    outputs = Outputs(force, [table], texts=[(output, "")])
    with progress("reading cells") as update:
        study = study_cells(run, text, _options(options), update)
    outputs.text(output, cells_page(study))
    outputs.file(table, write_cells, study)
    document = {**study.to_json(), "written": outputs.written}
    emit(document, cells_table(study), study.signature, *outputs.written)


def _options(given: dict[str, Any]) -> "CellOptions":
    from errtax.oracle.text_kind import Reading
    from errtax.taxonomy.studies.cells import CellOptions
    from errtax.taxonomy.studies.tracking import TrackedCell

    return CellOptions(
        cells=tuple(TrackedCell(*cell) for cell in given["cell"]),
        features=given["features"] or None,
        reading=None if given["reading"] == "auto" else Reading(given["reading"]),
        start=given["from"],
        length=given["length"],
        device=given["device"],
    )
