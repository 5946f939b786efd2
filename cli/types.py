"""Option types: lists of numbers and names."""

import re
from collections.abc import Callable
from typing import Any

import click

_LONGEST = 10_000  # numbers in a range; more are a slip, and would fill the memory


class Listed(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in some versions of click
    """`1,2,3` as a tuple.  `name`: how help texts write it, `example`: how the error for a wrong value does."""

    def __init__(self, item: Callable[[str], Any], name: str, example: str, least: int = 1) -> None:
        self.item = item
        self.name = name
        self.example = example
        self.least = least  # of items; an empty list must not pass for the default

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The tuple; a list from a configuration file is taken too."""
        if isinstance(value, tuple):
            return value
        parts = value if isinstance(value, list) else str(value).split(",")  # a list: from a configuration file
        try:
            items = tuple(self.item(part.strip()) for part in map(str, parts) if part.strip())
            if len(items) < self.least:
                raise ValueError("an empty list")
            return items
        except ValueError:
            raise click.BadParameter(f"{value!r} is not a list such as {self.example}.", ctx, param) from None


class Range(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in some versions of click
    """`1-20`, `5` or `1,2,10` as a sorted tuple of integers."""

    name = "1-20"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The integers of all parts."""
        if isinstance(value, tuple):
            return value
        numbers: set[int] = set()
        parts = value if isinstance(value, list) else str(value).split(",")  # a list: from a configuration file
        try:
            for part in map(str, parts):
                low, dash, high = part.partition("-")
                span = range(int(low), int(high if dash else low) + 1)
                if not 0 < len(span) <= _LONGEST:
                    raise ValueError(part)
                numbers.update(span)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a range such as 1-20 or a list such as 2,5,10.", param, ctx)
        return tuple(sorted(numbers))


class Memory(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """`4G`, `500M` or a number of bytes as an integer."""

    name = "4G"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes; K, M, G and T are powers of 1000, with an i (4GiB) of 1024."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", str(value).strip(), re.IGNORECASE)
        if match is None or float(match[1]) == 0:
            self.fail(f"{value!r} is not an amount of memory such as 4G or 500M.", param, ctx)
        return int(float(match[1]) * (1024 if match[3] else 1000) ** " KMGT".index(match[2].upper() or " "))


class Repeated(click.Option):
    """An option that may be given several times; a configuration file may give one value instead of a list."""

    def __init__(self, *declarations: Any, **attributes: Any) -> None:
        super().__init__(*declarations, **{**attributes, "multiple": True})

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """The tuple of values."""
        return super().type_cast_value(ctx, (value,) if isinstance(value, str) else value)


INTEGERS = Listed(int, "N,...", "0,1,2")
FLOATS = Listed(float, "X,...", "0.1,0.2")
NAMES = Listed(str, "NAME,...", "ngram,memory")
PATTERNS = Listed(str, "PATTERN,...", "rnn-*,lstm-3-512", least=0)
RANGE = Range()
MEMORY = Memory()
UNIT = click.Choice(["byte", "char"])
ANY_UNIT = click.Choice(["byte", "char", "word", "token"])
SENTENCES = click.Choice(["stream", "lines"])
ENGINE = click.Choice(["native", "kenlm"])
