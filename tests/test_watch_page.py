"""The page that follows a training: its charts, what it says of the last two steps, and that a browser shows it."""

import base64
import hashlib
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import Page, visible_text
from errtax.lm.text import Unit
from errtax.reports.excerpts import excerpt
from errtax.reports.studies.pace import Pace
from errtax.reports.studies.step_charts import AXES, Chart, Line, apart, ticks
from errtax.reports.studies.watch_page import looks_table, watch_page
from errtax.taxonomy.block_sums import sum_peels
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.identity import Identity
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.studies.watch import Watched, look_of
from errtax.taxonomy.studies.watch_folder import WatchFolder
from pages import make_peel
from schemas import undescribed

STEPS = (1, 20, 300, 4000)


def peel_of(k: int) -> Peel:
    """The model gets better from step to step."""
    peel = make_peel(Unit.CHAR, 1 + k, model="a <model>")
    return Identity(model=f"step {STEPS[k]:,}", step=STEPS[k]).of(replace(peel, signature="a|signature"))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    peels = [peel_of(k) for k in range(len(STEPS))]
    rng = np.random.default_rng(1)
    looks = [
        look_of(
            step, sum_peels([peel])[0], ((3 / (1 + rng.random(4) + k)).tolist(), rng.normal(1 - k, 0.1, 4).tolist())
        )
        for k, (step, peel) in enumerate(zip(STEPS, peels, strict=True))
    ]
    made = Watched(WatchFolder(tmp_path_factory.mktemp("watch")), Settings(), model_name="a <model>", looks=looks)
    made.before, made.last = peels[-2:]
    made.comparison = compare(peels[-2], peels[-1])
    return made


@pytest.fixture
def page(driver: Any, watched: Watched, tmp_path: Path) -> Page:
    (tmp_path / "index.html").write_text(watch_page(watched, Pace(10)), encoding="utf-8")
    shown = Page(driver, tmp_path / "index.html")
    shown.size(1440)
    shown.open(script=False)
    return shown


def polylines(html: str, kind: str, axis: str) -> list[list[tuple[float, float]]]:
    """The points of the lines of a class, in charts along an axis."""
    charts = re.findall(rf'<svg [^>]*class="{axis}".*?</svg>', html, re.DOTALL)
    found = [line for chart in charts for line in re.findall(rf'<polyline class="line {kind}" points="([^"]*)"', chart)]
    return [[tuple(map(float, point.split(","))) for point in line.split()] for line in found]  # type: ignore[misc]


@pytest.mark.parametrize("axis", AXES)
def test_each_class_has_a_line_with_a_point_for_each_step(watched: Watched, axis: str) -> None:
    html = watch_page(watched, Pace(10))
    for k, each in enumerate(watched.looks[-1].classes):
        if not any(look.classes[k].count for look in watched.looks):
            assert polylines(html, f"k-{each.name}", axis) == []
            continue
        (points,) = polylines(html, f"k-{each.name}", axis)
        x, y = np.array(points).T
        along = np.log10(STEPS) if axis == "log" else np.array(STEPS, float)
        assert np.corrcoef(x, along)[0, 1] == pytest.approx(1, abs=1e-5)
        rates = np.array([look.classes[k].rate.value for look in watched.looks])
        slope, zero = np.polyfit(rates, y, 1) if np.ptp(rates) > 0.01 else (None, None)
        if slope is not None:
            assert slope < 0 and np.abs(slope * rates + zero - y).max() < 0.06
    for n in range(1, 5):
        assert [len(line) for line in polylines(html, f"o{n}", axis)] == [4, 4]


def test_areas_lie_one_on_top_of_the_other(watched: Watched) -> None:
    html = watch_page(watched, Pace(10))
    chart = re.findall(r'<svg [^>]*class="log".*?</svg>', html, re.DOTALL)[0]
    areas = re.findall(r'<polygon class="area k-(\w+)" points="([^"]*)"', chart)
    assert [name for name, _ in areas] == [each.name for each in watched.looks[-1].classes[:0:-1]]
    edge = None
    for _, points in areas:
        pairs = [tuple(map(float, point.split(","))) for point in points.split()]
        top, bottom = pairs[:4], pairs[4:][::-1]
        assert edge is None or bottom == edge
        assert all(a[1] <= b[1] for a, b in zip(top, bottom, strict=True))
        edge = top


def test_what_was_won_and_lost_is_counted_and_shown(watched: Watched) -> None:
    html = watch_page(watched, Pace(10))
    before, last = watched.before, watched.last
    assert before is not None and last is not None
    known = before.predicted & last.predicted
    won = np.flatnonzero(before.error & ~last.error & known)
    lost = np.flatnonzero(~before.error & last.error & known)
    assert f"{len(won):,} won" in html and f"{len(lost):,} lost" in html
    change = np.exp(last.log.logprobs) - np.exp(before.log.logprobs)
    most = won[np.argsort(-change[won], kind="stable")[0]]
    shown = excerpt(before, int(most))
    p = float(np.exp(last.log.logprobs[most]))
    assert f"{shown.p:.2g} → {p:.2g}" in html.split("Won: the largest changes")[1].split("</table>")[0]


