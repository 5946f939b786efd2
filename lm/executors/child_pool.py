"""Tasks in child processes of this one, one at a time in each: one that is killed costs its own task alone."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, get_context, resource_tracker
from multiprocessing.context import SpawnProcess
from typing import Any

import errtax
from errtax.lm.executors.tasks import Outcome, Task, TaskLost, described, perform

_PATIENCE = 10.0  # seconds to wait for a process that was told to end
Answer = Outcome | Exception


@dataclass(eq=False)
class _Ticket:
    """A task that was submitted, and the answer once there is one."""

    task: Task
    answer: Answer | None = None


class _Child:
    """A process that does one task after another."""

    def __init__(self, threads: int) -> None:
        context = get_context("spawn")  # threads, torch's above all, do not survive a fork
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_work, args=(os.getpid(), threads, theirs), daemon=True)
        with _interrupts_kept_back():
            self.process.start()
        theirs.close()
        self.ticket: _Ticket | None = None

    def begin(self, ticket: _Ticket) -> bool:
        """Give it a task; whether the process was there to take it."""
        try:
            self.pipe.send(ticket.task)
        except OSError:
            return False
        self.ticket = ticket
        return True

    def end(self) -> _Ticket | None:
        """The task that it has done, with its answer."""
        ticket, self.ticket = self.ticket, None
        if ticket is not None:
            try:
                ticket.answer = self.pipe.recv()
            except (EOFError, OSError):
                ticket.answer = TaskLost("its process ended before it was done")
                self.process.join(_PATIENCE)
        return ticket


class ChildPool:
    """A `Pool` of at most `jobs` processes, each on so many `threads`."""

    def __init__(self, jobs: int, threads: int) -> None:
        self.slots, self.threads = jobs, threads
        self._queue: deque[_Ticket] = deque()
        self._children: list[_Child] = []

    def __enter__(self) -> "ChildPool":
        return self

    def __exit__(self, *error: object) -> None:
        for child in self._children:
            child.pipe.close()  # which ends it
        for child in self._children:
            child.process.join(_PATIENCE)
        self._children.clear()

    def submit(self, task: Task) -> _Ticket:
        """Let a task run as soon as one of the processes is free."""
        ticket = _Ticket(task)
        self._queue.append(ticket)
        return ticket

    def wait(self, handles: Collection[_Ticket], seconds: float) -> Collection[_Ticket]:
        """Those that have ended."""
        self._children = [child for child in self._children if child.ticket is not None or child.process.is_alive()]
        while self._queue and (child := self._free()) is not None:
            if child.begin(self._queue[0]):
                self._queue.popleft()
            else:
                self._children.remove(child)
        busy = {child.pipe: child for child in self._children if child.ticket is not None}
        ended = [busy[pipe].end() for pipe in connection.wait(list(busy), seconds)]  # type: ignore[index]
        return [ticket for ticket in ended if ticket is not None]

    def _free(self) -> _Child | None:
        """A process without a task; a new one, where there may be another."""
        for child in self._children:
            if child.ticket is None:
                return child
        if len(self._children) == self.slots:
            return None
        self._children.append(_Child(self.threads))
        return self._children[-1]

    def result(self, handle: _Ticket) -> Outcome:
        """What a task had to say, and returned.  Raises what it raised, or `TaskLost`."""
        if isinstance(handle.answer, Outcome):
            return handle.answer
        raise handle.answer or TaskLost("it has not ended")

    def cancel(self) -> None:
        """Let no task go on."""
        self._queue.clear()
        for child in self._children:
            child.process.terminate()
        for child in self._children:  # whoever goes on at once finds their locks free
            child.process.join(_PATIENCE)
        self._children.clear()


@contextmanager
def _interrupts_kept_back() -> Iterator[None]:
    """A process that is started in this block never sees Ctrl-C, which its parent does and ends it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # or it is started in the block, and ends it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(parent: int, threads: int, pipe: Any) -> None:
    """What a child process does: tasks as they come, and it ends with its parent."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        answer: Answer
        try:
            answer = perform(task, threads, errtax.__version__)
        except Exception as error:
            answer = error
        try:
            pipe.send(answer)
        except Exception as unsent:  # an answer that cannot be pickled
            pipe.send(TaskLost(described(answer if isinstance(answer, Exception) else unsent)))


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
