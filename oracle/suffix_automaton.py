"""The suffix automaton of a text, and what another text that is read through it has of its strings.

Blumer et al. 1985, "The smallest automaton recognizing the subwords of a text".  A state stands for the strings that
end at the same places of the text; they are suffixes of the longest of them, and the longest shorter one belongs to the
state that its link leads to.  Built from left to right in amortised constant time per symbol, at most 2n states.

Another text is read symbol by symbol: after each, state and length tell the longest string that ends there and occurs
in the automaton's text.  `SEEN` keeps, per state, the longest of its strings that was read, how often, and where first;
an occurrence of less of a state is one of all that its link stands for, and is noted there.  All sums are the same in
whatever order, and in however many pieces, the other text is read.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, tight
from errtax.oracle.seeds import Seeds, is_seed

ROOT, NONE = 0, -1
STATE = np.dtype(
    [
        ("link", np.int32),
        ("length", np.int32),  # of its longest string
        ("symbol", np.int32),  # of its first edge, which most states have alone: it is found without searching
        ("target", np.int32),  # of its first edge; NONE without one
        ("more", np.int32),  # the slot of the latest of its other edges, or NONE
    ]
)
SLOT = np.dtype([("state", np.int32), ("symbol", np.int32), ("target", np.int32), ("next", np.int32)])
"""An edge but the first of its state; `next`: the slot of the one before it of the same state."""
SEEN = np.dtype([("length", np.int32), ("count", np.int64), ("end", np.int64)])
"""Of each state, the longest of its strings that was read (0: none), how often, and the last symbol of the first."""


class Automaton(NamedTuple):
    """The suffix automaton of n symbols."""

    states: NDArray[Any]  # `STATE`
    slots: NDArray[Any]  # `SLOT`, by open addressing, at most two thirds full
    prefix: NDArray[np.int32]  # prefix[j]: the state of the first j + 1 symbols


def automaton_of(ids: NDArray[np.int32]) -> Automaton:
    """The automaton of a text of at least one symbol, ids >= 0.  Time O(n); memory 68 to 92 bytes per symbol."""
    n = len(ids)
    # each state but the last has an edge, and there are at most n - 2 more edges than states
    slots = np.zeros(1 << max(3 * n // 2, 1).bit_length(), SLOT)
    slots["state"] = NONE
    made = Automaton(np.empty(2 * n, STATE), slots, np.empty(n, np.int32))
    n_states = _build(ids, made)
    return made._replace(states=made.states[:n_states])


@inlined
def _slot_of(slots, state, symbol):
    """Where the edge of a state by a symbol stands in the table, or may stand."""
    digest = np.uint64(state) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(symbol) * np.uint64(0xFF51AFD7ED558CCD)
    digest ^= digest >> np.uint64(32)
    slot = np.int64(digest & np.uint64(len(slots) - 1))
    while slots[slot]["state"] != NONE and (slots[slot]["state"] != state or slots[slot]["symbol"] != symbol):
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@inlined
def _target(machine, state, symbol):
    """Where the edge of a state by a symbol leads; NONE without one."""
    record = machine.states[state]
    if record["symbol"] == symbol:
        return np.int64(record["target"])
    if record["more"] == NONE:
        return np.int64(NONE)
    slot = machine.slots[_slot_of(machine.slots, state, symbol)]
    return np.int64(slot["target"]) if slot["state"] != NONE else np.int64(NONE)


@inlined
def _set_target(machine, state, symbol, target):
    """Let the edge of a state by a symbol lead to `target`; there is one afterwards."""
    record = machine.states[state]
    if record["target"] == NONE or record["symbol"] == symbol:
        record["symbol"], record["target"] = symbol, target
        return
    slot = _slot_of(machine.slots, state, symbol)
    edge = machine.slots[slot]
    if edge["state"] == NONE:
        edge["state"], edge["symbol"], edge["next"] = state, symbol, record["more"]
        record["more"] = slot
    edge["target"] = target


@inlined
def _new_state(machine, state, length):
    record = machine.states[state]
    record["link"], record["length"] = ROOT, length
    record["symbol"], record["target"], record["more"] = NONE, NONE, NONE


@tight
def _build(ids, machine):
    """Fill the automaton; return the number of its states."""
    states = machine.states
    _new_state(machine, ROOT, 0)
    states[ROOT]["link"] = NONE
    last, n_states = np.int64(ROOT), 1
    for j in range(len(ids)):
        symbol = ids[j]
        new = n_states
        n_states += 1
        _new_state(machine, new, j + 1)
        # all suffixes that nothing or no such symbol has followed so far are followed by it here alone
        state = last
        while state != NONE and _target(machine, state, symbol) == NONE:
            _set_target(machine, state, symbol, new)
            state = np.int64(states[state]["link"])
        if state != NONE:
            longer = _target(machine, state, symbol)
            if states[longer]["length"] == states[state]["length"] + 1:
                states[new]["link"] = longer
            else:  # only some strings of `longer` end here, too: they become a state of their own
                part = n_states
                n_states += 1
                _new_state(machine, part, states[state]["length"] + 1)
                states[part]["link"] = states[longer]["link"]
                _set_target(machine, part, states[longer]["symbol"], states[longer]["target"])
                slot = states[longer]["more"]
                while slot != NONE:
                    _set_target(machine, part, machine.slots[slot]["symbol"], machine.slots[slot]["target"])
                    slot = machine.slots[slot]["next"]
                while state != NONE and _target(machine, state, symbol) == longer:
                    _set_target(machine, state, symbol, part)
                    state = np.int64(states[state]["link"])
                states[longer]["link"] = part
                states[new]["link"] = part
        last = np.int64(new)
        machine.prefix[j] = new
    return n_states


@inlined
def _note(states, seen, state, length, count, end):
    """Note `count` occurrences of the string of `length` that belongs to a state, the first of which ends at `end`."""
    # less than the most that was read of a state counts for its link alone, whose strings are suffixes of both
    while state != ROOT:
        known = seen[state]
        if known["length"] == length:
            known["count"] += count
            known["end"] = min(known["end"], end)
            return
        if known["length"] < length:
            before = known["length"], known["count"], known["end"]
            known["length"], known["count"], known["end"] = length, count, end
            if before[0] == 0:
                return
            count, end = before[1], before[2]
        state = np.int64(states[state]["link"])
        length = states[state]["length"]


@tight
def read_piece(machine, seeds, ids, first, bounds, seen, at):
    """Read the symbols of another text up to bounds[0].

    bounds: what ends before bounds[1] is not noted; no string of more than bounds[2] symbols is followed.  ids: the
    symbols to be read, -1 for what the automaton's text has not, with `seeds.step` before and `seeds.width` after them,
    where there are so many; the first of them is symbol `first`.  at: where the piece before ended (`beginning`);
    updated.
    Of strings shorter than those that the seeds are for, some are noted, some twice.  Time O(symbols), amortised.
    """
    stop, counted, limit = bounds
    states = machine.states
    k, state, length, until = at[0], at[1], at[2], at[3]
    while k < stop:
        if until < 0:  # between seeds; k is a multiple of their step
            if not is_seed(seeds, ids, k - first):
                k += seeds.step
                continue
            until = k + seeds.width
            k = max(k - seeds.step + 1, 0)
            state, length = np.int64(ROOT), np.int64(0)
        if seeds.width and k % seeds.step == 0 and is_seed(seeds, ids, k - first):
            until = k + seeds.width
        symbol = ids[k - first]
        target = np.int64(NONE)
        if symbol >= 0:
            target = _target(machine, state, symbol)
            while target == NONE and state != ROOT:
                state = np.int64(states[state]["link"])
                length = np.int64(states[state]["length"])
                target = _target(machine, state, symbol)
        if target == NONE:
            state, length = np.int64(ROOT), np.int64(0)
        else:
            state = target
            length += 1
            if length > limit:
                length = limit
                while states[states[state]["link"]]["length"] >= limit:
                    state = np.int64(states[state]["link"])
            if k >= counted:
                _note(states, seen, state, length, 1, k)
        k += 1
        if k >= until and length < seeds.width:  # no long string goes on here
            until = np.int64(NONE)
            k += -k % seeds.step
    at[0], at[1], at[2], at[3] = k, state, length, until


def beginning(seeds: Seeds, first: int) -> NDArray[np.int64]:
    """What `read_piece` goes on from: the next symbol, state, length, and where the last seed ends."""
    if not seeds.width:
        return np.array([first, ROOT, 0, np.iinfo(np.int64).max])
    return np.array([first + -first % seeds.step, ROOT, 0, NONE])


@tight
def add_seen(states, seen, other):
    """Add what was read elsewhere."""
    for state in range(1, len(states)):
        if other[state]["length"] > 0:
            known = other[state]
            _note(states, seen, np.int64(state), known["length"], known["count"], known["end"])


@tight
def find_longest(machine, order, seen, answer, lengths, counts, places):
    """lengths[j], counts[j], places[j]: of the longest string that ends at symbol j and was read.

    Its length, how often it was read, and where it first begins; 0, 0, -1 without one.  order: the states but the root,
    by their lengths; answer: room for a number per state.
    """
    states = machine.states
    for k in range(len(order) - 1, -1, -1):  # an occurrence of a state's string is one of its link's
        state = np.int64(order[k])
        if seen[state]["length"] > 0:
            link = np.int64(states[state]["link"])
            _note(states, seen, link, states[link]["length"], seen[state]["count"], seen[state]["end"])
    answer[ROOT] = ROOT
    for k in range(len(order)):
        state = np.int64(order[k])
        answer[state] = state if seen[state]["length"] > 0 else answer[states[state]["link"]]
    for j in range(len(machine.prefix)):
        found = seen[answer[machine.prefix[j]]]
        lengths[j], counts[j] = found["length"], found["count"]
        places[j] = found["end"] - found["length"] + 1 if found["length"] > 0 else -1
