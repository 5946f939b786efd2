"""Oracles of your own: a function from a text to a number, or a yes, at each of its symbols.

`@oracle` on such a function makes a layer of it that claims errors like the built-in ones:

>>> @oracle("digits", rule="the correct symbol is a digit")
... def digits(view):
...     return [character.isdigit() for character in view.string]
>>> find_oracles(["digits"])[0].limits  # without limits: a yes or no
()
>>> del REGISTRY["digits"]  # only this example wants it gone

A function may return a number per symbol instead, below zero where it has nothing to say; `limits` then cut it into
slices, and the smallest limit that is at least the number takes the error.  See `docs/oracles.md`.

A package offers its oracles by naming their module as an entry point; they are asked when `--layers` names them:

    [project.entry-points."errtax.oracles"]
    digits = "my_package.oracles"
"""

import importlib.util
import math
import re
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.oracle.plug_ins import load_plug_ins, origin_of
from errtax.oracle.text_view import TextView

ENTRY_POINTS = "errtax.oracles"

Ask = Callable[[TextView], ArrayLike]
"""The text -> one value per symbol (n,), or per character (m,)."""


@dataclass(frozen=True)
class OracleRule:
    """What a peel must know of an oracle to be peeled again where its function is not at hand.

    `limits`: largest value of each slice, whole numbers, increasing; none for an oracle of yes and no.  `parameters`:
    what its evidence depends on, as pairs of name and value; they stand in the signature.  `reach`: how many symbols
    before and after one the function looks at; None: it needs the whole text.
    """

    name: str
    title: str
    rule: str
    limits: tuple[float, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    reach: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.name):
            raise UsageError(f"an oracle's name is small letters, digits and hyphens; got {self.name!r}.")
        if not isinstance(self.title, str) or not isinstance(self.rule, str):
            raise UsageError(f"title and rule of oracle {self.name!r} must be strings.")
        whole = all(math.isfinite(limit) and limit == int(limit) for limit in self.limits)
        if not whole or list(self.limits) != sorted(set(self.limits)) or any(limit < 0 for limit in self.limits):
            found = f"the limits of oracle {self.name!r} must be whole numbers that increase from at least 0"
            raise UsageError(f"{found}; got {self.limits}.")
        if self.reach is not None and (not isinstance(self.reach, int) or self.reach < 0):
            raise UsageError(f"the reach of oracle {self.name!r} is a number of symbols, or None; got {self.reach!r}.")
        if len(self.limits) > 100:
            raise UsageError(f"oracle {self.name!r} has {len(self.limits)} limits; 100 are allowed.")
        for key, value in self.parameters:
            if not re.fullmatch(r"[\w.+-]+", key) or not re.fullmatch(r"[\w.+-]+", value):
                found = f"parameter {key}={value} of oracle {self.name!r}"
                raise UsageError(f"{found}: only letters, digits and _ . + - are allowed, for the signature.")

    @property
    def slices(self) -> list[str]:
        """A name for each slice: the oracle's own, or one with each limit."""
        return [f"{limit:.12g} {self.name}" for limit in self.limits] or [self.name]

    @property
    def inside(self) -> str:
        """What a signature has in brackets after the name, for example `10,100;least=3`."""
        parts = [",".join(f"{limit:.12g}" for limit in self.limits)] if self.limits else []
        parts += [f"{key}={value}" for key, value in self.parameters]
        return ";".join(parts)


REGISTRY: dict[str, tuple[OracleRule, Ask]] = {}
"""Each registered oracle, and the function that is asked."""


