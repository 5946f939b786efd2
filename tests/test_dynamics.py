"""Distributions along a text, divergences of checkpoints, and the command that follows a training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.neural.streams import streams_of
from errtax.lm.ngram.distributions import TextDistributions
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.split import Scheme, SplitOptions, split_file
from errtax.lm.text import Sentences, Unit, read_text, text_of_bytes

torch = pytest.importorskip("torch")

from errtax.cli.main import cli  # noqa: E402
from errtax.lm.log_reader import read_log  # noqa: E402
from errtax.lm.neural.corpus import read_corpus  # noqa: E402
from errtax.lm.neural.dynamics import ReferenceComparison, _Sums, compare_checkpoints  # noqa: E402
from errtax.lm.neural.models import ModelConfig, Shape  # noqa: E402
from errtax.lm.neural.prediction import PredictOptions, predict  # noqa: E402
from errtax.lm.neural.run import Recipe, checkpoints, choose_device, load_weights, open_run, read_run  # noqa: E402
from errtax.lm.neural.training import CheckpointRule, Watch, train  # noqa: E402
from errtax.reports.studies.dynamics import dynamics_figure  # noqa: E402
from errtax.taxonomy.settings import Settings  # noqa: E402
from errtax.taxonomy.studies.dynamics import DynamicsInputs, follow_training  # noqa: E402

torch.set_num_threads(1)

ORDER = 4


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A split text, its index, an LSTM with checkpoints, and a 2-NN."""
    base = tmp_path_factory.mktemp("dynamics")
    words = np.random.default_rng(2).choice(["the", "cat", "sat", "on", '"a', 'mat".\n', "houses", "rarely"], 1800)
    (base / "all.txt").write_text(" ".join(words))
    split_file(base / "all.txt", base / "wp", SplitOptions(Scheme.STREAMS, streams=4, steps=10))
    index = NgramIndex.build(read_text(base / "wp" / "train.txt", Unit.BYTE), ORDER)
    index.save(base / "train.ngram")
    corpus = read_corpus(base / "wp")
    for name, shape in {"lstm": Shape("lstm", 1, 8), "nn": Shape("nn", hidden=8, context=2)}.items():
        config: ModelConfig = shape.config(len(corpus.alphabet))
        recipe = Recipe(epochs=2, batch=8, unroll=20, learning_rate=0.02)
        run = open_run(base / name, corpus, config, recipe, resume=False, force=False)
        watch = Watch(checkpoints=CheckpointRule.parse("17,epoch" if name == "lstm" else "999"))
        train(base / name, run, corpus.train, corpus.val, choose_device("cpu"), watch)
    return base


def test_distributions_are_those_of_each_context() -> None:
    text = text_of_bytes(b"abracadabra abracadabra", Unit.BYTE)
    index = NgramIndex.build(text, 5)
    codes = np.frombuffer(b"abrakadabra, cab", np.uint8)
    known, alphabet = index.alphabet.codes, np.array([*b"abcdr kx"], np.uint32)
    raw = TextDistributions(index, codes, known, normalised=False).at(np.arange(len(codes)))
    mixed = TextDistributions(index, codes, alphabet).at(np.arange(len(codes)))
    for i in range(len(codes)):
        due = index.distribution(codes[:i])
        assert np.abs(raw[i] - due[:, 3:]).max() < 1e-6
        columns = [due[:, 3 + known.tolist().index(code)] if code in known else due[:, 0] / 2 for code in alphabet]
        wanted = np.array(columns).T
        assert np.abs(mixed[i] - wanted / wanted.sum(axis=1, keepdims=True)).max() < 1e-6
    some = TextDistributions(index, codes, known, normalised=False).at(np.array([3, 11, 4]))
    assert np.array_equal(some, raw[[3, 11, 4]])


def test_an_index_of_lines_is_refused() -> None:
    index = NgramIndex.build(text_of_bytes(b"ab\nba\n", Unit.BYTE, sentences=Sentences.LINES), 2)
    with pytest.raises(UsageError, match="--sentences stream"):
        TextDistributions(index, np.frombuffer(b"ab", np.uint8), index.alphabet.codes)


