"""What all commands share: common options, results on stdout, notices and progress on stderr."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TextIO

import click

from errtax.cli.bar import Bar
from errtax.cli.configuration import configured_defaults
from errtax.cli.paths import input_files
from errtax.cli.streams import takes_unicode
from errtax.lm.visible import shown_message, visible

if TYPE_CHECKING:
    from rich.console import Console

    from errtax.reports.table import Table

WHOLE = 10_000
"""Characters of a line where there is no terminal: tables are never broken there."""


class Command(click.Command):
    """A command with the common options, an example in its help, and defaults from the configuration."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        extra.setdefault("auto_envvar_prefix", "ERRTAX")  # ERRTAX_NGRAM=... for --ngram
        if not extra.get("resilient_parsing"):  # a shell that completes does not care for values
            extra.setdefault("default_map", configured_defaults(self))
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        set_up_logging(ctx.params.pop("quiet"), ctx.params.pop("verbose"))
        ctx.params.pop("debug")
        ctx.obj = {"json": ctx.params.pop("json")}
        from errtax.lm.files import guarding

        with guarding(lambda: input_files(self, ctx.params)), _bar_of("working") as ctx.obj["bar"]:
            return super().invoke(ctx)


def command(name: str, example: str) -> Callable[[Callable[..., Any]], Command]:
    """Declare a subcommand; `example` ends its help."""

    def declare(function: Callable[..., Any]) -> Command:
        for option in reversed(
            (
                click.option("--json", "json", is_flag=True, help="One JSON document on stdout."),
                click.option("-q", "--quiet", is_flag=True, help="Only errors on stderr."),
                click.option("-v", "--verbose", is_flag=True, help="More messages on stderr."),
                click.option("--debug", is_flag=True, help="Show the traceback of an error."),
            )
        ):
            function = option(function)
        return click.command(name, cls=Command, epilog=f"Example: {example}")(function)

    return declare


def force_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --force."""
    return click.option("--force", is_flag=True, help="Replace existing outputs.")(function)


def jobs_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --jobs: how many threads the command uses."""

    def limit(context: click.Context, parameter: click.Parameter, jobs: int | None) -> None:
        if jobs is not None and not context.resilient_parsing:
            from errtax.lm.kernels import limit_threads

            context.with_resource(limit_threads(jobs))

    text = "Threads [default: one per processor]."
    return click.option("--jobs", type=click.IntRange(1), expose_value=False, callback=limit, help=text)(function)


def slices_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --slices: None where it is not given."""
    text = "All slices, or none of them [default: those of layers that have up to four]."
    return click.option("--slices/--no-slices", default=None, help=text)(function)


def correction_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --correction: how p-values are adjusted for being several."""
    text = "Of p for several tests. holm: the chance of any false alarm is 5 %; bh: 5 % of the alarms are false."
    return click.option(
        "--correction", type=click.Choice(["holm", "bh"]), default="holm", show_default=True, help=text
    )(function)


def block_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --block: what intervals and tests draw."""
    text = "Draw blocks of so many symbols [default: documents, else streams of a split, else blocks of 1000]."
    return click.option("--block", type=click.IntRange(1), help=text)(function)


def fail(message: str, code: int) -> NoReturn:
    """One line on stderr, whatever the message quotes, and the exit code."""
    click.echo(f"errtax: {shown_message(message)}", err=True)
    sys.exit(code)


def caution(warning: str | None) -> None:
    """A notice of what to keep in mind of a result, if there is anything."""
    if warning:
        notice(warning)


def emit(document: dict[str, Any], *texts: "str | Table") -> None:
    """The result on stdout: the JSON document with --json, else the texts and tables.

    Where an output of the command took stdout (see `Outputs`), the texts go to stderr.
    """
    if bar := click.get_current_context().obj["bar"]:
        bar.stop()
    if click.get_current_context().obj["json"]:
        click.echo(_json(document))
        return
    stream = sys.stderr if click.get_current_context().obj.get("taken") else sys.stdout
    for text in texts:
        if isinstance(text, str) and (" " not in text or not is_terminal(stream)):
            click.echo(visible(text), stream)  # signatures and paths can be copied, however long
        else:
            _print(visible(text) if isinstance(text, str) else text, stream)


def _json(document: dict[str, Any]) -> str:
    """JSON in one line, in which what a terminal would not show is escaped."""

    def escaped(found: re.Match[str]) -> str:
        return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]

    return re.sub(
        r"[^\x00-\x7e]", escaped, json.dumps(document, ensure_ascii=not takes_unicode(sys.stdout), allow_nan=False)
    )


def _print(item: "str | Table", stream: TextIO) -> None:
    """A text or a table: within the width of a terminal, whole lines elsewhere."""
    from rich.text import Text

    from errtax.reports.terminal import table_lines, wrapped

    skin = console(stream)
    lines = wrapped(Text(item), skin.width) if isinstance(item, str) else table_lines(item, skin.width)
    for line in lines:
        skin.print(line, soft_wrap=True)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person reads the stream, in lines of some width."""
    return bool(stream.isatty())


def console(stream: TextIO) -> "Console":
    """A rich console; without a terminal it neither colours nor cuts lines."""
    from rich.console import Console

    class Skin(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with 1, which says that a check failed

    return Skin(file=stream, highlight=False, width=None if is_terminal(stream) else WHOLE)


# --- notices and progress -----------------------------------------------------------------------------------------


class _Line(logging.Formatter):
    """A record in one line, whatever its message quotes."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # the name that logging calls
        return shown_message(super().formatMessage(record))


class _Stderr(logging.Handler):
    """To what stderr is at the time: a bar that is drawn there puts itself in its place, and stays below."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def set_up_logging(quiet: bool, verbose: bool) -> None:
    """Send notices and warnings to stderr."""
    logger = logging.getLogger("errtax")
    handler = _Stderr()
    handler.setFormatter(_Line("%(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)


def notice(message: str) -> None:
    """One line for the user on stderr."""
    logging.getLogger("errtax").info(message)


@contextmanager
def _bar_of(label: str) -> Iterator[Bar | None]:
    """The bar of a command; none without a terminal or with -q."""
    quiet = logging.getLogger("errtax").level > logging.INFO
    bar = None if quiet or not sys.stderr.isatty() else Bar(label, console(sys.stderr))
    try:
        yield bar
    finally:
        if bar is not None:
            bar.stop()


class Update(Protocol):
    """A function that moves a bar: `done` of `total` is done; `text` stands beside it."""

    def __call__(self, done: float, total: float, text: str = "") -> None: ...


def _no_update(done: float, total: float, text: str = "") -> None:
    pass


@contextmanager
def progress(label: str) -> Iterator[Update]:
    """Yield `update(done, total, text)`, which moves the command's bar (`Bar`) under this label."""
    bar = click.get_current_context().obj["bar"]
    if bar is None:
        yield _no_update
        return
    bar.label(label)
    yield bar.update
    bar.label("working")
