"""Whether a text is prose or code: the two have different rules for strings, comments and brackets."""

from enum import StrEnum

import numpy as np

from errtax.lm.text import Codes

CODE_SHARE = 0.1
"""A text is code when more than this share of its lines end in `;`, `{` or `}`: Linux has 0.5, War and Peace 0.002."""
_SAMPLE = 1_000_000


class Reading(StrEnum):
    """Whether a text is read as prose or as the code of a language with C's comments, strings and brackets."""

    PROSE = "prose"
    CODE = "code"


def share_of_code_lines(codes: Codes) -> float:
    """The share of lines, blank ones aside, that end in `;`, `{` or `}`, perhaps followed by a comma.

    Of the first million symbols; 0 where there is no line.
    """
    sample = np.minimum(codes[:_SAMPLE], 127).astype(np.uint8).tobytes()
    lines = [line.strip().rstrip(b",") for line in sample.split(b"\n") if line.strip()]
    return sum(line.endswith((b";", b"{", b"}")) for line in lines) / max(len(lines), 1)


def reading_of(codes: Codes) -> Reading:
    """What a text looks like, by `CODE_SHARE`."""
    return Reading.CODE if share_of_code_lines(codes) > CODE_SHARE else Reading.PROSE