def test_names_and_texts_are_escaped_and_the_page_names_no_path(watched: Watched) -> None:
    html = watch_page(watched, Pace(10))
    assert "a <model>" not in html and "a &lt;model&gt;" in html
    assert str(watched.folder.path) not in html
    assert 'http-equiv="refresh' not in html  # nobody could stop it
    data = json.loads(html.split('id="errtax">')[1].split("</script>")[0])
    assert undescribed(data) == []
    assert data["schema"] == "errtax.watch/1" and [look["step"] for look in data["looks"]] == list(STEPS)


def test_the_first_look_has_nothing_to_be_compared_with(watched: Watched) -> None:
    first = replace(watched, looks=watched.looks[:1], before=None, comparison=None)
    html = watch_page(first, Pace(10))
    assert "won" not in visible(html) and "since" not in visible(html)
    without = replace(first, looks=[replace(first.looks[0], apart=(), behind=())])
    assert "n-gram models" not in visible(watch_page(without, Pace(10)))


def visible(html: str) -> str:
    return re.sub(r"<script.*?</script>|<style.*?</style>|<details id.*", "", html, flags=re.DOTALL).split("<h2>Def")[0]


def test_a_training_of_thousands_of_looks_stays_a_small_page(watched: Watched) -> None:
    looks = [replace(watched.looks[k % 4], step=k + 1) for k in range(3000)]
    long = replace(watched, looks=looks)
    html = watch_page(long, Pace(1))
    (points,) = polylines(html, "k-errors", "linear")
    assert len(points) == 240 and points[0][0] == 40 and points[-1][0] == 290
    assert len(looks_table(looks).rows) == 40
    assert looks_table(looks).rows[0].label == "3,000" and looks_table(looks).rows[-1].label == "1"


def test_values_without_end_leave_a_gap_in_a_line() -> None:
    chart = Chart("x", [1, 2, 3], [Line("a", "a", [1.0, float("inf"), 2.0], "a")], str)
    assert [len(line) for axis in AXES for line in polylines(chart.svg(), "a", axis)] == [2, 2]


def test_one_step_is_one_point() -> None:
    assert "nan" not in Chart("x", [7], [Line("a", "a", [0.0], "a", [None], [None])], str).svg()
    assert polylines(Chart("x", [7], [Line("a", "a", [0.0])], str).svg(), "a", "log") == [[(40.0, 130.0)]]


def test_ticks_are_round_and_labels_do_not_touch() -> None:
    assert ticks(0, 47, 4) == [0, 20, 40] and ticks(0, 0, 4) == [0]
    assert apart([1, 2, 3, 4], 10, 0, 12) == [0, 4, 8, 12]
    assert apart([95, 99], 10, 0, 100) == [90, 100]


def test_the_browser_shows_one_axis_at_a_time_and_asks_for_nothing(page: Page) -> None:
    def shown() -> set[str]:
        script = (
            "return [...document.querySelectorAll('figure svg')].filter((e) => e.getBoundingClientRect().width)"
            ".map((e) => e.getAttribute('class'))"
        )
        return set(page.run(script))

    assert shown() == {"log"}
    page.run("document.querySelector('#x-linear').click()")
    assert shown() == {"linear"}
    assert page.messages() == [] and page.requests() == [page.path.as_uri()]
    assert "Step 4,000: wrong on" in visible_text(page, "h1")


def test_while_the_training_goes_on_the_page_reads_itself_again(page: Page, watched: Watched) -> None:
    """By a clock on which half a minute passes at once; what was chosen stays chosen."""
    fast = "const EVERY = 300;"
    html = page.path.read_text("utf-8").replace(f"const EVERY = {30_000};", fast)
    assert fast in html
    digest = re.search(r"script-src '(sha256-[^']+)'", html)
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)
    assert digest and script
    made = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    page.path.write_text(html.replace(digest[1], f"sha256-{made}"), encoding="utf-8")
    page.open(script=False)
    page.run("document.querySelector('#x-linear').click(); window.mine = 1")
    until = time.monotonic() + 20
    while page.run("return window.mine"):
        assert time.monotonic() < until, "it was not read again"
        time.sleep(0.05)
    assert page.run("return document.querySelector('#x-linear').checked")
    page.run("document.querySelector('#again').click(); window.mine = 2")
    time.sleep(1)
    assert page.run("return window.mine") == 2
    assert 'id="again"' not in watch_page(watched, Pace(10), ended=True)
    assert page.messages() == []


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, False), (1440, True)])
def test_nothing_is_in_the_way_of_assistive_technology(page: Page, width: int, dark: bool) -> None:
    page.size(width, dark=dark)
    page.open(script=False)
    assert page.violations() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
