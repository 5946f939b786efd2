"""Trends over several models: slopes against plain least squares, intervals, and what is refused."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from errtax.cli.main import cli
from errtax.lm.errors import BadInput, UsageError
from errtax.reports.trend import trend_figure
from errtax.taxonomy.bootstrap import Resampling
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_file import read_peel
from errtax.taxonomy.summary import summarise
from errtax.taxonomy.trend import trend

N = 30_000
SIZES = (1_000, 30_000, 100_000, 2_000_000)


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four models: the larger, the fewer errors within words; elsewhere they are all alike."""
    folder = tmp_path_factory.mktemp("trend")
    rng = np.random.default_rng(4)
    symbols = np.array(list("".join(rng.choice(["the ", "cat ", "sat. ", "houses "], N // 4))[:N]))
    (folder / "train.txt").write_text("".join(symbols[: N // 2]))
    p = rng.random(N)
    inside = np.roll(symbols != " ", 1)
    made = []
    for size in SIZES:
        gain = 0.05 * math.log10(size)
        values = np.where(inside & (rng.random(N) < gain), 0.9, p)
        table = pd.DataFrame({"position": range(N), "symbol": symbols, "logprob": np.log(values)})
        table.to_parquet(folder / f"{size}.parquet")
        out = folder / f"{size}.peel.parquet"
        train = ("--train-text", folder / "train.txt")
        assert invoke("peel", "--preds", folder / f"{size}.parquet", *train, "-o", out, "-q").exit_code == 0
        made.append(out)
    return made


@pytest.fixture(scope="module")
def peels(paths: list[Path]) -> list[Peel]:
    read = [read_peel(path) for path in paths]
    return [replace(peel, sources={**peel.sources, "parameters": str(n)}) for peel, n in zip(read, SIZES, strict=True)]


def test_slopes_are_those_of_least_squares(peels: list[Peel]) -> None:
    found = trend(peels[::-1], resampling=Resampling(replicates=300))  # in whatever order they are given
    assert found.scale == SIZES
    for each in found.classes:
        summaries = [summarise(peel) for peel in peels]
        counts = [
            summary.errors
            if each.name == "errors"
            else {layer.name: layer.count for layer in summary.layers}[each.name]
            for summary in summaries
        ]
        assert list(each.counts) == counts
        rates = [100 * count / N for count in counts]
        assert [rate.value for rate in each.rates] == pytest.approx(rates)
        assert each.slope.value == pytest.approx(np.polyfit(np.log10(SIZES), rates, 1)[0])
        assert each.slope.low is not None
        assert each.slope.high is not None
        assert each.slope.low <= each.slope.value <= each.slope.high
    by_name = {each.name: each.slope for each in found.classes}
    assert by_name["errors"].high is not None
    assert by_name["errors"].high < 0
    assert by_name["word"].low is not None
    assert by_name["word"].high is not None
    assert by_name["word"].low <= 0 <= by_name["word"].high


def test_blocks_are_drawn_for_all_models_at_once(peels: list[Peel]) -> None:
    """Models that differ by a constant have a slope without doubt, however much the text varies."""
    same = [replace(peels[0], sources={"parameters": str(10**k)}) for k in (2, 3, 4)]
    for each in trend(same, resampling=Resampling(replicates=200)).classes:
        if any(each.counts):
            assert each.slope == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)
        else:  # no errors: not [0, 0] for sure
            assert each.slope.low is not None and each.slope.low < 0


def test_what_has_no_trend_is_refused(peels: list[Peel]) -> None:
    with pytest.raises(UsageError, match="three peels"):
        trend(peels[:2])
    with pytest.raises(UsageError, match="does not say its step"):
        trend(peels, "step")
    with pytest.raises(UsageError, match="the same parameters"):
        trend([peels[0]] * 3)
    other = replace(peels[0], log=replace(peels[0].log, codes=peels[0].log.codes[::-1]))
    with pytest.raises(BadInput, match="different texts"):
        trend([*peels[:2], other])


def test_the_picture_says_what_it_shows(peels: list[Peel]) -> None:
    figure = trend_figure(trend(peels, resampling=Resampling(replicates=100)))
    assert len(figure.axes) == 7
    assert len({axes.get_ylim() for axes in figure.axes[1:]}) == 1  # one scale for all layers
    assert all("parameters" in axes.get_xlabel() and axes.get_title() for axes in figure.axes)
    assert "30,000 positions" in figure.get_suptitle()


def test_the_command(paths: list[Path], tmp_path: Path) -> None:
    refused = invoke("trend", *paths)
    assert isinstance(refused.exception, UsageError)
    assert "does not say its parameters" in str(refused.exception)
    logs = []
    for k, path in enumerate(paths[:3]):
        table = pd.read_parquet(path.with_name(path.name.replace(".peel", "")))
        import pyarrow as pa
        import pyarrow.parquet as pq

        made = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata({"step": str(10**k)})
        pq.write_table(made, tmp_path / f"{k}.parquet")
        out = tmp_path / f"{k}.peel.parquet"
        assert invoke("peel", "--preds", tmp_path / f"{k}.parquet", "-o", out, "-q").exit_code == 0
        logs.append(out)
    done = invoke("trend", *logs, "--by", "step", "--figure", tmp_path / "t.png", "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    document = json.loads(done.stdout)
    assert [model["step"] for model in document["models"]] == [1, 10, 100]
    assert (tmp_path / "t.png").stat().st_size > 10_000