def test_a_model_is_not_unlike_itself_and_a_probability_of_nothing_is_endless() -> None:
    log_p = torch.randn(50, 2, 7, generator=torch.Generator().manual_seed(1)).log_softmax(2)
    log_q = log_p.clone()
    log_q[3, 1] = torch.tensor([0.0, *[-torch.inf] * 6])
    sums = _Sums(2, 2)
    sums.add(log_p, log_q, torch.zeros(50, dtype=torch.int64))
    found = sums._divergence()
    assert 0 <= found[0, 0] < 1e-9
    due = ((log_p[:, 1].exp() - log_q[:, 0].exp()) * (log_p[:, 1] - log_q[:, 0])).double().sum() / 50
    assert float(found[1, 0]) == pytest.approx(float(due), rel=1e-5)
    assert torch.isinf(found[:, 1]).all()
    assert torch.isfinite(found[:, 0]).all()


def model_logprobs(folder: Path, weights: Path, before: bytes, row: bytes) -> Any:
    """Log-probabilities (len(row), K) of one row, read in one window."""
    run = read_run(folder)
    model = load_weights(run, weights, torch.device("cpu"))
    ids = run.encode(np.frombuffer(before + row, np.uint8))
    with torch.no_grad():
        logits, _ = model(torch.from_numpy(ids[:-1].copy()).unsqueeze(1))
    return logits[len(before) - 1 :, 0].double().log_softmax(1).numpy()


