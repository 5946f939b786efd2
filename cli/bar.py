"""The progress bar on stderr of commands that take long."""

from threading import Lock, Timer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

DELAY = 2.0  # seconds: what is done by then needs no bar


class Bar:
    """A bar that appears after two seconds unless it is stopped first, whether or not it has moved.

    It may be moved from any thread; without a total it only shows that time passes.
    """

    def __init__(self, label: str, console: "Console") -> None:
        self._lock = Lock()
        self._console: Console | None = console
        self._state: dict[str, Any] = {"description": label, "completed": 0, "total": None, "text": ""}
        self._drawn: Progress | None = None  # made when it is drawn: most commands are done before it is even imported
        self._timer = Timer(DELAY, self._draw)
        self._timer.daemon = True
        self._timer.start()

    def label(self, label: str) -> None:
        """Start over under another label."""
        self._move(description=label, completed=0, total=None, text="")

    def update(self, done: float, total: float, text: str = "") -> None:
        """Move the bar: `done` of `total` is done; `text` stands beside it."""
        self._move(completed=done, total=total, text=text)

    def stop(self) -> None:
        """Remove the bar."""
        self._timer.cancel()
        with self._lock:
            drawn, self._drawn, self._console = self._drawn, None, None
        if drawn is not None:
            drawn.stop()

    def _move(self, **state: Any) -> None:
        with self._lock:
            self._state |= state
            if self._drawn is not None:
                self._drawn.update(self._drawn.task_ids[0], **self._state)

    def _draw(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        with self._lock:
            if self._console is None:
                return
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
            times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
            self._drawn = Progress(*columns, *times, console=self._console, transient=True)
            self._drawn.add_task(**self._state)
            self._drawn.start()
