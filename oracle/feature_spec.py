"""What a feature is: its name, its kind and its rule in words, and the scanner that reads it off a text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.text import Codes
from errtax.oracle.text_kind import Reading


class FeatureKind(StrEnum):
    """What the values of a feature are: 0 and 1, or any numbers."""

    BINARY = "binary"
    NUMBER = "number"


Scan = Callable[[Codes], NDArray[np.float32]]
"""Codes (T,) of the next window -> values (T,), or (T, k) of k features that share the scanner."""
Start = Callable[[Reading], Scan]
"""A new scanner at the beginning of a text."""


@dataclass(frozen=True)
class Feature:
    """What is looked for.  `rule` says in words when it is 1, or what it counts."""

    name: str
    kind: FeatureKind
    rule: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise UsageError(f"a feature's name is small letters, digits and hyphens; got {self.name!r}.")


@dataclass(frozen=True)
class Group:
    """Features that share one scanner, in the order of the columns that it returns."""

    features: tuple[Feature, ...]
    start: Start