def oracle(
    name: str,
    *,
    rule: str,
    title: str = "",
    limits: Sequence[float] = (),
    parameters: Mapping[str, object] | None = None,
    reach: int | None = None,
) -> Callable[[Ask], Ask]:
    """Register the decorated function as an oracle.

    `rule` says in words which errors it claims; `title` is the layer's name in tables and pictures (default: `name`).
    `reach`: how many symbols before and after one the function looks at to say something of it, so that a text can be
    asked about in pieces; None: it must see the whole text.  A function of the same name in the same module replaces
    what it registered before, as when a notebook is run again.
    """
    pairs = tuple((key, str(value)) for key, value in (parameters or {}).items())
    made = OracleRule(name, title or name.replace("-", " "), rule, tuple(map(float, limits)), pairs, reach)

    def register(ask: Ask) -> Ask:
        if name in REGISTRY and origin_of(REGISTRY[name][1]) != origin_of(ask):
            raise UsageError(f"there is an oracle {name!r} already; give this one another name.")
        REGISTRY[name] = (made, ask)
        return ask

    return register


def registered() -> dict[str, OracleRule]:
    """All oracles by name: those registered here, and those that packages offer."""
    _register_packages()
    return {name: rule for name, (rule, _) in REGISTRY.items()}


def find_oracles(names: Sequence[str]) -> tuple[OracleRule, ...]:
    """The oracles of these names.  Raises `UsageError` for a name that no oracle has."""
    known = registered()
    for name in names:
        if name not in known:
            there_are = f"there are {', '.join(sorted(known))}" if known else "load your own with --oracles FILE"
            raise UsageError(f"there is no oracle {name!r}; {there_are}.")
    return tuple(known[name] for name in names)


@cache
def _register_packages() -> None:
    load_plug_ins(ENTRY_POINTS, "oracles")


def load_oracles(source: str) -> tuple[str, ...]:
    """The names of the oracles that a Python file (its path), or a module, registers when it is imported.

    Raises `BadInput` when it cannot be imported, or registers none.
    """
    before = set(REGISTRY)
    try:
        module = _import_file(Path(source)) if source.endswith(".py") else import_module(source).__name__
    except Exception as error:  # somebody else's code may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise BadInput(f"the oracles of {source} cannot be imported ({reason}).") from error
    names = tuple(name for name, (_, ask) in REGISTRY.items() if name not in before or ask.__module__ == module)
    if not names:
        raise BadInput(f"{source} registers no oracle; decorate a function with @errtax.oracle.custom.oracle(...).")
    return names


def _import_file(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    module_name = f"errtax_oracles_{path.stem}_{zlib.crc32(str(path.resolve()).encode()):08x}"
    spec: Any = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module_name


def ask_oracle(rule: OracleRule, view: TextView) -> NDArray[Any]:
    """An oracle's evidence, shape (len(view),): booleans, or int32 that is -1 where it has nothing to say.

    Raises `UsageError` when the function returns another number of values than the text has symbols or characters, or
    values that its limits do not go with.
    """
    try:
        found = np.asarray(REGISTRY[rule.name][1](view))
    except Exception as error:  # somebody else's code may raise anything
        raise UsageError(f"oracle {rule.name!r} failed ({type(error).__name__}: {error}); see --debug.") from error
    symbols, characters = len(view), len(view.first_symbol) - 1
    if found.shape not in ((symbols,), (characters,)):
        due = f"({symbols},)" if symbols == characters else f"({symbols},), or ({characters},) for characters,"
        raise UsageError(f"oracle {rule.name!r} returned shape {found.shape}; {due} is needed.")
    numbers = found.dtype.kind in "iu" or (found.dtype.kind == "f" and bool(np.isfinite(found).all()))
    if rule.limits and not numbers:
        raise UsageError(f"oracle {rule.name!r} has limits, so it must return finite numbers; got {found.dtype}.")
    if not rule.limits and found.dtype != bool:
        raise UsageError(f"oracle {rule.name!r} has no limits, so it must return booleans; got {found.dtype}.")
    if len(found) != symbols:
        found = view.spread(found)
    if not rule.limits:
        return found
    largest = np.iinfo(np.int32).max
    return np.where(found < 0, -1, np.minimum(np.ceil(found), largest)).astype(np.int32)
