"""The options that `peel` and `repeel` share: what an error is, which layers there are, and their thresholds."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.completion import complete_layers, listed
from errtax.cli.types import FLOATS, INTEGERS, NAMES
from errtax.taxonomy.layers.layer import Parameter, joined
from errtax.taxonomy.layers.registry import LAYER_NAMES, PARAMETERS

if TYPE_CHECKING:
    from errtax.oracle.custom import OracleRule
    from errtax.taxonomy.settings import Settings


def _option(parameter: Parameter) -> Callable[..., Any]:
    """The option of a layer's parameter, with its default in each preset."""
    numbers = INTEGERS if parameter.kind is int else FLOATS
    presets = {"text": parameter.text, "token": parameter.token}
    text = "".join(f"; {name}: {joined(value)}" for name, value in presets.items() if value is not None)
    return click.option(
        "--" + parameter.name.replace("_", "-"),
        *parameter.flags,
        type=numbers if parameter.listed else parameter.kind,
        help=f"{parameter.help} [{joined(parameter.default)}{text}].",
    )


_OPTIONS = (
    click.option(
        "--preset",
        type=click.Choice(["paper", "text", "token"]),
        help="paper: reproduces the paper's counts; text: its words literally; token: layers made for tokens.",
    ),
    click.option(
        "--layers",
        type=NAMES,
        shell_complete=listed(complete_layers),
        help=f"Which layers, in which order [default: {','.join(LAYER_NAMES)}].",
    ),
    click.option("--criterion", metavar="p<T|argmax", help="What an error is [default: p<0.5]."),
    *map(_option, PARAMETERS.values()),
    click.option(
        "--limits",
        metavar="NAME=LIMITS",
        multiple=True,
        help="Limits of the slices of your own oracle, for example copied=10,100.",
    ),
)


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a peel's settings."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def settings_of(
    given: dict[str, Any], base: "Settings | None" = None, custom: "tuple[OracleRule, ...]" = ()
) -> "Settings":
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


def _with_limits(custom: "tuple[OracleRule, ...]", given: tuple[str, ...]) -> "tuple[OracleRule, ...]":
    """The rules with the limits that `--limits NAME=LIMITS` gives to some of them."""
    from dataclasses import replace

    rules = {rule.name: rule for rule in custom}
    for text in given:
        name, _, values = text.partition("=")
        if name not in rules or not rules[name].limits:
            there_are = ", ".join(each for each, rule in rules.items() if rule.limits) or "none"
            raise click.BadParameter(f"{text!r}: your oracles that have limits: {there_are}", param_hint="--limits")
        try:
            limits = tuple(map(float, values.split(",")))
        except ValueError:
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER,NUMBER,...", param_hint="--limits") from None
        rules[name] = replace(rules[name], limits=limits)
    return tuple(rules.values())


def layers_and_oracles(
    given: dict[str, Any],
    sources: tuple[str, ...] = (),
    custom: "tuple[OracleRule, ...]" = (),
    base: "Settings | None" = None,
) -> "tuple[OracleRule, ...]":
    """The rules of the oracles that `--oracles` loads and `--layers` names, beside those that there are.

    `given["layers"]` has the names of the layers afterwards; without `--layers` loaded oracles join those before boost,
    and `--verbatim` asks for the layer of this name.
    `base`: the settings that hold where no preset is given.
    """
    from errtax.oracle.custom import load_oracles
    from errtax.taxonomy.layers.registry import with_own, with_verbatim
    from errtax.taxonomy.naming import choose_layers
    from errtax.taxonomy.settings import PRESETS

    made_for = (PRESETS[given["preset"]] if given["preset"] else base or PRESETS["paper"]).made_for

    loaded = tuple(dict.fromkeys(name for source in sources for name in load_oracles(source)))
    if given["layers"] is None and (loaded or given["verbatim"] is not None):
        usual = with_own(loaded, made_for)
        given["layers"] = usual if given["verbatim"] is None else with_verbatim(usual)
    names, rules = choose_layers(given["layers"] or (), loaded, custom, made_for)
    given["layers"] = names or None
    return rules
