"""`errtax predict --hf` and `errtax.predict`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import errtax
from errtax.cli.main import cli
from errtax.lm.errors import BadInput, UsageError

pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")

import hf_models
from errtax.lm.hf.sources import Source


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, as `save_pretrained` writes it, and a text beside it."""
    path = tmp_path_factory.mktemp("models")
    tokenizer = hf_models.byte_level()
    hf_models.llama(len(tokenizer)).save_pretrained(path / "tiny")
    tokenizer.save_pretrained(path / "tiny")
    (path / "test.txt").write_bytes(hf_models.TEXT.encode())
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def test_a_folder_is_predicted_and_peeled(folder: Path, tmp_path: Path) -> None:
    options = ["--hf", folder / "tiny", "--text", folder / "test.txt", "--window", "16", "--stride", "8", "--json"]
    found = {}
    for unit in ("byte", "token"):
        result = run(*options, "--unit", unit, "-o", tmp_path / f"{unit}.parquet")
        assert result.exit_code == 0, result.output
        found[unit] = json.loads(result.stdout)
        assert list(found[unit])[:2] == ["schema", "log"]
    assert found["byte"]["bits_per_byte"] == pytest.approx(found["byte"]["bits"])
    assert found["byte"]["predicted"] == len(hf_models.TEXT.encode()) - 1  # the first token, a space, has no context
    peel = errtax.peel(tmp_path / "byte.parquet", layers=["word", "boost"])
    assert peel.summary.positions == found["byte"]["predicted"]
    assert peel.summary.model == "tiny"


def test_from_python_the_log_is_the_same(folder: Path, tmp_path: Path) -> None:
    tokenizer = hf_models.byte_level()
    model = hf_models.llama(len(tokenizer))
    run("--hf", folder / "tiny", "--text", folder / "test.txt", "--window", "16", "-o", tmp_path / "log.parquet")
    written = pq.read_table(tmp_path / "log.parquet")
    for text in (hf_models.TEXT, hf_models.TEXT.encode(), folder / "test.txt"):
        log = errtax.predict(model, tokenizer, text, window=16, name="tiny")
        assert log.drop_columns("context").equals(written.drop_columns("context"))
        assert log.schema.metadata[b"signature"] == written.schema.metadata[b"signature"]
    assert errtax.peel(log, layers=["boost"]).summary.model == "tiny"
    tiny = str(folder / "tiny")
    path = errtax.predict(tiny, tiny, hf_models.TEXT, tmp_path / "own.parquet", window=16)
    assert pq.read_table(path)["logprob"].equals(written["logprob"])
    with pytest.raises(UsageError, match=r"^window=65 is longer"):
        errtax.predict(model, tokenizer, "The cat", window=65)
    with pytest.raises(UsageError, match="document 0 is int"):
        errtax.predict(model, tokenizer, [3])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="a causal language model of transformers is needed, got int"):
        errtax.predict(3, tokenizer, "The cat")
    with pytest.raises(UsageError, match="a tokenizer of transformers is needed, got int"):
        errtax.predict(model, 3, "The cat")


def test_documents_and_limits(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"text": "The cat sat"}\n{"text": "on the mat"}\n')
    options = ["--hf", folder / "tiny", "--text", tmp_path / "test.jsonl", "--limit", "15", "--prefix", "3"]
    assert run(*options, "-o", tmp_path / "log.parquet").exit_code == 0
    log = pq.read_table(tmp_path / "log.parquet")
    assert b"".join(log["symbol"].to_pylist()) == b"The cat saton t"
    assert log["doc"].to_pylist() == [0] * 11 + [1] * 4
    assert not log["logprob"].null_count
    assert np.isfinite(log["logprob"].to_numpy()).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "predict takes a trained model, RUN, or a transformer, --hf MODEL; neither is given"),
        (["lstm", "--hf", "tiny"], "predict takes a trained model, RUN, or a transformer, --hf MODEL; both are given"),
        (["lstm", "--window", "9"], "a run takes no --window"),
        (["lstm", "--unit", "token"], "a run takes no --unit"),
        (["--hf", "tiny", "--dynamic"], "a transformer (--hf) takes no --dynamic"),
        (["--hf", "tiny", "--dynamic-rate", "1"], "a transformer (--hf) takes no --dynamic-rate"),
        (["--hf", "tiny", "--window", "1"], "--window 1 leaves nothing to predict"),
        (["--hf", "tiny", "--window", "8", "--stride", "8"], "--stride must be 1 to 7"),
        (["--hf", "tiny", "--batch", "0"], "--batch counts windows"),
        (["--hf", "tiny", "--prefix", "x"], "--prefix is auto, none or the id"),
        (["--hf", "tiny", "--bytes", "exact"], "--bytes is canonical, or such as exact,beam=8; got 'exact'"),
        (["--hf", "tiny", "--bytes", "exact,beam=0"], "with a beam of at least 1"),
        (["--hf", "tiny", "--bytes", "exact,beam=2", "--unit", "token"], "is for --unit byte"),
        (["lstm", "--bytes", "exact,beam=2"], "a run takes no --bytes"),
        (["--hf", "tiny", "--limit", "0"], "--limit counts bytes"),
        (["--hf", "tiny", "--revision", "step1"], "--revision is for models on the hub"),
        (["--hf", "tiny", "--device", "none"], "device 'none' cannot be used here"),
    ],
)
def test_wrong_options_are_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(folder)
    result = run(*options, "--text", "test.txt", "-o", tmp_path / "log.parquet")
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_wrong_inputs_are_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    tiny, text = str(folder / "tiny"), str(folder / "test.txt")
    for hf, given, message in [
        ("nobody/nothing", text, "check the name and --revision"),
        ("empty", text, "of empty cannot be loaded"),
        ("x.gguf", text, "of x cannot be loaded"),
        (text, text, "is not a model"),
        ("none.gguf", text, "none.gguf does not exist"),
        (tiny, "latin.txt", "latin.txt is not UTF-8 at byte 3"),
        (tiny, "empty", "empty is a folder without a split.json"),
        (tiny, "none.txt", "none.txt does not exist"),
    ]:
        result = run("--hf", hf, "--text", given)
        assert isinstance(result.exception, BadInput), result.exception
        assert message in str(result.exception)
        assert "\n" not in str(result.exception)
    assert not (tmp_path / "preds.parquet").exists()


@pytest.mark.parametrize(
    ("folder", "name", "revision", "step"),
    [
        ("tiny/step200", "tiny", "step200", 200),
        ("tiny/checkpoint-30", "tiny", "checkpoint-30", 30),
        ("tiny/first-step", "first-step", None, None),
        ("tiny", "tiny", None, None),
    ],
)
def test_a_checkpoint_is_a_version_of_its_model(
    folder: str, name: str, revision: str | None, step: int | None, tmp_path: Path
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    source = Source.of(str(tmp_path / folder))
    assert (source.shown, source.revision, source.step) == (name, revision, step)
    assert (Source.of("org/tiny", "step1000").revision, Source.of("org/tiny", "step1000").step) == ("step1000", 1000)
