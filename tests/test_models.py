"""The n-NN baseline against a loop, checkpoints along a training, and dynamic evaluation against plain descent."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.log_reader import read_log
from errtax.lm.records import record_of
from errtax.lm.split import Scheme, SplitOptions, split_file
from errtax.lm.text import Alphabet, Unit

torch = pytest.importorskip("torch")

from errtax.lm.neural.feedforward import FeedforwardConfig, FeedforwardLM  # noqa: E402
from errtax.lm.neural.models import Shape  # noqa: E402
from errtax.lm.neural.prediction import Dynamic, PredictOptions, predict  # noqa: E402
from errtax.lm.neural.recurrent import CellKind, RecurrentConfig  # noqa: E402
from errtax.lm.neural.run import Recipe, Run, checkpoints, load_best, load_weights, read_run, write_run  # noqa: E402
from errtax.lm.neural.training import CheckpointRule, Watch, train  # noqa: E402

torch.set_num_threads(1)

CPU = torch.device("cpu")
TEXT = b"the cat sat on the mat; the rat sat on the cat.\n" * 12
CODES = np.frombuffer(TEXT, np.uint8)
ALPHABET = Alphabet.sorted(CODES).codes.tolist()
RECURRENT = RecurrentConfig(CellKind.LSTM, 1, 8, len(ALPHABET))
FEEDFORWARD = FeedforwardConfig(3, 8, len(ALPHABET))


def trained(folder: Path, config: RecurrentConfig | FeedforwardConfig, recipe: Recipe, rule: str = "9999") -> Run:
    folder.mkdir(exist_ok=True)
    run = Run(config, recipe, Unit.BYTE, ALPHABET, "", "")
    write_run(folder, run)
    return train(folder, run, CODES, CODES[:100], CPU, Watch(checkpoints=CheckpointRule.parse(rule)))


# --- n-NN ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [1, 2, 5])
def test_the_feedforward_model_is_one_tanh_layer_on_the_last_symbols(context: int) -> None:
    torch.manual_seed(2)
    model = FeedforwardLM(FeedforwardConfig(context, 6, 4)).eval()
    ids = [0, 3, -1, 2, 2, 1, 0]
    w = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    found, _ = model(torch.tensor(ids).unsqueeze(1))
    for t in range(len(ids)):
        hidden = w["bias"].copy()
        for j in range(context):
            if t - j >= 0 and ids[t - j] >= 0:
                hidden += w["table"][j * 4 + ids[t - j]]
        due = w["decoder.weight"] @ np.tanh(hidden) + w["decoder.bias"]
        assert np.abs(found[t, 0].detach().numpy() - due).max() < 1e-6


@pytest.mark.parametrize("context", [1, 2, 4])
def test_its_history_carries_from_window_to_window(context: int) -> None:
    model = FeedforwardLM(FeedforwardConfig(context, 6, 4)).eval()
    ids = torch.tensor([[0, 1], [2, 3], [1, -1], [3, 0], [2, 2]])
    whole, _ = model(ids)
    state, parts = None, []
    for t in range(len(ids)):
        logits, state = model(ids[t : t + 1], state)
        parts.append(logits)
    assert torch.allclose(torch.cat(parts), whole, atol=1e-6)


def test_its_parameters_are_counted_as_torch_does() -> None:
    config = FeedforwardConfig(3, 7, 11)
    assert config.parameters == sum(p.numel() for p in FeedforwardLM(config).parameters())
    assert config.name == "3-NN (7 units)"


def test_it_learns_and_its_run_reads_back(tmp_path: Path) -> None:
    run = trained(tmp_path / "nn", FEEDFORWARD, Recipe(epochs=20, batch=4, unroll=20, learning_rate=0.02))
    assert run.best.val_loss < 0.8
    assert run.history[0].train_loss > 1
    assert read_run(tmp_path / "nn") == run
    (tmp_path / "text.txt").write_bytes(TEXT)
    loss = predict(tmp_path / "nn", tmp_path / "text.txt", tmp_path / "p.parquet", PredictOptions("cpu"))
    assert loss < 0.8
    assert read_log(tmp_path / "p.parquet").model == "3-NN (8 units)"


@pytest.mark.parametrize("wrong", [{"context": 0}, {"hidden": 0}, {"symbols": 0}, {"dropout": 1.0}])
def test_impossible_shapes_are_usage_errors(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        FeedforwardConfig(**wrong)  # type: ignore[arg-type]


def test_a_shape_becomes_a_configuration() -> None:
    assert Shape("gru", 3, budget=512).config(87) == RecurrentConfig(CellKind.GRU, 3, 280, 87)
    assert Shape("nn", context=4, hidden=9).config(5) == FeedforwardConfig(4, 9, 5)
    lstm = Shape("lstm", 1, budget=64).config(87)
    assert Shape("nn", context=3, budget=64).config(87).parameters == pytest.approx(lstm.parameters, rel=0.01)
    assert Shape("rnn").config(5).hidden == 128
    with pytest.raises(UsageError, match="one of them"):
        Shape(hidden=3, budget=4)
    for size in ({"hidden": 0}, {"budget": 0}, {"budget": -3}):
        with pytest.raises(UsageError, match="at least 1"):
            Shape(**size)  # type: ignore[arg-type]
    for config in (RECURRENT, FEEDFORWARD):
        assert record_of(type(config), asdict(config)) == config


# --- checkpoints -----------------------------------------------------------------------------------------------------


def test_checkpoints_are_kept_where_asked_for(tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, batch=4, unroll=20)  # 144 symbols a row: 8 steps an epoch
    rules = {"99": [], "epoch": [8, 16], "3": [3, 6, 9, 12, 15], "log": [1, 2, 3, 4, 6, 7, 8, 10, 13, 16]}
    for rule, steps in rules.items():
        trained(tmp_path / rule, RECURRENT, recipe, rule)
        assert list(checkpoints(tmp_path / rule)) == steps
    last = load_weights(read_run(tmp_path / "epoch"), checkpoints(tmp_path / "epoch")[16], CPU).state_dict()
    saved = torch.load(tmp_path / "epoch" / "last.pt", weights_only=True)["model"]
    assert all(torch.equal(last[name], saved[name]) for name in saved)


@pytest.mark.parametrize("wrong", ["", "0", "3,4", "each", "-1"])
def test_other_rules_for_checkpoints_are_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="checkpoints are kept"):
        CheckpointRule.parse(wrong)


def test_rules_for_checkpoints_combine() -> None:
    rule = CheckpointRule.parse("7,epoch,log")
    assert [step for step in range(1, 30) if rule.keeps(step, step % 12 == 0)] == [
        *(1, 2, 3, 4, 6, 7, 8, 10, 12, 13, 14, 16, 20, 21, 24, 26, 28)
    ]


def test_a_prediction_can_use_a_checkpoint(tmp_path: Path) -> None:
    trained(tmp_path / "run", RECURRENT, Recipe(epochs=2, batch=4, unroll=20, learning_rate=0.02), "1")
    (tmp_path / "text.txt").write_bytes(TEXT)
    paths = checkpoints(tmp_path / "run")
    losses = [
        predict(
            tmp_path / "run",
            tmp_path / "text.txt",
            tmp_path / "p.parquet",
            PredictOptions("cpu", weights=paths[step]),
            True,
        )
        for step in (1, 16)
    ]
    assert losses[1] < losses[0] < math.log(len(ALPHABET)) + 0.1


# --- dynamic evaluation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [RECURRENT, FEEDFORWARD])
def test_dynamic_evaluation_is_descent_behind_the_prediction(
    tmp_path: Path, config: RecurrentConfig | FeedforwardConfig
) -> None:
    """Symbol by symbol, in one tensor: predict a window, descend on it, go on with the state before the step."""
    trained(tmp_path / "run", config, Recipe(epochs=1, batch=4, unroll=20))
    text = TEXT[:95] + b"?!" + TEXT[:20]
    (tmp_path / "text.txt").write_bytes(text)
    dynamic = Dynamic(0.5, window=10)
    options = PredictOptions("cpu", dynamic)
    predict(tmp_path / "run", tmp_path / "text.txt", tmp_path / "p.parquet", options)
    model = load_best(tmp_path / "run", CPU)
    ids = torch.from_numpy(read_run(tmp_path / "run").encode(np.frombuffer(text, np.uint8)))
    state, due = None, [math.nan]
    for start in range(0, len(ids) - 1, 10):
        inputs, targets = ids[start : start + 10][: len(ids) - 1 - start], ids[start + 1 : start + 11]
        logits, state = model(inputs.unsqueeze(1), state)
        state = tuple(part.detach() for part in state)
        chosen = logits[:, 0].log_softmax(1)[torch.arange(len(targets)), targets.clamp(min=0)]
        due += torch.where(targets >= 0, chosen.detach(), torch.tensor(-torch.inf)).tolist()
        parameters = [p for p in model.parameters() if p.requires_grad]
        grads = torch.autograd.grad(-chosen[targets >= 0].mean(), parameters)
        norm = torch.sqrt(sum((g**2).sum() for g in grads))
        with torch.no_grad():
            for parameter, grad in zip(parameters, grads, strict=True):
                parameter.sub_(0.5 * grad * min(1.0, float(1 / (norm + 1e-6))))
    found = read_log(tmp_path / "p.parquet")
    assert np.allclose(found.logprobs, due, atol=1e-4, equal_nan=True)
    assert found.metadata["signature"].endswith("|dynamic:sgd(lr=0.5,window=10,clip=1)")
    assert found.model.endswith(", dynamic")


def test_each_row_is_learned_by_itself_with_what_comes_before_it(tmp_path: Path) -> None:
    """The rows of a test part are predicted as plain texts are that begin with the row's validation part."""
    (tmp_path / "all.txt").write_bytes(TEXT)
    split = split_file(tmp_path / "all.txt", tmp_path / "parts", SplitOptions(Scheme.STREAMS, streams=3, steps=9))
    trained(tmp_path / "run", RECURRENT, Recipe(epochs=1, batch=4, unroll=20))
    options = PredictOptions("cpu", Dynamic(0.5, window=7))
    predict(tmp_path / "run", tmp_path / "parts" / "test.txt", tmp_path / "p.parquet", options)
    found = read_log(tmp_path / "p.parquet").logprobs.reshape(3, -1)
    val, test = ((tmp_path / "parts" / f"{name}.txt").read_bytes() for name in ("val", "test"))
    assert split.parts["val"].bytes == len(val)
    for row in range(3):
        before, own = (part[row * len(part) // 3 : (row + 1) * len(part) // 3] for part in (val, test))
        (tmp_path / "row.txt").write_bytes(before + own)
        predict(tmp_path / "run", tmp_path / "row.txt", tmp_path / "row.parquet", options, force=True)
        due = read_log(tmp_path / "row.parquet").logprobs[len(before) :]
        assert np.abs(found[row] - due).max() < 1e-5


def test_dynamic_evaluation_learns_what_repeats_and_changes_no_file(tmp_path: Path) -> None:
    trained(tmp_path / "run", RECURRENT, Recipe(epochs=2, batch=4, unroll=20))
    (tmp_path / "text.txt").write_bytes(b"mat rat cat sat " * 120)
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    losses = [
        predict(tmp_path / "run", tmp_path / "text.txt", tmp_path / "p.parquet", PredictOptions("cpu", dynamic), True)
        for dynamic in (None, Dynamic(0.5))
    ]
    assert losses[1] < losses[0] - 0.5
    assert before == {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}


@pytest.mark.parametrize("wrong", [{"learning_rate": 0.0}, {"window": 0}])
def test_impossible_dynamics_are_usage_errors(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="dynamic evaluation"):
        Dynamic(**wrong)  # type: ignore[arg-type]


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", RECURRENT, replace(Recipe(epochs=1, batch=4, unroll=20)))
    with pytest.raises(BadInput, match="is missing"):
        load_weights(run, tmp_path / "none.pt", CPU)
