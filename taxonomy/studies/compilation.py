"""All kernels compiled ahead: each part of errtax that has some is used once, on tiny texts of every kind.

A kernel is compiled for the types of what it is given: for alphabets of up to 253 symbols, of up to 65,533 and of more,
for bytes and other codes, for arrays in memory and in files.  Offsets of 64 bits, which texts of 4 GB have, are left
to their first use.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from errtax.lm.kernels import compilation_seconds
from errtax.lm.ngram.arpa import ArpaModel
from errtax.lm.ngram.arpa_writer import write_arpa
from errtax.lm.ngram.distributions import TextDistributions
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Codes, Sentences, Text, Unit, read_text, text_of_bytes
from errtax.lm.word_counting import WordRule, count_words
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.features import FeatureReader, known_features
from errtax.oracle.pairs import Pair, Skip
from errtax.oracle.rare import word_rule_of
from errtax.oracle.suffix_automaton import SEEN, add_seen, automaton_of
from errtax.oracle.text_kind import Reading
from errtax.oracle.text_view import TextView
from errtax.oracle.verbatim import SourceText, matches_around, matches_ending
from errtax.oracle.word_rule import PATTERN
from errtax.taxonomy.bootstrap import STANDARD, Resampling, draw_sums, flip_sums
from errtax.taxonomy.calibration import calibration
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.peel_file import PeelFile, write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.settings import PRESETS, Settings
from errtax.taxonomy.statistics import statistics
from errtax.taxonomy.studies.distance import DistanceSettings, measure_distances
from errtax.taxonomy.studies.predictors import Sources, read_predictors
from errtax.taxonomy.studies.trace import Search, trace_text
from errtax.taxonomy.studies.tracking import Sums, add_values
from errtax.taxonomy.units import deviation_of_mean

_PROSE = b"It was {a} dark \"and\" 'stormy' night;\nthe rain fell in torrents. Except at times, at times.\n" * 4
_FOREIGN = "Café, naïve café 猫!\r\n".encode() * 20
_ORDER = 10  # what the n-gram layer needs by default

Step = tuple[str, Callable[[], object]]


def compile_kernels(on_step: Callable[[int, int, str], None] = lambda done, total, what: None) -> float:
    """Compile all kernels that are not in numba's cache yet; return the seconds that it took.

    `on_step`: called with the number of parts done and due, and the name of the next.
    """
    with tempfile.TemporaryDirectory() as folder:
        steps = list(_steps(Path(folder)))
        for done, (what, use) in enumerate(steps):
            on_step(done, len(steps), what)
            use()
        on_step(len(steps), len(steps), "")
    return compilation_seconds()


def _steps(folder: Path) -> Iterator[Step]:
    contents = {unit: _PROSE for unit in (Unit.BYTE, Unit.CHAR, Unit.WORD)}
    contents[Unit.TOKEN] = b"1 2 3 1 2\n2 3 1 2\n" * 9
    for unit, content in contents.items():
        for sentences in Sentences:
            yield _engine_step(folder, f"{unit}s, {sentences}", content, unit, sentences)
    for n in (300, 70_000):
        numbers = " ".join(map(str, range(n))).encode() + b"\n"
        for unit in (Unit.WORD, Unit.TOKEN):
            yield _engine_step(folder, f"{unit}s, {n:,} kinds", numbers, unit, Sentences.LINES)
    every_character = "".join(map(chr, range(0x4E00, 0x4E00 + 300))).encode()
    yield _engine_step(folder, "chars, 300 kinds", every_character, Unit.CHAR, Sentences.STREAM)
    for unit in (Unit.BYTE, Unit.CHAR):
        yield f"peel of {unit}s", lambda unit=unit: _use_peel(folder, unit)  # type: ignore[misc]
    yield "peel of tokens", lambda: _use_token_peel(folder)
    yield "words", _use_words
    yield "passages", _use_passages
    yield "features of cells", _use_features


def _engine_step(folder: Path, what: str, content: bytes, unit: Unit, sentences: Sentences) -> Step:
    path = folder / f"{unit}-{sentences}.txt"

    def use() -> None:
        path.write_bytes(content)
        _use_engine(read_text(path, unit, sentences), path)

    return f"n-gram models of {what}", use


def _use_engine(text: Text, path: Path) -> None:
    """All that the engine does: in memory, in a file, in the file again as ARPA."""
    order = _ORDER if len(text) < 10_000 else 2
    NgramIndex.build_file(text, path.with_suffix(".ngram"), order)
    for index in (NgramIndex.build(text, order), NgramIndex.open(path.with_suffix(".ngram"), verify=True)):
        codes = index.codes_of(text)[:200]
        index.score(codes)
        index.distribution(codes[:3])
        index.count(codes[:2])
        index.positions(codes[:2])
        index.continuations(codes[:1])
        index.best(codes)
        if text.sentences is Sentences.STREAM:
            index.smallest_best(codes)
        write_arpa(index, path.with_suffix(".arpa"), force=True)
        if text.sentences is Sentences.STREAM and len(text) < 10_000:
            TextDistributions(index, codes, index.alphabet.codes).at(np.arange(3))
    model = ArpaModel.open(path.with_suffix(".arpa"), text.unit, text.sentences)
    for _ in model.score_blocks(model.codes_of(text)[:200]):
        pass


def _use_peel(folder: Path, unit: Unit) -> None:
    """A peel of a log, with and without an index, and the distances of its pairs."""
    train, log = folder / "train.txt", folder / "log.parquet"
    train.write_bytes(_PROSE)
    symbols = [_PROSE[i : i + 1] for i in range(len(_PROSE))] if unit is Unit.BYTE else list(_PROSE.decode())
    columns = {"position": pa.array(range(len(symbols))), "symbol": pa.array(symbols)}
    columns |= {name: pa.array([-1.0] * len(symbols), pa.float32()) for name in ("logprob", "argmax_logprob")}
    pq.write_table(pa.table({**columns, "argmax": columns["symbol"]}), log)
    index = folder / "train.ngram"
    NgramIndex.build_file(read_text(train, unit), index, _ORDER)
    for model in (NgramIndex.build(read_text(train, unit), _ORDER), index):  # as without --ngram, and with it
        peel = peel_files(PeelInputs(log, model, train), Settings())
    write_peel(folder / "peel.parquet", peel)
    for source in (peel, PeelFile(folder / "peel.parquet")):
        statistics(source)
        compare(source, source)
        _draw_and_flip()
        calibration(source)
    deviation_of_mean([peel.log], STANDARD)
    for skip in (Skip.CODE, Skip.NONE):
        pairs = (Pair("{", "}"), Pair('"', '"'))
        measure_distances(read_predictors(Sources((log,), index, (2,))), DistanceSettings(pairs, skip=skip))
    _use_rules(unit)


def _use_token_peel(folder: Path) -> None:
    """A peel of tokens by the layers that are made for them, with an index of few and of more kinds."""
    log, index = folder / "tokens.parquet", folder / "tokens.ngram"
    layers = tuple(name for name in PRESETS["token"].layers if name != "rare")
    pieces = [piece + b" " for piece in _FOREIGN.split(b" ")]
    for kinds in (1, 300, 70_000):
        ids = np.resize(np.arange(kinds), max(2 * kinds, 20)).astype(np.uint32)
        NgramIndex.build_file(Text("tokens", Unit.TOKEN, ids, ""), index, 2 if kinds > 300 else _ORDER)
        n = len(pieces)
        columns = {"position": np.arange(n), "logprob": np.full(n, -1.0), "token": np.resize(ids, n)}
        columns |= {"rank": np.full(n, 2, np.int32), "start": np.cumsum([0, *map(len, pieces[:-1])])}
        pq.write_table(pa.table({**columns, "symbol": pa.array(pieces, pa.binary())}), log)
        peel = peel_files(PeelInputs(log, index), PRESETS["token"].changed(layers=layers, ngram_max=1))
        write_peel(folder / "tokens.peel.parquet", peel, force=True)
        for source in (peel, PeelFile(folder / "tokens.peel.parquet")):
            statistics(source)


def _use_rules(unit: Unit) -> None:
    """Characters of several bytes, words by another rule, and words cut at a horizon."""
    text = text_of_bytes(_FOREIGN, unit)
    log = PredictionLog("log", unit, np.arange(len(text)), text.codes, np.zeros(len(text)))
    for rule in (PATTERN, r"\S+"):
        view = TextView.of_log(log, rule, horizon=4)
        collect_evidence(view, None, None)
        view.word_of.min()  # which pages ask for


def _use_words() -> None:
    """Words by either kind of rule, more of them than memory holds."""
    text = text_of_bytes(" ".join(map(str, range(20_000))).encode(), Unit.BYTE)
    for rule in (WordRule(), word_rule_of(r"\d+")):
        count_words(text, rule, memory=1)["1"]


def _use_passages() -> None:
    """Passages of a training text; reading it on several threads, too."""
    text = SourceText.of_text(text_of_bytes(_PROSE, Unit.BYTE))
    symbol = np.arange(len(text))
    matches_around(matches_ending(text.codes(0, len(text)), symbol[:0], text), symbol, symbol + 1)
    index = NgramIndex.build(text_of_bytes(_PROSE, Unit.BYTE), _ORDER)
    for training in (text, SourceText.of_index(index)):
        trace_text(text, training, Search(edits=1))
    states = automaton_of(symbol[:9].astype(np.int32)).states
    add_seen(states, np.zeros(len(states), SEEN), np.zeros(len(states), SEEN))


def _use_features() -> None:
    """The features that cells may track, of bytes and of characters, and the histograms of cells."""
    octets = np.frombuffer(_PROSE, np.uint8).reshape(2, -1)
    every_kind: tuple[Codes, ...] = (octets, octets.astype(np.uint32))
    for codes in every_kind:
        for reading in Reading:
            values = FeatureReader(known_features(), reading, codes[:, :5]).read(codes)
    features = values.reshape(-1, values.shape[2])
    cells = np.zeros((len(features), 2), np.float32)
    add_values(Sums.empty(2, features.shape[1]), [cells], features, moments=True)


def _draw_and_flip() -> None:
    """What texts of many units need, and few do not."""
    for sums in (draw_sums, flip_sums):
        sums(np.ones((2, 1, 2), np.int64), Resampling(replicates=1, flips=1))
