"""What a shell completes: layers, slices, limits and features; those of the PEEL on the line, if there is one."""

import os
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from errtax.taxonomy.settings import Settings

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completing(names: Callable[[click.Context], Iterable[str]]) -> Complete:
    """A parameter's `shell_complete` that offers these names; nothing where they cannot be had."""

    @wraps(names)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            offered = list(names(ctx))
        except Exception:  # a message between two keys helps nobody
            return []
        return [CompletionItem(_quoted(name)) for name in offered if name.startswith(incomplete)]

    return complete


def listed(complete: Complete) -> Complete:
    """The same for a list: the last name of `ngram,mem` is completed."""

    def complete_last(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        offered = [item.value for item in complete(ctx, param, last)]
        return [CompletionItem(f"{before}{comma}{value}") for value in offered if value not in given]

    return complete_last


def _quoted(name: str) -> str:
    """Bash puts on the line what it is told, spaces and all; the other shells quote it."""
    return name.replace(" ", "\\ ") if os.environ.get("_ERRTAX_COMPLETE", "").startswith("bash") else name


def _peel_on(ctx: click.Context) -> str | None:
    """The PEEL on the line; click leaves arguments aside where the value of an option is still to come."""
    if all(parameter.name != "peel" for parameter in ctx.command.params):
        return None
    return ctx.params.get("peel") or next(iter(ctx.args), None)


def _settings(ctx: click.Context) -> "Settings":
    """Those of the peel that the line names, else the paper's."""
    from errtax.lm.locations import is_uri
    from errtax.taxonomy.settings import Settings

    path = _peel_on(ctx)
    if path is None or is_uri(path):  # an object store may take seconds to answer
        return Settings()
    from errtax.taxonomy.peel_file import read_settings

    return read_settings(Path(path))


@_completing
def complete_layers(ctx: click.Context) -> Iterable[str]:
    """The layers of the peel; where none is given, those there are."""
    from errtax.taxonomy.layers.registry import LAYER_NAMES

    return _settings(ctx).layers if _peel_on(ctx) else LAYER_NAMES


@_completing
def complete_slices(ctx: click.Context) -> Iterable[str]:
    """The slices of the peel, or of the layer that --layer chooses."""
    from errtax.taxonomy.layers.registry import find_layer

    settings, chosen = _settings(ctx), ctx.params.get("layer")
    layers = [chosen] if chosen in settings.layers else settings.layers
    return [part for name in layers for part in find_layer(name, settings).slices(settings)]


@_completing
def complete_limits(ctx: click.Context) -> Iterable[str]:
    """What stands before the value of a limit: `errors:`, `bits:`, a layer or a slice."""
    from errtax.taxonomy.layers.registry import find_layer

    settings = _settings(ctx)
    slices = [part for name in settings.layers for part in find_layer(name, settings).slices(settings)]
    return [f"{name}:" for name in ("errors", "bits", *settings.layers, *slices)]


@_completing
def complete_features(ctx: click.Context) -> Iterable[str]:
    """The features that cells can track."""
    from errtax.oracle.features import known_features

    return [feature.name for feature in known_features()]
