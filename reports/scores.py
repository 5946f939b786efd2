"""Cross-entropies of an n-gram model's orders, for the terminal and as data."""

import math
from collections.abc import Mapping

from rich.table import Table


def entropy_rows(entropies: Mapping[int, float]) -> list[dict[str, float]]:
    """A row an order: `order`, `context` (the symbols that it sees), and the cross-entropy in `nats` and `bits`."""
    return [
        {"order": order, "context": order - 1, "nats": nats, "bits": nats / math.log(2)}
        for order, nats in entropies.items()
    ]


def entropy_table(entropies: Mapping[int, float]) -> Table:
    """The same as a table."""
    table = Table(box=None, pad_edge=False)
    for name in ("order", "context", "nats", "bits"):
        table.add_column(name, justify="right")
    for row in entropy_rows(entropies):
        table.add_row(f"{row['order']}", f"{row['context']}", f"{row['nats']:.4f}", f"{row['bits']:.4f}")
    return table
