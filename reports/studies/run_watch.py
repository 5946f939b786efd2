"""Watching `errtax train`: the paper's layers on a sample of the validation text, in the run's own folder."""

from pathlib import Path

from errtax.lm.neural.corpus import Corpus
from errtax.lm.neural.models import Model
from errtax.lm.neural.run import Run
from errtax.lm.neural.sample import RunSample
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Text
from errtax.reports.studies.pace import Pace
from errtax.reports.studies.watching import Watcher
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.studies.watch import Watched
from errtax.taxonomy.studies.watch_folder import WatchFolder

FOLDER = "watch"


class RunWatch:
    """Follows the training of a run: `on_weights` is what `train` calls after each step, `finish` ends it."""

    def __init__(self, folder: Path, run: Run, corpus: Corpus, every: int) -> None:
        """The n-gram models are those of the training text, built here.

        Raises `UsageError` for `every` below 1 and where the folder holds steps of another sample, `BadInput` where the
        validation text is too short.
        """
        settings, train = Settings(), Text("the training text", run.unit, corpus.train, corpus.train_sha256)
        sample, pace, place = RunSample.of(run, corpus.val), Pace(every), WatchFolder(folder / FOLDER)
        if not run.history:
            place.begin(0)  # what an earlier run left
        index = NgramIndex.build(train, settings.ngram_max + 1)
        self._watcher = Watcher(sample, Watched(place, settings, index), pace)
        self._latest: tuple[int, Model] | None = None

    @property
    def page(self) -> Path:
        """The page that follows the training."""
        return self._watcher.watched.folder.page

    def on_weights(self, step: int, model: Model) -> None:
        """Look at the model after this step, if a look is due."""
        self._latest = step, model
        self._watcher.step(step, model)

    def finish(self) -> None:
        """Look at the end of the training, and finish the page; nothing where no step was trained."""
        if self._latest is not None:
            self._watcher.step(*self._latest, last=True)
