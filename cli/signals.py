"""SIGTERM and SIGINT end a command by an exception, so that files are tidied up on its way out."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

_AGAIN = 0.1  # seconds
_ended = Event()


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """In this block SIGTERM raises `SystemExit`, and SIGINT `KeyboardInterrupt`, for certain.

    An exception is lost where a signal comes while Python runs a callback from C or a destructor, of which there are
    many when compiled kernels are loaded.  So it is raised again until it is seen to be on its way out.
    """
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, _end)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored, as under nohup
        before[signal.SIGINT] = signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):  # not on Windows
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def was_ended() -> bool:
    """Whether a signal has ended this process's command."""
    return _ended.is_set()


def _end(number: int, frame: FrameType | None) -> None:
    _ended.set()
    error = KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda number, frame: _raise_unless_handled(error))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
    raise error


def _raise_unless_handled(error: BaseException) -> None:
    """Raise `error`, except in a block that runs because of it (`finally`, `except`, the end of a `with`)."""
    handled = sys.exception()
    while handled is not None:
        if handled is error:
            return
        handled = handled.__context__
    raise error
