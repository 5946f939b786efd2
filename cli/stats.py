"""`errtax stats`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from errtax.cli.frame import block_option, caution, emit, jobs_option, progress, slices_option
from errtax.cli.frame import command as declare
from errtax.cli.parts import Cluster, ray_options
from errtax.cli.paths import FILE, PILOT

if TYPE_CHECKING:
    from errtax.taxonomy.block_sums import PeelSums
    from errtax.taxonomy.bootstrap import Resampling
    from errtax.taxonomy.power import Power


@declare("stats", "errtax stats preds.peel.parquet")
@click.argument("peel", type=FILE)
@block_option
@click.option(
    "--replicates", type=click.IntRange(100, 10**6), default=2000, show_default=True, help="Of the bootstrap."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--power",
    type=PILOT,
    is_flag=False,
    flag_value="30%",
    help="Also the smallest differences that a comparison with this model will find.",
)
@ray_options
@jobs_option
@slices_option
def command(
    peel: Path,
    block: int | None,
    replicates: int,
    seed: int,
    power: "Path | float | None",
    cluster: Cluster | None,
    slices: bool | None,
) -> None:
    """Shares of a peel with 95 % intervals, and what each layer explains whatever the order.

    fair share: each error divided among the layers that claim it (Shapley value).  any order: the least and the most
    that the layer takes in any order.  excess: bits above the one that a right symbol may cost.  recoverable: bits that
    the n-gram model of the slice would have saved.

    --power NULL.peel.parquet, of another run of the same model (another seed), says what differs by chance.  --power
    20% supposes that two runs differ in so many errors, in % of those of this model: errors of the one alone and errors
    of the other alone, together; without a value 30%.
    """
    from errtax.reports.tables import claims_table, power_table, statistics_table
    from errtax.taxonomy.bootstrap import Resampling
    from errtax.taxonomy.statistics import statistics_of

    resampling = Resampling(block, replicates, seed)
    (sums,) = _sums([peel], resampling, cluster)
    shares = statistics_of(sums, resampling)
    caution(shares.warning)
    found = _power(power, peel, sums, resampling, cluster)
    more = () if found is None else ("", power_table(found))
    document = {} if found is None else {"detectable": found.to_json()}
    tables = (statistics_table(shares).folded(slices), "", claims_table(shares), *more)
    emit(shares.to_json() | document, *tables, shares.signature)


def _power(
    pilot: "Path | float | None", peel: Path, sums: "PeelSums", resampling: "Resampling", cluster: Cluster | None
) -> "Power | None":
    """What comparisons will find, by another run of the model or by a share of its errors."""
    from errtax.taxonomy.power import power_of_pair, power_of_share

    if isinstance(pilot, float):
        return power_of_share(sums, pilot)
    return None if pilot is None else power_of_pair(*_sums([peel, pilot], resampling, cluster))


def _sums(paths: list[Path], resampling: "Resampling", cluster: Cluster | None) -> "list[PeelSums]":
    """The sums of peels on their common positions, by tasks of a cluster where one is named."""
    from errtax.taxonomy.block_sums import sum_peels
    from errtax.taxonomy.peel_file import PeelFile
    from errtax.taxonomy.sum_parts import sum_on

    files = [PeelFile(path) for path in paths]
    if cluster is None:
        return sum_peels(files, resampling)
    with cluster.pool("Summing") as pool, progress("summing") as update:
        return sum_on(pool, files, files, cluster.tasks, update, resampling)[0]
