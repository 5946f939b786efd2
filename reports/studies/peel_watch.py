"""`errtax.training.PeelWatch`: watching the training of a model of tokens in a loop of one's own."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any

from errtax.lm.errors import UsageError
from errtax.lm.hf.documents import Documents, documents_of, read_documents
from errtax.lm.hf.model import LanguageModel
from errtax.lm.hf.sample import WINDOW, WINDOWS, Forward, take_sample
from errtax.lm.hf.tokenizer import TextTokenizer, load_tokenizer
from errtax.lm.locations import location
from errtax.lm.neural.undisturbed import is_first_process, plain_module
from errtax.lm.ngram.index import require_tokenizer
from errtax.lm.ngram.model import NgramModel, require_unit
from errtax.lm.ngram.open_model import open_model_for_log
from errtax.lm.text import Unit
from errtax.reports.python_words import in_python, speaks_python
from errtax.reports.studies.pace import SHARE, Pace
from errtax.reports.studies.watching import Numbers, Watcher
from errtax.taxonomy.settings import PRESETS
from errtax.taxonomy.studies.watch import Watched
from errtax.taxonomy.studies.watch_folder import WatchFolder

StrPath = str | PathLike[str]


class PeelWatch:
    """Watches a training: call `step` after every update of the weights, and `finish` at the end.

    At a look, a fixed sample of the held-out text is predicted and peeled, the rates of the classes are logged, and the
    page `FOLDER/index.html` is written anew.  The training is left as it was: weights, gradients, modes, random
    numbers.  What fails is one line of warning, and after three failures in a row nothing more is tried.
    """

    @speaks_python
    def __init__(  # noqa: PLR0913  # an argument for each thing that may be asked for
        self,
        model: Any,
        tokenizer: Any,
        held_out: StrPath | Iterable[str],
        folder: StrPath,
        *,
        ngram: StrPath | NgramModel | None = None,
        every: int = 100,
        log: Callable[[int, Numbers], object] = lambda step, numbers: None,
        unit: str = "token",
        window: int | None = None,
        windows: int = WINDOWS,
        prefix: str = "auto",
        batch: int = 1,
        preset: str | None = None,
        share: float = SHARE,
        name: str | None = None,
        forward: Forward | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`model`: with the interface of transformers' causal models; of any other, `forward(model, ids)` gives the
        logits, (B, T, V).  `tokenizer`: its own, or where that comes from.

        `held_out`: what the model is not trained on: a file, as `errtax predict --hf` reads it, or texts.
        `ngram`: an index of the training text, of the model's tokens (`errtax build-ngram --tokenizer`), or of bytes
        for `unit="byte"`; without one the n-gram layer and the distances are missing.
        `every`: steps from one look to the next, more where looks would take more than `share` of the training's time.
        `log(step, numbers)`: gets `errtax/errors` and each class, such as `errtax/ngram`, in % of the predicted
        positions; `errtax/bits` per symbol; and `errtax/apart_N`, nats to the n-gram model of order N.
        `window`: tokens that are read at a time [512, or what the model can]; the second half of each window is
        predicted.  `windows`: how many.  `prefix`, `batch`: as of `errtax predict --hf`.
        `preset`: `token` for tokens, `paper` for bytes.  `name`: what the model is called.

        Raises `UsageError` for arguments, `BadInput` for files, texts and models that do not fit each other.
        """
        used = load_tokenizer(tokenizer) if isinstance(tokenizer, str) else TextTokenizer.of(tokenizer)
        size = min(WINDOW, LanguageModel(plain_module(model), "").longest or WINDOW) if window is None else window
        sample = take_sample(_documents(held_out), used, unit, size, windows, prefix, batch)
        sample = replace(sample, name=name, forward=forward)
        sample.options.plan(sample.model_of(model), used)  # raises where the model does not read so many
        preset = preset or ("token" if unit == "token" else "paper")
        if preset not in PRESETS:
            raise UsageError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}.")
        ngrams = None if ngram is None else _ngram_model(ngram, Unit(unit), used)
        watched = Watched(WatchFolder(Path(folder)), PRESETS[preset], ngrams)
        self._model, self._step = model, 0
        self._watcher = Watcher(sample, watched, Pace(every, share, clock), log, in_python)

    def begin(self, step: int = 0) -> None:
        """Say that the training begins, or goes on after a step; without it the first call of `step` does."""
        if is_first_process():
            self._step = step
            self._watcher.begin(step)

    def step(self, step: int, model: Any = None) -> Numbers | None:
        """Look at the model after this step, counted from 1, if a look is due; return what was logged, else None.

        `model`: instead of that of the beginning, if it is another object now.  In a distributed training the first
        process alone does anything.
        """
        if not is_first_process():
            return None
        self._step = step
        return self._watcher.step(step, self._model if model is None else model)

    def finish(self, model: Any = None) -> Numbers | None:
        """Look at the end of the training, if it was not yet, and finish the page."""
        if not is_first_process():
            return None
        return self._watcher.step(self._step, self._model if model is None else model, last=True)

    @property
    def seconds(self) -> tuple[float, float, int]:
        """What the looks took since the training began, what the training itself did, and the looks' number."""
        pace = self._watcher.pace
        return pace.spent, pace.training, len(self._watcher.watched.looks)

    @property
    def page(self) -> Path:
        """The page that follows the training."""
        return self._watcher.watched.folder.page


def _documents(held_out: StrPath | Iterable[str]) -> Documents:
    return read_documents(location(held_out)) if isinstance(held_out, str | PathLike) else documents_of(held_out)


def _ngram_model(ngram: StrPath | NgramModel, unit: Unit, tokenizer: TextTokenizer) -> NgramModel:
    """The model that is given, or that of a file, once its units are known to be those of the log."""
    model = open_model_for_log(location(ngram), unit, None) if isinstance(ngram, str | PathLike) else ngram
    require_unit(model, unit, "the held-out text")
    require_tokenizer(model, tokenizer.sha256 if unit is Unit.TOKEN else "", "the held-out text")
    return model
