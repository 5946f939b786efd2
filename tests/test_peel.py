"""Verdicts against plain loops, the invariants of the peel, its file, its sums and its comparisons."""

import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import naive
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import sha256_of_file
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.kenlm_tools import MANIFEST, build_kenlm
from errtax.lm.ngram.kenlm_tools import SCHEMA as KENLM_SCHEMA
from errtax.lm.prediction_log import PredictionLog, encode_symbols
from errtax.lm.text import Unit, read_text, text_of_bytes
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.rarity import count_words
from errtax.oracle.text_view import TextView
from errtax.taxonomy.peel import Peel, find_errors, peel_log
from errtax.taxonomy.peel_file import peel_problems, read_peel, write_peel
from errtax.taxonomy.run import PeelInputs, peel_files
from errtax.taxonomy.settings import LAYER_NAMES, PRESETS, Criterion, Settings
from errtax.taxonomy.signature import make_signature, parse_signature, settings_of_signature
from errtax.taxonomy.summary import summarise
from test_oracles import data, log_of, strings

TRAIN = 'the Natasha, the naïve Natash. "Don\'t," x said.\r\nthe 猫犬 sat.\n' * 3
PROBABILITIES = st.sampled_from([0.0, 1e-9, 0.05, 0.1, 0.2, 0.3, 0.4, 0.45, 0.4999, 0.5, 0.6, 1.0, None])
increasing = st.sets(st.integers(0, 300), min_size=1, max_size=5).map(lambda values: tuple(sorted(values)))


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    layers = draw(st.permutations(LAYER_NAMES))
    boosts = draw(st.sets(st.sampled_from([0.05, 0.1, 0.125, 0.2, 0.3, 0.4, 0.5, 1.0]), min_size=1))
    return Settings(
        layers=tuple(layers[: draw(st.integers(1, 6))]),
        criterion=draw(st.sampled_from([Criterion.PROBABILITY, Criterion.ARGMAX, Criterion(0.3), Criterion(0.8)])),
        ngram_max=draw(st.integers(1, 12)),
        memory_windows=draw(increasing),
        memory_min_length=draw(st.integers(1, 7)),
        rare_counts=draw(increasing),
        newline_reach=draw(st.integers(1, 5)),
        boosts=tuple(sorted(boosts)),
    )


def chosen(settings: Settings) -> Settings:
    """The settings with the thresholds of absent layers as they are by default: a signature does not name them."""
    default = Settings()
    fields = {
        "ngram": ("ngram_max",),
        "memory": ("memory_windows", "memory_min_length"),
        "rare": ("rare_counts",),
        "word": ("newline_reach",),
        "boost": ("boosts",),
    }
    absent = [name for layer, names in fields.items() if layer not in settings.layers for name in names]
    return replace(settings, **{name: getattr(default, name) for name in absent})


def rules_of(settings: Settings) -> naive.Rules:
    return naive.Rules(
        layers=settings.layers,
        criterion=str(settings.criterion),
        threshold=settings.criterion.threshold or 0.5,
        ngram_max=settings.ngram_max,
        windows=settings.memory_windows,
        min_length=settings.memory_min_length,
        rare=settings.rare_counts,
        reach=settings.newline_reach,
        boosts=settings.boosts,
    )


def logprob(p: float | None) -> float:
    return math.nan if p is None else math.log(p) if p else -math.inf


@st.composite
def logs(draw: st.DrawFn) -> PredictionLog:
    unit = draw(st.sampled_from([Unit.BYTE, Unit.CHAR]))
    content = draw(data(25)) if unit is Unit.BYTE else draw(strings(25)).encode()
    n = len(text_of_bytes(content, unit))
    gaps = draw(st.booleans())
    kept = [k for k in range(n) if draw(st.integers(0, 4))] if gaps else list(range(n))
    assume(kept)
    p = draw(st.lists(PROBABILITIES, min_size=len(kept), max_size=len(kept)))
    log = log_of(unit, content, [logprob(x) for x in p], kept)
    best = log.codes.copy()
    best[draw(st.lists(st.integers(0, len(kept) - 1)))] = ord("q")
    return replace(log, argmax_codes=best)


