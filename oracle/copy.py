"""The copy oracle: whether the text has had the same few tokens before, followed by this one.

Induction, in Olsson et al. 2022 ("In-context learning and induction heads"): … a b … a → b.  A table of the latest
place of each run of k tokens is filled while the text is read, so each token asks about what stands before it.  Time
O(n), memory 24 bytes per symbol and k.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.oracle.text_view import TextView

LENGTHS = (3, 2, 1)
"""Tokens of context that are looked for, k."""
HORIZON = 10_000
"""Tokens that an earlier occurrence is looked for."""
_EMPTY = -1


def distances_to_copy(view: TextView, length: int, horizon: int, span: tuple[int, int]) -> NDArray[np.int32]:
    """Tokens from each symbol of a span back to the one that followed the latest earlier occurrence of its context.

    The context is the `length` tokens before it.  0 where the symbol there is another one; where that occurrence is
    more than `horizon` tokens back, in another document, or followed by a gap; and where a gap is in the context.  Two
    occurrences may overlap.  Shape (symbols,).
    """
    first, stop = span
    begin = max(first - horizon - length, 0)  # rows; positions are at least as far
    is_gap = np.zeros(stop - begin, bool)
    is_gap[view.gaps[(view.gaps >= begin) & (view.gaps < stop)] - begin] = True
    document = view.documents[np.searchsorted(view.documents, np.arange(begin, stop), "right") - 1] - begin
    tokens = _Tokens(view.codes[begin:stop].astype(np.uint32), is_gap, document, view.positions[begin:stop])
    found = np.zeros(stop - first, np.int32)
    table = np.full(1 << (2 * (stop - begin)).bit_length(), _EMPTY, np.int64)
    _look_back(tokens, length, horizon, first - begin, table, found)
    return found


class _Tokens(NamedTuple):
    """One entry per symbol."""

    code: NDArray[np.uint32]
    is_gap: NDArray[np.bool_]
    document: NDArray[np.int64]  # where its document begins
    place: NDArray[np.int64]  # its position in the text


@tight
def _look_back(tokens, length, horizon, first, table, found):
    """found[i - first] for the symbols i from `first` on.

    table: the index of the latest run's last code, by open addressing, at most half full; `_EMPTY`: none.
    """
    codes, places = tokens.code, tokens.place
    run = 0  # symbols since the last gap, before symbol i
    for i in range(len(codes)):
        if run >= length:
            slot = _slot_of(codes, i - 1, length, table)
            end = table[slot]
            table[slot] = i - 1
            known = end != _EMPTY and i >= first and end - length + 1 >= tokens.document[i]
            if known and codes[end + 1] == codes[i] and not tokens.is_gap[end + 1] and not tokens.is_gap[i]:
                distance = places[i] - places[end + 1]
                if distance <= horizon:
                    found[i - first] = distance
        run = 0 if tokens.is_gap[i] else run + 1


@inlined
def _slot_of(codes, end, length, table):
    """Where the run of codes that ends at `end` stands in the table, or may stand."""
    digest = np.uint64(0x9E3779B97F4A7C15)
    for k in range(length):
        digest = (digest ^ np.uint64(codes[end - k])) * np.uint64(0xFF51AFD7ED558CCD)
        digest ^= digest >> np.uint64(32)
    slot = np.int64(digest & np.uint64(len(table) - 1))
    while table[slot] != _EMPTY:
        shared = 0
        while shared < length and codes[table[slot] - shared] == codes[end - shared]:
            shared += 1
        if shared == length:
            break
        slot = (slot + 1) & (len(table) - 1)
    return slot
