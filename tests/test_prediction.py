"""Prediction logs of trained models, row by row, against one long window."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.log_reader import log_problems, read_log
from errtax.lm.split import Scheme, SplitOptions, read_split, split_file

torch = pytest.importorskip("torch")

from errtax.lm.neural.prediction import Dynamic, PredictOptions, predict  # noqa: E402
from errtax.lm.neural.run import choose_device, load_best, read_run  # noqa: E402
from test_recurrent import CPU, run_for, trained  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run beside the parts of a split by streams."""
    base = tmp_path_factory.mktemp("streams")
    rng = np.random.default_rng(8)
    words = ["cat", "dog", "sat", "on", "the", "mat."]
    (base / "all.txt").write_text(" ".join(rng.choice(words, 700)))
    split_file(base / "all.txt", base / "parts", SplitOptions(Scheme.STREAMS, streams=4, steps=10))
    trained(
        base / "run", run_for((base / "all.txt").read_bytes(), layers=2), (base / "parts" / "train.txt").read_bytes()
    )
    return base


def logprobs_by_stream(folder: Path, before: bytes, text: bytes) -> list[float]:
    """Log-probabilities of `text`, read after `before`, in one window; the first symbol of nothing has none."""
    run = read_run(folder / "run")
    model = load_best(folder / "run", choose_device("cpu"))
    ids = run.encode(np.frombuffer(before + text, np.uint8))
    with torch.no_grad():
        logits, _ = model(torch.from_numpy(ids[:-1].copy()).unsqueeze(1))
    table = logits[:, 0].double().log_softmax(1).numpy()
    rows = [float(table[t, ids[t + 1]]) if ids[t + 1] >= 0 else -math.inf for t in range(len(ids) - 1)]
    return rows[len(before) - 1 :] if before else [math.nan, *rows]


def test_streams_are_read_after_their_validation_part(folder: Path, tmp_path: Path) -> None:
    parts = folder / "parts"
    loss = predict(folder / "run", parts / "test.txt", tmp_path / "p.parquet", CPU)
    log = read_log(tmp_path / "p.parquet")
    val, test = (parts / "val.txt").read_bytes(), (parts / "test.txt").read_bytes()
    v, t = len(val) // 4, len(test) // 4
    assert t > 50
    due = [p for k in range(4) for p in logprobs_by_stream(folder, val[k * v : (k + 1) * v], test[k * t : (k + 1) * t])]
    assert np.isfinite(log.logprobs).all()
    assert np.abs(log.logprobs - due).max() < 1e-5
    assert log.codes.tobytes() == test
    assert loss == pytest.approx(-np.mean(due), abs=1e-6)
    assert log_problems(tmp_path / "p.parquet") == []


def test_a_plain_text_is_read_from_a_clean_state(folder: Path, tmp_path: Path) -> None:
    text = b"the cat sat on the mat." * 12
    (tmp_path / "text.txt").write_bytes(text)
    predict(folder / "run", tmp_path / "text.txt", tmp_path / "p.parquet", CPU)
    table = pq.read_table(tmp_path / "p.parquet")
    found = table["logprob"].to_pylist()
    assert found[0] is None
    assert table["rank"].to_pylist()[0] is None
    due = logprobs_by_stream(folder, b"", text)
    assert np.abs(np.array(found[1:]) - due[1:]).max() < 1e-5
    assert log_problems(tmp_path / "p.parquet") == []


def test_columns_agree_with_each_other(folder: Path, tmp_path: Path) -> None:
    predict(folder / "run", folder / "parts" / "test.txt", tmp_path / "p.parquet", CPU)
    table = pq.read_table(tmp_path / "p.parquet")
    rank, logprob, best = (table[name].to_numpy() for name in ("rank", "logprob", "argmax_logprob"))
    right = np.array(table["symbol"].to_pylist()) == np.array(table["argmax"].to_pylist())
    assert (right == (rank == 1)).all()
    assert (best >= logprob).all()
    assert np.array_equal(best[right], logprob[right])
    assert (table["entropy"].to_numpy() > 0).all()
    metadata = table.schema.metadata
    assert metadata[b"errtax.schema"] == b"errtax.log/1"
    streams = read_split(folder / "parts")
    assert streams is not None
    assert (int(metadata[b"streams"]), int(metadata[b"symbols"])) == (streams.streams, len(rank))


def test_unknown_symbols_have_probability_zero(folder: Path, tmp_path: Path) -> None:
    text = b"the cat\xc3\xa9 sat"
    (tmp_path / "text.txt").write_bytes(text)
    predict(folder / "run", tmp_path / "text.txt", tmp_path / "p.parquet", CPU)
    log = read_log(tmp_path / "p.parquet")
    assert np.isneginf(log.logprobs).tolist() == [byte >= 0x80 for byte in text]
    due = logprobs_by_stream(folder, b"", text)
    known = np.isfinite(due)
    assert np.abs(log.logprobs[known] - np.array(due)[known]).max() < 1e-5


def test_texts_that_cannot_be_predicted_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(b"t")
    with pytest.raises(BadInput, match="one symbol alone"):
        predict(folder / "run", tmp_path / "text.txt", tmp_path / "p.parquet", CPU)
    with pytest.raises(BadInput, match=r"parts is a folder.*parts/test\.txt"):
        predict(folder / "run", folder / "parts", tmp_path / "p.parquet", CPU)
    assert not (tmp_path / "p.parquet").exists()


def test_predictions_that_are_no_numbers_are_refused(folder: Path, tmp_path: Path) -> None:
    weights = torch.load(folder / "run" / "best.pt", weights_only=True)
    weights["decoder.bias"][3] = math.nan
    torch.save(weights, tmp_path / "broken.pt")
    for dynamic, message in ((None, "train it again"), (Dynamic(), "the rate of --dynamic is too high")):
        options = PredictOptions("cpu", dynamic, tmp_path / "broken.pt")
        with pytest.raises(BadInput, match=f"not numbers: {message}"):
            predict(folder / "run", folder / "parts" / "test.txt", tmp_path / "p.parquet", options)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.pt"]
    with pytest.raises(UsageError, match="finite learning rate"):
        Dynamic(float("inf"))


def test_unknown_symbols_are_counted(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "text.txt").write_bytes(b"the cat\xc3\xa9 sat")
    with caplog.at_level("WARNING", "errtax"):
        predict(folder / "run", tmp_path / "text.txt", tmp_path / "p.parquet", CPU)
    assert "2 of the 13 symbols are not in the model's alphabet" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alphabet": [300]}, "not a byte"),
        ({"alphabet": ["a"]}, "of type str"),
        ({"alphabet": [97, 98]}, "different symbols"),
        ({"train_sha256": 5}, "train_sha256 is of type int"),
        ({"recipe": {"epochs": 0}}, "epochs must be"),
    ],
)
def test_a_damaged_run_is_refused(folder: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    described = json.loads((folder / "run" / "run.json").read_text())
    described |= {key: described[key] | value if key == "recipe" else value for key, value in change.items()}
    (tmp_path / "run.json").write_text(json.dumps(described))
    with pytest.raises(BadInput, match=message):
        read_run(tmp_path)


def test_an_existing_log_needs_force_and_scratch_files_go(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "p.parquet"
    output.write_bytes(b"mine")
    with pytest.raises(UsageError, match="--force"):
        predict(folder / "run", folder / "parts" / "test.txt", output, CPU)
    assert output.read_bytes() == b"mine"
    predict(folder / "run", folder / "parts" / "test.txt", output, CPU, force=True)
    assert list(tmp_path.iterdir()) == [output]
