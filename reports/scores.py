"""Cross-entropies of an n-gram model's orders, for the terminal and as data."""

import math
from collections.abc import Mapping

from errtax.reports.numbers import bits
from errtax.reports.table import Column, Row, Table


def entropy_rows(entropies: Mapping[int, float]) -> list[dict[str, float]]:
    """One row per order: `order`, `context` (the symbols that it sees), and the cross-entropy in `nats` and `bits`."""
    return [
        {"order": order, "context": order - 1, "nats": nats, "bits": nats / math.log(2)}
        for order, nats in entropies.items()
    ]


def entropy_table(entropies: Mapping[int, float]) -> Table:
    """The same as a table."""
    columns = (Column("context"), Column("nats", bits), Column("bits", bits))
    rows = (Row(f"{row['order']}", (row["context"], row["nats"], row["bits"])) for row in entropy_rows(entropies))
    return Table("", "order", columns, tuple(rows))
