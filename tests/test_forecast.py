"""Forecasts: laws that are found again, ranges of two sizes, what is refused, and the command."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from errtax.cli.main import cli
from errtax.lm.errors import UsageError
from errtax.lm.text import Unit
from errtax.reports.forecast import forecast_lines
from errtax.taxonomy.forecast import Forecast, fit, forecast
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_file import write_peel
from errtax.taxonomy.settings import Settings
from strategies import log_of
from test_peel import evidence_of

SIZES = (1000.0, 2000.0, 4000.0, 8000.0)


def counts_of(floors: Sequence[float], amounts: Sequence[float], exponent: float) -> np.ndarray:
    relative = np.array(SIZES) / SIZES[-1]
    law = np.array(floors)[:, None] + np.array(amounts)[:, None] * relative**-exponent
    counts: np.ndarray = np.rint(law).astype(np.int64)
    return counts


def test_a_law_is_found_again() -> None:
    floors, amounts = (60_000, 0, 9_000), (20_000, 40_000, 500)
    law = fit(np.array(SIZES), counts_of(floors, amounts, 0.4))
    assert law.exponent == pytest.approx(0.4, abs=0.002)
    assert law.floors == pytest.approx(floors, abs=100)
    assert law.amounts == pytest.approx(amounts, abs=100)
    assert law.at(2.0) == pytest.approx(np.array(floors) + np.array(amounts) * 2**-0.4, abs=50)


def test_a_floor_is_never_negative_and_a_class_that_rises_has_one() -> None:
    law = fit(np.array(SIZES), np.array([[8000, 4000, 2000, 1000], [100, 110, 116, 119]]))
    assert law.floors[0] >= 0
    assert law.amounts[1] < 0 < law.floors[1]
    assert (law.at(1000.0) >= 0).all()


def sized(counts: Sequence[int], scale: Sequence[float], n: int = 4000) -> list[Peel]:
    """Peels with so many errors, the first of them on punctuation, the rest on words."""
    text = b"a.b " * (n // 4)
    dots = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("."))
    letters = np.flatnonzero(np.isin(np.frombuffer(text, np.uint8), list(b"ab")))
    peels = []
    for count, size in zip(counts, scale, strict=True):
        logprobs = np.full(n, -0.1)
        logprobs[dots[: count // 4]] = -2.0
        logprobs[letters[: count - count // 4]] = -2.0
        log = replace(log_of(Unit.CHAR, text, logprobs.tolist()), name=f"{size:g}")
        peel = peel_log(log, evidence_of(log), Settings(layers=("punctuation", "word")))
        peels.append(replace(peel, sources={"parameters": f"{size:g}"}))
    return peels


def test_the_classes_sum_to_the_whole_and_the_last_size_is_left_out() -> None:
    counts = [int(400 + 1000 * (size / 1000) ** -0.5) for size in SIZES]
    found = forecast(sized(counts, SIZES)[::-1])
    whole, *classes = found.classes
    assert found.scale == SIZES and found.at == 16_000
    assert whole.counts == tuple(counts)
    assert sum(each.expected or 0 for each in classes) == pytest.approx(whole.expected)
    assert whole.expected == pytest.approx(400 + 1000 / 4, abs=15)
    assert whole.saved == pytest.approx((counts[-1] - 650,) * 2, abs=15)
    assert whole.floor == pytest.approx(400, abs=60)
    earlier = forecast(sized(counts[:3], SIZES[:3]))
    assert whole.left_out == pytest.approx((earlier.classes[0].expected,) * 2)
    assert whole.missed == pytest.approx((earlier.classes[0].expected or 0) - counts[-1])


def test_two_sizes_have_a_range_of_scenarios() -> None:
    """1,000 and 800 errors: the power law goes on to 640, no change to 800."""
    found = forecast(sized([1000, 800], SIZES[:2]))
    whole = found.classes[0]
    assert found.exponent is None and whole.expected is None and whole.left_out is None
    assert (whole.low, whole.high) == pytest.approx((640, 800))
    assert whole.saved == pytest.approx((0, 160), abs=0.01)
    three = forecast(sized([1000, 800, 900], SIZES[:3])).classes[0]
    assert three.left_out == pytest.approx((640, 800))
    assert three.missed == pytest.approx(-100)


def test_errors_that_rise_have_no_floor() -> None:
    found = forecast(sized([1000, 1050, 1070], SIZES[:3]))
    assert all(each.floor is None for each in found.classes if each.name != "rest")
    assert "Errors do not fall with size here, so there is no floor" in " ".join(forecast_lines(found))
    assert forecast(sized([1000, 800, 700], SIZES[:3])).classes[0].floor is not None


def test_what_has_no_forecast_is_refused() -> None:
    peels = sized([1000, 800, 700], SIZES[:3])
    with pytest.raises(UsageError, match="two peels at least"):
        forecast(peels[:1])
    with pytest.raises(UsageError, match="two of these models have the same parameters"):
        forecast([*peels, sized([650], [4000])[0]])
    for at in (4000, 8001, 1e9):
        with pytest.raises(UsageError, match="one step beyond the last model: more than 4,000 parameters, and 8,000"):
            forecast(peels, at=at)
    assert forecast(peels, at=6000).at == 6000


@pytest.mark.parametrize("sizes", [2, 3, 4])
def test_the_command(tmp_path: Path, sizes: int) -> None:
    paths = []
    for k, peel in enumerate(sized([1000, 800, 700, 650][:sizes], SIZES[:sizes])):
        paths.append(str(tmp_path / f"{k}.peel.parquet"))
        write_peel(Path(paths[-1]), peel)
    done = CliRunner().invoke(cli, ["forecast", *paths, "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    document = json.loads(done.stdout)
    assert document["schema"] == "errtax.forecast/1"
    assert [each["name"] for each in document["classes"]] == ["errors", "punctuation", "word", "rest"]
    shown = CliRunner().invoke(cli, ["forecast", *paths])
    said = {2: "not an interval", 3: "A fourth size would say more", 4: "were predicted "}[sizes]
    assert said in " ".join(shown.stdout.split()), shown.stdout
    refused = CliRunner().invoke(cli, ["forecast", *paths, "--at", "1e9"])
    assert isinstance(refused.exception, UsageError) and "one step beyond" in str(refused.exception)


def test_the_document_is_that_of_the_library(tmp_path: Path) -> None:
    found: Forecast = forecast(sized([1000, 800, 700], SIZES[:3]))
    assert json.loads(json.dumps(found.to_json(), allow_nan=False)) == found.to_json()
