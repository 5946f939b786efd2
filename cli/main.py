"""The command `errtax`: finds its subcommands, turns expected errors into one line and an exit code."""

import errno
import os
import signal
import sys
from importlib import import_module

import click

import errtax
from errtax.cli.frame import fail
from errtax.lm.errors import ErrtaxError

COMMANDS = {
    "demo": "The whole chain on text that every Python installation carries.",
    "split": "Cut a text into training, validation and test parts.",
    "build-ngram": "Build n-gram models of all orders from a text.",
    "score": "Score a text with all orders of an n-gram index.",
    "train": "Train an LSTM, GRU, RNN or n-NN language model.",
    "predict": "Write the prediction log of a trained model on a text.",
    "sweep": "Train, run and peel a grid of models, such as the paper's Table 1.",
    "peel": "Break a model's errors down by what could have explained them.",
    "repeel": "Peel again from the same evidence: other layers, orders, thresholds.",
    "stats": "Shares with intervals, and what each layer explains whatever the order.",
    "report": "Write the report on one or more peels: HTML, pie, bars.",
    "compare": "Which class of errors did the better model buy off?",
    "trend": "How each class of errors falls with parameters or training steps.",
    "calibration": "Is a model as often right as it says, by kind of position?",
    "check": "Check a model's errors against limits: the gate of a release.",
    "show": "Show errors of a layer or slice in their context.",
    "distance": "How sure models are of a closing symbol, by its distance from its opener.",
    "overlap": "Which errors models share, and which symbols each knows better.",
    "gates": "How often each gate of an LSTM or GRU is saturated.",
    "cells": "Which cells of a model track quotes, brackets, the position in the line, …?",
    "dynamics": "Follow a training: what the model resembles, which errors it has.",
    "validate": "Check any file that errtax writes or reads.",
    "info": "Versions, and which optional parts are installed.",
}


class _Commands(click.Group):
    """Imports a command's module when it is called, so that help is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"errtax.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
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
    errtax demo                                  see it all in two minutes
    errtax build-ngram train.txt                 n-gram models of all orders
    errtax peel --preds preds.parquet            the breakdown of a prediction log
    """


def main() -> None:
    """Run the command line.

    Exit codes: 0 ok, 1 a check failed, 2 usage, 3 bad input, 4 internal error, 130 interrupted.
    """
    debug = "--debug" in sys.argv or os.environ.get("ERRTAX_DEBUG", "0") not in ("", "0")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that files are tidied up
    try:
        code = cli(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        fail("interrupted.", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        fail("interrupted.", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except ErrtaxError as error:
        if debug:
            raise
        fail(str(error), error.exit_code)
    except OSError as error:
        if debug:
            raise
        if error.errno == errno.ENOSPC:
            fail(
                "the disk is full; nothing was written under the final name. Free some space and run again.",
                3,
            )
        fail(f"{error.filename or 'writing an output'}: {error.strerror or error}", 3)
    except MemoryError:
        fail("out of memory; try a smaller text or fewer orders.", 4)
    except Exception as error:
        if debug:
            raise
        fail(f"internal error: {type(error).__name__}: {error}. Run again with --debug for the traceback.", 4)
