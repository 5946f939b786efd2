"""Which closing symbol belongs to which opening one: brackets, quotation marks, string literals.

Rules, in characters:

- Each kind of pair has a stack of its own: a closing symbol belongs to the latest opening one of its kind that is
  still open, whatever stands open of other kinds.  So `( [ ) ]` is two pairs, and what one kind gives does not depend
  on which others are asked for.  A closing symbol without an open partner is left out and changes nothing; an opening
  one that is never closed stays at the bottom, and all that is well nested above it is matched as if it were not there.
- A mark that both opens and closes, such as `"`, alternates.  One after an odd number of backslashes is skipped, and
  a blank line closes the account: what is open there stays unmatched (a quotation of several paragraphs opens anew
  with each of them and closes once).
- In prose an apostrophe between two word characters is not a quotation mark.
- In code, brackets inside string literals, character literals and comments (`//` to the end of the line, `/* */`) are
  none.  There `"` and `'` pair as the literals' own delimiters.  A literal ends at the latest with its line, unless a
  backslash continues it, so one stray apostrophe costs one line.
- No pair reaches across a break: a gap in a log's positions, another document.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.kernels import kernel
from errtax.oracle.quotes import APOSTROPHES
from errtax.oracle.text_view import TextView

PLAIN, SKIPPED, OPENS, CLOSES = 0, 1, 2, 3
"""Roles of characters: none; inside a comment or literal; the delimiters of a literal."""
_SLASH, _STAR, _BACKSLASH, _QUOTE, _APOSTROPHE = map(ord, "/*\\\"'")


class Skip(StrEnum):
    """Brackets to ignore: those in literals and comments (`code`), or none (`none`); `auto` chooses by the text."""

    AUTO = "auto"
    CODE = "code"
    NONE = "none"


@dataclass(frozen=True)
class Pair:
    """An opening and a closing symbol, a character each; for quotation marks they may be the same."""

    opener: str
    closer: str

    @classmethod
    def parse(cls, text: str) -> "Pair":
        """The pair that two characters name.

        >>> Pair.parse("{}")
        Pair(opener='{', closer='}')
        """
        if len(text) != 2 or "\\" in text or any(c.isspace() for c in text):
            what = "a pair is two characters, the opening and the closing one, neither blank nor a backslash"
            raise UsageError(f"{text!r} is not a pair; {what}: '{{}}', '()', '\"\"', '“”'.")
        return cls(*text)

    def __str__(self) -> str:
        return self.opener + self.closer


class Matches(NamedTuple):
    """The pairs of one kind in the order in which they close, as indices of symbols.

    `opener[k]`: first symbol of the opening character; `closer[k]` and `end[k]`: first symbol of the closing
    character and the one after its last (more than one apart where it is several bytes).
    """

    opener: NDArray[np.int64]
    closer: NDArray[np.int64]
    end: NDArray[np.int64]
    unmatched_openers: int
    unmatched_closers: int

    @property
    def distance(self) -> NDArray[np.int64]:
        """Symbols from the first of the opener to the first of the closer: 1 where one follows the other."""
        return self.closer - self.opener


def breaks_of(view: TextView, symbols: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a new stretch of text begins at each character: at `symbols`, and at the gaps; shape (m,)."""
    m = len(view.first_symbol) - 1
    starts = np.searchsorted(view.first_symbol, symbols)
    breaks = np.zeros(m, bool)
    breaks[starts[starts < m]] = True
    breaks[view.gap_characters] = True
    return breaks


