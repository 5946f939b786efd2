"""Messages as Python programs read them: the library speaks of options by their flags, Python of arguments."""

import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from errtax.lm.errors import ErrtaxError

P = ParamSpec("P")
R = TypeVar("R")
_SENTENCES = {
    "load your own with --oracles FILE": "register your own with errtax.oracle.custom.oracle",
    "; see --debug": "; its own error is the cause",
    " with -o": "",
}
_NAMES = {"preds": "log", "max": "limits"}
_SWITCHES = ("force", "require-significant")
_VALUE = r"'[^']*'|(?:\d[\d.,]*\d|\d|[\w/.]+\.[a-z]\w*|icu|byte|char|word|token)\b"
_WORD = re.compile(rf"(?P<shell>errtax [a-z-]+(?: [^\s;,()]+)*)|--(?P<flag>[a-z][a-z-]*)(?:[ =](?P<value>{_VALUE}))?")


def in_python(message: str) -> str:
    """The message with arguments in place of flags; commands for a shell stay as they are.

    >>> in_python("no layer is left of rare: give --ngram X.ngram or --train-text train.txt.")
    "no layer is left of rare: give ngram='X.ngram' or train_text='train.txt'."
    >>> in_python("x exists already; give --force to replace it, or build one with errtax build-ngram --order 5.")
    'x exists already; give force=True to replace it, or build one with errtax build-ngram --order 5.'
    """
    for flags, words in _SENTENCES.items():
        message = message.replace(flags, words)
    return _WORD.sub(_argument, message)


def _argument(found: re.Match[str]) -> str:
    if found["shell"]:
        return found["shell"]
    flag, value = found["flag"], found["value"]
    name = _NAMES.get(flag, flag.replace("-", "_"))
    if flag in _SWITCHES:
        return f"{name}=True" + (f" {value}" if value else "")
    if value is None:
        return name
    return f"{name}={value}" if value[0] == "'" or value[0].isdigit() else f"{name}={value!r}"


def speaks_python(function: Callable[P, R]) -> Callable[P, R]:
    """Decorates what Python programs call: its errors and notices name arguments, not flags."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        logger = logging.getLogger("errtax")
        logger.addFilter(_translated)
        try:
            return function(*args, **kwargs)
        except ErrtaxError as error:
            error.args = (in_python(str(error)),)
            raise
        finally:
            logger.removeFilter(_translated)

    return call


def _translated(record: logging.LogRecord) -> bool:
    record.msg, record.args = in_python(record.getMessage()), ()
    return True
