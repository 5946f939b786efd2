"""The chain that `errtax demo` shows, step by step, with the library's own functions.

Every file is written whole or not at all and does not depend on when it is made, so a chain that was stopped goes on
with the first file that is missing, and ends with the files of one that was not.
"""

import hashlib
import json
import logging
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

import errtax
from errtax.lm.errors import UsageError, decoding
from errtax.lm.executors.child_pool import ChildPool
from errtax.lm.executors.tasks import Task
from errtax.lm.files import discard, replacing, require_absent, require_output_folder, write_text
from errtax.lm.log_columns import encode_symbols
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.predictions import predict_orders
from errtax.lm.prediction_log import LOG, log_schema
from errtax.lm.records import read_json, record_of
from errtax.lm.split import PARTS, SplitOptions, split_file
from errtax.lm.table import arrow_of, table_writer
from errtax.lm.temporary import remove_leftovers, temporary_beside
from errtax.lm.text import Unit, read_text
from errtax.reports.bars import bars_figure
from errtax.reports.figure import save_figure
from errtax.reports.page import report_page
from errtax.reports.pie import pie_figure
from errtax.reports.results import results_of
from errtax.taxonomy.peel_file import PeelFile, write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.summary import Summary, summarise

logger = logging.getLogger("errtax")
SCHEMA = "errtax.demo/1"
SIZES = {"prose": 600_000, "code": 1_200_000}  # bytes
NGRAM_ORDER = 4
"""Of the n-gram model whose errors are peeled where no LSTM is: three symbols of context."""
WRITTEN = ("report.html", "pie.png", "bars.png", "preds.parquet", "preds.peel.parquet")
"""The files of a demonstration that a user will want to look at."""
_TEXTS = ("text.txt", *(f"{part}.txt" for part in PARTS), "split.json")
_RUN = ("run/run.json", "run/last.pt", "run/best.pt")
_REHEARSAL, _REHEARSED = "rehearsal", 2000  # a folder, and the symbols that are peeled in it

Say = Callable[[str], None]


def demo_text(corpus: str) -> bytes:
    """Text that every Python installation carries: its manual's topics (`prose`), or its own sources (`code`)."""
    if corpus == "prose":
        from pydoc_data.topics import topics  # noqa: PLC0415  # 700 kB

        return "\n\n".join(topics[name] for name in sorted(topics)).encode()[: SIZES[corpus]]
    pieces = [path.read_bytes() for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))]
    return b"\n".join(pieces)[: SIZES[corpus]]


@dataclass(frozen=True)
class Begun:
    """What a demonstration was begun with: `demo.json`.  `epochs`: of the LSTM; 0 for an n-gram model."""

    corpus: str
    model: str
    epochs: int
    text_sha256: str
    errtax: str


@dataclass(frozen=True)
class Demo:
    """One demonstration: where the files go, `prose` or `code`, `lstm` or `ngram`, and the LSTM's epochs."""

    folder: Path
    corpus: str
    model: str
    epochs: int = 0

    def run(self, predict: "Predictor", say: Say, force: bool = False) -> Summary:
        """Split, build, predict, peel, draw, as far as it is not done; returns the summary of the peel.

        `predict` writes `preds.parquet` and may take for granted that the texts are there.  With `force` all is made
        anew, whatever the folder holds.
        """
        self._begin(force)
        self.tidy()
        if not any(self.lacks(name) for name in (*WRITTEN, "train.ngram", *_TEXTS)):
            say(f"{self.folder} is complete already; --force makes it anew")
            return self._peel_and_draw()
        self._write_texts(say)
        if self.lacks("preds.parquet"):
            predict(self, say)
        say("4/5  N-gram models of orders 1-20" + (": building them" if self.lacks("train.ngram") else " are there"))
        self.build_index()
        say("5/5  Peeling the errors")
        return self._peel_and_draw()

    def _peel_and_draw(self) -> Summary:
        inputs = PeelInputs(self.path("preds.parquet"), self.path("train.ngram"), self.path("train.txt"))
        return _peel_and_draw(self.folder, inputs, Settings())

    def path(self, name: str) -> Path:
        """Where the file of this name is."""
        return self.folder / name

    def lacks(self, name: str) -> bool:
        """Whether the file of this name is still to be made."""
        return not self.path(name).is_file()

    def tidy(self) -> None:
        """Remove what a process that was stopped in `prepare` left."""
        for name in (_REHEARSAL, "train.ngram"):
            remove_leftovers(self.path(name))

    def build_index(self) -> None:
        """Write `train.ngram`, unless it is there."""
        if self.lacks("train.ngram"):
            NgramIndex.build(read_text(self.path("train.txt"), Unit.BYTE), 20).save(self.path("train.ngram"))

    def _begin(self, force: bool) -> None:
        """Write down what is begun; refuse a folder that holds something else."""
        path = require_output_folder(self.folder) / "demo.json"
        sha256 = hashlib.sha256(demo_text(self.corpus)).hexdigest()
        wanted = Begun(self.corpus, self.model, self.epochs, sha256, errtax.__version__)
        if path.is_file() and not force:
            _require_same(path, wanted)
            return
        files = [self.path(name) for name in (*WRITTEN, "train.ngram", *_RUN, *_TEXTS, path.name)]
        for each in files:
            require_absent(each, force)
        for each in files:
            discard(each)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"schema": SCHEMA, **asdict(wanted)}, indent=1) + "\n")

    def _write_texts(self, say: Say) -> None:
        text = demo_text(self.corpus)
        say(f"1/5  Text: {len(text):,} bytes ({self.corpus} of this Python); 80 % train, 10 % validation, 10 % test")
        if any(self.lacks(name) for name in _TEXTS):
            with replacing(self.path("text.txt")) as temporary:
                temporary.write_bytes(text)
            split_file(self.path("text.txt"), self.folder, SplitOptions(), force=True)


