"""Recurrent models: sizes, the forward pass against a loop in numpy, training, and prediction."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.text import Alphabet, Unit, text_of_bytes

torch = pytest.importorskip("torch")

from errtax.lm.neural.models import build_model  # noqa: E402
from errtax.lm.neural.prediction import PredictOptions  # noqa: E402
from errtax.lm.neural.recurrent import CellKind, RecurrentConfig, RecurrentLM, count_parameters, hidden_for_budget  # noqa: E402
from errtax.lm.neural.run import Epoch, Recipe, Run, choose_device, load_best, read_run, write_run  # noqa: E402
from errtax.lm.neural.streams import lay_out  # noqa: E402
from errtax.lm.neural.training import Windows, train  # noqa: E402

torch.set_num_threads(1)  # tiny models: two threads on a busy machine take a hundred times as long

TRAIN = b"the cat sat on the mat; the rat sat on the cat.\n" * 12
VAL = b"the rat sat on the mat; the cat sat.\n" * 3
RECIPE = Recipe(epochs=2, batch=4, unroll=10)
CPU = PredictOptions("cpu")


def run_for(
    text: bytes = TRAIN, recipe: Recipe = RECIPE, cell: CellKind = CellKind.LSTM, layers: int = 1, dropout: float = 0
) -> Run:
    alphabet = Alphabet.sorted(text_of_bytes(text, Unit.BYTE).codes).codes.tolist()
    config = RecurrentConfig(cell, layers, 12, len(alphabet), dropout)
    return Run(config, recipe, Unit.BYTE, alphabet, "train-sha", "val-sha")


def trained(folder: Path, run: Run, train_text: bytes = TRAIN, val_text: bytes = VAL) -> Run:
    folder.mkdir(exist_ok=True)
    write_run(folder, run)
    codes, val_codes = (text_of_bytes(text, Unit.BYTE).codes for text in (train_text, val_text))
    return train(folder, run, codes, val_codes, choose_device("cpu"))


def losses(run: Run) -> list[tuple[float, float]]:
    return [(epoch.train_loss, epoch.val_loss) for epoch in run.history]


def weights(folder: Path) -> dict[str, Any]:
    return dict(torch.load(folder / "last.pt", weights_only=True)["model"])


# --- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", list(CellKind))
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_parameters_are_counted_as_torch_does(cell: CellKind, layers: int) -> None:
    config = RecurrentConfig(cell, layers, 7, 11)
    real = sum(p.numel() for p in RecurrentLM(config).parameters() if p.requires_grad)
    assert config.parameters == real == count_parameters(cell, layers, 7, 11)


@pytest.mark.parametrize(
    ("cell", "layers", "budget", "hidden"),
    [
        (CellKind.LSTM, 1, 64, 64),
        (CellKind.LSTM, 2, 64, 45),
        (CellKind.LSTM, 3, 512, 241),
        (CellKind.GRU, 3, 512, 280),
        (CellKind.RNN, 2, 256, 325),
    ],
)
def test_budgets_are_the_papers(cell: CellKind, layers: int, budget: int, hidden: int) -> None:
    assert hidden_for_budget(cell, layers, budget, 87) == hidden


@pytest.mark.parametrize(("budget", "size"), [(64, 50e3), (128, 130e3), (256, 400e3), (512, 1.3e6)])
def test_budgets_have_about_the_papers_sizes(budget: int, size: float) -> None:
    assert count_parameters(CellKind.LSTM, 1, budget, 87) == pytest.approx(size, rel=0.12)


@pytest.mark.parametrize("wrong", [{"layers": 0}, {"hidden": 0}, {"symbols": 0}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_impossible_shapes_are_usage_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        RecurrentConfig(**wrong)


def test_names() -> None:
    assert RecurrentConfig(CellKind.LSTM, 2, 45).name == "LSTM-2 (45 units)"


# --- the forward pass ------------------------------------------------------------------------------------------------


def sigmoid(x: np.typing.NDArray[np.float64]) -> np.typing.NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-x)))


def lstm_by_loop(model: RecurrentLM, ids: list[int]) -> list[np.typing.NDArray[np.float64]]:
    """Logits after each symbol: Karpathy et al. 2015, section 3.1, one symbol at a time."""
    w = {name: value.detach().numpy().astype(np.float64) for name, value in model.state_dict().items()}
    h = [np.zeros(model.config.hidden) for _ in range(model.config.layers)]
    c = [np.zeros(model.config.hidden) for _ in range(model.config.layers)]
    logits = []
    for symbol in ids:
        x = np.zeros(model.config.symbols)
        if symbol >= 0:
            x[symbol] = 1
        for k in range(model.config.layers):
            gates = w[f"cells.weight_ih_l{k}"] @ x + w[f"cells.bias_ih_l{k}"] + w[f"cells.weight_hh_l{k}"] @ h[k]
            i, f, g, o = np.split(gates, 4)
            c[k] = sigmoid(f) * c[k] + sigmoid(i) * np.tanh(g)
            h[k] = sigmoid(o) * np.tanh(c[k])
            x = h[k]
        logits.append(w["decoder.weight"] @ x + w["decoder.bias"])
    return logits


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_lstm_is_the_papers(layers: int) -> None:
    torch.manual_seed(3)
    model = RecurrentLM(RecurrentConfig(CellKind.LSTM, layers, 9, 5)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.uniform_(-1, 1)
    ids = [0, 4, 4, -1, 2, 1, 3, 0, -1, 2]
    found, _ = model(torch.tensor(ids).unsqueeze(1))
    assert np.abs(found[:, 0].detach().numpy() - np.array(lstm_by_loop(model, ids))).max() < 1e-5


@pytest.mark.parametrize("cell", list(CellKind))
def test_a_carried_state_is_the_same_as_one_long_window(cell: CellKind) -> None:
    torch.manual_seed(1)
    model = RecurrentLM(RecurrentConfig(cell, 2, 6, 4)).eval()
    ids = torch.tensor([[0, 1], [2, 3], [1, 1], [3, 0], [2, 2]])
    whole, _ = model(ids)
    first, state = model(ids[:2])
    second, _ = model(ids[2:], state)
    assert torch.allclose(torch.cat([first, second]), whole, atol=1e-6)


def test_initial_weights() -> None:
    model = RecurrentLM(RecurrentConfig(CellKind.LSTM, 2, 10, 5))
    for name, value in model.state_dict().items():
        if "bias_hh" in name:
            assert (value == 0).all()
        else:
            assert 0 < value.abs().max() <= 0.08


# --- training --------------------------------------------------------------------------------------------------------


def test_rows_are_laid_side_by_side() -> None:
    letters = np.arange(11, dtype=np.uint8)
    assert lay_out(letters, batch=2, unroll=3).rows.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert lay_out(letters[:5], batch=100, unroll=100).rows.shape == (1, 5)
    with pytest.raises(BadInput, match="too short"):
        lay_out(letters[:1], 1, 1)


@pytest.mark.parametrize("unroll", [1, 2, 3, 4, 7])
def test_windows_predict_each_symbol_of_a_row_but_its_first(unroll: int) -> None:
    config = RecurrentConfig(CellKind.RNN, 1, 2, 11)
    run = Run(config, Recipe(batch=2, unroll=unroll), Unit.BYTE, [*range(9), 10], "", "")
    windows = Windows(run, np.arange(10, dtype=np.uint8), torch.device("cpu"))
    parts = list(windows)
    assert len(parts) == windows.steps
    inputs, targets = (torch.cat([part[k] for part in parts]).T.tolist() for k in (0, 1))
    length = 5 if unroll < 5 else 10
    rows = [[*range(k, k + length)] for k in range(0, 10, length)]
    assert inputs == [row[:-1] for row in rows]
    assert targets == [[-1 if symbol == 9 else symbol for symbol in row[1:]] for row in rows]  # 9 is unknown


def test_equal_seeds_give_equal_models(tmp_path: Path) -> None:
    a, b = (trained(tmp_path / name, run_for()) for name in "ab")
    c = trained(tmp_path / "c", run_for(recipe=replace(RECIPE, seed=2)))
    assert losses(a) == losses(b) != losses(c)
    for name, value in weights(tmp_path / "a").items():
        assert torch.equal(value, weights(tmp_path / "b")[name]), name


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_resumed_training_is_one_training(tmp_path: Path, dropout: float) -> None:
    at_once = trained(tmp_path / "a", run_for(recipe=replace(RECIPE, epochs=4), layers=2, dropout=dropout))
    trained(tmp_path / "b", run_for(layers=2, dropout=dropout))
    half = read_run(tmp_path / "b")
    assert half.finished
    again = trained(tmp_path / "b", replace(half, recipe=replace(half.recipe, epochs=4)))
    assert losses(again) == losses(at_once)
    assert read_run(tmp_path / "b").history == again.history
    for name, value in weights(tmp_path / "a").items():
        assert torch.equal(value, weights(tmp_path / "b")[name]), name


def test_a_kill_between_the_files_of_an_epoch_repeats_or_completes_it(tmp_path: Path) -> None:
    due = trained(tmp_path / "a", run_for())
    first = trained(tmp_path / "b", run_for(recipe=replace(RECIPE, epochs=1)))
    trained(tmp_path / "b", replace(first, recipe=RECIPE))
    write_run(tmp_path / "b", replace(first, recipe=RECIPE))  # as if killed before run.json was written
    again = trained(tmp_path / "b", read_run(tmp_path / "b"))
    assert losses(again) == losses(due)
    assert read_run(tmp_path / "b").history == again.history


def test_training_is_rmsprop_on_the_clamped_gradient_of_the_sum_over_the_steps(tmp_path: Path) -> None:
    """Against the equations, step by step: m = 0.95 m + 0.05 g², w = w - rate g / (sqrt(m) + 1e-8)."""
    recipe = Recipe(epochs=2, batch=3, unroll=30, clip=0.4, decay_after=1)
    run = run_for(recipe=recipe, layers=2)
    trained(tmp_path / "a", run)
    torch.manual_seed(recipe.seed)
    model = build_model(run.config)
    parameters = {name: value for name, value in model.named_parameters() if value.requires_grad}
    squares = {name: torch.zeros_like(value) for name, value in parameters.items()}
    length, clamped = len(TRAIN) // 3, 0
    ids = torch.from_numpy(run.encode(np.frombuffer(TRAIN, np.uint8))[: 3 * length].reshape(3, length).T.copy())
    for epoch in (1, 2):
        state: Any = None
        for start in range(0, length - 1, 30):
            window, targets = ids[start : start + 30][: length - 1 - start], ids[start + 1 : start + 31]
            logits, state = model(window, state)
            state = tuple(part.detach() for part in state)
            chosen = logits.log_softmax(2).gather(2, targets.unsqueeze(2))
            grads = torch.autograd.grad(-chosen.sum() / 3, list(parameters.values()))  # summed over steps, mean of rows
            for (name, value), grad in zip(parameters.items(), grads, strict=True):
                clamped += int((grad.abs() > 0.4).sum())
                # the loss that is descended on is the mean over the steps: a scale that RMSProp takes out again
                g = grad.clamp(-0.4, 0.4) / len(window)
                squares[name] = 0.95 * squares[name] + 0.05 * g**2
                with torch.no_grad():
                    value.sub_(2e-3 * 0.95 ** (epoch - 1) * g / (squares[name].sqrt() + 1e-8))
    assert clamped > 100
    found = weights(tmp_path / "a")
    for name, value in parameters.items():
        assert (found[name] - value).abs().max() < 2e-4, name


def test_training_learns(tmp_path: Path) -> None:
    run = trained(tmp_path / "a", run_for(recipe=Recipe(epochs=12, batch=4, unroll=20, learning_rate=0.02)))
    assert run.history[0].train_loss > 2
    assert run.best.val_loss < 1
    assert [epoch.learning_rate for epoch in run.history[9:]] == [0.02, 0.02 * 0.95, 0.02 * 0.95**2]


def test_early_stopping(tmp_path: Path) -> None:
    """A validation text that is nothing like the training text gets worse and worse."""
    recipe = Recipe(epochs=40, batch=4, unroll=10, patience=2, learning_rate=0.02)
    run = trained(tmp_path / "a", run_for(recipe=recipe), val_text=b"ttttt.....hhhhh;;;;\n" * 4)
    assert len(run.history) == run.best.epoch + 2 < 40
    assert run.finished


def test_best_is_the_lowest_validation_loss(tmp_path: Path) -> None:
    epochs = [Epoch(k + 1, 1.0, loss, 0.1, 0.1) for k, loss in enumerate([3.0, 1.0, 2.0])]
    assert replace(run_for(), history=epochs).best.epoch == 2


def test_a_run_description_survives_its_file(tmp_path: Path) -> None:
    run = trained(tmp_path / "a", run_for(cell=CellKind.GRU))
    assert read_run(tmp_path / "a") == run
    assert json.loads((tmp_path / "a" / "run.json").read_text())["schema"] == "errtax.run/1"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": "errtax.run/1"}', '{"schema": "other"}'])
def test_a_broken_run_description_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(BadInput, match=r"run\.json"):
        read_run(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="errtax train"):
        read_run(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "garbage", "missing", "other"])
def test_damaged_weights_are_refused(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "a"
    trained(folder, run_for(recipe=replace(RECIPE, epochs=1)))
    best = folder / "best.pt"
    if damage == "cut":
        best.write_bytes(best.read_bytes()[:500])
    elif damage == "garbage":
        best.write_bytes(b"garbage")
    elif damage == "missing":
        best.unlink()
    else:
        torch.save(RecurrentLM(RecurrentConfig(CellKind.GRU, 1, 3, 4)).state_dict(), best)
    with pytest.raises(BadInput, match=r"best\.pt"):
        load_best(folder, choose_device("cpu"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state["model"].update({"decoder.bias": 3}), "decoder.bias is no tensor"),
        (lambda state: state["model"].update({"decoder.bias": torch.zeros(4).double()}), "float64"),
        (lambda state: state["model"].update({"decoder.bias": torch.zeros(4).to(torch.complex64)}), "complex64"),
        (lambda state: state["model"].update({"more": torch.zeros(1)}), "more"),
        (lambda state: state["model"].pop("decoder.bias"), "decoder.bias"),
        (lambda state: state["optimizer"]["state"].pop(0), "other parameters"),
        (lambda state: state["optimizer"]["state"][0].pop("square_avg"), "no RMSProp"),
        (lambda state: state["optimizer"]["state"][0].update(grad_avg=torch.zeros(1)), "no RMSProp"),
        (lambda state: state["optimizer"]["state"][0].update(step="x"), "x"),
        (lambda state: state["optimizer"]["state"][0].update(square_avg=torch.zeros(1)), "square_avg of parameter 0"),
        (lambda state: state.update(optimizer=[]), "optimizer|list"),
    ],
)
def test_a_training_does_not_go_on_from_what_is_no_state_of_it(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    run = trained(tmp_path, run_for(recipe=replace(RECIPE, epochs=1)))
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    change(state)
    torch.save(state, tmp_path / "last.pt")
    with pytest.raises(BadInput, match=r"last\.pt does not fit the model that run\.json describes .*" + words):
        trained(tmp_path, replace(run, recipe=RECIPE))


def test_the_recipe_says_how_a_training_goes_on(tmp_path: Path) -> None:
    """Not the optimiser's parameters in last.pt; and averages whose entries share memory are taken apart."""
    due = trained(tmp_path / "a", run_for())
    first = trained(tmp_path / "b", run_for(recipe=replace(RECIPE, epochs=1)))
    state = torch.load(tmp_path / "b" / "last.pt", weights_only=True)
    for group in state["optimizer"]["param_groups"]:
        group.update(alpha="x", centered=[1], momentum=1.0)
        del group["eps"]
    torch.save(state, tmp_path / "b" / "last.pt")
    assert losses(trained(tmp_path / "b", replace(first, recipe=RECIPE))) == losses(due)
    for each in state["optimizer"]["state"].values():
        each["square_avg"] = torch.ones(()).expand(each["square_avg"].shape)
    torch.save(state, tmp_path / "b" / "last.pt")
    assert trained(tmp_path / "b", replace(first, recipe=RECIPE)).finished


def test_an_unknown_device_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--device cpu"):
        choose_device("quantum")


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": 0}, {"unroll": 0}, {"patience": 0}, {"learning_rate": 0.0}])
def test_impossible_recipes_are_usage_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Recipe(**{**asdict(Recipe()), **wrong})
