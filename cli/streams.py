"""What a console cannot show is written in signs that it can, and ends no command."""

import codecs
import sys
from typing import TextIO

_SIGNS = {"–": "-", "—": "-", "…": "~", "·": "*", "×": "x", "‘": "'", "’": "'", "“": '"', "”": '"', "→": ">"}
"""One for one, so that columns stay in line."""


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handler of codecs: a sign of ASCII for ours, an escape for any other character, lone surrogates among them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_SIGNS.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lost), error.end


def soften_streams() -> None:
    """Let stdout and stderr take every character, whatever their encoding is."""
    codecs.register_error("errtax", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="errtax")


def takes_unicode(stream: TextIO) -> bool:
    """Whether all characters can be written as they are."""
    return (getattr(stream, "encoding", None) or "").lower().replace("_", "-").startswith("utf")
