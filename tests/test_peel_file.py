"""A peel and its file: what is written is read, what was edited is refused; from files to a peel, by either engine."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given

import naive
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import sha256_of_file
from errtax.lm.log_columns import encode_symbols
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.kenlm_tools import MANIFEST, build_kenlm
from errtax.lm.ngram.kenlm_tools import SCHEMA as KENLM_SCHEMA
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, read_text, text_of_bytes
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.text_view import TextView
from errtax.taxonomy.layers.registry import LAYER_NAMES, LAYERS, claim_bits
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_file import peel_problems, read_peel, write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.repeel import longest_context, repeel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import sign
from errtax.taxonomy.summary import summarise
from strategies import log_of, logs, settings
from test_peel import INDICES, TRAIN, peel_of


def assert_same(first: Peel, second: Peel) -> None:
    assert second.settings == first.settings
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
    assume(log.unpredicted < len(log))  # else it is refused
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
    signature = sign(peel)
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
    assert "rare (needs --ngram X.ngram or --train-text train.txt)" in caplog.text


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


# --- metadata --------------------------------------------------------------------------------------------------------


def with_metadata(path: Path, **changes: str | None) -> Path:
    """The file with other metadata; None takes a key away."""
    table = pq.read_table(path)
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()} | changes
    pq.write_table(table.replace_schema_metadata({k: v for k, v in metadata.items() if v is not None}), path)
    return path


@pytest.mark.parametrize("key", ["signature", "settings", "claims"])
def test_a_peel_that_does_not_say_how_it_was_made_is_to_be_made_again(stored: Path, key: str) -> None:
    with_metadata(stored, **{key: None})
    for read in (read_peel, peel_problems):
        with pytest.raises(BadInput, match=f"its metadata has no {key}; peel the log again with errtax peel"):
            read(stored)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("settings", "nonsense", "Expecting value"),
        ("settings", "[]", "indices must be integers"),
        ("settings", '{"layers": ["rare"]}', "'criterion'"),
        ("settings", '{"layers": ["rare"], "criterion": "p", "parameters": {}}', "a criterion is argmax"),
        ("settings", '{"layers": ["rare"], "criterion": "p<0.5", "parameters": {"rare": 1}}', "no setting 'rare'"),
        ("settings", '{"layers": ["rare"], "criterion": "p<0.5", "parameters": {"ngram_max": 99}}', "in 1..31"),
        ("settings", '{"layers": ["new"], "criterion": "p<0.5", "parameters": {}}', "layers must be some of"),
        ("settings", '{"layers": 1, "criterion": "p<0.5", "parameters": {}}', "not iterable|no len"),
        ("claims", '{"ngram": "1"}', "'1' is not a layer's bit"),
        ("claims", "[1]", "no attribute"),
        ("ngram_order", "9" * 5000, "digits"),
        ("ngram_order", "x", "invalid literal"),
    ],
)
def test_settings_that_make_no_sense_are_told(stored: Path, key: str, value: str, said: str) -> None:
    (problem,) = peel_problems(with_metadata(stored, **{key: value}))
    assert re.search(said, problem) and problem.endswith("peel the log again with errtax peel")


def test_nothing_is_read_from_the_signature(stored: Path) -> None:
    peel = read_peel(stored)
    again = read_peel(with_metadata(stored, signature="for people|err:argmax|layers:boost|ngram:mkn,order=3"))
    assert again.settings == peel.settings
    assert again.signature.startswith("for people|")
    assert longest_context(again) == longest_context(peel) == 7
    shorter = peel.settings.changed(ngram_max=7)
    assert repeel(again, shorter).signature == repeel(peel, shorter).signature


def test_bits_are_those_that_the_file_names(stored: Path) -> None:
    """A file with other bits, as another version may have given them, has the same claims."""
    peel = read_peel(stored)
    names = {name: 1 << 20 >> k for k, name in enumerate(LAYER_NAMES)}
    bits = claim_bits(peel.settings)
    moved = np.sum([((peel.claims & bits[name]) > 0) * names[name] for name in LAYER_NAMES], axis=0)
    edit(stored, "claims", moved.tolist())
    assert peel_problems(stored)
    assert np.array_equal(read_peel(with_metadata(stored, claims=json.dumps(names))).claims, peel.claims)


def test_the_bits_of_layers_are_kept_apart() -> None:
    assert claim_bits(Settings()) == {**naive.LAYER_BITS, "verbatim": 1 << 20}
    for layer in LAYERS:
        assert layer.bit.bit_count() == 1 and not 1 << 6 <= layer.bit < 1 << 16
    assert len({layer.bit for layer in LAYERS}) == len(LAYERS)
