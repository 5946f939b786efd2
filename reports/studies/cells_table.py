"""The best cells of each feature, as a table."""

from errtax.reports.studies.cells_page import amount, left_out
from errtax.reports.table import Column, Row, Table
from errtax.taxonomy.studies.cells import CellStudy

_BEST = ("best cell", "second", "third")


def cells_table(study: CellStudy) -> Table:
    """One row per feature: how frequent it is, and its three best cells with their scores."""
    tracking = study.tracking
    columns = (Column("frequency"), *(Column(head, lambda found: f"{found.cell}  {found.score:.3f}") for head in _BEST))
    rows = []
    for f, feature in enumerate(tracking.features):
        if feature.name not in tracking.unscored:
            best = [*tracking.best(f, len(_BEST)), *[None] * len(_BEST)][: len(_BEST)]
            rows.append(Row(feature.name, (amount(tracking, f), *best), name=feature.name))
    return Table(
        f"{study.model}: cells by held-out score",
        "feature",
        columns,
        tuple(rows),
        tuple(filter(None, [left_out(tracking)])),
    )