INDICES = {unit: NgramIndex.build(text_of_bytes(TRAIN.encode(), unit), 8) for unit in (Unit.BYTE, Unit.CHAR)}


def evidence_of(log: PredictionLog) -> Any:
    words = count_words(text_of_bytes(TRAIN.encode(), log.unit))
    return collect_evidence(TextView.of_log(log), INDICES[log.unit], words)


def peel_of(log: PredictionLog, settings: Settings = PRESETS["paper"]) -> Peel:
    peel = peel_log(log, evidence_of(log), settings)
    digest = log.text_sha256
    signature = make_signature(str(log.unit), len(log), peel.settings, "mkn,order=8,compat", digest, digest)
    return replace(peel, signature=signature, sources={"text_sha256": digest})


def verdict(peel: Peel, row: int) -> naive.Verdict:
    if peel.layer[row] < 0:
        assert peel.slice[row] < 0
        return naive.Verdict(bool(peel.error[row]), None, None, int(peel.claims[row]))
    layer = peel.layer_names[peel.layer[row]]
    name = peel.slice_names(layer)[peel.slice[row]]
    return naive.Verdict(bool(peel.error[row]), layer, name, int(peel.claims[row]))


@given(log=logs(), settings=settings() | st.sampled_from(list(PRESETS.values())))
def test_verdicts_are_those_of_plain_loops(log: PredictionLog, settings: Settings) -> None:
    peel = peel_of(log, settings)
    track = naive.track_of(log.positions.tolist(), log.codes.tolist())
    facts = naive.facts_of(track, log.unit is Unit.BYTE)
    counts = Counter[str](re.findall(r"\w+", TRAIN))
    rows = INDICES[log.unit].score(np.array([min(ord(c), 0xFFFF) for c in track], np.uint32))
    assert log.argmax_codes is not None
    for row, position in enumerate(log.positions.tolist()):
        value = float(log.logprobs[row])
        due = naive.peel_position(
            facts[position],
            naive.smallest_context(rows[position].tolist()),
            counts,
            None if math.isnan(value) else value,
            bool(log.argmax_codes[row] != log.codes[row]),
            rules_of(settings),
        )
        assert verdict(peel, row) == due, (row, track)


@given(log=logs(), settings=settings())
def test_layers_sum_to_the_errors(log: PredictionLog, settings: Settings) -> None:
    peel = peel_of(log, settings)
    summary = summarise(peel)
    assert sum(layer.count for layer in summary.layers) == summary.errors == int(peel.error.sum())
    for layer in summary.layers:
        assert sum(part.count for part in layer.slices) == layer.count
    assert summary.positions == int((~np.isnan(log.logprobs)).sum())
    if np.isfinite(log.logprobs[~np.isnan(log.logprobs)]).all():
        assert sum(layer.bits for layer in summary.layers) + summary.correct_bits == pytest.approx(
            summary.bits, abs=1e-9
        )
        assert sum(layer.share for layer in summary.layers) == pytest.approx(1 if summary.errors else 0)
    json.dumps(summary.to_json(), allow_nan=False)


@given(log=logs(), settings=settings())
def test_permuting_layers_keeps_the_union(log: PredictionLog, settings: Settings) -> None:
    evidence = evidence_of(log)
    first = peel_log(log, evidence, settings)
    for layers in list(permutations(settings.layers))[::37]:
        other = peel_log(log, evidence, replace(settings, layers=layers))
        assert np.array_equal(first.error, other.error)
        assert np.array_equal(first.claims, other.claims)
        assert np.array_equal(first.layer == len(layers), other.layer == len(layers))  # the rest


@given(log=logs())
def test_a_position_without_a_prediction_is_never_counted(log: PredictionLog) -> None:
    for criterion in (Criterion.PROBABILITY, Criterion.ARGMAX):
        peel = peel_of(log, Settings(criterion=criterion))
        missing = np.isnan(log.logprobs)
        assert not peel.error[missing].any()
        assert not peel.claims[missing].any()
        assert (peel.layer[missing] == -1).all()


