"""Settings of the peel: which layers in which order, what an error is, and all thresholds; and their presets."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from errtax.lm.errors import UsageError
from errtax.oracle.custom import OracleRule
from errtax.taxonomy.layers.layer import Threshold
from errtax.taxonomy.layers.own import MOST
from errtax.taxonomy.layers.registry import (
    CHARACTERS,
    MADE_FOR,
    PARAMETERS,
    RESERVED,
    TOKENS,
    default_layers,
    find_layer,
    layer_names,
)


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


@dataclass(frozen=True, init=False)
class Settings:
    """The chosen layers in their order, what an error is, and all thresholds, by the names of the layers' parameters.

    A threshold is an attribute, too, and an argument; what is not given is as the paper has it.  `custom`: oracles
    beside the built-in ones.  `made_for`: whether the layers are those made for characters or those for tokens.

    >>> settings = Settings(layers=("rare", "memory"), rare_counts=[0, 2])
    >>> settings.rare_counts, settings.ngram_max
    ((0, 2), 9)
    >>> settings.description
    'rare(0,2),memory(100,500,1000,5000;len>=5)'
    >>> Settings.from_json(settings.to_json()) == settings
    True
    """

    layers: tuple[str, ...]
    criterion: Criterion
    custom: tuple[OracleRule, ...]
    parameters: Mapping[str, Threshold]
    made_for: str

    def __init__(
        self,
        layers: Sequence[str] | None = None,
        criterion: Criterion = Criterion.PROBABILITY,
        custom: Sequence[OracleRule] = (),
        parameters: Mapping[str, Any] = MappingProxyType({}),
        made_for: str = CHARACTERS,
        **given: Any,
    ) -> None:
        """Raises `UsageError` for layers, thresholds or names of thresholds that there are not."""
        changes = {**parameters, **given}
        for name in changes:
            _require_parameter(name)
        values = {
            name: parameter.checked(changes[name]) if name in changes else parameter.default
            for name, parameter in PARAMETERS.items()
        }
        own = [rule.name for rule in custom]
        for name in own:
            if name in RESERVED:
                raise UsageError(f"your oracle {name!r} has one of errtax's own names; give it another one.")
        if len(own) > MOST:
            raise UsageError(f"a peel has room for {MOST} oracles of your own; got {len(own)}.")
        if made_for not in MADE_FOR:
            raise UsageError(f"layers are made for {' or '.join(MADE_FOR)}; got {made_for!r}.")
        known = (*layer_names(made_for), *own)
        layers = default_layers(made_for) if layers is None else layers
        if not layers or not {*layers} <= {*known} or len({*layers}) != len(layers):
            allowed = ",".join(known)
            raise UsageError(f"layers must be some of {allowed}, each once, got {','.join(layers) or 'none'}.")
        object.__setattr__(self, "layers", tuple(layers))
        object.__setattr__(self, "criterion", criterion)
        object.__setattr__(self, "custom", tuple(custom))
        object.__setattr__(self, "parameters", values)
        object.__setattr__(self, "made_for", made_for)

    def __getattr__(self, name: str) -> Any:
        """A threshold."""
        try:
            return self.__dict__["parameters"][name]
        except KeyError:
            raise AttributeError(name) from None

    def changed(self, **changes: Any) -> "Settings":
        """These settings with other values, by the names that the constructor has."""
        return replace(self, **changes)

    @property
    def description(self) -> str:
        """The chosen layers with their thresholds, in their order; what a signature says of them."""
        return ",".join(find_layer(name, self).describe(self) for name in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The settings as a file keeps them; what own oracles mean stands beside it."""
        made_for = {} if self.made_for == CHARACTERS else {"made_for": self.made_for}
        parameters = dict(self.parameters)
        return {"layers": list(self.layers), "criterion": str(self.criterion), "parameters": parameters, **made_for}

    @classmethod
    def from_json(cls, document: Any, custom: Sequence[OracleRule] = ()) -> "Settings":
        """The settings that `to_json` wrote.  Raises `UsageError`, `KeyError` or `TypeError` for any other document."""
        criterion, made_for = Criterion.parse(document["criterion"]), document.get("made_for", CHARACTERS)
        return cls(document["layers"], criterion, custom, document["parameters"], made_for)


def _require_parameter(name: str) -> None:
    if name in PARAMETERS:
        return
    known = ("layers", "criterion", *PARAMETERS)
    close = difflib.get_close_matches(name, known, 1)
    meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}."
    raise UsageError(f"there is no setting {name!r}; {meant}")


def _preset(name: str, **given: Any) -> Settings:
    return Settings(parameters={each.name: each.in_preset(name) for each in PARAMETERS.values()}, **given)


PRESETS = {
    "paper": _preset("paper"),
    "text": _preset("text"),
    "token": _preset("token", criterion=Criterion.ARGMAX, made_for=TOKENS),
}
"""`paper` gives the paper's counts: it has two details that the paper does not print and that its counts show – the
memory takes words of five characters and more only, and "after a newline" means the three characters after it; `text`
follows its words literally.  `token` has layers made for tokens."""
