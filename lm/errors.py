"""The errors that errtax raises on purpose; everything else keeps its traceback."""


class ErrtaxError(Exception):
    """Base of every expected error.  The message says what was found, what is allowed and what to do."""

    exit_code = 4


class CheckFailed(ErrtaxError):
    """A check that the user asked for did not hold."""

    exit_code = 1


class UsageError(ErrtaxError, ValueError):
    """An option or argument that does not fit."""

    exit_code = 2


class BadInput(ErrtaxError, ValueError):
    """A file or array whose content cannot be used."""

    exit_code = 3