def test_divergences_are_those_of_whole_distributions(base: Path) -> None:
    """Against the plain definition, on whole arrays: KL(p || q) + KL(q || p), position by position."""
    path = base / "wp" / "test.txt"
    text, val = read_text(path, Unit.BYTE), (base / "wp" / "val.txt").read_bytes()
    index, run = NgramIndex.open(base / "train.ngram"), read_run(base / "lstm")
    steps = checkpoints(base / "lstm")
    logprobs = np.zeros((len(steps), len(text)), np.float32)
    found = compare_checkpoints(
        base / "lstm", text, streams_of(path, text), ReferenceComparison(index, (base / "nn",)), logprobs
    )
    assert found.steps == list(steps)
    assert [r.name for r in found.references] == ["1-gram", "2-gram", "3-gram", "2-NN (8 units)"]
    rows = [
        (val[k * len(val) // 4 : (k + 1) * len(val) // 4], text.codes.reshape(4, -1)[k].tobytes()) for k in range(4)
    ]
    ids = run.encode(text.codes)
    q = TextDistributions(index, text.codes, np.array(run.alphabet, np.uint32)).at(np.arange(len(text)))[:, 1:]
    log_q = [np.log(q[:, n].astype(np.float64)) for n in range(ORDER - 1)]
    log_q.append(np.concatenate([model_logprobs(base / "nn", base / "nn" / "best.pt", *row) for row in rows]))
    for c, weights in enumerate(steps.values()):
        log_p = np.concatenate([model_logprobs(base / "lstm", weights, *row) for row in rows])
        for r, other in enumerate(log_q):
            forward = (np.exp(log_p) * (log_p - other)).sum(axis=1)
            backward = (np.exp(other) * (other - log_p)).sum(axis=1)
            assert found.divergence[c, r] == pytest.approx((forward + backward).mean(), rel=1e-4)
        assert found.losses[c] == pytest.approx(-log_p[np.arange(len(ids)), ids].mean(), abs=1e-5)
        assert np.abs(logprobs[c] - log_p[np.arange(len(ids)), ids]).max() < 1e-4
    for r, other in enumerate(log_q):
        assert found.reference_losses[r] == pytest.approx(-other[np.arange(len(ids)), ids].mean(), abs=1e-5)
    nearest = found.divergence[:, :3].argmin(axis=1) + 1
    assert [reference.context for reference in found.nearest()] == nearest.tolist()


def test_logprobs_are_those_of_a_prediction(base: Path, tmp_path: Path) -> None:
    """With a symbol that the models do not know, and a text that is one row, whose first symbol nothing predicts."""
    path = tmp_path / "text.txt"
    path.write_bytes(b"the cat? sat on" * 20)
    text = read_text(path, Unit.BYTE)
    steps = checkpoints(base / "lstm")
    logprobs = np.zeros((len(steps), len(text)), np.float32)
    found = compare_checkpoints(base / "lstm", text, streams_of(path, text), ReferenceComparison(), logprobs)
    assert found.divergence.shape == (len(steps), 0)
    for c, weights in enumerate(steps.values()):
        predict(base / "lstm", path, tmp_path / "p.parquet", PredictOptions("cpu", weights=weights), force=True)
        due = read_log(tmp_path / "p.parquet").logprobs
        assert np.allclose(logprobs[c], due, atol=1e-4, equal_nan=True)
        assert found.losses[c] == pytest.approx(-due[np.isfinite(due)].mean(), abs=1e-4)


def test_the_command_writes_tables_and_picture(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [
        "--text",
        base / "wp" / "test.txt",
        "--ngram",
        base / "train.ngram",
        "--train-text",
        base / "wp" / "train.txt",
    ]
    command = ["dynamics", str(base / "lstm"), *map(str, files), "--nn", str(base / "nn"), "--json"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, (done.output, done.exception)
    document = json.loads(done.stdout)
    assert document["schema"] == "errtax.dynamics/1"
    folder = Path("lstm.dynamics")
    table = pq.read_table(folder / "divergence.parquet").to_pandas()
    classes = pq.read_table(folder / "classes.parquet").to_pandas()
    for row in document["checkpoints"]:
        at_step = table[table.step == row["step"]]
        assert dict(zip(at_step.reference, at_step.divergence, strict=True)) == row["divergence"]
        counts = classes[classes.step == row["step"]].groupby("layer")["count"].sum()
        assert counts.sum() == row["errors"]
        assert {name: int(counts[name]) for name in row["layers"]} == row["layers"]
    for name in ("divergence.parquet", "classes.parquet"):
        assert CliRunner().invoke(cli, ["validate", str(folder / name)]).exit_code == 0
    assert (folder / "dynamics.png").stat().st_size > 20_000
    assert CliRunner().invoke(cli, command).exit_code != 0  # nothing is overwritten without --force


def test_a_peel_of_a_checkpoint_is_the_peel_of_its_log(base: Path, tmp_path: Path) -> None:
    path, train_text = base / "wp" / "test.txt", base / "wp" / "train.txt"
    found = follow_training(DynamicsInputs(base / "lstm", path, base / "train.ngram", train_text), Settings())
    last = list(checkpoints(base / "lstm").values())[-1]
    predict(base / "lstm", path, tmp_path / "p.parquet", PredictOptions("cpu", weights=last))
    files = ["--preds", tmp_path / "p.parquet", "--ngram", base / "train.ngram", "--train-text", train_text]
    command = ["peel", *map(str, files), "--ngram-max", "3", "-o", str(tmp_path / "peel.parquet"), "--json"]
    due = json.loads(CliRunner().invoke(cli, command).stdout)
    assert {layer.name: layer.count for layer in found.summaries[-1].layers} == {
        layer["name"]: layer["count"] for layer in due["layers"]
    }
    assert found.signature.startswith(due["signature"] + "|model:LSTM-1 (8 units)|")


def test_the_picture_says_what_it_shows(base: Path) -> None:
    inputs = DynamicsInputs(base / "lstm", base / "wp" / "test.txt", base / "train.ngram", None, (base / "nn",))
    figure = dynamics_figure(follow_training(inputs, Settings()))
    assert all("training step" in axes.get_xlabel() and axes.get_ylabel() and axes.get_title() for axes in figure.axes)
    assert all(axes.get_legend() is not None for axes in figure.axes)
    assert "positions" in figure.get_suptitle()
    assert any("|text:" in text.get_text().replace("\n", "") for text in figure.texts)


def test_a_run_without_checkpoints_is_refused(base: Path) -> None:
    with pytest.raises(BadInput, match="--checkpoint-every"):
        follow_training(DynamicsInputs(base / "nn", base / "wp" / "test.txt"), Settings())
