"""The quotation marks: all characters that Unicode calls so (property Quotation_Mark), and the grave accent.

Who opens and who closes is a matter of language: `»` opens in German what it closes in French, `“` the other way round
than in English.  The pairs below are the most common readings.
"""

APOSTROPHES = "'’＇"
"""Quotation marks unless they stand between two characters of words."""

PAIRS = (
    *("“”", "«»", "„“"),  # what these open any of the others closes, as does '"': people mix them
    *("‹›", "‚‘", "「」", "『』", "｢｣", "〝〞", "〝〟", "﹁﹂", "﹃﹄", "＂＂"),
)
"""An opening and a closing mark each.  Those of the second line close what they opened themselves and nothing else."""

_MIXED = 3
OWN_PAIRS = PAIRS[_MIXED:]
_UNPAIRED = '"‘‛‟⹂`'

QUOTES = frozenset("".join(PAIRS) + _UNPAIRED)
"""Quotation marks wherever they stand."""
