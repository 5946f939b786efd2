"""The sentences and numbers that tables, pictures and pages share."""

import re

from errtax.lm.visible import visible
from errtax.reports.table import DAGGER
from errtax.taxonomy.caution import SPARSE_UNITS
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.correction import EXPLAINED
from errtax.taxonomy.power import units_needed
from errtax.taxonomy.summary import Summary
from errtax.taxonomy.units import Units


def headline(summary: Summary) -> str:
    """For example `LSTM-2 (45 units): 58.5 % errors, 1.482 nats`."""
    return f"{summary.model}: {100 * summary.error_rate:.1f} % errors, {summary.nats:.3f} nats"


def ngram_line(summary: Summary) -> str | None:
    """The best n-gram model beside the model, in a line; None where none was asked.  n counts symbols of context."""
    if summary.ngram is None:
        return None
    rate = 100 * summary.ngram.errors / max(summary.positions, 1)
    model = f"the {summary.ngram.order - 1}-gram model alone, the best of its kind here"
    return f"{model}: {rate:.1f} % errors (p < 0.5), {summary.ngram.nats:.3f} nats"


def findings(summary: Summary) -> list[str]:
    """What the breakdown says, in three sentences."""
    if not summary.errors or not summary.layers:
        return [f"{summary.model} makes no error on {summary.positions:,} symbols."]
    largest = max(summary.layers, key=lambda layer: layer.count)
    part = max((p for layer in summary.layers for p in layer.slices), key=lambda p: p.count)
    rate = f"{100 * summary.error_rate:.1f} %"
    wrong = f"{summary.model} is wrong on {summary.errors:,} of {summary.positions:,} symbols ({rate})"
    share = f"{100 * largest.share:.1f} % of the errors, {largest.bits:.3f} bits per symbol"
    return [
        f"{wrong} and spends {summary.bits:.3f} bits per symbol.",
        f"The largest class is {largest.title}: {share}.",
        f"The largest single slice is “{part.name}” with {100 * part.share:.1f} %.",
    ]


def power_line(comparison: Comparison) -> str:
    """How small a difference between the two could have been seen on this text."""
    total, n = comparison.total, max(comparison.baseline.positions, 1)
    if total.detectable is None:
        return (
            f"Too few {Units(comparison.unit).plural} differ for any difference in errors to be significant: at least "
            f"{units_needed()} must."
        )
    found = f"{total.detectable:,.0f} errors ({100 * total.detectable / n:.2g} % of the positions)"
    if total.bits.detectable is not None:
        found += f" or {total.bits.detectable:.2g} bits per symbol"
    return f"On texts like this one a difference of {found} is found 4 times of 5."


def hypothesis(correction: str) -> str:
    """What p means in a comparison, and `tied`."""
    return (
        "p: had either model made the other's errors in each document, stream or block of symbols by the toss of a "
        f"coin, a difference as large would come up with this probability (two-sided; {EXPLAINED[correction]} over all "
        "rows of a kind). tied: p of 0.05 or more. Intervals are of one row each, not adjusted."
    )


def p_head(correction: str) -> str:
    """The head of a column of adjusted p-values: `p (Holm)`."""
    return {"holm": "p (Holm)", "bh": "p (BH)"}[correction]


def sparse_line(units: str) -> str:
    """What the mark means."""
    return f"{DAGGER} errors in fewer than {SPARSE_UNITS} {units}: the interval is that of rare events, and wide."


def short_number(value: float, _: object = None) -> str:
    """A number as `500`, `50K` or `1.2M` for a logarithmic axis; only those of first digit 1, 2 and 5 are labelled.

    >>> [short_number(n) for n in (500, 50_000, 70_000, 2_000_000)]
    ['500', '50K', '', '2M']
    """
    if f"{value:e}"[0] not in "125":
        return ""
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}K" if value >= 1e3 else f"{value:g}"


def wrap_signature(signature: str, width: int = 110) -> str:
    """The signature in lines of at most `width` characters, broken after `|` or `,`."""
    lines = [""]
    for piece in re.split(r"(?<=[|,])", visible(signature)):
        if len(lines[-1]) + len(piece) > width and lines[-1]:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def literal(name: str) -> str:
    """A name as a picture shows it: no `$` begins a formula, and a leading `_` hides nothing from the legend."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
