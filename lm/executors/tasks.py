"""A task, and how any number of them are run somewhere else: retried, watched, and those that fail named.

A task is one plain function of a small specification that can be pickled.  Either it writes a file, whole or not at
all, and returns at once where that is there already; so nothing that is complete is done again, whoever was killed.
Or it returns a small value, such as sums, to whoever runs it.
"""

import logging
import sys
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import pyarrow as pa

import errtax
from errtax.lm.errors import ErrtaxError, UsageError, reason_of
from errtax.lm.kernels import limit_threads
from errtax.lm.part import MOST_PARTS

logger = logging.getLogger("errtax")
Handle = TypeVar("Handle", bound=Hashable)
ATTEMPTS = 3
_BEAT = 1.0  # seconds between two looks
Said = list[tuple[int, str]]
"""What a task had to say: levels and messages of its notices and warnings."""


class Outcome(NamedTuple):
    """What a task that ended well had to say, and what its function returned."""

    said: Said
    value: Any = None


@dataclass(frozen=True)
class Task:
    """`work(spec)`: a function of a module, and what it is called with.  `name`: what messages call it."""

    name: str
    work: Callable[[Any], object]
    spec: Any


class TaskLost(ErrtaxError):
    """The process or machine of a task ended before the task did."""


class Pool(Protocol[Handle]):
    """Where tasks run."""

    @property
    def slots(self) -> int:
        """How many at a time."""

    def submit(self, task: Task) -> Handle:
        """Let a task run as soon as there is room for it."""

    def wait(self, handles: Collection[Handle], seconds: float) -> Collection[Handle]:
        """Those of submitted tasks that have ended; some time is waited for the first."""

    def result(self, handle: Handle) -> Outcome:
        """What a task that has ended had to say, and returned.  Raises what it raised, or `TaskLost`."""

    def cancel(self) -> None:
        """Let no task go on."""


def parts_for(slots: int, size: int, least: int) -> int:
    """Into how many parts `size` things are cut for so many tasks at a time: three for each, of at least so many."""
    return max(min(3 * slots, size // least, MOST_PARTS), 1)


Watch = Callable[[int, int], None]
"""`watch(done, total)` is called every second."""
Take = Callable[[Task, Any], None]
"""`take(task, value)` is called once for each task that ended well, with what its function returned."""


def run_tasks(
    pool: Pool[Any],
    tasks: Sequence[Task],
    watch: Watch = lambda done, total: None,
    keep_going: bool = False,
    done: int = 0,
    take: Take = lambda task, value: None,
) -> dict[str, Exception]:
    """Run all tasks; return what became of those that failed, by name.

    An error that is no fault of the machine, an `ErrtaxError`, is final; after any other, and where the process was
    lost, a task is tried again twice.  Without `keep_going` the first failure ends it: it is raised, the task named.
    `done`: tasks that need not run, for `watch`.  `take` is given what tasks return, in the order in which they end.
    """
    total, failures, told = done + len(tasks), dict[str, Exception](), set[tuple[int, str]]()
    try:
        left = {pool.submit(task): (task, 1) for task in tasks}
        while left:
            watch(done, total)
            for handle in pool.wait(list(left), _BEAT):
                task, attempt = left.pop(handle)
                try:
                    outcome = pool.result(handle)
                except Exception as error:
                    if attempt < ATTEMPTS and _is_passing(error):
                        logger.warning("%s failed (%s), and is tried again.", task.name, described(error))
                        left[pool.submit(task)] = (task, attempt + 1)
                        continue
                    failures[task.name] = error
                    if not keep_going:
                        raise _named(task, error) from error
                else:
                    _pass_on(outcome.said, told)
                    take(task, outcome.value)
                    done += 1
        watch(done, total)
    except BaseException:
        pool.cancel()
        raise
    return failures


def _is_passing(error: Exception) -> bool:
    return isinstance(error, TaskLost) or not isinstance(error, ErrtaxError)


def _named(task: Task, error: Exception) -> ErrtaxError:
    kind = type(error) if isinstance(error, ErrtaxError) else TaskLost
    return kind(f"{task.name}: {described(error)}")


def described(error: BaseException) -> str:
    """An error in one line: what errtax says of it, or what kind it is and what it says."""
    if isinstance(error, ErrtaxError):
        return str(error)
    return f"{type(error).__name__}: {reason_of(error)}"


def _pass_on(said: Said, told: set[tuple[int, str]]) -> None:
    """Say what a task had to say, unless another said the same."""
    for level, message in said:
        if (level, message) not in told:
            told.add((level, message))
            logger.log(level, "%s", message)


# --- in the process of a task ----------------------------------------------------------------------------------------


def perform(task: Task, threads: int, version: str) -> Outcome:
    """Do a task on so many threads.  `version`: of errtax where it comes from."""
    if version != errtax.__version__:
        found = f"a machine of the cluster has errtax {errtax.__version__}, this one {version}"
        raise UsageError(f"{found}; install the same version on all.")
    _limit_libraries(threads)
    with limit_threads(threads), _collected() as said:
        value = task.work(task.spec)
    return Outcome(said, value)


def _limit_libraries(threads: int) -> None:
    """Let Arrow, and torch where the task uses it, start no more threads."""
    pa.set_cpu_count(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


@contextmanager
def _collected() -> Iterator[Said]:
    """What is logged in this block, and not said aloud here."""
    said: Said = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append((record.levelno, record.getMessage()))

    handlers, level, propagates = logger.handlers[:], logger.level, logger.propagate
    logger.handlers[:], logger.propagate = [Collector()], False
    logger.setLevel(logging.INFO)
    try:
        yield said
    finally:
        logger.handlers[:], logger.propagate = handlers, propagates
        logger.setLevel(level)
