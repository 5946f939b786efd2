"""Models of a sweep that are trained from several seeds: their names, their mean, and what is shown of them."""

from typing import Any

import numpy as np
import pytest

from errtax.lm.errors import UsageError

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from errtax.reports.studies.sweep import classes_figure, seeds_table, sweep_markdown
from errtax.taxonomy.layers.registry import LAYER_NAMES
from errtax.taxonomy.studies.sweep_record import Result, SweepResults
from errtax.taxonomy.studies.sweep_results import to_json
from errtax.taxonomy.studies.sweep_seeds import over_seeds
from errtax.taxonomy.studies.sweep_spec import SweepSpec


def result(name: str, loss: float, errors: int, paper: float | None = 1.449) -> Result:
    classes = {layer: errors if layer == "ngram" else 0 for layer in LAYER_NAMES}
    return Result(name, name, 1000, 50, 50, loss, loss, 0.008, paper, errors, 1000, classes)


def sweep_of(*results: Result) -> SweepResults:
    return SweepResults(list(results), [], np.zeros((len(results),) * 2), np.zeros((len(results), 2)), "signature")


THREE = sweep_of(
    result("lstm-1-64", 1.40, 500),
    result("rnn-1-64", 1.39, 480, None),
    result("lstm-1-64-seed2", 1.43, 520),
    result("lstm-1-64-seed7", 1.45, 510),
)


def test_seeds_are_runs_of_their_own() -> None:
    spec = SweepSpec(
        text="wp",
        models=("lstm",),
        layers=(1, 2),
        budgets=(64,),
        nn=(3,),
        ngrams=(2,),
        seeds=(7, 0),
        skip=("lstm-1-*-seed0",),
        dropout={"lstm-2-64": 0.25},
        epochs={"lstm-2-64-seed7": 3, "lstm-2-64": 9},
    )
    assert spec.names == [
        *("lstm-1-64", "lstm-2-64", "3-nn", "lstm-1-64-seed7", "lstm-2-64-seed7", "3-nn-seed7", "lstm-2-64-seed0"),
        *("3-nn-seed0", "2-gram"),
    ]
    assert [spec.recipe_of(name).seed for name in spec.shapes] == [1, 1, 1, 7, 7, 7, 0, 0]
    assert [spec.recipe_of(f"lstm-2-64{seed}").epochs for seed in ("", "-seed7", "-seed0")] == [9, 3, 9]
    assert {name for name, shape in spec.shapes.items() if shape.dropout} == {
        *("lstm-2-64", "lstm-2-64-seed7", "lstm-2-64-seed0"),
    }


@pytest.mark.parametrize("seeds", [(1,), (-1,), ("2",), 3])
def test_a_seed_that_cannot_be_meant_is_a_usage_error(seeds: Any) -> None:
    with pytest.raises(UsageError, match="seeds"):
        SweepSpec(text="wp", seeds=seeds)


def test_the_mean_has_students_interval() -> None:
    (model,) = over_seeds(THREE.results)
    assert (model.name, model.runs, model.paper, model.errors) == ("lstm-1-64", 3, 1.449, 510)
    assert model.test_loss == pytest.approx(1.4266667, abs=1e-7)
    assert model.deviation == pytest.approx(0.0251661, abs=1e-7)
    # 4.302653 is the .975 quantile of Student's t with two degrees of freedom
    assert model.high - model.test_loss == pytest.approx(4.302653 * 0.0251661 / 3**0.5, abs=1e-6)
    assert model.test_loss - model.low == pytest.approx(model.high - model.test_loss)
    assert model.errors_deviation == pytest.approx(10)
    assert model.difference == pytest.approx(1.4266667 - 1.449, abs=1e-7)


def test_a_model_of_one_seed_has_none() -> None:
    alone = sweep_of(*THREE.results[:2])
    assert over_seeds(alone.results) == [] == to_json(alone)["over_seeds"]
    assert seeds_table(alone) is None
    assert "±" not in sweep_markdown(alone)


def test_what_is_infinite_has_no_spread() -> None:
    infinite = sweep_of(result("lstm-1-64", np.inf, 500), result("lstm-1-64-seed2", 1.4, 500))
    (model,) = to_json(infinite)["over_seeds"]
    assert model["test_loss"] is model["deviation"] is model["low"] is model["high"] is None
    assert "inf / 1.449" in sweep_markdown(infinite)


def test_tables_and_picture_show_means() -> None:
    table = seeds_table(THREE)
    assert table is not None and [row.name for row in table.rows] == ["lstm-1-64"]
    assert "1.4267 [1.3642, 1.4892]" in table.rows[0].cells
    assert "510 ± 10" in table.rows[0].cells
    assert "| 64 | 1.427 ± 0.025 / 1.449 | 1.390 |" in sweep_markdown(THREE)
    lines = {line.get_label(): np.array(line.get_ydata()) for line in classes_figure(THREE).axes[0].get_lines()}
    assert {label: values.tolist() for label, values in lines.items()} == {"LSTM-1": [0.51], "RNN-1": [0.48]}
