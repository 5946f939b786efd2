"""The best cells of each feature, for the terminal."""

from rich.table import Table
from rich.text import Text

from errtax.reports.studies.cells_page import amount, left_out
from errtax.taxonomy.studies.cells import CellStudy

_BEST = 3


def cells_table(study: CellStudy) -> Table:
    """One row a feature: how frequent it is, and its three best cells with their scores."""
    tracking = study.tracking
    title = Text(f"{study.model}: cells by held-out score", "bold")
    caption = Text(left_out(tracking))
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left", box=None, pad_edge=False)
    table.add_column("feature", no_wrap=True)
    table.add_column("frequency", justify="right", no_wrap=True)
    for name in ("best cell", "second", "third"):
        table.add_column(name, justify="right", no_wrap=True)
    for f, feature in enumerate(tracking.features):
        if feature.name not in tracking.unscored:
            best = [f"{found.cell}  {found.score:.3f}" for found in tracking.best(f, _BEST)]
            table.add_row(feature.name, amount(tracking, f), *best)
    return table
