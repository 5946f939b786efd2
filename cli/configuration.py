"""Defaults of options from a file: `errtax.toml`, or `[tool.errtax]` of `pyproject.toml`, in the current folder.

Such a file may come with a folder that somebody else made.  So its values are checked here, key by key, before a
command sees them; and what names code to run needs the user's word (`--allow-config-code`).
"""

import math
import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from errtax.cli.commands import COMMANDS, load_command
from errtax.cli.types import Listed, Memory, Range
from errtax.lm.errors import BadInput, UsageError

_NOT_FROM_FILES = ("json", "quiet", "verbose", "debug", "allow_config_code")
_ALLOWED = "errtax.allow_config_code"  # in the context's meta


def configured_defaults(command: click.Command) -> dict[str, Any]:
    """Defaults of a command's options, by the options' names.

    Keys at the top hold for every command that has such an option; a table `[peel]` holds for `errtax peel`.  Raises
    `UsageError` for a key that no option has, and for a value that its option cannot have; `BadInput` for a file that
    is not TOML.
    """
    source, settings = _read_configuration()
    if not settings:
        return {}
    tables = {key: value for key, value in settings.items() if isinstance(value, dict)}
    top = {key: value for key, value in settings.items() if key not in tables}
    own = tables.get(command.name or "", {})
    options = {option.name or "": option for option in command.params if isinstance(option, click.Option)}
    known = _all_option_names()
    for keys, allowed in ((top, known), (own, {*options} & known)):
        for key in keys:
            if key.replace("-", "_") not in allowed:
                _refuse_key(key, allowed, source)
    for table in tables:
        if table not in COMMANDS:
            _refuse_key(table, {*COMMANDS}, source)
    given = {key.replace("-", "_"): (key, value) for key, value in {**top, **own}.items()}
    given = {name: pair for name, pair in given.items() if name in options}
    for name, (key, value) in given.items():
        _require_value(command, options[name], f"{source}: {key}", value)
    return {name: value for name, (_, value) in given.items()}


def allow_config_code_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --allow-config-code, also ERRTAX_ALLOW_CONFIG_CODE=1; see `require_own_code`."""
    return click.option(
        "--allow-config-code",
        is_flag=True,
        is_eager=True,  # before the options whose values it allows
        expose_value=False,
        callback=lambda context, _, value: context.meta.update({_ALLOWED: value}),
        help="Also run oracles that a configuration file here names.",
    )(function)


def require_own_code(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """`value` of an option that names code to run.  Callback of the option.

    Raises `UsageError` where a configuration file, and not the user, named it: whoever wrote the folder would run code.
    """
    from_file = context.get_parameter_source(option.name or "") is ParameterSource.DEFAULT_MAP
    if value and from_file and not context.meta.get(_ALLOWED):
        raise UsageError(
            f"a configuration file here names code to run ({option.name} = {_shown(list(value))}); give "
            "--allow-config-code (or ERRTAX_ALLOW_CONFIG_CODE=1) if you trust it."
        )
    return value


def _read_configuration() -> tuple[str, dict[str, Any]]:
    """The file's name and what it sets; empty without one."""
    own = Path("errtax.toml")
    if own.is_file():
        try:
            return own.name, tomllib.loads(own.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{own} is not valid TOML ({error}).") from error
    shared = Path("pyproject.toml")
    if not shared.is_file():
        return "", {}
    try:
        table: Any = tomllib.loads(shared.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return "", {}  # somebody else's file: not ours to complain of
    for key in ("tool", "errtax"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise UsageError(f"{shared}: {key} is {_shown(table)}; a table [tool.errtax] is needed.")
    return shared.name, table


def _all_option_names() -> set[str]:
    parameters = [parameter for name in COMMANDS for parameter in load_command(name).params]
    names = {option.name for option in parameters if isinstance(option, click.Option)}
    return {name for name in names if name} - {*_NOT_FROM_FILES}


def _refuse_key(key: str, known: set[str], source: str) -> None:
    close = get_close_matches(key.replace("-", "_"), known, 1)
    hint = f"; did you mean {close[0].replace('_', '-')!r}?" if close else "."
    raise UsageError(f"{source}: unknown key {key[:80]!r}{hint}")


def _require_value(command: click.Command, option: click.Option, where: str, value: Any) -> None:
    """Raise `UsageError`, with the key, unless the option takes a TOML value of this kind and of this size."""
    allowed, what = _kinds(option)
    many = isinstance(value, list) and (option.multiple or isinstance(option.type, Listed | Range))
    for each in value if many else [value]:
        right = isinstance(each, allowed) and (isinstance(each, bool) <= (bool in allowed))
        if not right or (isinstance(each, float) and not math.isfinite(each)) or "\0" in str(each):
            lists = ", or a list of these" if option.multiple or isinstance(option.type, Listed | Range) else ""
            raise UsageError(f"{where} = {_shown(value)} is of the wrong kind; {what} is needed{lists}.")
    try:
        option.type_cast_value(click.Context(command), value)
    except click.BadParameter as error:
        raise UsageError(f"{where} = {_shown(value)}: {error.message}") from None


def _kinds(option: click.Option) -> tuple[tuple[type, ...], str]:
    """The Python types of the TOML values that an option takes, and what they are called."""
    if option.is_flag:
        return (bool,), "true or false"
    if isinstance(option.type, click.types.IntParamType):
        return (int,), "an integer"
    if isinstance(option.type, click.types.FloatParamType):
        return (int, float), "a number"
    if isinstance(option.type, Range | Memory):
        return (int, str), f"an integer, or a string such as {option.type.name!r}"
    if isinstance(option.type, Listed):
        return (str,) if option.type.item is str else (int, float, str), f"a string such as {option.type.example!r}"
    return (str,), "a string"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
