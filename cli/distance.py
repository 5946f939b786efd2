"""`errtax distance`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, LOG, OUTPUT
from errtax.cli.peels import given_logs, log_argument
from errtax.cli.predictors import sources_of
from errtax.cli.types import INTEGERS, RANGE, Repeated


@declare("distance", "errtax distance preds.parquet --pair '{}' --ngram train.ngram --orders 20")
@log_argument(many=True)
@click.option("--preds", type=LOG, cls=Repeated, help="The same as LOG, for configuration files; can be repeated.")
@click.option("--ngram", type=FILE, help="Index made by errtax build-ngram, or a model of KenLM.")
@click.option("--orders", type=RANGE, help="Orders of it to include, as KenLM counts them [default: none].")
@click.option(
    "--pair", cls=Repeated, default=("{}",), show_default=True, help="Opening and closing character; repeatable."
)
@click.option("--edges", type=INTEGERS, help="Bin edges, in symbols [0,20,40,60,80,100,125,150,200,250,300].")
@click.option(
    "--skip",
    type=click.Choice(["auto", "code", "none"]),
    default="auto",
    show_default=True,
    help="code: ignore brackets in literals and comments; auto: if over 10 % of lines end in ; { or }.",
)
@click.option("--streams", type=click.IntRange(1), help="Number of equal pieces that no pair may span [the log's].")
@click.option("-o", "--output", type=OUTPUT, default="distance.parquet", show_default=True, help="Table to write.")
@click.option("--figure", type=OUTPUT, help="Also the picture, as .png, .svg or .pdf.")
@force_option
def command(
    logs: tuple[Path, ...],
    preds: tuple[Path, ...],
    ngram: Path | None,
    orders: tuple[int, ...] | None,
    pair: tuple[str, ...],
    edges: tuple[int, ...] | None,
    skip: str,
    streams: int | None,
    output: Path,
    figure: Path | None,
    force: bool,
) -> None:
    """How sure models are of a closing symbol, by its distance from its opener.

    LOG: prediction logs, one per model.
    """
    from errtax.oracle.pairs import Pair, Skip
    from errtax.reports.studies.analysis_tables import distance_table
    from errtax.reports.studies.distances import distance_figure
    from errtax.taxonomy.studies.distance import PAPER_EDGES, DistanceSettings, measure_distances
    from errtax.taxonomy.studies.distance_file import write_distances
    from errtax.taxonomy.studies.predictors import read_predictors

    outputs = Outputs(force, [output], [figure])
    settings = DistanceSettings(tuple(map(Pair.parse, pair)), edges or PAPER_EDGES, Skip(skip), streams)
    distances = measure_distances(read_predictors(sources_of(given_logs(logs, preds), ngram, orders)), settings)
    notice(distances.why)
    outputs.file(output, write_distances, distances)
    outputs.figure(figure, distance_figure, distances)
    tables = [part for each in distances.pairs for part in (distance_table(each), "")]
    emit({**distances.to_json(), "written": outputs.written}, *tables, distances.signature, *outputs.written)
