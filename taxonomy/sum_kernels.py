"""The loops over rows that every sum of a peel comes from.  Each goes over the rows once, cell by cell.

`bounds`: cell c holds the rows bounds[c] to bounds[c + 1] - 1.  `table[c, q]`: the two halves of quantity q
(`fixed_point`), zeros at first.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight

_LOG2 = float(np.log(2))
_BIT, _MASK, _MOST = 4294967296.0, 4294967295, 1048576.0  # as in `fixed_point`; a cache knows its own file only
_FAIR = 12252240

HEAD = ("positions", "errors", "surprisal", "correct", "infinite", "infinite_correct")
"""The first columns, in their order."""
_POSITIONS, _ERRORS, _SURPRISAL, _CORRECT, _INFINITE, _INFINITE_CORRECT = range(6)
SLICE = ("count", "bits", "excess", "infinite", "recoverable")
"""Those of each slice; the last only in layers whose oracle gives a probability."""
PLAYER = ("fair", "fair_bits", "infinite", "unique", "solo")
"""Those of each layer that shares errors with others."""
_PER_PLAYER = 5


class Rows(NamedTuple):
    """The columns of a peel's rows that sums need."""

    logprobs: NDArray[np.float64]
    error: NDArray[np.bool_]
    layer: NDArray[np.int8]
    slice: NDArray[np.int8]
    claims: NDArray[np.uint32]
    by_oracle: NDArray[np.float32]  # (oracles, rows): natural log of the probability that an oracle gave


class Plan(NamedTuple):
    """Where the columns are."""

    slices: NDArray[np.int64]  # [layer, slice]: its first column
    oracles: NDArray[np.int64]  # [layer]: the row of its oracle in `by_oracle`; -1: none
    players: NDArray[np.int64]  # the bit in `claims` of each layer that shares errors
    first_player: NDArray[np.int64]  # [0]: the first column of the first of them


@inlined
def _add(table, c, q, amount):
    table[c, q, 0] += amount & _MASK
    table[c, q, 1] += amount >> 32


@inlined
def _fixed(value):
    """In units of 2^-32, rounded half to even."""
    return np.int64(np.rint(value * _BIT))


@tight
def sum_rows(rows, plan, bounds, table):
    """Counts and bits of a peel.  A surprisal above 2^20 bits is infinite: it is counted apart, and adds no bits."""
    for c in range(len(bounds) - 1):
        for row in range(bounds[c], bounds[c + 1]):
            logprob = rows.logprobs[row]
            if np.isnan(logprob):  # not predicted
                continue
            bits = -logprob / _LOG2
            infinite = 0 if bits <= _MOST else 1
            if infinite:
                bits = 0.0
            amount = _fixed(bits)
            table[c, _POSITIONS, 0] += 1
            table[c, _INFINITE, 0] += infinite
            _add(table, c, _SURPRISAL, amount)
            if rows.error[row]:
                table[c, _ERRORS, 0] += 1
                _sum_slice(rows, plan, row, bits, infinite, table, c)
                _sum_players(np.int64(rows.claims[row]), plan, bits, infinite, table, c)
            else:
                _add(table, c, _CORRECT, amount)
                table[c, _INFINITE_CORRECT, 0] += infinite


@inlined
def _sum_slice(rows, plan, row, bits, infinite, table, c):
    layer = rows.layer[row]
    q = plan.slices[layer, rows.slice[row]]
    amount = _fixed(bits)
    table[c, q, 0] += 1
    _add(table, c, q + 1, amount)
    _add(table, c, q + 2, max(amount - (_MASK + 1), 0))
    table[c, q + 3, 0] += infinite
    oracle = plan.oracles[layer]
    if oracle >= 0:
        saved = bits + np.float64(rows.by_oracle[oracle, row]) / _LOG2
        if saved > 0.0:  # not where the oracle's probability is 0 or missing
            _add(table, c, q + 4, _fixed(saved))


@inlined
def _sum_players(claims, plan, bits, infinite, table, c):
    """1/k of the error to each of the k players that claim it."""
    k = 0
    for player in range(len(plan.players)):
        if claims & plan.players[player]:
            k += 1
    if k == 0:
        return
    share = np.int64(np.rint(_FAIR / k))
    amount = np.int64(np.rint(bits * _BIT / k))
    for player in range(len(plan.players)):
        if claims & plan.players[player]:
            q = plan.first_player[0] + _PER_PLAYER * player
            _add(table, c, q, share)
            _add(table, c, q + 1, amount)
            table[c, q + 2, 0] += infinite
            table[c, q + 3, 0] += k == 1
            table[c, q + 4, 0] += 1


@tight
def sum_values(values, bounds, table):
    """(cells, 3) of plain numbers: their sum in units of 2^-32, how many are known (no NaN), how many are infinite."""
    for c in range(len(bounds) - 1):
        for row in range(bounds[c], bounds[c + 1]):
            value = values[row]
            if np.isnan(value):
                continue
            table[c, 1, 0] += 1
            if abs(value) <= _MOST:
                _add(table, c, 0, _fixed(value))
            else:
                table[c, 2, 0] += 1


@tight
def sum_bins(kinds, confidence, right, bounds, table):
    """(cells, kinds x bins x 3) of calibration: positions, their confidence in units of 2^-32, right ones.

    Kind 0 are all positions; `kinds[row]` < 0: the row has no confidence.
    """
    bins = table.shape[2]
    for c in range(len(bounds) - 1):
        for row in range(bounds[c], bounds[c + 1]):
            if kinds[row] < 0:
                continue
            k = min(np.int64(confidence[row] * bins), bins - 1)
            amount = _fixed(confidence[row])
            for kind in (0, kinds[row]):
                table[c, kind, k, 0, 0] += 1
                table[c, kind, k, 1, 0] += amount & _MASK
                table[c, kind, k, 1, 1] += amount >> 32
                table[c, kind, k, 2, 0] += right[row]


@tight
def count_pairs(was, now, counts):
    """counts[s]: errors of slice s that are fixed, kept and new; `was`, `now`: the slice of each row, -1 for no error.

    The last slice stands for all errors.
    """
    whole = len(counts) - 1
    for row in range(len(was)):
        if was[row] >= 0:
            k = 1 if now[row] >= 0 else 0
            counts[was[row], k] += 1
            counts[whole, k] += 1
        elif now[row] >= 0:
            counts[now[row], 2] += 1
            counts[whole, 2] += 1
