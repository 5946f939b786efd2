"""The LSTM whose errors `errtax demo` peels: trained by one process while others prepare what follows."""

from dataclasses import dataclass

from errtax.lm.neural.corpus import read_corpus
from errtax.lm.neural.models import Shape
from errtax.lm.neural.prediction import PredictOptions, predict
from errtax.lm.neural.run import Recipe, choose_device, open_run
from errtax.lm.neural.training import Watch, train
from errtax.lm.ngram.index import NgramIndex
from errtax.reports.studies.demonstration import Demo, Say, prepare_index, prepare_rest, prepared


@dataclass(frozen=True)
class LstmPredictor:
    """Trains an LSTM, resuming where a training was stopped, and writes its log."""

    watch: Watch

    def __call__(self, demo: Demo, say: Say) -> None:
        """Write `preds.parquet`, by one thread, so that numbers do not depend on the processors."""
        with prepared(demo, prepare_index, prepare_rest):
            self._predict(demo, say)
            if not demo.lacks("train.ngram"):
                NgramIndex.open(demo.path("train.ngram"))  # compiles what verifies it, which no other does

    def _predict(self, demo: Demo, say: Say) -> None:
        corpus, device = read_corpus(demo.folder), choose_device("cpu", threads=1)
        config = Shape("lstm", layers=1, hidden=64).config(len(corpus.alphabet))
        recipe = Recipe(demo.epochs, batch=20, unroll=25, learning_rate=8e-3)
        run = open_run(demo.path("run"), corpus, config, recipe, resume=True, force=False)
        begun = f", after the {len(run.history)} that are done" if run.history else ""
        say(f"2/5  Training an {run.config.name} for {recipe.epochs} epochs{begun}; two processes compile the rest")
        train(demo.path("run"), run, corpus.train, corpus.val, device, self.watch)
        say("3/5  Predicting the test text")
        predict(demo.path("run"), demo.path("test.txt"), demo.path("preds.parquet"), PredictOptions("cpu"), force=True)
