"""The errors that errtax raises on purpose; everything else keeps its traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

_LONGEST = 1000


def one_line(text: str, longest: int = _LONGEST) -> str:
    """A text in one line of bounded length: runs of blanks and control characters are one space, the middle is cut.

    >>> one_line("two\\nlines"), one_line("0123456789", 6)
    ('two lines', '012…89')
    """
    kept = text if len(text) <= 4 * longest else text[: 2 * longest] + text[-2 * longest :]
    line = " ".join("".join(c if c.isprintable() else " " for c in kept).split())
    if len(line) <= longest:
        return line
    return f"{line[: longest // 2]}…{line[len(line) - (longest - longest // 2 - 1) :]}"


def reason_of(error: BaseException) -> str:
    """What an error of another library says, short enough to stand in a message of ours."""
    return one_line(str(error), 160).rstrip(".") or type(error).__name__


class ErrtaxError(Exception):
    """Base of every expected error.  The message, one line, says what was found, what is allowed and what to do."""

    exit_code = 4

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class UsageError(ErrtaxError, ValueError):
    """An option or argument that does not fit."""

    exit_code = 2


class BadInput(ErrtaxError, ValueError):
    """A file or array whose content cannot be used."""

    exit_code = 3


class StoreError(BadInput):
    """An object store that does not give or take a file."""


@contextmanager
def decoding(complaint: str, advice: str = "") -> Iterator[None]:
    """Turn whatever is raised inside into `BadInput`: `{complaint} (the reason){advice}.`

    For the few lines that hand a file's bytes to a decoder (pyarrow, torch, json) and take its result apart: hostile
    content makes these raise nearly anything, and all of it means the same.
    """
    try:
        yield
    except StoreError:  # what is to be decoded did not arrive
        raise
    except Exception as error:
        raise BadInput(f"{complaint} ({reason_of(error)}){advice}.") from None
