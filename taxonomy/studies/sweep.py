"""A sweep: a grid of models trained, run on the test text and peeled, one folder per run, any number of them at a time.

spec -> runs -> (train -> predict -> peel) in child processes or on a cluster -> what `sweep_results` reads.  Each stage
of a run is skipped when its file is there and newer than what it was made from, so a sweep that was stopped resumes
where it was.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from errtax.lm.errors import BadInput, ErrtaxError, UsageError, decoding
from errtax.lm.executors.child_pool import ChildPool
from errtax.lm.executors.tasks import Pool, Task, run_tasks
from errtax.lm.files import locked, require_output_folder, write_text
from errtax.lm.kernels import n_threads
from errtax.lm.neural.corpus import read_corpus
from errtax.lm.neural.prediction import PredictOptions, predict
from errtax.lm.neural.run import choose_device, open_run, read_run
from errtax.lm.neural.training import CheckpointRule, Watch, train
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.predictions import predict_orders
from errtax.lm.records import read_json, record_of
from errtax.lm.split import streams_of_part
from errtax.lm.text import Unit, read_text
from errtax.taxonomy.peel_file import write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.studies.sweep_record import SCHEMA
from errtax.taxonomy.studies.sweep_spec import SweepSpec

_MOST_THREADS = 1024
_ANY = "auto"
_PATIENCE = 10.0  # seconds to wait for a run's lock: the workers of a killed sweep end within two


@dataclass(frozen=True)
class _Begun:
    """What `sweep.json` holds."""

    sha256: dict[str, str]
    threads: int
    device: str = _ANY

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= _MOST_THREADS:
            raise UsageError(f"threads must lie in 1..{_MOST_THREADS}; got {self.threads}.")


@dataclass(frozen=True)
class SweepStatus:
    """Where a sweep stands: finished runs, and the epoch that each run under way has done last."""

    done: int
    total: int
    epochs: dict[str, tuple[int, int, float]]  # name -> epochs done, epochs in all, last validation loss


MakePool = Callable[[int], AbstractContextManager[Pool[Any]]]
"""Somewhere to run tasks of so many threads each."""


def run_sweep(
    spec: SweepSpec,
    folder: Path,
    jobs: int = 1,
    on_status: Callable[[SweepStatus], None] = lambda status: None,
    pool_of: MakePool | None = None,
    device: str | None = None,
) -> dict[str, str]:
    """Do what is left to do of a sweep in `folder`; return what went wrong, by run: the others are done all the same.

    Each run is a process of its own; `jobs` of them at a time share the processors, or one `device`.  Results do not
    depend on `jobs` but on the device, and on the threads that torch has in a process: both are written down with the
    first call and kept.  `pool_of`: where else runs are made, of `jobs` threads each.  Raises `UsageError` where the
    device cannot be used, or the sweep was begun on another.
    """
    corpus = read_corpus(Path(spec.text))  # fails here, once, where the text is missing
    test = read_text(Path(spec.text) / "test.txt", Unit.BYTE)
    require_output_folder(folder).mkdir(parents=True, exist_ok=True)
    texts = {"train": corpus.train_sha256, "val": corpus.val_sha256, "test": test.sha256}
    here = pool_of is None
    threads = max(n_threads() // max(jobs, 1), 1) if here else jobs
    wanted = _Begun(texts, threads, _usable(device or _ANY, here))
    begun = _begin(folder, wanted)
    where = wanted.device if begun.device == _ANY else begun.device
    if device is not None and where != wanted.device:
        message = f"the sweep in {folder} was begun on {where}, not {wanted.device}; give another folder with -o."
        raise UsageError(message)
    _usable(where, here)
    _build_index(spec, folder)
    spec, folder = replace(spec, text=str(Path(spec.text).absolute())), folder.absolute()
    tasks = [Task(name, _complete, _Run(spec, folder, name, where)) for name in spec.shapes]
    if spec.ngrams:
        tasks.append(Task(f"{spec.ngrams[0]}-gram", _complete_ngrams, _Run(spec, folder, "", where)))
    with ChildPool(jobs, begun.threads) if pool_of is None else pool_of(begun.threads) as pool:
        found = run_tasks(pool, tasks, lambda done, total: on_status(_status(spec, folder)), keep_going=True)
    for error in found.values():
        if not isinstance(error, ErrtaxError | OSError | MemoryError):
            raise error
    return {name: str(error) for name, error in found.items()}


def _status(spec: SweepSpec, folder: Path) -> SweepStatus:
    done, epochs = 0, {}
    for name in spec.names:
        run_folder = folder / name
        if (run_folder / "run.json").is_file():
            run = replace(read_run(run_folder), recipe=spec.recipe_of(name))
            if not run.finished:  # whatever is there of an earlier, shorter sweep
                if run.history:
                    epochs[name] = (len(run.history), run.recipe.epochs, run.history[-1].val_loss)
                continue
        done += (run_folder / "peel.parquet").is_file()
    return SweepStatus(done, len(spec.names), epochs)


def _usable(device: str, here: bool) -> str:
    """The device of that name on this machine, or the name alone where runs are made on others."""
    return str(choose_device(device)) if here else device


def _begin(folder: Path, wanted: _Begun) -> _Begun:
    """How runs are computed in a folder, as its first call wanted it; a folder belongs to one text, cut in one way."""
    path = folder / "sweep.json"
    if not path.is_file():
        write_text(path, json.dumps({"schema": SCHEMA, **asdict(wanted)}) + "\n")
        return wanted
    what, advice = "what a sweep wrote", f"; remove it if all runs in {folder} are of the same text"
    fields = read_json(path, SCHEMA, what, advice)
    with decoding(f"{path} is not {what}", advice):
        begun = record_of(_Begun, fields)
    if begun.sha256 != wanted.sha256:
        raise BadInput(f"{folder} holds a sweep on another text; give that text, or another folder with -o.")
    return begun


def _build_index(spec: SweepSpec, folder: Path) -> None:
    order = max(Settings().ngram_max, *spec.ngrams, 0) + 1
    path = folder / "train.ngram"
    if not path.is_file() or NgramIndex.open(path).order < order:
        NgramIndex.build(read_text(Path(spec.text) / "train.txt", Unit.BYTE), order).save(path)


@dataclass(frozen=True)
class _Run:
    """One run of a sweep in a folder, by its name."""

    spec: SweepSpec
    folder: Path
    name: str
    device: str


def _complete(task: _Run) -> None:
    """Train, predict and peel one run, as far as it is not done."""
    spec, folder, name = task.spec, task.folder, task.name
    run_folder = folder / name
    run_folder.mkdir(exist_ok=True)
    with _alone(run_folder):
        corpus = read_corpus(Path(spec.text))
        config = spec.shapes[name].config(len(corpus.alphabet))
        recipe = spec.recipe_of(name)
        run = open_run(run_folder, corpus, config, recipe, resume=True, force=False)
        if run.config != config or run.recipe != recipe or len(run.history) > recipe.epochs:
            raise BadInput(
                f"{run_folder} was trained as {run.config} by {run.recipe}, the sweep asks for {config} by "
                f"{recipe}; remove the folder, or change the sweep."
            )
        device = choose_device(task.device)
        train(run_folder, run, corpus.train, corpus.val, device, Watch(checkpoints=CheckpointRule(epochs=True)))
        preds = run_folder / "preds.parquet"
        if _is_older(preds, run_folder / "best.pt", Path(spec.text) / "test.txt"):
            predict(run_folder, Path(spec.text) / "test.txt", preds, PredictOptions(task.device), force=True)
        _peel(spec, folder, name)


def _complete_ngrams(task: _Run) -> None:
    """Predict and peel all n-gram baselines that are not done."""
    spec, folder = task.spec, task.folder
    index = NgramIndex.open(folder / "train.ngram")
    paths = {n + 1: folder / f"{n}-gram" / "preds.parquet" for n in spec.ngrams}
    test = Path(spec.text) / "test.txt"
    missing = {order: path for order, path in paths.items() if _is_older(path, folder / "train.ngram", test)}
    for path in missing.values():
        path.parent.mkdir(exist_ok=True)
    if missing:
        text = read_text(test, Unit.BYTE)
        predict_orders(index, text, missing, force=True, streams=streams_of_part(test, text.sha256))
    for n in spec.ngrams:
        _peel(spec, folder, f"{n}-gram")


def _peel(spec: SweepSpec, folder: Path, name: str) -> None:
    preds, peel = (folder / name / f"{what}.parquet" for what in ("preds", "peel"))
    if _is_older(peel, preds, folder / "train.ngram"):
        inputs = PeelInputs(preds, folder / "train.ngram", Path(spec.text) / "train.txt")
        write_peel(peel, peel_files(inputs, Settings()), force=True)


def _is_older(path: Path, *sources: Path) -> bool:
    """Whether a file is missing, or older than one of those that it is made from."""
    return not path.is_file() or path.stat().st_mtime_ns < max(source.stat().st_mtime_ns for source in sources)


@contextmanager
def _alone(run_folder: Path) -> Iterator[None]:
    """This process alone works in the folder; another's last seconds are waited for."""
    deadline = time.monotonic() + _PATIENCE
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(locked(run_folder / "lock"))
                break
            except UsageError:
                if time.monotonic() > deadline:
                    raise UsageError(f"another process is training in {run_folder}; wait for it.") from None
                time.sleep(0.5)
        yield
