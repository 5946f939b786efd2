"""Features and oracles that other packages bring, and which function registered what."""

import logging
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any


def load_plug_ins(group: str, what: str) -> None:
    """Import the modules that packages name under an entry-point group; one that fails is left out, with a word."""
    for point in entry_points(group=group):
        try:
            point.load()
        except Exception as error:  # somebody else's code: whatever it raises, the others can be had
            reason = f"{type(error).__name__}: {error}"
            logging.getLogger("errtax").warning("The %s of %s are left out (%s).", what, point.value, reason)


def origin_of(function: Callable[..., Any]) -> tuple[str, str]:
    """Module and name of a function: the same when a notebook defines it again."""
    return function.__module__, getattr(function, "__qualname__", "")
