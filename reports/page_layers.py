"""What a page knows of layers: their looks, how it finds their claims, and the controls of their thresholds."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from errtax.oracle.custom import OracleRule
from errtax.taxonomy.layers.layer import Clause, Layer, Number, Slider
from errtax.taxonomy.layers.own import column_of, positions_of
from errtax.taxonomy.layers.registry import find_layer, with_own
from errtax.taxonomy.peel import Peel, layers_without_evidence
from errtax.taxonomy.repeel import longest_context
from errtax.taxonomy.settings import Settings


def layers_of(peel: Peel) -> list[Layer]:
    """The layers whose evidence there is: those of the settings first, in their order, then the others."""
    settings, absent = peel.settings, layers_without_evidence(peel.settings, peel.evidence)
    own = tuple(rule.name for rule in settings.custom)
    known = [name for name in with_own(own, settings.made_for) if name not in {layer.name for layer in absent}]
    return [find_layer(name, settings) for name in dict.fromkeys([*settings.layers, *known])]


def longest_of(peel: Peel) -> int:
    """The longest context that the n-gram slider may choose."""
    if peel.evidence.ngram_context is None:
        return 0
    most = int(peel.evidence.ngram_context.max()) if len(peel) else 0
    return longest_context(peel) or max(peel.settings.ngram_max, most)


def shown_layer(layer: Layer, settings: Settings) -> dict[str, Any]:
    """A layer as the script reads it; one without clauses has its slices as they are."""
    names = layer.slices(settings)
    clauses = layer.clauses or tuple(
        Clause(f"own-{layer.name}", name, values=(k + 1,), says=f"{layer.title}: {name}")
        for k, name in enumerate(names)
    )
    return {
        "name": layer.name,
        "title": layer.title,
        "rule": layer.rule,
        "letter": layer.letter,
        "colour": layer.colour,
        "takes_rest": layer.takes_rest,
        "clauses": [_without_defaults(clause) for clause in clauses],
    }


def _without_defaults(clause: Clause) -> dict[str, Any]:
    plain = asdict(Clause("", ""))
    return {"column": clause.column} | {name: v for name, v in asdict(clause).items() if v != plain.get(name)}


def settings_of(peel: Peel) -> dict[str, Any]:
    """The layers, the threshold of an error, each parameter by its name, and the limits of own oracles."""
    settings, longest = peel.settings, longest_of(peel)
    own = {column_of(rule.name): list(rule.limits) for rule in settings.custom if rule.limits}
    return {
        "layers": list(settings.layers),
        "made_for": settings.made_for,
        "threshold": settings.criterion.threshold,
        **settings.parameters,
        **own,
        "ngram_max": min(settings.ngram_max, longest) if longest else settings.ngram_max,
    }


def scales_of(peel: Peel) -> dict[str, list[Number]]:
    """What the codes of columns stand for; a code beyond them says nothing."""
    return {name: list(scale) for layer in layers_of(peel) for name, scale in layer.page_scales(peel.settings).items()}


def controls_of(peel: Peel) -> list[dict[str, Any]]:
    """The sliders: the `name` of a threshold, a `label`, its `positions`, and `words` for a value."""
    found = []
    for layer in layers_of(peel):
        for parameter in layer.parameters:
            if parameter.slider and layer.clauses:
                found.append(_control(peel, parameter.name, parameter.slider, getattr(peel.settings, parameter.name)))
    for rule in peel.settings.custom:
        if rule.limits:
            slider = Slider(f"{rule.title}: largest limit", "{}", partial(_of_own, rule))
            found.append(_control(peel, column_of(rule.name), slider, rule.limits))
    return found


def _of_own(rule: OracleRule, longest: int) -> Sequence[Number]:
    return positions_of(rule)


def _control(peel: Peel, name: str, slider: Slider, value: Any) -> dict[str, Any]:
    given = settings_of(peel)[name]
    most = given[-1] if isinstance(given, list | tuple) else given
    positions = sorted({*slider.positions(longest_of(peel)), most})
    return {"name": name, "label": slider.label, "words": slider.words, "positions": positions, "value": most}
