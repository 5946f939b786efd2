"""The report in a real browser: its script counts what the library counts, whatever the definitions are moved to."""

import random
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from errtax.lm.text import Unit
from errtax.lm.visible import visible
from errtax.oracle.custom import REGISTRY, find_oracles, oracle
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.text_view import TextView
from errtax.reports.page_data import STEPS, longest_of
from errtax.reports.palette import LETTERS
from errtax.taxonomy.attribution import players_of
from errtax.taxonomy.layers.memory import windows_of
from errtax.taxonomy.layers.registry import find_layer
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import Criterion, Settings
from errtax.taxonomy.statistics import statistics
from errtax.taxonomy.summary import summarise
from pages import in_documents, make_peel, token_peel


def random_view(rng: random.Random, peel: Peel) -> tuple[str, Settings]:
    """A view of the page, as its address says it, and the settings of the library that it stands for."""
    base = peel.settings
    names = list(base.layers)
    rng.shuffle(names)
    layers = tuple(names[: rng.randint(1, len(names))]) if rng.random() < 0.6 else base.layers
    n, length, rare, reach = (
        rng.randint(1, longest_of(peel)),
        rng.randint(1, 12),
        rng.randint(0, 20),
        rng.randint(1, 10),
    )
    window, boost, threshold = rng.choice(windows_of(base)), rng.choice(STEPS), rng.choice([*STEPS, None])

    def ladder(values: tuple[Any, ...], most: Any) -> tuple[Any, ...]:
        return (*(value for value in values if value < most), most)

    settings = base.changed(
        layers=layers,
        criterion=Criterion(threshold),
        ngram_max=n,
        memory_windows=ladder(base.memory_windows, window),
        memory_min_length=length,
        rare_counts=ladder(base.rare_counts, rare),
        newline_reach=reach,
        boosts=ladder(base.boosts, boost),
    )
    said = {"ngram": n, "window": window, "length": length, "rare": rare, "reach": reach, "boost": f"{boost:g}"}
    said |= {"threshold": "argmax" if threshold is None else f"{threshold:g}", "layers": ",".join(layers)}
    return "#" + "&".join(f"{key}={quote(str(value), safe=',')}" for key, value in said.items()), settings


