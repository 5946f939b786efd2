"""Tasks on a Ray cluster: on as many processors each as it has threads, spread over the nodes."""

import io
import logging
import os
import warnings
from collections.abc import Collection
from contextlib import ExitStack, redirect_stdout
from typing import Any

import errtax
from errtax.lm.errors import UsageError, reason_of
from errtax.lm.executors.tasks import Outcome, Task, TaskLost, perform

try:
    import ray
    from ray.exceptions import RayError, RayTaskError, TaskCancelledError
except ModuleNotFoundError:
    raise UsageError("--ray needs Ray, here and on the cluster: pip install 'errtax[ray]'.") from None

logging.getLogger("ray").setLevel(logging.ERROR)
_QUIET = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_IGNORE_UNHANDLED_ERRORS": "1"}


class RayPool:
    """A `Pool` on the cluster at `address`: `auto`, `local` (one is started here), or HOST:PORT.

    `threads`: of a task, each a processor that it reserves.  `gpus`: how many it reserves, if the cluster has any.
    """

    def __init__(self, address: str, threads: int = 1, gpus: float = 0) -> None:
        """Raises `UsageError` where no cluster answers, or none of its nodes has so many processors."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        self._ours = not ray.is_initialized()
        self._silence = ExitStack()
        # Ray prints there what becomes of workers; `run_tasks` says it, too, and stdout is for results
        self._silence.enter_context(redirect_stdout(io.StringIO()))
        if self._ours:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ray.init(address=address, log_to_driver=False, configure_logging=False)
            except (ConnectionError, ValueError, RuntimeError) as error:
                self._silence.close()
                hint = "start one with ray start --head, or give HOST:PORT, or local"
                if address not in ("auto", "local") and "RAY_AUTH_MODE" not in os.environ:
                    hint += "; if it asks for a token, set RAY_AUTH_MODE=token"
                raise UsageError(f"no Ray cluster answers at {address} ({reason_of(error)}); {hint}.") from None
        self.threads = threads
        self._left: set[Any] = set()
        has_gpus = gpus and any(_resources("GPU"))
        self.slots = sum(
            min(int(cpus) // threads, int(found / gpus)) if has_gpus else int(cpus) // threads
            for cpus, found in zip(_resources("CPU"), _resources("GPU"), strict=True)
        )
        if not self.slots:
            self.close()
            raise UsageError(f"no node of the Ray cluster has {threads} CPUs; give a smaller --jobs.")
        reserves = {"num_cpus": threads, "num_gpus": gpus if has_gpus else 0}
        # `run_tasks` tries again, and says so
        self._function = ray.remote(max_retries=0, scheduling_strategy="SPREAD", **reserves)(perform)

    def __enter__(self) -> "RayPool":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster."""
        if self._ours:
            ray.shutdown()
        self._silence.close()

    @property
    def nodes(self) -> int:
        """How many nodes the cluster has."""
        return len(_resources("CPU"))

    def submit(self, task: Task) -> Any:
        """Let a task run as soon as its processors are free."""
        handle = self._function.options(name=task.name).remote(task, self.threads, errtax.__version__)
        self._left.add(handle)
        return handle

    def wait(self, handles: Collection[Any], seconds: float) -> Collection[Any]:
        """Those that have ended."""
        ended, _ = ray.wait(list(handles), num_returns=1, timeout=seconds, fetch_local=False)
        return list(ended)

    def result(self, handle: Any) -> Outcome:
        """What a task had to say, and returned.  Raises what it raised, or `TaskLost`."""
        self._left.discard(handle)
        try:
            outcome: Outcome = ray.get(handle)
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else TaskLost(reason_of(error))) from None
        except RayError as error:
            raise TaskLost(f"its process or its node ended ({type(error).__name__})") from None
        return outcome

    def cancel(self) -> None:
        """Let no task go on: those that run are killed, and leave no half a file under a final name."""
        for handle in self._left:
            try:
                ray.cancel(handle, force=True)
            except (RayError, TaskCancelledError, ValueError):
                continue
        self._left.clear()


def _resources(name: str) -> list[float]:
    """How much of something each node has that is alive."""
    return [node["Resources"].get(name, 0.0) for node in ray.nodes() if node["Alive"]]