Predictor = Callable[[Demo, Say], None]
"""Writes a demonstration's `preds.parquet`."""


def predict_with_ngrams(demo: Demo, say: Say) -> None:
    """Write the log of an n-gram model of low order."""
    with prepared(demo, prepare_rest):
        say("2/5  No LSTM is trained: counting n-grams")
        demo.build_index()
        say(f"3/5  Predicting the test text by the {NGRAM_ORDER - 1}-gram model: {NGRAM_ORDER - 1} symbols of context")
        text, index = read_text(demo.path("test.txt"), Unit.BYTE), NgramIndex.open(demo.path("train.ngram"))
        predict_orders(index, text, {NGRAM_ORDER: demo.path("preds.parquet")}, force=True)


@contextmanager
def prepared(demo: Demo, *preparations: Callable[[Demo], None]) -> Iterator[None]:
    """Meanwhile other processes, one for each, prepare what follows: they compile kernels, minutes on some machines.

    All have ended in the end.  If one fails, the chain does by itself what it would have done.
    """
    with ChildPool(len(preparations), 1) as pool:
        begun = [pool.submit(Task(each.__name__, each, demo)) for each in preparations]
        try:
            left = set(begun)
            left -= set(pool.wait(left, 0))
            yield
            while left:
                left -= set(pool.wait(left, 1))
        except BaseException:
            pool.cancel()
            demo.tidy()
            raise
        for each in begun:
            try:
                pool.result(each)
            except Exception as error:
                logger.debug("a preparation failed: %s", error)


def prepare_index(demo: Demo) -> None:
    """Build the index, and do what follows the prediction on a few symbols: so its kernels are compiled when it comes.

    For a process beside the one that trains.  The index is there at its end, and nothing else.
    """
    demo.build_index()
    _rehearse(demo, NgramIndex.open(demo.path("train.ngram"), verify=False), Settings())


def prepare_rest(demo: Demo) -> None:
    """The same without n-grams, which need not wait for the index; for another process."""
    _rehearse(demo, None, Settings(layers=tuple(name for name in Settings().layers if name != "ngram")))


def _rehearse(demo: Demo, index: NgramIndex | None, settings: Settings) -> None:
    """Peel and draw a log that knows nothing."""
    with temporary_beside(demo.path(_REHEARSAL), folder=True) as scratch:
        text = read_text(demo.path("test.txt"), Unit.BYTE)
        codes = text.codes[:_REHEARSED]
        metadata = {"errtax.schema": LOG.name, "unit": str(text.unit)}
        with table_writer(scratch / "preds.parquet", log_schema(text.unit), metadata, force=True) as writer:
            symbols, n = encode_symbols(codes, text.unit), len(codes)
            halves, ones = arrow_of(np.full(n, -1, np.float32)), arrow_of(np.ones(n, np.int32))
            columns = [arrow_of(np.arange(n)), symbols, halves, symbols, halves, halves, ones]
            writer.write_batch(pa.record_batch(columns, schema=log_schema(text.unit)))
        inputs = PeelInputs(scratch / "preds.parquet", index, demo.path("train.txt"))
        _peel_and_draw(scratch, inputs, settings)


def _peel_and_draw(folder: Path, inputs: PeelInputs, settings: Settings) -> Summary:
    """Peel, and draw the peel, into a folder."""
    path = folder / "preds.peel.parquet"
    if not path.is_file():
        write_peel(path, peel_files(inputs, settings))
    peel = PeelFile(path)
    summary = summarise(peel)
    for name, draw in (("pie.png", pie_figure), ("bars.png", bars_figure)):
        if not (folder / name).is_file():
            save_figure(draw([summary]), folder / name)
    if not (folder / "report.html").is_file():
        write_text(folder / "report.html", report_page(results_of([peel])))
    return summary


def _require_same(path: Path, wanted: Begun) -> None:
    """Raise `UsageError` unless what stands in `path` was begun with the same settings."""
    what, advice = "what a demonstration wrote", "give --force to begin anew, or another folder with -o"
    written = read_json(path, SCHEMA, what, f"; {advice}")
    with decoding(f"{path} is not {what}", f"; {advice}"):
        begun = asdict(record_of(Begun, written))
    for name, value in asdict(wanted).items():
        if begun[name] != value:
            found = f"{path.parent} was begun with {name} {begun[name]}, not {value}"
            raise UsageError(f"{found}; {advice}.")
