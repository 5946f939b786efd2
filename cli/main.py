"""The command `errtax`: finds its subcommands, turns expected errors into one line and an exit code."""

import errno
import io
import os
import sys
import traceback
from contextlib import suppress
from types import TracebackType
from typing import NoReturn

import click

import errtax
from errtax.cli.commands import COMMANDS, load_command
from errtax.cli.frame import fail
from errtax.cli.signals import ending_on_signals, was_ended
from errtax.cli.streams import soften_streams
from errtax.lm.errors import ErrtaxError
from errtax.lm.visible import shown_message, without_secrets


class _Commands(click.Group):
    """Imports a command's module when it is called, so that help is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not ctx.resilient_parsing:  # a shell that completes asks quietly
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(errtax.__version__, prog_name="errtax")
def cli() -> None:
    """Why is my language model wrong?

    \b
    errtax demo                                  see everything, offline
    errtax build-ngram train.txt                 n-gram models of all orders
    errtax peel preds.parquet                    the breakdown of a prediction log
    """


def _show(error: click.ClickException) -> None:
    """What click says of wrong usage, line by line, whatever it quotes."""
    said = io.StringIO()
    error.show(said)
    for line in said.getvalue().splitlines():
        click.echo(shown_message(line), err=True)


def _show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(without_secrets("".join(traceback.format_exception(kind, error, trace))))


def main() -> None:
    """Run the command line.

    Exit codes: 0 ok, 1 a check failed, 2 usage, 3 bad input, 4 internal error, 130 interrupted.
    """
    try:
        _run()
    except SystemExit as error:
        if was_ended() and isinstance(error.code, int):
            _leave(error.code)
        raise


def _leave(code: int) -> NoReturn:
    """End the process at once, where a signal has ended its command and all files are tidied up.

    Threads may still be at work or be starting: Python waits for most of them, forgets others, and crashes with those.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _run() -> None:
    debug = "--debug" in sys.argv or os.environ.get("ERRTAX_DEBUG", "0") not in ("", "0")
    soften_streams()
    try:
        with ending_on_signals():
            code = cli(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        fail("interrupted.", 130)
    except click.ClickException as error:
        _show(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt as error:
        fail(" ".join(["interrupted.", *getattr(error, "__notes__", [])]), 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        if debug:
            sys.excepthook = _show_traceback
            raise
        fail(*_explained(error))


_NEEDED = dict.fromkeys(("torch", "sklearn"), "training and prediction need torch: pip install 'errtax[lm]'.")
_NEEDED |= dict.fromkeys(
    ("transformers", "tokenizers"), "models of transformers need more packages: pip install 'errtax[hf]'."
)


def _explained(error: Exception) -> tuple[str, int]:
    """One line on what went wrong, and the exit code."""
    match error:
        case ErrtaxError():
            return str(error), error.exit_code
        case ModuleNotFoundError(name=str(name)) if name in _NEEDED:
            return _NEEDED[name], 2
        case OSError(errno=errno.ENOSPC):
            return "the disk is full; nothing was written under the final name. Free some space and run again.", 3
        case OSError():
            return f"{error.filename or 'writing an output'}: {error.strerror or error}", 3
        case MemoryError():
            return "out of memory; try a smaller text or fewer orders.", 4
    return f"internal error: {type(error).__name__}: {error}. Run again with --debug for the traceback.", 4
