"""Watching a training: when a step is due the sample is predicted and peeled, and the page is written anew.

Nothing in it stops a training: what fails is one line of warning, and after some failures nothing more is tried.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from errtax.lm.errors import reason_of
from errtax.lm.files import write_text
from errtax.reports.studies.pace import Pace
from errtax.reports.studies.watch_page import watch_page
from errtax.taxonomy.studies.watch import Watched
from errtax.taxonomy.studies.watch_folder import WatchFolder

MOST_FAILURES = 3
"""In a row; then the training is no longer watched."""
logger = logging.getLogger("errtax")
Numbers = dict[str, float]


class Asked(Protocol):
    """What a model is asked about."""

    @property
    def content(self) -> str:
        """The text of it, as the folder keeps it."""

    def predict(self, network: Any, step: int, path: Path) -> None:
        """Write the network's prediction log after so many steps."""

    def try_out(self, path: Path) -> None:
        """Write the log of a network that has learnt nothing, on a part of the text or all of it."""


class Watcher:
    """Watches a training.  `log(step, numbers)`: tells whatever keeps the training's curves."""

    def __init__(
        self,
        asked: Asked,
        watched: Watched,
        pace: Pace,
        log: Callable[[int, Numbers], object] = lambda step, numbers: None,
        worded: Callable[[str], str] = str,
    ) -> None:
        """`worded`: makes of a notice what is said.

        All is tried out once on a model that has learnt nothing: what does not fit raises `BadInput` or `UsageError`
        here, and kernels are compiled before the training's time runs.  `UsageError`, too, where the folder holds steps
        of another sample.
        """
        _try_out(asked, watched, pace)
        watched.folder.open(asked.content)
        self.watched, self.pace = watched, pace
        self._asked, self._log, self._notices = asked, log, _Once(worded)
        self._failures, self._begun = 0, False

    @property
    def is_off(self) -> bool:
        """Whether so much has failed that nothing is tried any more."""
        return self._failures >= MOST_FAILURES

    def begin(self, step: int = 0) -> None:
        """A training begins, or goes on after a step: later ones in the folder are removed."""
        with self._forgiving("its steps cannot be read"):
            self._failures = MOST_FAILURES  # unless the folder can be read
            self.watched.begin(step)
            self._failures = 0
        self._begun = True
        self.pace.begin()

    def step(self, step: int, network: Any, last: bool = False) -> Numbers | None:
        """Look at the network after a step, if one is due; return the numbers that were logged, None if there was none.

        The first call of a training says where it begins.  `last`: no step comes after it.
        """
        if not self._begun:
            if last:  # nothing was trained
                return None
            self.begin(step - 1)
        looks = self.watched.looks
        is_new = not looks or looks[-1].step < step
        numbers = None
        if is_new and not self.is_off and self.pace.allows(step, last):
            with self.pace.looking(), self._forgiving(f"step {step:,} is not looked at"):
                numbers = self._look(step, network)
        if last and looks and not self.is_off:
            with self._forgiving("the page is not finished"):
                self._write_page(ended=True)
        return numbers

    def _look(self, step: int, network: Any) -> Numbers:
        folder = self.watched.folder
        try:
            self._asked.predict(network, step, folder.log(step))
            look = self.watched.add(step)
        except BaseException:
            folder.log(step).unlink(missing_ok=True)
            raise
        self._write_page()
        self._log(step, dict(look.numbers))
        self._failures = 0
        return look.numbers

    def _write_page(self, ended: bool = False) -> None:
        write_text(self.watched.folder.page, watch_page(self.watched, self.pace, ended))

    @contextmanager
    def _forgiving(self, consequence: str) -> Iterator[None]:
        """What fails in this block is said in one line."""
        try:
            with _filtered(self._notices):
                yield
        except Exception as error:
            self._failures += 1
            more = "; the training is no longer watched" if self.is_off else ""
            reason = self._notices.worded(reason_of(error))
            logger.warning("%s: %s%s (%s).", self.watched.folder.path, consequence, more, reason)


def _try_out(asked: Asked, watched: Watched, pace: Pace) -> None:
    """Two looks, of which nothing is kept; what there is to be said of them, the first true look says."""
    with tempfile.TemporaryDirectory(prefix="errtax-") as name, _filtered(lambda record: False):
        trial = replace(watched, folder=WatchFolder(Path(name)), looks=[])
        for step in (1, 2):
            asked.try_out(trial.folder.log(step))
            trial.add(step)
        watch_page(trial, pace)


@contextmanager
def _filtered(notices: logging.Filter | Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """In this block only such notices are heard."""
    logger.addFilter(notices)
    try:
        yield
    finally:
        logger.removeFilter(notices)


class _Once(logging.Filter):
    """Lets each kind of notice through once: what holds for the first look holds for all."""

    def __init__(self, worded: Callable[[str], str]) -> None:
        super().__init__()
        self.worded, self._said = worded, set[str]()

    def filter(self, record: logging.LogRecord) -> bool:
        known = record.msg in self._said
        self._said.add(record.msg)
        record.msg, record.args = self.worded(record.getMessage()), ()
        return not known