def test_one_half_is_no_error_and_probability_zero_is_one() -> None:
    log = log_of(Unit.CHAR, b"abcd", [math.log(0.5), -math.inf, math.nan, 0.0])
    assert find_errors(log, Criterion.PROBABILITY).tolist() == [False, True, False, False]
    peel = peel_log(log, collect_evidence(TextView.of_log(log), None, None), Settings())
    assert peel.settings.layers == ("memory", "word", "punctuation", "boost")
    assert verdict(peel, 1) == naive.Verdict(True, "boost", "0.5 boost", 32)
    summary = summarise(peel)
    assert math.isinf(summary.bits)
    assert summary.to_json()["bits"] is None


def test_the_criterion_argmax_needs_its_column() -> None:
    log = log_of(Unit.CHAR, b"abc", [-3.0, -0.1, -0.1], argmax=b"abx")
    assert find_errors(log, Criterion.ARGMAX).tolist() == [False, False, True]
    with pytest.raises(BadInput, match="argmax"):
        find_errors(replace(log, argmax_codes=None), Criterion.ARGMAX)


# --- settings and signatures -----------------------------------------------------------------------------------------


@given(settings=settings())
def test_a_signature_parses_back(settings: Settings) -> None:
    signature = make_signature("byte", 330_000, settings, "mkn,order=10,compat", "fb66ba99" * 8, "")
    assert settings_of_signature(signature) == chosen(settings)
    fields = parse_signature(signature)
    assert (fields["unit"], fields["n"], fields["text"], fields["train"]) == ("byte", "330000", "fb66ba99", "none")


@given(boosts=st.sets(st.floats(0, 1), min_size=1, max_size=4), windows=st.sets(st.integers(0, 10**8), min_size=1))
def test_a_signature_parses_back_for_any_numbers(boosts: set[float], windows: set[int]) -> None:
    settings = Settings(boosts=tuple(sorted(boosts)), memory_windows=tuple(sorted(windows)[:50]))
    assert settings_of_signature(make_signature("byte", 1, settings, "", "", "")) == settings


@pytest.mark.parametrize(
    "signature", ["", "nonsense", "errtax:1|n:3", "layers:rare(x)|err:p<0.5", "layers:rare(0)|err:what"]
)
def test_a_broken_signature_is_refused(signature: str) -> None:
    with pytest.raises(BadInput, match=r"signature|peeled"):
        settings_of_signature(signature)


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers": ()},
        {"layers": ("rare", "rare")},
        {"layers": ("nope",)},
        {"memory_windows": (5, 5)},
        {"rare_counts": (3, 1)},
        {"boosts": ()},
        {"boosts": (-0.1,)},
        {"ngram_max": 0},
        {"ngram_max": 32},
        {"memory_min_length": 0},
        {"newline_reach": 0},
    ],
)
def test_wrong_settings_are_usage_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Settings(**wrong)


# --- the file --------------------------------------------------------------------------------------------------------


def assert_same(first: Peel, second: Peel) -> None:
    assert second.settings == chosen(first.settings)
    assert second.signature == first.signature
    assert second.log.unit == first.log.unit
    assert np.array_equal(second.log.logprobs, first.log.logprobs, equal_nan=True)
    for name in ("positions", "codes"):
        assert np.array_equal(getattr(second.log, name), getattr(first.log, name))
    for name in ("error", "claims", "layer", "slice"):
        assert np.array_equal(getattr(second, name), getattr(first, name)), name
    assert {**first.evidence.custom} == {**second.evidence.custom} == {}
    for name in first.evidence._fields[:-1]:
        a, b = getattr(first.evidence, name), getattr(second.evidence, name)
        floats = a is not None and a.dtype.kind == "f"  # of which one engine may differ in the last digits
        same = a is None or (np.allclose(a, b, atol=1e-5, equal_nan=True) if floats else np.array_equal(a, b))
        assert (a is None) == (b is None) and same, name


@given(log=logs(), settings=settings())
def test_a_read_peel_is_the_written_one(
    tmp_path_factory: pytest.TempPathFactory, log: PredictionLog, settings: Settings
) -> None:
    path = tmp_path_factory.mktemp("peel") / "x.peel.parquet"
    peel = peel_of(log, settings)
    write_peel(path, peel)
    assert peel_problems(path) == []
    again = read_peel(path)
    assert_same(peel, again)
    assert replace(summarise(again), model="") == replace(summarise(peel), model="")


