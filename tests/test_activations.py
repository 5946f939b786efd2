"""Gates and cells, window by window, against a cell that takes one step at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.neural.streams import Span, Streams, streams_of
from errtax.lm.split import Scheme, SplitOptions, split_file
from errtax.lm.text import Alphabet, Unit, read_text

torch = pytest.importorskip("torch")

from errtax.lm.neural.activations import GATES, read_cells, read_layers  # noqa: E402
from errtax.lm.neural.feedforward import FeedforwardConfig  # noqa: E402
from errtax.lm.neural.models import ModelConfig, build_model  # noqa: E402
from errtax.lm.neural.recurrent import CellKind, RecurrentConfig, RecurrentLM  # noqa: E402
from errtax.lm.neural.run import Epoch, Recipe, Run, load_best, write_run  # noqa: E402
from errtax.lm.neural.training import save_weights  # noqa: E402

torch.set_num_threads(1)

Floats = NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def step_by_step(model: RecurrentLM, ids: list[int]) -> list[list[dict[str, Floats]]]:
    """`found[t][k]`: gates and cell of layer k on symbol t, by the equations of Karpathy et al. 2015, section 3.1."""
    w = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    kind, units, layers = model.config.cell, model.config.hidden, model.config.layers
    h, c = np.zeros((layers, units)), np.zeros((layers, units))
    found = []
    for symbol in ids:
        x = np.zeros(model.config.symbols)
        if symbol >= 0:
            x[symbol] = 1
        now = []
        for k in range(layers):
            wx = w[f"cells.weight_ih_l{k}"] @ x + w[f"cells.bias_ih_l{k}"]
            uh = w[f"cells.weight_hh_l{k}"] @ h[k] + w[f"cells.bias_hh_l{k}"]
            if kind is CellKind.LSTM:
                i, f, g, o = np.split(wx + uh, 4)
                c[k] = sigmoid(f) * c[k] + sigmoid(i) * np.tanh(g)
                h[k] = sigmoid(o) * np.tanh(c[k])
                now.append({"input": sigmoid(i), "forget": sigmoid(f), "output": sigmoid(o), "cell": c[k].copy()})
            elif kind is CellKind.GRU:
                (rx, zx, nx), (rh, zh, nh) = np.split(wx, 3), np.split(uh, 3)
                r, z = sigmoid(rx + rh), 1 - sigmoid(zx + zh)  # the paper's z takes the new state
                h[k] = (1 - z) * h[k] + z * np.tanh(nx + r * nh)
                now.append({"update": z, "reset": r, "cell": h[k].copy()})
            else:
                h[k] = np.tanh(wx + uh)
                now.append({"cell": h[k].copy()})
            x = h[k]
        found.append(now)
    return found


def write_model(folder: Path, config: ModelConfig, alphabet: list[int]) -> RecurrentLM:
    """A run with large random weights, so that gates saturate; an RNN, which has none, would be chaotic with them."""
    torch.manual_seed(5)
    model = build_model(config)
    largest = 0.3 if isinstance(config, RecurrentConfig) and config.cell is CellKind.RNN else 1.5
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.uniform_(-largest, largest)
    folder.mkdir()
    save_weights(model, folder / "best.pt")
    run = Run(config, Recipe(), Unit.BYTE, alphabet, "", "", [Epoch(1, 1.0, 1.0, 0.1, 0.1)])
    write_run(folder, run)
    assert not isinstance(config, RecurrentConfig) or isinstance(load_best(folder, torch.device("cpu")), RecurrentLM)
    return model


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text split by streams: four rows of which each is read after its validation part."""
    base = tmp_path_factory.mktemp("parts")
    words = np.random.default_rng(3).choice(["cat", "dog", "sat", "on", "the", "mat."], 4000)
    (base / "all.txt").write_text(" ".join(words))
    split_file(base / "all.txt", base, SplitOptions(Scheme.STREAMS, streams=4, steps=10))
    return base


