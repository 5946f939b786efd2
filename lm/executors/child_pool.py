"""Tasks in child processes of this one, each in a process of its own: one that is killed takes no other with it."""

import os
import threading
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess
from typing import Any

import errtax
from errtax.lm.executors.tasks import Said, Task, TaskLost, described, perform

_PATIENCE = 10.0  # seconds to wait for a process that was told to end


@dataclass(eq=False)
class _Child:
    """A task that was submitted, and its process once there is room for it."""

    task: Task
    process: SpawnProcess | None = None
    answers: Any = None
    answer: tuple[Said, Exception | None] | None = field(default=None)

    def start(self, threads: int) -> None:
        context = get_context("spawn")  # threads, torch's above all, do not survive a fork
        self.answers, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_work, args=(os.getpid(), self.task, threads, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def end(self) -> None:
        """Read the answer of a process that has given one, or has ended without."""
        try:
            self.answer = self.answers.recv()
        except (EOFError, OSError):
            self.answer = [], TaskLost("its process ended before it was done")
        self.answers.close()
        if self.process is not None:
            self.process.join(_PATIENCE)


class ChildPool:
    """A `Pool` of at most `jobs` processes at a time, each on so many `threads`."""

    def __init__(self, jobs: int, threads: int) -> None:
        self.slots, self.threads = jobs, threads
        self._queue: deque[_Child] = deque()
        self._running: list[_Child] = []

    def submit(self, task: Task) -> _Child:
        """Let a task run as soon as one of the processes has ended."""
        child = _Child(task)
        self._queue.append(child)
        return child

    def wait(self, handles: Collection[_Child], seconds: float) -> Collection[_Child]:
        """Those that have ended."""
        while self._queue and len(self._running) < self.slots:
            child = self._queue.popleft()
            child.start(self.threads)
            self._running.append(child)
        ready = connection.wait([child.answers for child in self._running], seconds)
        ended = [child for child in self._running if child.answers in ready]
        for child in ended:
            child.end()
            self._running.remove(child)
        return ended

    def result(self, handle: _Child) -> Said:
        """What a task had to say.  Raises what it raised, or `TaskLost`."""
        said, error = handle.answer or ([], None)
        if error is not None:
            raise error
        return said

    def cancel(self) -> None:
        """Let no task go on."""
        self._queue.clear()
        processes = [child.process for child in self._running if child.process is not None]
        for process in processes:
            process.terminate()
        for process in processes:  # whoever goes on at once finds their locks free
            process.join(_PATIENCE)
        self._running.clear()


def _work(parent: int, task: Task, threads: int, answers: Any) -> None:
    """What a child process does: the task, and it ends with its parent."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    answer: tuple[Said, Exception | None]
    try:
        answer = perform(task, threads, errtax.__version__), None
    except Exception as error:
        answer = [], error
    try:
        answers.send(answer)
    except Exception:  # an error that cannot be pickled
        answers.send(([], TaskLost(described(answer[1] or RuntimeError("no answer")))))


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
