"""The sentences and numbers that tables, pictures and pages share."""

import re

from errtax.taxonomy.comparison import Comparison, Difference
from errtax.taxonomy.summary import Summary


def headline(summary: Summary) -> str:
    """For example `LSTM-2 (45 units): 58.5 % errors, 1.482 nats`."""
    return f"{summary.model}: {100 * summary.error_rate:.1f} % errors, {summary.nats:.3f} nats"


def findings(summary: Summary) -> list[str]:
    """What the breakdown says, in three sentences."""
    if not summary.errors or not summary.layers:
        return [f"{summary.model} makes no error on {summary.positions:,} symbols."]
    largest = max(summary.layers, key=lambda layer: layer.count)
    part = max((p for layer in summary.layers for p in layer.slices), key=lambda p: p.count)
    rate = f"{100 * summary.error_rate:.1f} %"
    wrong = f"{summary.model} is wrong on {summary.errors:,} of {summary.positions:,} symbols ({rate})"
    share = f"{100 * largest.share:.1f} % of the errors, {largest.bits:.3f} bits a symbol"
    return [
        f"{wrong} and spends {summary.bits:.3f} bits on a symbol.",
        f"The largest class is {largest.title}: {share}.",
        f"The largest single slice is “{part.name}” with {100 * part.share:.1f} %.",
    ]


def saved_share(comparison: Comparison, item: Difference) -> str:
    """The part of all errors saved that is of one class, for example `81.0 %`; empty where none was saved."""
    share = comparison.share_of_saved(item)
    return "" if share is None else f"{100 * share:.1f} %"


def wrap_signature(signature: str, width: int = 110) -> str:
    """The signature in lines of at most `width` characters, broken behind `|` or `,`."""
    lines = [""]
    for piece in re.split(r"(?<=[|,])", signature):
        if len(lines[-1]) + len(piece) > width and lines[-1]:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def literal(name: str) -> str:
    """A name as a picture shows it: no `$` begins a formula, and a leading `_` hides nothing from the legend."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
