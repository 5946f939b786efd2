"""Layers of oracles that are not built in; see `errtax.oracle.custom`."""

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.layers.layer import Clause, Layer, Slices, Values, coded, smallest

if TYPE_CHECKING:
    from errtax.oracle.custom import OracleRule
    from errtax.oracle.evidence import Evidence

FIRST_BIT = 1 << 6
"""Their bits in the column `claims` are 2^6 to 2^15, in the order of the rules; built-in layers have the others."""
MOST = 10
"""Own oracles of one peel: so many bits are theirs."""
_POSITIONS = (*range(11), 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 3000, 5000, 10_000, 100_000)
_COLOURS = ("#882255", "#117733", "#332288", "#AA4499", "#6B4E00", "#44708A")


def colour_of(name: str) -> str:
    """The colour of an own oracle: the same for a name, whatever stands beside it."""
    return _COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)]


def letter_of(name: str) -> str:
    """The letters of an own oracle: `Di` for digits."""
    return name[:2].capitalize()


def layer_of(rule: "OracleRule", k: int) -> Layer:
    """The layer of the k-th rule of a peel."""

    def slice_of(evidence: "Evidence", p: NDArray[np.float64], settings: Values) -> Slices:
        found = evidence.custom[rule.name]
        if rule.limits:
            return smallest(found, rule.limits, found >= 0)
        return np.where(found, 0, -1).astype(np.int8)

    def in_words(evidence: "Evidence", row: int) -> str:
        value = evidence.custom[rule.name][row]
        if rule.limits:
            return f"{rule.title}: {value:,}" if value >= 0 else ""
        return rule.title if value else ""

    def page_columns(evidence: "Evidence", starts: NDArray[np.int64], settings: Values) -> dict[str, NDArray[Any]]:
        found = evidence.custom[rule.name]
        column = coded(found, positions_of(rule)) if rule.limits else found.astype(np.uint8)
        return {column_of(rule.name): column}

    return Layer(
        name=rule.name,
        title=rule.title,
        letter=letter_of(rule.name),
        colour=colour_of(rule.name),
        bit=FIRST_BIT << k,
        rule=rule.rule,
        inside=lambda s: rule.inside,
        slices=lambda s: rule.slices,
        slice_of=slice_of,
        in_words=in_words,
        clauses=(_clause_of(rule),),
        page_columns=page_columns,
        page_scales=lambda s: {column_of(rule.name): positions_of(rule)} if rule.limits else {},
    )


def column_of(name: str) -> str:
    """The page's column of an own oracle's evidence, and the page's name of its limits."""
    return f"own-{name}"


def positions_of(rule: "OracleRule") -> list[float]:
    """The positions of the page's slider of the largest limit."""
    return sorted({*_POSITIONS, *rule.limits})


def _clause_of(rule: "OracleRule") -> Clause:
    column = column_of(rule.name)
    if rule.limits:
        return Clause(column, f"{{}} {rule.name}", limits=column, fixed=rule.limits, says=f"{rule.title}: {{}}")
    return Clause(column, rule.name, values=(1,), says=rule.title)
