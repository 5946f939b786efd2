"""The options that `peel` and `repeel` share: what an error is, which layers there are, and their thresholds."""

from collections.abc import Callable
from typing import Any

import click

from errtax.cli.types import FLOATS, INTEGERS, NAMES

_OPTIONS = (
    click.option(
        "--preset",
        type=click.Choice(["paper", "text"]),
        help="paper: reproduces the paper's counts; text: its words literally.",
    ),
    click.option(
        "--layers",
        type=NAMES,
        help="Which layers, in which order [default: ngram,memory,rare,word,punctuation,boost].",
    ),
    click.option("--criterion", metavar="p<T|argmax", help="What an error is [default: p<0.5]."),
    click.option("--ngram-max", type=int, help="Longest context of the n-gram layer [9]."),
    click.option(
        "--memory-windows", "--memory", type=INTEGERS, help="Windows of the memory layer [100,500,1000,5000]."
    ),
    click.option("--memory-min-length", type=int, help="Shortest word of the memory layer [5; text: 1]."),
    click.option(
        "--rare-counts", "--rare", type=INTEGERS, help="Training counts of the rare word layer [0,1,2,3,4,5]."
    ),
    click.option("--newline-reach", type=int, help="Characters after a newline that count [3; text: 1]."),
    click.option(
        "--limits",
        metavar="NAME=LIMITS",
        multiple=True,
        help="Limits of the slices of an oracle of your own, for example copied=10,100.",
    ),
    click.option("--boosts", type=FLOATS, help="Steps of the boost layer [0.1,0.2,0.3,0.4,0.5]."),
)


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a peel's settings."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def settings_of(given: dict[str, Any], base: Any = None, custom: tuple[Any, ...] = ()) -> Any:
    """The settings that options ask for: a preset, else `base`, else the paper's, with what is given in its place.

    `custom`: the rules of oracles that are not built in.
    """
    from dataclasses import replace

    from errtax.taxonomy.settings import PRESETS, Criterion

    named = {name: value for name, value in given.items() if value is not None}
    preset = named.pop("preset", None)
    if "criterion" in named:
        named["criterion"] = Criterion.parse(named["criterion"])
    start = PRESETS[preset] if preset else base or PRESETS["paper"]
    limits = named.pop("limits", ())
    return replace(start, **named, custom=_with_limits(custom, limits))


def _with_limits(custom: tuple[Any, ...], given: tuple[str, ...]) -> tuple[Any, ...]:
    """The rules with the limits that `--limits NAME=LIMITS` gives to some of them."""
    from dataclasses import replace

    rules = {rule.name: rule for rule in custom}
    for text in given:
        name, _, values = text.partition("=")
        if name not in rules or not rules[name].limits:
            there_are = ", ".join(each for each, rule in rules.items() if rule.limits) or "none"
            raise click.BadParameter(f"{text!r}: oracles of yours that have limits: {there_are}", param_hint="--limits")
        try:
            limits = tuple(map(float, values.split(",")))
        except ValueError:
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER,NUMBER,...", param_hint="--limits") from None
        rules[name] = replace(rules[name], limits=limits)
    return tuple(rules.values())


def layers_and_oracles(given: dict[str, Any], sources: tuple[str, ...]) -> tuple[Any, ...]:
    """The rules of the oracles that `--oracles` loads and `--layers` names; the former join the layers before boost."""
    from errtax.oracle.custom import find_oracles, load_oracles
    from errtax.taxonomy.settings import LAYER_NAMES

    loaded = dict.fromkeys(name for source in sources for name in load_oracles(source))
    named = [name for name in given["layers"] or () if name not in LAYER_NAMES]
    if loaded and given["layers"] is None:
        given["layers"] = (*LAYER_NAMES[:-1], *loaded, LAYER_NAMES[-1])
    return find_oracles(list(dict.fromkeys([*named, *loaded])))
