"""The chain that `errtax demo` shows, step by step, with the library's own functions."""

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from errtax.lm.files import replacing, require_absent, require_output_folder, write_text
from errtax.lm.neural.corpus import read_corpus
from errtax.lm.neural.models import Shape
from errtax.lm.neural.prediction import PredictOptions, predict
from errtax.lm.neural.run import Recipe, Run, choose_device, open_run
from errtax.lm.neural.training import Watch, train
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.split import SplitOptions, split_file
from errtax.lm.text import Unit, read_text
from errtax.reports.bars import bars_figure
from errtax.reports.figure import save_figure
from errtax.reports.page import report_page
from errtax.reports.pie import pie_figure
from errtax.reports.results import results_of
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_file import write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.summary import Summary, summarise

_SIZES = {"prose": 600_000, "code": 1_200_000}  # bytes; more would take longer than two minutes
_EPOCHS = {"prose": 12, "code": 6}
WRITTEN = ("report.html", "pie.png", "bars.png", "preds.parquet", "preds.peel.parquet")
"""The files of a demonstration that a user will want to look at."""


def demo_text(corpus: str) -> bytes:
    """Text that every Python installation carries: its manual's topics (`prose`), or its own sources (`code`)."""
    if corpus == "prose":
        from pydoc_data.topics import topics  # noqa: PLC0415  # 700 kB

        return "\n\n".join(topics[name] for name in sorted(topics)).encode()[: _SIZES[corpus]]
    pieces = [path.read_bytes() for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))]
    return b"\n".join(pieces)[: _SIZES[corpus]]


@dataclass(frozen=True)
class Demo:
    """One demonstration: where the files go, what is trained on (`prose` or `code`), and for how long."""

    folder: Path
    corpus: str
    epochs: int | None = None

    def run(self, watch: Watch, say: Callable[[str], None], force: bool) -> Summary:
        """Split, train, build, predict, peel, draw; returns the summary of the peel."""
        folder = self.folder
        require_absent(folder / "report.html", force)
        require_output_folder(folder).mkdir(parents=True, exist_ok=True)
        with replacing(folder / "text.txt") as temporary:
            temporary.write_bytes(demo_text(self.corpus))
        split = split_file(folder / "text.txt", folder, SplitOptions(), force=True)
        parts = "80 % train, 10 % validation, 10 % test"
        say(f"1/5  Text: {split.symbols:,} bytes ({self.corpus} of this Python); {parts}")
        self._train(watch, say)
        say("3/5  Building n-gram models of orders 1-20")
        NgramIndex.build(read_text(folder / "train.txt", Unit.BYTE), 20).save(folder / "train.ngram")
        say("4/5  Predicting the test text")
        predict(folder / "run", folder / "test.txt", folder / "preds.parquet", PredictOptions("cpu"), force=True)
        say("5/5  Peeling the errors")
        inputs = PeelInputs(folder / "preds.parquet", folder / "train.ngram", folder / "train.txt")
        peel = peel_files(inputs, Settings())
        write_peel(folder / "preds.peel.parquet", peel)
        return self._draw(peel)

    def _train(self, watch: Watch, say: Callable[[str], None]) -> Run:
        recipe = Recipe(self.epochs or _EPOCHS[self.corpus], batch=50, unroll=50, learning_rate=4e-3)
        corpus = read_corpus(self.folder)
        config = Shape("lstm", layers=1, hidden=128).config(len(corpus.alphabet))
        run = open_run(self.folder / "run", corpus, config, recipe, resume=False, force=True)
        say(f"2/5  Training an {run.config.name} for {run.recipe.epochs} epochs")
        return train(self.folder / "run", run, corpus.train, corpus.val, choose_device("cpu"), watch)

    def _draw(self, peel: Peel) -> Summary:
        summary = summarise(peel)
        save_figure(pie_figure([summary]), self.folder / "pie.png")
        save_figure(bars_figure([summary]), self.folder / "bars.png")
        write_text(self.folder / "report.html", report_page(results_of([peel])))
        return summary
