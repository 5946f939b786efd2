"""The one decorator for compiled kernels, and word of it when they are compiled.

A kernel takes arrays and scalars only.  It releases the GIL, so `parallel_map` runs it on all cores; it has no
fast-math, since probabilities must come out the same everywhere.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice, pairwise
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


class _Threads(threading.local):
    """How many threads this one may start: all cores, one where it is itself one of several."""

    limit: int | None = None


_threads = _Threads()


def n_threads() -> int:
    """The number of threads that work of this thread may be spread over: of processors, unless it is limited."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if _threads.limit is None else min(cores, _threads.limit)


def thread_limit() -> int | None:
    """The limit that this thread works under, if there is one."""
    return _threads.limit


@contextmanager
def limit_threads(n: int | None) -> Iterator[None]:
    """In this block, and in this thread, nothing is spread over more than n threads; None: as before."""
    before = _threads.limit
    _threads.limit = before if n is None else n
    try:
        yield
    finally:
        _threads.limit = before


def even_spans(first: int, last: int, size: int) -> list[tuple[int, int]]:
    """first..last cut into as few spans as can be of at most about `size`, all of the same length or nearly."""
    n = max(-(-(last - first) // size), 1)
    return list(pairwise(first + (last - first) * k // n for k in range(n + 1))) if last > first else []


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results of `function` on each item, in order, computed on all cores."""
    return list(ordered_map(function, list(items), ahead=None))


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = 1) -> Iterator[Result]:
    """The results of `function` on each item, in order, computed on all cores while they are asked for.

    At most `ahead` items more than there are threads are taken before their results are asked for, so memory does not
    grow with the items; None: all.  What `function` itself would spread over threads it does not, unless there is but
    one item.
    """
    threads, source = n_threads(), iter(items)
    first = list(islice(source, 2))
    if threads == 1 or len(first) < 2:
        yield from map(function, chain(first, source))
        return
    with ThreadPoolExecutor(threads, initializer=_be_one_of_several) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in chain(first, source):
                waiting.append(pool.submit(function, item))
                if ahead is not None and len(waiting) >= threads + ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items, the next of which another thread gets while this one is at work."""
    source = iter(items)
    nothing = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, source, nothing)
        while (item := coming.result()) is not nothing:
            coming = pool.submit(next, source, nothing)
            yield item  # type: ignore[misc]


def _be_one_of_several() -> None:
    _threads.limit = 1


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
