"""The one decorator for compiled kernels, and word of it when they are compiled.

A kernel takes arrays and scalars only.  It releases the GIL, so `parallel_map` runs it on all cores; it has no
fast-math, since probabilities must come out the same everywhere.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import event

logger = logging.getLogger("errtax")

Function = TypeVar("Function", bound=Callable[..., Any])
Item = TypeVar("Item")
Result = TypeVar("Result")


def kernel(function: Function) -> Function:
    """`function`, compiled on first use and cached on disk."""
    compiled: Function = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled


def tight(function: Function) -> Function:
    """A kernel that makes no array, hence is compiled without the counting of references to them.

    Each call counts those of all arrays it passes, in atomic steps: walking down a tree took twice as long with it.
    """
    compiled: Function = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    return compiled


def inlined(function: Function) -> Function:
    """A part of tight kernels, compiled into each of them."""
    compiled: Function = numba.njit(forceinline=True, nogil=True, error_model="numpy", _nrt=False)(function)
    return compiled


def n_threads() -> int:
    """The number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results of `function` on each item, in order, computed on all cores."""
    items = list(items)
    if n_threads() == 1 or len(items) == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_threads()) as pool:
        return list(pool.map(function, items))


class _CompilationNotice(event.Listener):  # type: ignore[misc]
    """Measures compilation, and announces it the first time that an installation compiles anything."""

    def __init__(self) -> None:
        self.depth = 0
        self.start = 0.0
        self.total = 0.0

    def on_start(self, event: Any) -> None:
        if self.depth == 0:
            self.start = time.perf_counter()
            if self.total == 0.0 and _is_first_compilation():
                logger.info(
                    "Compiling kernels, a minute or two in all: each command compiles those that it needs, once; "
                    "errtax info --compile compiles all of them ahead of time."
                )
        self.depth += 1

    def on_end(self, event: Any) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.total += time.perf_counter() - self.start


@kernel
def _kept_here() -> None:
    """Never compiled: it tells where numba keeps the kernels of this installation."""


def _is_first_compilation() -> bool:
    """Whether nothing was compiled before where numba keeps kernels; then it leaves a mark there."""
    mark = Path(_kept_here._cache.cache_path) / "errtax-compiles"  # type: ignore[attr-defined]
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch(exist_ok=False)
    except OSError:  # it is there, or cannot be
        return not mark.exists()
    return True


_notice = _CompilationNotice()
event.register("numba:compile", _notice)


def compilation_seconds() -> float:
    """The time this process has spent on compiling kernels so far."""
    return _notice.total
