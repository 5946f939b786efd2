"""What to keep in mind of intervals and tests: too few units, units that know of each other, heavy tails."""

import math

import numpy as np
from numpy.typing import NDArray

from errtax.taxonomy.block_sums import PeelSums
from errtax.taxonomy.correlation import LONGEST
from errtax.taxonomy.intervals import effective_units
from errtax.taxonomy.units import BLOCK

Floats = NDArray[np.float64]
FEW_UNITS = 30
"""Below so many, one odd unit decides."""
SPARSE_UNITS = 20
"""A class whose errors lie in fewer units has an interval that rests on the Poisson distribution."""
_FEWEST_BLOCKS = 10  # of those that are advised
_NOISE = 3.0  # standard errors of a correlation
_LEAST_FREEDOM, _PART_OF_UNITS = 10.0, 1 / 8


def cautions(sums: PeelSums) -> tuple[str, ...]:
    """A sentence each."""
    found = (_few(sums), _correlated(sums), _heavy(sums))
    return tuple(sentence for sentence in found if sentence)


def _few(sums: PeelSums) -> str | None:
    units, number = sums.blocks.units, len(sums.blocks.sums)
    positions = sums.blocks.column("positions")
    equal = effective_units(positions)
    if number > 1 and equal < min(number, FEW_UNITS) / 2:
        return (
            f"One of the {units.counted(number)} has {100 * positions.max() / positions.sum():.0f} % of the symbols: "
            f"together they tell as much as {equal:.1f} of equal length, and intervals are wide."
        )
    if number >= FEW_UNITS:
        return None
    if number < 2:
        return f"Only {units.counted(number)}: there are no intervals; {FEW_UNITS} are needed for a fair estimate."
    return f"Only {units.counted(number)}: intervals are wide; {FEW_UNITS} are needed for a fair estimate."


def _correlated(sums: PeelSums) -> str | None:
    """Where units know of each other.

    Blocks are neighbours of one text: shorter than five correlation times, their intervals cover less than 92 %
    (docs/method.md).  Documents and streams may each be as even as they like; they matter where neighbours are alike.
    """
    units, number, found = sums.blocks.units, len(sums.blocks.sums), sums.correlation
    if units.kind != BLOCK:
        alike = _likeness_of_neighbours(sums)
        if number < FEW_UNITS or alike <= _NOISE / math.sqrt(number):
            return None
        return (
            f"Neighbouring {units.plural} are alike (their errors have a correlation of {alike:.2f}): intervals are "
            "too narrow; give the log a column 'doc' of longer documents."
        )
    length = sums.blocks.count("positions") / max(number, 1)
    if found is None or number < 2 or found <= LONGEST * length:
        return None
    return (
        f"Errors are correlated over some {_rounded(found):,} symbols, more than a fifth of the {length:,.0f} of one "
        f"block: intervals are too narrow; {_longer_units(sums, _rounded(2 * found / LONGEST))}."
    )


def _longer_units(sums: PeelSums, block: int) -> str:
    """What to do where blocks are too short."""
    if "|docs:" in sums.head.signature:
        return "leave --block away, and the log's documents are drawn"
    if sums.blocks.count("positions") < _FEWEST_BLOCKS * block:
        return "the text is too short for longer blocks: take more text, or give the log a column 'doc'"
    return f"give the log a column 'doc', or --block {block}"


def _likeness_of_neighbours(sums: PeelSums) -> float:
    """The correlation of the error rates of neighbouring units; 0 where none varies."""
    errors, positions = sums.blocks.column("errors"), sums.blocks.column("positions")
    residuals = (errors - errors.sum() / max(positions.sum(), 1) * positions) / np.sqrt(np.maximum(positions, 1))
    squares = float(residuals @ residuals)
    return float(residuals[1:] @ residuals[:-1]) / squares if squares else 0.0


def _rounded(symbols: float) -> int:
    """To two digits.

    >>> _rounded(1234.0), _rounded(87.0)
    (1200, 87)
    """
    return int(float(f"{symbols:.2g}"))


def _heavy(sums: PeelSums) -> str | None:
    units, freedom = sums.blocks.units, _freedom_of_variance(sums)
    number = len(sums.blocks.sums)
    if freedom is None or freedom >= max(_LEAST_FREEDOM, _PART_OF_UNITS * number):
        return None
    return (
        f"A few of the {units.counted(number)} make most of the variance of the bits (heavy tails): the "
        "interval of the bits may be too narrow."
    )


def _freedom_of_variance(sums: PeelSums) -> float | None:
    """Degrees of freedom of the variance of the bits between units: 2 B / (kurtosis - 1), by Satterthwaite (1946).

    Residuals are divided by the root of the unit's size, so that documents of mixed length are no heavy tail.
    """
    blocks = sums.blocks
    bits, positions = blocks.column("surprisal"), blocks.column("positions")
    if len(bits) < FEW_UNITS or not np.isfinite(bits).all():
        return None
    squares = (bits - bits.sum() / positions.sum() * positions) ** 2 / np.maximum(positions, 1)
    if not squares.any():
        return None
    kurtosis = len(squares) * float(squares @ squares) / float(squares.sum()) ** 2
    return 2 * len(squares) / max(kurtosis - 1, 1e-9)