def due_rows(peels: list[Peel]) -> list[list[str]]:
    """The live table as the library would write it."""

    def percent(part: float, whole: int) -> str:
        return f"{100 * part / whole if whole else 0:.2f} %"

    summaries, free = [summarise(peel) for peel in peels], [statistics(peel) for peel in peels]
    rows = []
    for name in peels[0].layer_names:
        found = [next((layer for layer in s.layers if layer.name == name), None) for s in summaries]
        if not any(found):
            continue
        cells = []
        for peel, summary, layer, shares in zip(peels, summaries, found, free, strict=True):
            cells += [f"{layer.count if layer else 0:,}", percent(layer.count if layer else 0, summary.errors)]
            mine = next((each for each in shares.layers if each.name == name), None)
            if name in players_of(peel.settings.layers) and mine and mine.fair and mine.unique and mine.solo:
                cells += [f"{100 * mine.fair.value:.2f} %"]
                cells += [f"{100 * mine.unique.value:.2f} – {100 * mine.solo.value:.2f} %"] if len(peels) == 1 else []
            else:
                cells += [""] * (2 if len(peels) == 1 else 1)
            cells.append("")
        layer_title = find_layer(name, peels[0].settings).title
        rows.append([f"{LETTERS[name]}  {layer_title}", *cells])
        parts = peels[0].slice_names(name)
        for k, part in enumerate(parts if len(parts) > 1 else []):
            cells = []
            for peel, summary in zip(peels, summaries, strict=True):
                layer_number = peel.layer_names.index(name)
                count = int(((peel.layer == layer_number) & (peel.slice == k)).sum())
                cells += [f"{count:,}", percent(count, summary.errors), *([""] * (3 if len(peels) == 1 else 2))]
            rows.append([part, *cells])
    total = [[f"{s.errors:,}", percent(s.errors, s.positions) + " of all"] for s in summaries]
    rows.append(["all errors", *(cell for each in total for cell in (*each, *([""] * (3 if len(peels) == 1 else 2))))])
    return rows


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
    found.push([...document.querySelectorAll("#live-table tbody tr")].map((row) =>
      [...row.children].map((cell) => cell.textContent)));
  }
  done(found);
})();
"""


def differences(due: list[list[str]], found: list[list[str]]) -> list[tuple[list[str], list[str]]]:
    """Rows that differ; the last digit of a rounded percentage of a fair share may."""

    def value(cell: str) -> list[float]:
        return [float(part) for part in cell.replace("%", "").replace(",", "").split("–")]

    def same(a: str, b: str) -> bool:
        if a == b:
            return True
        if "%" not in a or "%" not in b or "of all" in a:
            return False
        return np.allclose(value(a), value(b), atol=0.0101, rtol=0)

    if len(due) != len(found):
        return [
            (due[k] if k < len(due) else [], found[k] if k < len(found) else [])
            for k in range(max(len(due), len(found)))
        ]
    return [(a, b) for a, b in zip(due, found, strict=True) if len(a) != len(b) or not all(map(same, a, b))]


@pytest.mark.parametrize(("unit", "parted", "n"), [(Unit.BYTE, False, 100), (Unit.CHAR, False, 100),
    (Unit.BYTE, True, 20), (Unit.CHAR, True, 20)])  # fmt: skip
def test_every_view_has_the_numbers_of_the_library(
    show: Any, own_oracles: None, unit: Unit, parted: bool, n: int
) -> None:
    peel = make_peel(unit, own=True)
    peel = in_documents(peel) if parted else peel
    page = show([peel])
    rng = random.Random(int(unit is Unit.CHAR))
    views = [random_view(rng, peel) for _ in range(n)]
    found = page.driver.execute_async_script(VIEWS, [view for view, _ in views])
    for (view, settings), rows in zip(views, found, strict=True):
        assert differences(due_rows([repeel(peel, settings)]), rows) == [], view
    assert page.messages() == []


@pytest.mark.parametrize("parted", [False, True])
def test_tokens_have_the_numbers_of_the_library(show: Any, parted: bool) -> None:
    """Tokens of several words, and of parts of characters; each is shown whole."""
    peel = token_peel()
    peel = in_documents(peel) if parted else peel
    page = show([peel])
    rng = random.Random(9)
    views = [random_view(rng, peel) for _ in range(20)]
    found = page.driver.execute_async_script(VIEWS, [view for view, _ in views])
    for (view, settings), rows in zip(views, found, strict=True):
        assert differences(due_rows([repeel(peel, settings)]), rows) == [], view
    assert page.messages() == []
    shown = page.run('return document.querySelector("#canvas").textContent')
    assert peel.log.surface is not None
    assert visible(peel.log.surface.piece(0).decode("utf-8", "surrogateescape")) in shown


def test_two_models_side_by_side(show: Any) -> None:
    peels = [make_peel(Unit.BYTE, 1, model="one"), make_peel(Unit.BYTE, 2, model="two")]
    page = show(peels)
    rng = random.Random(5)
    views = [random_view(rng, peels[0]) for _ in range(20)]
    found = page.driver.execute_async_script(VIEWS, [view for view, _ in views])
    for (view, settings), rows in zip(views, found, strict=True):
        assert differences(due_rows([repeel(peel, settings) for peel in peels]), rows) == [], view


def test_the_page_begins_with_the_numbers_of_the_peel(show: Any, own_oracles: None) -> None:
    peel = make_peel(Unit.CHAR, own=True)
    assert differences(due_rows([peel]), show([peel]).rows()) == []


def test_odd_thresholds_and_a_window_of_nothing(show: Any) -> None:
    peel = make_peel(Unit.BYTE)
    odd: Any = {"memory_windows": (0, 123), "memory_min_length": 20, "rare_counts": (0, 300), "newline_reach": 50}
    again = repeel(peel, peel.settings.changed(**odd, boosts=(0.125,), criterion=Criterion(0.33)))
    page = show([again])
    assert differences(due_rows([again]), page.rows()) == []
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
    page.run('document.querySelector("#set-ngram").focus()')
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
    assert fragment == "#layers=rare,word,ngram,punctuation,boost&ngram=7"
    page.open(fragment)
    assert differences(due, page.rows()) == []
    page.run('document.querySelector("#reset").click()')
    assert differences(due_rows([peel]), page.rows()) == []
    assert page.run("return location.hash") == ""


@pytest.mark.parametrize(
    "fragment", ["#ngram=99&rare=-1&layers=magic,,&window=7", "#%", "#live", "#pos=999999999", "#pos=x"]
)
def test_a_wrong_address_does_no_harm(show: Any, fragment: str) -> None:
    peel = make_peel(Unit.CHAR)
    page = show([peel], fragment)
    assert differences(due_rows([peel]), page.rows()) == []
    assert page.messages() == []
