"""What people call layers and slices: by name, title or letter, small or capital."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

from errtax.lm.errors import UsageError
from errtax.oracle.custom import OracleRule, find_oracles, registered
from errtax.taxonomy.layers.layer import Layer
from errtax.taxonomy.layers.own import layer_of
from errtax.taxonomy.layers.registry import (
    CHARACTERS,
    LAYERS,
    OTHER_LAYERS,
    RESERVED,
    TOKEN_LAYERS,
    TOKENS,
    find_layer,
    layer_names,
)
from errtax.taxonomy.peel import Peel

Known = Mapping[str, Sequence[str]]
"""Other names by name: first the titles, then the letters."""


def find_name(asked: str, known: Known, what: str, there_are: str = "") -> str:
    """The name among `known` that somebody means, be it by another name or with other capitals.

    A name goes before a title, and a title before a letter.  `what`: for the message, with `{}` where it says the name.
    Raises `UsageError`, with the likely one, for a name that is none of these, and for one that may be several.

    >>> find_name("rare word", {"ngram": ("n-gram", "N"), "rare": ("rare word", "R")}, "layer {}")
    'rare'
    """
    if asked in known:
        return asked
    spelled = {name: [each.casefold() for each in (name, *others)] for name, others in known.items()}
    for k in range(max(map(len, spelled.values()), default=0)):
        found = [name for name, each in spelled.items() if asked.strip().casefold() in each[k : k + 1]]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{asked!r} may be {' or '.join(found)}; give the name itself.")
    by_spelling = {each: name for name, all_names in spelled.items() for each in reversed(all_names)}
    close = difflib.get_close_matches(asked.casefold(), by_spelling, 1)
    meant = f"did you mean {by_spelling[close[0]]!r}?" if close else there_are or f"there are {', '.join(known)}."
    raise UsageError(f"there is no {what.format(repr(asked))}; {meant}")


def names_of(layers: Iterable[Layer]) -> dict[str, tuple[str, str]]:
    """Title and letter of each layer, by its name."""
    return {layer.name: (layer.title, layer.letter) for layer in layers}


def layer_in(peel: Peel, asked: str) -> str:
    """The layer of a peel that somebody means."""
    return find_name(asked, names_of(_layers(peel)), "layer {} in this peel")


def slice_in(peel: Peel, asked: str) -> tuple[str, str]:
    """The layer and the slice of a peel that somebody means by the name of a slice."""
    owners = _owners_of_slices(peel)
    name = find_name(asked, dict.fromkeys(owners, ()), "slice {} in this peel")
    return owners[name], name


def part_in(peel: Peel, asked: str, others: Sequence[str]) -> tuple[str, str | None]:
    """What somebody means by the name of a layer, of a slice or one of some `others`: a layer, or it and a slice.

    One of the others stands alone, in place of the layer.
    """
    owners = _owners_of_slices(peel)
    layers = names_of(_layers(peel))
    known = {**dict.fromkeys(others, ()), **dict.fromkeys(owners, ()), **layers}
    there_are = f"there are {', '.join([*others, *layers])}, and their slices."
    name = find_name(asked, known, "layer or slice {} in this peel", there_are)
    return (name, None) if name in layers or name in others else (owners[name], name)


def _layers(peel: Peel) -> list[Layer]:
    return [find_layer(name, peel.settings) for name in peel.layer_names]


def _owners_of_slices(peel: Peel) -> dict[str, str]:
    return {part: name for name in reversed(peel.layer_names) for part in peel.slice_names(name)}


def choose_layers(
    asked: Sequence[str],
    loaded: Sequence[str] = (),
    custom: Sequence[OracleRule] = (),
    made_for: str = CHARACTERS,
) -> tuple[tuple[str, ...], tuple[OracleRule, ...]]:
    """The names of the layers that somebody asks for, and the rules of those that are not built in.

    `loaded`: oracles whose rules are wanted in any case; `custom`: rules that there are already; `made_for`: what the
    built-in layers are made for.  Raises `UsageError`
    for a layer that is neither built in nor a registered oracle, and for an oracle with one of errtax's own names.
    """
    rules = {**registered(), **{rule.name: rule for rule in custom}}
    for name in rules:
        if name in RESERVED:
            raise UsageError(f"your oracle {name!r} has one of errtax's own names; give it another one.")
    layers = LAYERS if made_for == CHARACTERS else TOKEN_LAYERS
    known = names_of((*layers, *OTHER_LAYERS, *(layer_of(rule, 0) for rule in rules.values())))
    own = f"own ones are {', '.join(sorted(rules))}." if rules else "load your own with --oracles FILE."
    built_in = layer_names(made_for)
    there_are = f"the built-in layers are {', '.join(built_in)}; {own}"
    elsewhere = {*layer_names(TOKENS)} - {*built_in}
    for name in elsewhere & {*asked}:
        raise UsageError(f"the layer {name!r} is made for tokens: give --preset token, too.")
    names = tuple(find_name(name, known, "layer {}", there_are) for name in asked)
    there = {*built_in, *(rule.name for rule in custom)}
    missing = [name for name in dict.fromkeys([*names, *loaded]) if name not in there]
    return names, (*custom, *find_oracles(missing))
