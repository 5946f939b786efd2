"""Thresholds of the peel, its presets, and their short form for signatures."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from errtax.lm.errors import UsageError
from errtax.oracle.custom import OracleRule

LAYER_NAMES = ("ngram", "memory", "rare", "word", "punctuation", "boost")


@dataclass(frozen=True)
class Criterion:
    """What counts as an error: a probability below `threshold`, or, where that is None, another symbol ranked first.

    >>> str(Criterion()), str(Criterion.parse("p<0.3")), str(Criterion(None))
    ('p<0.5', 'p<0.3', 'argmax')
    """

    threshold: float | None = 0.5
    PROBABILITY: ClassVar["Criterion"]
    ARGMAX: ClassVar["Criterion"]

    @classmethod
    def parse(cls, text: str) -> "Criterion":
        """The criterion that is written `argmax`, or `p<0.5` with any number above 0 and up to 1."""
        found = re.fullmatch(r"p<(0?\.\d+|1|1\.0*)", text)
        if text != "argmax" and (found is None or not float(found[1])):
            raise UsageError(f"a criterion is argmax, or p<T with 0 < T <= 1, as in p<0.5; got {text!r}.")
        return cls(None if found is None else float(found[1]))

    def __str__(self) -> str:
        """What a signature says."""
        return "argmax" if self.threshold is None else f"p<{self.threshold:.12g}"


Criterion.PROBABILITY = Criterion()
Criterion.ARGMAX = Criterion(None)


@dataclass(frozen=True)
class Settings:
    """All thresholds of the layers, and their order.  `custom`: oracles beside the six built-in ones.

    The defaults are the paper's, with two details that it does not print and that its counts show: the memory
    takes words of five characters and more only, and "after a newline" means the three characters after it.
    """

    layers: tuple[str, ...] = LAYER_NAMES
    criterion: Criterion = Criterion.PROBABILITY
    ngram_max: int = 9  # contexts 1 .. ngram_max
    memory_windows: tuple[int, ...] = (100, 500, 1000, 5000)  # symbols before the word
    memory_min_length: int = 5  # characters
    rare_counts: tuple[int, ...] = (0, 1, 2, 3, 4, 5)  # occurrences in the training text
    newline_reach: int = 3  # characters after a newline
    boosts: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)
    custom: tuple[OracleRule, ...] = ()

    def __post_init__(self) -> None:
        known = (*LAYER_NAMES, *(rule.name for rule in self.custom))
        unknown = [name for name in self.layers if name not in known]
        if unknown or not self.layers or len(set(self.layers)) != len(self.layers):
            allowed = ",".join(known)
            raise UsageError(f"layers must be some of {allowed}, each once, got {','.join(self.layers) or 'none'}.")
        for name in ("memory_windows", "rare_counts", "boosts"):
            values: tuple[float, ...] = getattr(self, name)
            ordered = all(map(math.isfinite, values)) and list(values) == sorted(set(values))
            if not values or not ordered or values[0] < 0 or len(values) > 100:
                raise UsageError(f"{name} must be increasing numbers of at least 0, got {values}.")
        if not 1 <= self.ngram_max <= 31 or self.memory_min_length < 1 or self.newline_reach < 1:
            raise UsageError(
                f"ngram_max must lie in 1..31, memory_min_length and newline_reach be at least 1; got {self}."
            )

    @property
    def description(self) -> str:
        """The chosen layers with their thresholds, in their order; what a signature says of them."""
        return ",".join(self.describe(name) for name in self.layers)

    def describe(self, name: str) -> str:
        """A layer and its thresholds in a signature, for example `memory(100,500,1000,5000;len>=5)`."""
        text = {
            "ngram": f"ngram(1-{self.ngram_max})",
            "memory": f"memory({_join(self.memory_windows)};len>={self.memory_min_length})",
            "rare": f"rare({_join(self.rare_counts)})",
            "word": f"word(newline<={self.newline_reach})",
            "punctuation": "punctuation",
            "boost": f"boost({_join(self.boosts)})",
            **{rule.name: rule.description for rule in self.custom},
        }
        return text[name]

    @classmethod
    def parse_layers(cls, text: str, criterion: str, custom: Sequence[OracleRule] = ()) -> "Settings":
        """The settings whose layers `describe` as in `text`, the layers of a signature.

        `custom`: the oracles that are not built in; the text knows their names and limits, not what they mean.

        >>> settings = Settings(layers=("rare", "memory"), rare_counts=(0, 2))
        >>> ",".join(settings.describe(name) for name in settings.layers)
        'rare(0,2),memory(100,500,1000,5000;len>=5)'
        >>> Settings.parse_layers("rare(0,2),memory(100,500,1000,5000;len>=5)", "p<0.5") == settings
        True
        """
        settings, names = cls(criterion=Criterion.parse(criterion), custom=tuple(custom)), []
        for name, inside in re.findall(r"([^,()]+)(?:\(([^()]*)\))?(?:,|$)", text):
            names.append(name)
            values, _, extra = inside.partition(";")
            if name == "ngram":
                settings = replace(settings, ngram_max=int(values.partition("-")[2]))
            elif name == "memory":
                windows = tuple(map(int, values.split(",")))
                settings = replace(settings, memory_windows=windows, memory_min_length=int(extra.partition(">=")[2]))
            elif name == "rare":
                settings = replace(settings, rare_counts=tuple(map(int, values.split(","))))
            elif name == "word":
                settings = replace(settings, newline_reach=int(values.partition("<=")[2]))
            elif name == "boost":
                settings = replace(settings, boosts=tuple(map(float, values.split(","))))
        return replace(settings, layers=tuple(names))


PRESETS = {"paper": Settings(), "text": Settings(memory_min_length=1, newline_reach=1)}
"""`paper` gives the paper's counts; `text` follows its words literally."""


def _join(values: tuple[float, ...]) -> str:
    return ",".join(repr(value).removesuffix(".0") for value in values)
