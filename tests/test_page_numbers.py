"""The report in a real browser: its script shows what the library counts, whatever the definitions are moved to."""

import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from errtax.lm.text import Unit
from errtax.lm.visible import visible
from errtax.oracle.custom import REGISTRY, find_oracles, oracle
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.text_view import TextView
from errtax.reports.page_bench import comparison_rows, statistics_rows
from errtax.taxonomy.block_sums import sum_peels
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import Criterion, Settings
from errtax.taxonomy.statistics import statistics_of
from errtax.taxonomy.summary import summary_of
from pages import address_of, in_documents, make_peel, random_settings, token_peel

FEW = replace(STANDARD, replicates=2)
"""Where intervals are not compared."""


class _Cells(HTMLParser):
    """The text of the cells of some rows."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.rows[-1][-1] += data


def cells_of(rows: str) -> list[list[str]]:
    parser = _Cells()
    parser.feed(rows)
    return parser.rows


def due_rows(peels: list[Peel], resampling: Resampling = STANDARD) -> list[list[str]]:
    """The table as the library writes it."""
    if len(peels) > 1:
        return cells_of(comparison_rows(compare(peels[0], peels[1], resampling)))
    (sums,) = sum_peels(peels, resampling)
    return cells_of(statistics_rows(statistics_of(sums, resampling), summary_of(sums)))


VIEWS = """
const [views, done] = [arguments[0], arguments[arguments.length - 1]];
(async () => {
  const found = [];
  for (const view of views) {
    if (location.hash !== view) {
      const heard = new Promise((resolve) => addEventListener("hashchange", resolve, { once: true }));
      location.hash = view;
      await heard;
    }
    found.push([...document.querySelectorAll("#table tbody tr")].map((row) =>
      [...row.children].map((cell) => cell.textContent)));
  }
  done(found);
})();
"""


def differences(due: list[list[str]], found: list[list[str]], ends: bool = False) -> list[tuple[list[str], list[str]]]:
    """Rows that differ, in their ends, too, or without them; the last digit of a number that is not whole may."""

    def values(cell: str) -> list[str]:
        cell = cell if ends else cell.split(" [", maxsplit=1)[0]
        return cell.replace("[", "").replace("]", "").replace(",", "").removesuffix(" of all").split()

    def same(a: str, b: str) -> bool:
        if a == b:
            return True
        numbers = list(zip(values(a), values(b), strict=False))
        return len(values(a)) == len(values(b)) and all(map(near, *zip(*numbers, strict=True)))

    def near(a: str, b: str) -> bool:
        if a == b or "." not in a:
            return a == b
        return abs(float(a) - float(b)) < 1.01 * 10.0 ** -len(a.partition(".")[2])

    if len(due) != len(found):
        return [([], row) for row in found] + [(row, []) for row in due]
    without_p = [[row[:-1] if not ends and len(row) == 7 else row for row in rows] for rows in (due, found)]
    return [(a, b) for a, b in zip(*without_p, strict=True) if len(a) != len(b) or not all(map(same, a, b))]


@pytest.mark.parametrize(("unit", "parted", "n"), [(Unit.BYTE, False, 80), (Unit.CHAR, False, 80),
    (Unit.BYTE, True, 20), (Unit.CHAR, True, 20)])  # fmt: skip
def test_every_view_has_the_numbers_of_the_library(
    show: Any, own_oracles: None, unit: Unit, parted: bool, n: int
) -> None:
    peel = make_peel(unit, own=True)
    peel = in_documents(peel) if parted else peel
    page = show([peel])
    rng = random.Random(int(unit is Unit.CHAR))
    views = [random_settings(rng, peel) for _ in range(n)]
    found = page.driver.execute_async_script(VIEWS, [address_of(peel, settings) for settings in views])
    for settings, rows in zip(views, found, strict=True):
        assert differences(due_rows([repeel(peel, settings)], FEW), rows) == [], settings
    assert page.messages() == []


@pytest.mark.parametrize("parted", [False, True])
def test_tokens_have_the_numbers_of_the_library(show: Any, parted: bool) -> None:
    """Tokens of several words, and of parts of characters; each is shown whole."""
    peel = token_peel()
    peel = in_documents(peel) if parted else peel
    page = show([peel])
    rng = random.Random(9)
    views = [random_settings(rng, peel) for _ in range(20)]
    found = page.driver.execute_async_script(VIEWS, [address_of(peel, settings) for settings in views])
    for settings, rows in zip(views, found, strict=True):
        assert differences(due_rows([repeel(peel, settings)], FEW), rows) == [], settings
    assert page.messages() == []
    shown = page.run('return document.querySelector("#canvas").textContent')
    assert peel.log.surface is not None
    assert visible(peel.log.surface.piece(0).decode("utf-8", "surrogateescape")) in shown


def test_two_models_side_by_side(show: Any) -> None:
    peels = [make_peel(Unit.BYTE, 1, model="one"), make_peel(Unit.BYTE, 2, model="two")]
    page = show(peels)
    rng = random.Random(5)
    views = [random_settings(rng, peels[0]) for _ in range(20)]
    found = page.driver.execute_async_script(VIEWS, [address_of(peels[0], settings) for settings in views])
    for settings, rows in zip(views, found, strict=True):
        assert differences(due_rows([repeel(peel, settings) for peel in peels], FEW), rows) == [], settings


def test_intervals_and_tests_follow_the_definitions(show: Any, own_oracles: None) -> None:
    peels = [make_peel(Unit.CHAR, seed, own=True, model=f"model {seed}") for seed in (1, 2)]
    rng = random.Random(6)
    for chosen in (peels[:1], peels):
        page = show(chosen)
        for _ in range(4):
            settings = random_settings(rng, peels[0])
            page.driver.execute_async_script(VIEWS, [address_of(peels[0], settings)])
            page.settle()
            due = due_rows([repeel(peel, settings) for peel in chosen])
            assert differences(due, page.rows(), ends=True) == [], settings
        page.run('document.querySelector("#reset").click()')
        page.settle()
        assert differences(due_rows(chosen), page.rows(), ends=True) == []
        assert page.messages() == []


def test_what_the_script_shows_is_what_was_written(show: Any, own_oracles: None) -> None:
    """Away and back again: figure, table, finding and controls are those of the file itself."""
    for count in (1, 2):
        page = show([make_peel(Unit.CHAR, seed, own=True, model=f"model {seed}") for seed in (1, 2)][:count])
        parts = ["#figure", "#table", "#finding", "#about", "#controls"]
        written = [page.run("return document.querySelector(arguments[0]).outerHTML", part) for part in parts]
        page.driver.execute_async_script(VIEWS, ["#layers=boost&view=bars"])
        page.run('document.querySelector("#reset").click(); document.querySelector("[data-view=rings]").click()')
        page.settle()
        for part, before in zip(parts, written, strict=True):
            after = page.run("return document.querySelector(arguments[0]).outerHTML", part)
            pairs = zip(plain(after), plain(before), strict=True)
            assert [pair for pair in pairs if not alike(*pair)] == [], part


def alike(a: str | float, b: str | float) -> bool:
    return a == b or (isinstance(a, float) and isinstance(b, float) and abs(a - b) < 0.011)


def plain(markup: str) -> list[str | float]:
    """Markup without what only styles it, its numbers as such: the last digit of a sine may differ."""
    text = re.sub(r' (aria-pressed|class|xmlns|data-key|type)="[^"]*"|<span>|</span>', "", markup)
    return [float(part) if k % 2 else part for k, part in enumerate(re.split(r"(-?\d+\.\d\d)", text))]


def test_the_page_begins_with_the_numbers_of_the_peel(show: Any, own_oracles: None) -> None:
    peel = make_peel(Unit.CHAR, own=True)
    assert differences(due_rows([peel]), show([peel]).rows()) == []


def test_odd_thresholds_and_a_window_of_nothing(show: Any) -> None:
    peel = make_peel(Unit.BYTE)
    odd: Any = {"memory_windows": (0, 123), "memory_min_length": 20, "rare_counts": (0, 300), "newline_reach": 50}
    again = repeel(peel, peel.settings.changed(**odd, boosts=(0.125,), criterion=Criterion(0.33)))
    page = show([again])
    assert differences(due_rows([again]), page.rows()) == []
    page.driver.execute_async_script(VIEWS, ["#layers=boost"])
    page.run('document.querySelector("#reset").click()')
    assert differences(due_rows([again], FEW), page.rows()) == []
    assert page.messages() == []


def test_an_oracle_may_have_any_name(show: Any) -> None:
    try:
        oracle("constructor", rule="a name that objects of the script have")(lambda view: np.arange(len(view)) % 3 == 0)
        log = make_peel(Unit.CHAR).log
        rules = find_oracles(["constructor"])
        evidence = collect_evidence(TextView.of_log(log), None, None, rules)
        peel = peel_log(log, evidence, Settings(layers=("constructor", "boost"), custom=rules))
        assert differences(due_rows([peel]), show([peel]).rows()) == []
    finally:
        REGISTRY.pop("constructor", None)


# --- controls, and the address ---------------------------------------------------------------------------------------


def test_controls_move_by_keyboard_and_the_address_keeps_the_view(show: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    peel = make_peel(Unit.BYTE)
    page = show([peel])
    page.run('document.querySelector("#set-ngram_max").focus()')
    page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    page.run('document.querySelector("#on-memory").focus()')
    page.press(Keys.SPACE)
    page.run('document.querySelector("[data-key=laterngram]").focus()')
    page.press(Keys.ENTER, Keys.ENTER)
    layers = ("rare", "word", "ngram", "punctuation", "boost")
    due = due_rows([repeel(peel, peel.settings.changed(ngram_max=7, layers=layers))])
    assert differences(due, page.rows()) == []
    assert page.run("return document.activeElement.dataset.key") == "laterngram"
    fragment = page.run("return location.hash")
    assert fragment == "#layers=rare,word,ngram,punctuation,boost&ngram_max=7"
    page.open(fragment)
    assert differences(due, page.rows()) == []
    page.run('document.querySelector("#reset").click()')
    assert differences(due_rows([peel]), page.rows()) == []
    assert page.run("return location.hash") == ""


@pytest.mark.parametrize(
    "fragment",
    [
        "#ngram_max=99&rare_counts=-1&layers=magic,,&memory_windows=7",
        "#model=4&view=x&slice=3",
        "#%",
        "#table",
        "#pos=999999999",
        "#pos=x",
    ],
)
def test_a_wrong_address_does_no_harm(show: Any, fragment: str) -> None:
    peel = make_peel(Unit.CHAR)
    page = show([peel], fragment)
    assert differences(due_rows([peel]), page.rows()) == []
    assert page.messages() == []
