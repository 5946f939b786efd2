"""What takes over two seconds shows on a terminal that it is at work; nothing else does."""

import os
import sys
import time
from collections.abc import Callable

import click
import pytest

from commands import Errtax
from errtax.cli import bar as bar_module
from errtax.cli import frame
from errtax.cli.bar import Bar

pytestmark = pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Make stderr a terminal; what is written to it."""
    master, slave = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", os.fdopen(slave, "w", buffering=1))

    def read() -> str:
        sys.stderr.flush()
        os.set_blocking(master, False)
        content = b""
        try:
            while piece := os.read(master, 1 << 16):
                content += piece
        except BlockingIOError:
            pass
        return content.decode()

    return read


def test_a_bar_is_drawn_late_and_without_being_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_module, "DELAY", 0.05)
    terminal = open_terminal(monkeypatch)
    bar = Bar("peeling", frame.console(sys.stderr))
    assert "peeling" not in terminal()
    wait_for(lambda: "peeling" in terminal())
    bar.label("sorting")
    bar.update(3, 7, "of seven")
    wait_for(lambda: "of seven" in terminal())
    bar.stop()
    bar.update(4, 7)
    bar.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("nothing came")


def test_a_bar_that_is_stopped_in_time_is_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_module, "DELAY", 0.2)
    terminal = open_terminal(monkeypatch)
    bar = Bar("peeling", frame.console(sys.stderr))
    bar.stop()
    time.sleep(0.4)
    assert terminal() == ""


@pytest.mark.parametrize("flags", [[], ["-q"]])
def test_every_command_has_a_bar_on_a_terminal_alone(
    errtax: Errtax, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    monkeypatch.setattr(bar_module, "DELAY", 0.0)

    def slowly(document: object, *texts: object) -> None:
        time.sleep(0.5)  # as long as nothing is printed the bar stays
        emit(document, *texts)  # type: ignore[arg-type]

    emit = frame.emit
    monkeypatch.setattr("errtax.cli.info.emit", slowly)
    terminal = open_terminal(monkeypatch)
    done = errtax("info", *flags)
    assert done.code == 0
    assert done.out.startswith("errtax 0")
    assert ("working" in terminal()) == (not flags)


def test_progress_moves_the_bar_of_its_command() -> None:
    moved: list[object] = []

    class Watched:
        def label(self, label: str) -> None:
            moved.append(label)

        def update(self, done: float, total: float, text: str = "") -> None:
            moved.append((done, total, text))

    with click.Context(click.Command("x"), obj={"bar": Watched()}), frame.progress("sorting") as update:
        update(1, 2, "a")
    assert moved == ["sorting", (1, 2, "a"), "working"]