def roles_of(view: TextView, skip: Skip, breaks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The role of each character, see `PLAIN`; shape (m,).  `skip`: `CODE` or `NONE`.  Time O(m)."""
    points, classes = view.points, view.classes
    roles = np.zeros(len(points), np.uint8)
    if skip is Skip.CODE:
        _scan_code(points, classes.newline, breaks, roles)
    else:
        apostrophe = np.isin(points, [ord(mark) for mark in APOSTROPHES])
        roles[apostrophe & ~classes.quote] = SKIPPED
    return roles


def match_pair(view: TextView, pair: Pair, skip: Skip, roles: NDArray[np.uint8], breaks: NDArray[np.bool_]) -> Matches:
    """All pairs of one kind in a text, with `roles` by `roles_of` under the same `skip`.  Time and memory O(m)."""
    kinds = _kinds(view, pair, skip, roles, breaks)
    where = np.flatnonzero(kinds)
    kinds = kinds[where]
    opener, closer = np.empty(len(where), np.int64), np.empty(len(where), np.int64)
    n = _match(kinds, np.cumsum(breaks)[where], opener, closer)
    opener, closer = where[opener[:n]], where[closer[:n]]
    first = view.first_symbol
    left = int((kinds > 0).sum()) - n, int((kinds < 0).sum()) - n
    return Matches(first[opener], first[closer], first[closer + 1], *left)


def _kinds(
    view: TextView, pair: Pair, skip: Skip, roles: NDArray[np.uint8], breaks: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """1 for an opening character, -1 for a closing one, 0 for any other; shape (m,)."""
    points, opener = view.points, ord(pair.opener)
    kinds = np.zeros(len(points), np.int8)
    if pair.opener != pair.closer:
        kinds[(points == opener) & (roles == PLAIN)] = 1
        kinds[(points == ord(pair.closer)) & (roles == PLAIN)] = -1
    elif skip is Skip.CODE and opener in (_QUOTE, _APOSTROPHE):
        kinds[(points == opener) & (roles == OPENS)] = 1
        kinds[(points == opener) & (roles == CLOSES)] = -1
    else:
        white = view.classes.space | (points == 0x0D)
        _alternate(points, opener, roles, view.classes.newline, white, breaks, kinds)
    return kinds


@kernel
def _scan_code(points, newline, breaks, roles):
    """roles[c] of a text in C or a language like it, from all-`PLAIN`."""
    code, literal, line, block = 0, 1, 2, 3
    state, quote, escaped, start = code, 0, False, 0
    for c in range(len(points)):
        if breaks[c]:
            state = code
        p = points[c]
        if state == code:
            if p in (_QUOTE, _APOSTROPHE):
                state, quote, escaped = literal, p, False
                roles[c] = OPENS
            elif p == _SLASH and c + 1 < len(points) and points[c + 1] in (_SLASH, _STAR):
                state, start = line if points[c + 1] == _SLASH else block, c
                roles[c] = SKIPPED
        elif state == literal:  # `escaped`: an odd number of backslashes stands just before c
            roles[c] = SKIPPED
            if escaped:
                escaped = p == 0x0D and not newline[c]  # of CR LF: the backslash is for both
            elif p == _BACKSLASH:
                escaped = True
            elif p == quote:
                state = code
                roles[c] = CLOSES
            elif newline[c]:
                state = code
        else:
            roles[c] = SKIPPED
            # the star of an opening `/*` does not close it: the `/` comes after c = start + 2 at the earliest
            if (state == line and newline[c]) or (
                state == block and p == _SLASH and c > start + 2 and points[c - 1] == _STAR
            ):
                state = code


@kernel
def _alternate(points, quote, roles, newline, white, breaks, kinds):
    """kinds[c] of a mark that opens and closes in turn, starting over after a blank line; not after a backslash."""
    is_open, escaped, blank = False, False, True  # blank: nothing but white space since the line began
    for c in range(len(points)):
        if breaks[c]:
            is_open, escaped, blank = False, False, True
        if points[c] == quote and roles[c] == PLAIN and not escaped:
            kinds[c] = -1 if is_open else 1
            is_open = not is_open
        escaped = points[c] == _BACKSLASH and not escaped
        if newline[c]:
            is_open = is_open and not blank
            blank = True
        elif not white[c]:
            blank = False


@kernel
def _match(kinds, sections, openers, closers):
    """Fill `openers` and `closers` with the events of each pair, in the order of the closers; return their number."""
    # an event is an opener or a closer, in the order of the text; sections never decrease, and no pair spans two
    stack = np.empty(len(kinds), np.int64)
    depth, found, section = 0, 0, -1  # stack[:depth]: the events that stand open in this section, the latest last
    for e in range(len(kinds)):
        if sections[e] != section:
            depth, section = 0, sections[e]
        if kinds[e] > 0:
            stack[depth] = e
            depth += 1
        elif depth > 0:
            depth -= 1
            openers[found] = stack[depth]
            closers[found] = e
            found += 1
    return found
