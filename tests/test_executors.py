"""Tasks: retried where a process is lost, final where an error is; in child processes as on a cluster."""

import logging
import os
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from errtax.lm.errors import BadInput
from errtax.lm.executors.child_pool import ChildPool
from errtax.lm.executors.tasks import Outcome, Said, Task, TaskLost, parts_for, perform, run_tasks
from errtax.lm.kernels import n_threads

Plan = list[Exception | Said]
"""What becomes of a task the first, second, … time."""


class FakePool:
    """Runs nothing: each task ends as it was planned to, one of them at a time."""

    slots = 2

    def __init__(self, plans: dict[str, Plan]) -> None:
        self.plans, self.tried, self.cancelled = plans, list[str](), False

    def submit(self, task: Task) -> tuple[str, int]:
        self.tried.append(task.name)
        return task.name, self.tried.count(task.name) - 1

    def wait(self, handles: Collection[tuple[str, int]], seconds: float) -> Collection[tuple[str, int]]:
        return list(handles)[-1:]

    def result(self, handle: tuple[str, int]) -> Outcome:
        found = self.plans[handle[0]][handle[1]]
        if isinstance(found, Exception):
            raise found
        return Outcome(found, f"result of {handle[0]}")

    def cancel(self) -> None:
        self.cancelled = True


def tasks_of(plans: dict[str, Plan]) -> list[Task]:
    return [Task(name, len, ()) for name in plans]


LOST, DONE = TaskLost("its node ended"), list[tuple[int, str]]()


def test_a_task_is_tried_again_twice(caplog: pytest.LogCaptureFixture) -> None:
    pool = FakePool({"a": [DONE], "b": [LOST, OSError(5, "no"), DONE], "c": [ValueError("x\ny"), DONE]})
    assert run_tasks(pool, tasks_of(pool.plans)) == {}
    assert sorted(pool.tried) == ["a", "b", "b", "b", "c", "c"]
    assert "b failed (its node ended), and is tried again." in caplog.messages
    assert "c failed (ValueError: x y), and is tried again." in caplog.messages
    assert not pool.cancelled


def test_the_third_failure_ends_it_and_names_the_task() -> None:
    pool = FakePool({"a": [DONE], "part 2/3": [LOST, LOST, ValueError("odd\nline")]})
    with pytest.raises(TaskLost, match=r"^part 2/3: ValueError: odd line$"):
        run_tasks(pool, tasks_of(pool.plans))
    assert pool.tried.count("part 2/3") == 3 and pool.cancelled


def test_an_error_of_ours_is_final() -> None:
    pool = FakePool({"a": [BadInput("p.parquet: row 3 is odd.")], "b": [DONE]})
    with pytest.raises(BadInput, match=r"^a: p.parquet: row 3 is odd\.$"):
        run_tasks(pool, tasks_of(pool.plans))
    assert pool.tried.count("a") == 1 and pool.cancelled


def test_the_others_go_on_where_that_is_wanted() -> None:
    pool = FakePool({"a": [BadInput("odd")], "b": [DONE], "c": [LOST, LOST, LOST]})
    seen = list[tuple[int, int]]()
    failures = run_tasks(pool, tasks_of(pool.plans), lambda done, total: seen.append((done, total)), True, done=4)
    assert {name: str(error) for name, error in failures.items()} == {"a": "odd", "c": "its node ended"}
    assert seen[0] == (4, 7) and seen[-1] == (5, 7)


def test_what_several_tasks_say_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    said = [(logging.WARNING, "Layers left out.")]
    pool = FakePool({"a": [said], "b": [[*said, (logging.INFO, "100 % of it.")]]})
    run_tasks(pool, tasks_of(pool.plans))
    assert sorted(caplog.messages) == ["100 % of it.", "Layers left out."]


def test_how_many_parts() -> None:
    assert parts_for(4, 10**9, 1000) == 12
    assert parts_for(4, 5000, 1000) == 5
    assert parts_for(4, 10, 1000) == 1
    assert parts_for(10**6, 10**9, 1000) == 256


def test_another_version_is_refused() -> None:
    with pytest.raises(BadInput.__bases__[0], match="install the same version on all"):
        perform(Task("a", len, ()), 1, "0.0.1")


# --- child processes --------------------------------------------------------------------------------------------------


def note(spec: tuple[Path, str]) -> None:
    """One line for each execution: which process, on how many threads."""
    path, what = spec
    with path.open("a") as file:
        file.write(f"{os.getpid()} {n_threads()}\n")
    if what == "kill once" and path.read_text().count("\n") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "bad":
        logging.getLogger("errtax").warning("It is odd.")
        raise BadInput(f"{path.name} is odd.")
    if what == "slow":
        time.sleep(60)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_child_that_is_killed_takes_no_other_with_it(tmp_path: Path) -> None:
    kinds = {"a": "", "b": "kill once", "c": "bad"}
    tasks = [Task(name, note, (tmp_path / name, kind)) for name, kind in kinds.items()]
    with ChildPool(2, 1) as pool:
        failures = run_tasks(pool, tasks, keep_going=True)
    assert {name: str(error) for name, error in failures.items()} == {"c": "c is odd."}
    executions = {name: (tmp_path / name).read_text().split("\n")[:-1] for name in kinds}
    assert {name: len(lines) for name, lines in executions.items()} == {"a": 1, "b": 2, "c": 1}
    assert {line.split()[1] for lines in executions.values() for line in lines} == {"1"}
    assert len(set(executions["b"])) == 2  # another process


def test_children_end_with_a_failure(tmp_path: Path) -> None:
    tasks = [Task(name, note, (tmp_path / name, name)) for name in ("slow", "bad")]
    pool = ChildPool(2, 1)
    start = time.monotonic()
    with pytest.raises(BadInput, match=r"^bad: bad is odd"):
        run_tasks(pool, tasks)
    assert time.monotonic() - start < 50
