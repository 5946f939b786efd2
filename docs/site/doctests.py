"""Docstrings for the site: examples with prompts become blocks of code."""

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^(?!\s*$).*\n?)*\n?)+", re.MULTILINE)


def fenced(docstring: str) -> str:
    """A docstring, each run of examples in a fence; what only the tests' runner needs is left out."""
    shown = re.sub(r"  # doctest: .*$", "", docstring, flags=re.MULTILINE)
    return _EXAMPLE.sub(lambda found: f"\n```pycon\n{found[0].rstrip()}\n```\n\n", shown)


class Doctests(Extension):
    """Applies `fenced` to all docstrings."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called for each object that is loaded."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)
