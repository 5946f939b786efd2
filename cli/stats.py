"""`errtax stats`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, jobs_option, notice, progress, slices_option
from errtax.cli.parts import Cluster, ray_options
from errtax.cli.paths import FILE

if TYPE_CHECKING:
    from errtax.taxonomy.bootstrap import Resampling
    from errtax.taxonomy.statistics import Statistics


@declare("stats", "errtax stats preds.peel.parquet")
@click.argument("peel", type=FILE)
@click.option(
    "--block",
    type=click.IntRange(1),
    help="Draw blocks of so many symbols [default: documents, else streams of a split, else blocks of 1000].",
)
@click.option(
    "--replicates", type=click.IntRange(100, 10**6), default=2000, show_default=True, help="Of the bootstrap."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@ray_options
@jobs_option
@slices_option
def command(
    peel: Path, block: int | None, replicates: int, seed: int, cluster: Cluster | None, slices: bool | None
) -> None:
    """Shares of a peel with 95 % intervals, and what each layer explains whatever the order.

    fair share: each error divided among the layers that claim it (Shapley value).  any order: the least and the most
    that the layer takes in any order.  excess: bits above the one that a right symbol may cost.  recoverable: bits that
    the n-gram model of the slice would have saved.
    """
    from errtax.reports.tables import claims_table, statistics_table
    from errtax.taxonomy.bootstrap import Resampling

    shares = _statistics(peel, Resampling(block, replicates, seed), cluster)
    if shares.warning:
        notice(shares.warning)
    emit(shares.to_json(), statistics_table(shares).folded(slices), "", claims_table(shares), shares.signature)


def _statistics(peel: Path, resampling: "Resampling", cluster: Cluster | None) -> "Statistics":
    from errtax.taxonomy.peel_file import PeelFile
    from errtax.taxonomy.statistics import statistics, statistics_of
    from errtax.taxonomy.sum_parts import sum_on

    file = PeelFile(peel)
    if cluster is None:
        return statistics(file, resampling)
    with cluster.pool("Summing") as pool, progress("summing") as update:
        (sums,), _ = sum_on(pool, [file], [file], cluster.tasks, update, resampling)
    return statistics_of(sums, resampling)