@pytest.mark.parametrize("cell", list(CellKind))
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("plain", [True, False])
def test_windows_are_a_plain_loop(
    parts: Path, tmp_path: Path, cell: CellKind, layers: int, double: bool, plain: bool
) -> None:
    alphabet = Alphabet.sorted(np.frombuffer((parts / "all.txt").read_bytes(), np.uint8)).codes.tolist()[1:]  # no blank
    model = write_model(tmp_path / "run", RecurrentConfig(cell, layers, 7, len(alphabet)), alphabet)
    path = parts / "test.txt"
    if plain:
        path = tmp_path / "plain.txt"
        path.write_bytes((parts / "test.txt").read_bytes()[:450])
    windows = list(read_layers(tmp_path / "run", streams_at(path), "cpu", double))
    assert windows[0].start == 0
    codes = np.concatenate([window.codes for window in windows], axis=1)
    assert codes.tobytes() == path.read_bytes()
    n_rows = len(codes)
    before = b"" if plain else (parts / "val.txt").read_bytes()
    width = len(before) // n_rows
    ids = {code: k for k, code in enumerate(alphabet)}
    for row in range(n_rows):
        symbols = before[row * width : (row + 1) * width] + codes[row].tobytes()
        due = step_by_step(model, [ids.get(symbol, -1) for symbol in symbols])[width:]
        for k in range(layers):
            for name in (*GATES[cell], "cell"):
                arrays = [
                    window.layers[k].cell if name == "cell" else window.layers[k].gates[name] for window in windows
                ]
                found = torch.cat(arrays)[:, row].numpy()
                wanted = np.array([step[k][name] for step in due])
                assert found.shape == wanted.shape
                assert np.abs(found - wanted).max() < (1e-12 if double else 2e-3), (name, k, row)


def test_cells_are_squashed_for_an_lstm_alone(parts: Path, tmp_path: Path) -> None:
    for cell in (CellKind.LSTM, CellKind.GRU):
        write_model(tmp_path / cell, RecurrentConfig(cell, 2, 5, 20), list(range(97, 117)))
        inside = next(iter(read_layers(tmp_path / cell, streams_at(parts / "test.txt"), "cpu")))
        shown = next(iter(read_cells(tmp_path / cell, streams_at(parts / "test.txt"), "cpu")))
        due: list[Any] = [layer.cell.tanh() if cell is CellKind.LSTM else layer.cell for layer in inside.layers]
        assert all(np.array_equal(value, wanted.numpy()) for value, wanted in zip(shown.values, due, strict=True))


def streams_at(path: Path) -> Streams:
    return streams_of(path, read_text(path, Unit.BYTE))


@pytest.mark.parametrize("span", [Span((2, 0), 37, 61), Span((1,), 0, 5), Span((3,), 230, 9999)])
def test_a_span_is_a_part_of_the_whole(parts: Path, tmp_path: Path, span: Span) -> None:
    write_model(tmp_path / "run", RecurrentConfig(CellKind.LSTM, 2, 5, 20), list(range(97, 117)))
    whole = list(read_cells(tmp_path / "run", streams_at(parts / "test.txt"), "cpu"))
    some = list(read_cells(tmp_path / "run", streams_at(parts / "test.txt"), "cpu", span=span))
    assert some[0].start == span.start
    for layer in range(2):
        due = np.concatenate([window.values[layer] for window in whole])[span.start : span.stop, list(span.rows)]
        assert np.abs(np.concatenate([window.values[layer] for window in some]) - due).max() < 1e-6
    codes = np.concatenate([window.codes for window in whole], axis=1)[list(span.rows), span.start : span.stop]
    assert np.array_equal(np.concatenate([window.codes for window in some], axis=1), codes)


def test_a_feedforward_model_has_no_gates(parts: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "nn", FeedforwardConfig(2, 5, 20), list(range(97, 117)))
    with pytest.raises(UsageError, match="without gates or cells"):
        next(iter(read_layers(tmp_path / "nn", streams_at(parts / "test.txt"), "cpu")))
