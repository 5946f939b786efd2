"""`errtax stats`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, jobs_option, notice, slices_option
from errtax.cli.paths import FILE


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
@jobs_option
@slices_option
def command(peel: Path, block: int | None, replicates: int, seed: int, slices: bool | None) -> None:
    """Shares of a peel with 95 % intervals, and what each layer explains whatever the order.

    fair share: each error divided among the layers that claim it (Shapley value).  any order: the least and the most
    that the layer takes in any order.  excess: bits above the one that a right symbol may cost.  recoverable: bits that
    the n-gram model of the slice would have saved.
    """
    from errtax.reports.tables import claims_table, statistics_table
    from errtax.taxonomy.bootstrap import Resampling
    from errtax.taxonomy.peel_file import PeelFile
    from errtax.taxonomy.statistics import statistics

    shares = statistics(PeelFile(peel), Resampling(block, replicates, seed))
    if shares.warning:
        notice(shares.warning)
    emit(shares.to_json(), statistics_table(shares).folded(slices), "", claims_table(shares), shares.signature)
