"""What a peel would take: memory, time and room on disk, from a trial on the first block of its log."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.kernels import compilation_seconds, limit_threads, n_threads
from errtax.lm.log_reader import open_log_file
from errtax.lm.machine import peak_memory, resident_memory
from errtax.lm.prediction_log import BLOCK_ROWS, PredictionLog
from errtax.taxonomy.block_sums import sum_peels
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_file import require_output, size_written
from errtax.taxonomy.peel_flow import PeelFlow
from errtax.taxonomy.peel_inputs import PeelInputs, flow_of
from errtax.taxonomy.settings import Settings

SCHEMA = "errtax.dry-run/1"
Result = TypeVar("Result")


@dataclass(frozen=True)
class DryRun:
    """What a peel would take.  `obstacle`: why the output would be refused; None where it would be written."""

    log: str
    rows: int
    blocks: int
    threads: int
    memory_bytes: int  # at its peak
    seconds: float
    output: str
    output_bytes: int
    parts: int
    replaces: bool  # what stands under the output's name
    obstacle: str | None

    def to_json(self) -> dict[str, Any]:
        """The document `errtax.dry-run/1`."""
        return {"schema": SCHEMA, **asdict(self)}


@dataclass(frozen=True)
class _Trial:
    """One block: the seconds of each stage, the memory that it took, and the bytes of its rows in a file."""

    reading: float
    judging: float
    writing: float  # and summing
    memory: int
    size: int

    def seconds(self, threads: int) -> float:
        """Of each of many such blocks: one is read, one is written and several are judged at the same time."""
        if threads == 1:
            return max(self.reading, self.judging + self.writing)
        return max(self.reading, self.writing, (self.reading + self.judging + self.writing) / threads)


def dry_run(inputs: PeelInputs, settings: Settings, output: Path, force: bool = False, parts: int = 1) -> DryRun:
    """What the peel of a log would take.  Nothing is written; the log's first block is read and peeled.

    Time and memory of a block, and of an index that must be built.  Raises `BadInput` where the first block cannot be
    peeled; what is wrong with later ones is not seen.
    """
    begin, compiled = time.perf_counter(), compilation_seconds()
    if not isinstance(inputs.preds, Path):
        raise UsageError("a dry run is of a log in files.")
    log = open_log_file(inputs.preds)
    reading, block = _timed(lambda: next(log.blocks(BLOCK_ROWS)))
    flow = flow_of(replace(inputs, preds=block), settings)
    held = resident_memory()
    with limit_threads(1):  # a block among others is judged by one thread
        warm_up, _ = _timed(lambda: _first(flow))  # kernels are loaded
        trial = _trial(flow, block, reading, held)
    total, threads = len(log), n_threads()
    blocks = 1 if flow.in_one_block else -(-total // BLOCK_ROWS)
    scale = total / len(block)  # blocks of the first one's size
    opening = time.perf_counter() - begin - (compilation_seconds() - compiled) - warm_up - trial.judging - trial.writing
    at_once = scale if blocks == 1 else min(_in_flight(threads), blocks)
    return DryRun(
        log=str(inputs.preds),
        rows=total,
        blocks=blocks,
        threads=threads,
        memory_bytes=max(peak_memory(), round(held + at_once * trial.memory)),
        seconds=max(opening, 0.0) + scale * trial.seconds(min(threads, blocks)),
        output=str(output),
        output_bytes=round(scale * trial.size),
        parts=parts,
        replaces=output.exists(),
        obstacle=_obstacle(output, force, parts),
    )


def _in_flight(threads: int) -> int:
    """Blocks in memory at a time: in the threads, being read, and joined with the next one for its surroundings.

    With several threads one more waits for its turn to be written.
    """
    return threads + 2 + (threads > 1)


def _trial(flow: PeelFlow, block: PredictionLog, reading: float, held: int) -> _Trial:
    judging, peel = _timed(lambda: _first(flow))
    encoding, size = _timed(lambda: size_written(peel))
    summing, _ = _timed(lambda: sum_peels([peel]))
    return _Trial(reading, judging, encoding + summing, max(peak_memory() - held, 0), size)


def _first(flow: PeelFlow) -> Peel:
    """The first block; what only the last tells is not asked for."""
    return next(flow.blocks(max(len(flow), 1)))


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _obstacle(output: Path, force: bool, parts: int) -> str | None:
    try:
        require_output(output, force, parts)
    except (UsageError, BadInput) as error:
        return str(error)
    return None