def test_a_peel_without_oracles_survives_its_file(tmp_path: Path) -> None:
    log = log_of(Unit.BYTE, b"some words, some words", np.log(np.linspace(0.01, 0.9, 22)).tolist())
    peel = peel_log(log, collect_evidence(TextView.of_log(log), None, None), Settings())
    signature = make_signature("byte", len(log), peel.settings, "", "", "")
    write_peel(tmp_path / "x.parquet", replace(peel, signature=signature))
    again = read_peel(tmp_path / "x.parquet")
    assert_same(replace(peel, signature=signature), again)
    assert again.evidence.ngram_context is None


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    text = 'The "Natasha" sat.\nNatasha xyz'
    p = np.random.default_rng(4).random(len(text))
    path = tmp_path / "x.parquet"
    write_peel(path, peel_of(log_of(Unit.CHAR, text.encode(), np.log(p).tolist())))
    return path


def edit(path: Path, column: str, values: list[Any]) -> None:
    table = pq.read_table(path)
    k = table.schema.get_field_index(column)
    field = table.schema.field(k)
    array = pa.array(values, field.type.value_type).dictionary_encode() if pa.types.is_dictionary(field.type) else None
    if array is not None:
        array = pa.DictionaryArray.from_arrays(array.indices.cast(pa.int16()), array.dictionary)
    pq.write_table(table.set_column(k, field, array if array is not None else pa.array(values, field.type)), path)


@pytest.mark.parametrize("column", ["error", "claims", "layer", "slice"])
def test_an_edited_verdict_is_refused(stored: Path, column: str) -> None:
    values = pq.read_table(stored)[column].to_pylist()
    row = next(k for k, value in enumerate(values) if value)
    values[row] = {
        "error": False,
        "claims": values[row] ^ 1 if column == "claims" else 0,
        "layer": "rest",
        "slice": "rest",
    }[column]
    edit(stored, column, values)
    with pytest.raises(BadInput, match=rf"column '{column}', row {row}: not what the evidence"):
        read_peel(stored)


def test_an_unedited_verdict_is_accepted(stored: Path) -> None:
    """So that the test above can fail for its own reasons only."""
    for column in ("error", "claims", "layer", "slice"):
        edit(stored, column, pq.read_table(stored)[column].to_pylist())
    assert peel_problems(stored) == []


def test_edited_evidence_is_refused(stored: Path) -> None:
    edit(stored, "punctuation", [True] * pq.read_table(stored).num_rows)
    assert peel_problems(stored)


