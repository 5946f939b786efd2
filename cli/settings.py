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
    click.option("--criterion", type=click.Choice(["p<0.5", "argmax"]), help="What an error is [default: p<0.5]."),
    click.option("--ngram-max", type=int, help="Longest context of the n-gram layer [9]."),
    click.option(
        "--memory-windows", "--memory", type=INTEGERS, help="Windows of the memory layer [100,500,1000,5000]."
    ),
    click.option("--memory-min-length", type=int, help="Shortest word of the memory layer [5; text: 1]."),
    click.option(
        "--rare-counts", "--rare", type=INTEGERS, help="Training counts of the rare word layer [0,1,2,3,4,5]."
    ),
    click.option("--newline-reach", type=int, help="Characters after a newline that count [3; text: 1]."),
    click.option("--boosts", type=FLOATS, help="Steps of the boost layer [0.1,0.2,0.3,0.4,0.5]."),
)


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a peel's settings."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def settings_of(given: dict[str, Any], base: Any = None) -> Any:
    """The settings that options ask for: a preset, else `base`, else the paper's, with what is given in its place."""
    from dataclasses import replace

    from errtax.taxonomy.settings import PRESETS, Criterion

    named = {name: value for name, value in given.items() if value is not None}
    preset = named.pop("preset", None)
    if "criterion" in named:
        named["criterion"] = Criterion(named["criterion"])
    start = PRESETS[preset] if preset else base or PRESETS["paper"]
    return replace(start, **named)