def test_another_table_is_no_peel(tmp_path: Path) -> None:
    pq.write_table(pa.table({"position": [1]}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match=r"no schema, errtax\.peel/1 is needed"):
        read_peel(tmp_path / "x.parquet")


def test_a_missing_column_is_named(stored: Path) -> None:
    pq.write_table(pq.read_table(stored).drop_columns(["claims"]), stored)
    with pytest.raises(BadInput, match="'claims'"):
        read_peel(stored)


# --- files in, peel out ----------------------------------------------------------------------------------------------


@pytest.fixture
def inputs(tmp_path: Path) -> PeelInputs:
    content = b'The Natasha sat. "Natasha," she said.\nNatash'
    log = log_of(Unit.BYTE, content)
    p = np.log(np.random.default_rng(1).random(len(log)))
    table = pa.table(
        {"position": log.positions, "symbol": encode_symbols(log.codes, Unit.BYTE), "logprob": p}
    ).replace_schema_metadata({"parameters": "123", "model": "a model"})
    pq.write_table(table, tmp_path / "preds.parquet")
    (tmp_path / "train.txt").write_bytes(TRAIN.encode())
    (tmp_path / "test.txt").write_bytes(content)
    INDICES[Unit.BYTE].save(tmp_path / "small.ngram")
    NgramIndex.build(text_of_bytes(TRAIN.encode(), Unit.BYTE), 10).save(tmp_path / "x.ngram")
    return PeelInputs(tmp_path / "preds.parquet", tmp_path / "x.ngram", tmp_path / "train.txt", tmp_path / "test.txt")


def test_an_index_built_on_the_way_gives_the_same_peel(inputs: PeelInputs) -> None:
    first, second = peel_files(inputs, Settings()), peel_files(replace(inputs, ngram=None), Settings())
    assert_same(first, second)
    assert first.signature.startswith("errtax:")
    assert "|ngram:mkn,order=10,compat|" in first.signature
    assert inputs.ngram is not None
    assert first.sources["ngram_sha256"] == hashlib.sha256(Path(str(inputs.ngram)).read_bytes()).hexdigest()
    assert summarise(first).parameters == 123
    assert summarise(first).model == "a model"


def test_missing_oracles_leave_layers_out(inputs: PeelInputs, caplog: pytest.LogCaptureFixture) -> None:
    peel = peel_files(replace(inputs, ngram=None, train_text=None), Settings())
    assert peel.settings.layers == ("memory", "word", "punctuation", "boost")
    assert "ngram (needs --ngram" in caplog.text
    assert "rare (needs --train-text" in caplog.text


def test_an_index_of_too_low_an_order_is_refused(inputs: PeelInputs, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--order 10"):
        peel_files(replace(inputs, ngram=tmp_path / "small.ngram"), Settings())
    peel_files(replace(inputs, ngram=tmp_path / "small.ngram"), Settings(ngram_max=7))


def test_a_log_of_another_text_is_refused(inputs: PeelInputs, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_bytes(b"The Katasha" + b" " * 100)
    with pytest.raises(BadInput, match="differ first at position 4"):
        peel_files(replace(inputs, text=other), Settings())
    other.write_bytes(b"The")
    with pytest.raises(BadInput, match="has 3 symbols"):
        peel_files(replace(inputs, text=other), Settings())


# --- engines ---------------------------------------------------------------------------------------------------------


def golden_folder(folder: Path, text: Path, order: int) -> Path:
    """A folder as `--engine kenlm` makes it, of the models that lmplz made once; KenLM reads ARPA files too."""
    folder.mkdir()
    for n in range(1, order + 1):
        name = f"{n}.bin" if n > 1 else "1.arpa"
        (folder / name).write_bytes((text.parent / f"{text.stem}.{n}.arpa").read_bytes())
    files = {p.name: {"bytes": p.stat().st_size, "sha256": sha256_of_file(p)} for p in folder.iterdir()}
    manifest = {"unit": "char", "sentences": "stream", "order": order, "text_sha256": sha256_of_file(text)}
    (folder / MANIFEST).write_text(json.dumps({"schema": KENLM_SCHEMA, **manifest, "files": files}))
    return folder


@pytest.mark.parametrize("estimated", [False, True], ids=["golden", "lmplz"])
def test_either_engine_gives_the_same_layers(tmp_path: Path, estimated: bool) -> None:
    pytest.importorskip("kenlm", reason="the kenlm module is not installed: pip install errtax[kenlm]")
    text = Path(__file__).parent / "golden" / "pattern.txt"
    source = read_text(text, Unit.CHAR)
    if estimated:
        try:
            build_kenlm(source, 10, tmp_path / "x.kenlm", memory="64M")
        except UsageError as error:
            pytest.skip(str(error))
    else:
        golden_folder(tmp_path / "x.kenlm", text, 10)
    NgramIndex.build(source, 10).save(tmp_path / "x.ngram")
    symbols = source.string[:200] + source.string[::-1][:150] + "☃ " + source.string[40:300]
    logprobs = np.log(np.random.default_rng(7).random(len(symbols)))
    table = pa.table({"position": range(len(symbols)), "symbol": list(symbols), "logprob": logprobs})
    parts = [table.slice(0, 250), table.slice(270)]  # contexts do not reach across what a log skips
    pq.write_table(pa.concat_tables(parts), tmp_path / "preds.parquet")
    given = PeelInputs(tmp_path / "preds.parquet", train_text=text)
    try:
        peels = [peel_files(replace(given, ngram=tmp_path / f"x.{kind}"), Settings()) for kind in ("ngram", "kenlm")]
    except UsageError as error:
        pytest.skip(str(error))
    assert_same(peels[0], replace(peels[1], signature=peels[0].signature))
    assert "|ngram:mkn,order=10" in peels[0].signature
    assert "|ngram:kenlm" in peels[1].signature
    assert len({part.name for part in summarise(peels[0]).layers if part.count}) > 3
