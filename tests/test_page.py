"""The report in a real browser: its script counts what the library counts; nothing leaves the page, nothing runs."""

import base64
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from browser import Page, start_browser
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.predictions import predict_orders
from errtax.lm.prediction_log import PredictionLog, read_log
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.custom import REGISTRY, find_oracles, oracle
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.rarity import count_words
from errtax.oracle.text_view import TextView
from errtax.reports import page as page_module
from errtax.reports.document import asset
from errtax.reports.page import report_page
from errtax.reports.page_data import STEPS, longest_of, page_data, windows_of
from errtax.reports.palette import LETTERS
from errtax.reports.results import results_of
from errtax.reports.windows import worst_windows
from errtax.taxonomy.attribution import players_of
from errtax.taxonomy.layers import find_layer
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import Criterion, Settings
from errtax.taxonomy.statistics import statistics
from errtax.taxonomy.summary import summarise

WORDS = [
    "the",
    "Natasha",
    "Natash",
    "don't",
    "x",
    "é",
    "naïve",
    "猫犬",
    "_1",
    "🙂",
    "remember",
    "remembers",
    "12",
    "\x00",
]
SPACES = [
    " ",
    " ",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    ". ",
    '" "',
    "“",
    "” ",
    "’ ",
    "'",
    ", ",
    "\t",
    "\xa0",
    " - ",
    "\u202e",
]
NASTY = "</script><img src=x onerror=document.title='run'> <!-- ]]> &#x3c; \u2028 \u202e \x00 nasty words, nasty \r\n"
LEVELS = [0.0, 1e-12, 1e-9, 0.05, 0.1, 0.15, 0.2, 0.3, 0.35, 0.4, 0.45, 0.4999, 0.5, 0.55, 0.6, 0.95, 1.0, 1 - 1e-13]


def some_text(seed: int, n: int = 1500) -> str:
    chosen = random.Random(seed)
    return "".join(chosen.choice(WORDS) + chosen.choice(SPACES) for _ in range(n))


def make_peel(
    unit: Unit, seed: int = 1, gaps: bool = True, model: str = "a model", text: str = "", own: bool = False
) -> Peel:
    """A peel with evidence of all oracles, and two of `own_oracles`, on odd text, with odd probabilities."""
    rng = np.random.default_rng(seed)
    data = (text or some_text(7)).encode()
    if unit is Unit.BYTE and not text:
        data = data.replace("猫".encode(), b"\xe7\x8c").replace(b"12", b"\xff\xc3")
    codes = text_of_bytes(data, unit).codes
    kept = np.flatnonzero(np.random.default_rng(3).random(len(codes)) > 0.002) if gaps else np.arange(len(codes))
    kept = kept[5:] if gaps else kept
    p = np.where(rng.random(len(kept)) < 0.5, rng.choice(LEVELS, len(kept)), rng.random(len(kept)))
    with np.errstate(divide="ignore"):
        logprobs = np.where(np.random.default_rng(4).random(len(kept)) < 0.01, np.nan, np.log(p))
    best: Any = np.where(rng.random(len(kept)) < 0.6, codes[kept], rng.permutation(codes[kept]))
    log = PredictionLog("log", unit, kept, codes[kept], logprobs, best, {"model": model})
    train = text_of_bytes(some_text(8, 3000).encode(), unit)
    rules = find_oracles(["capital", "since-comma"]) if own else ()
    layers = ("ngram", "memory", "capital", "rare", "word", "since-comma", "punctuation", "boost")
    settings = Settings(layers=layers, custom=rules) if rules else Settings()
    evidence = collect_evidence(TextView.of_log(log), NgramIndex.build(train, 13), count_words(train), rules)
    signature = f"errtax:0|err:p<0.5|layers:{settings.description}|ngram:mkn,order=13"
    return replace(peel_log(log, evidence, settings), signature=signature)


def page_of(peels: list[Peel]) -> str:
    return report_page(results_of(peels))


@pytest.fixture(scope="module")
def own_oracles() -> Iterator[None]:
    before = dict(REGISTRY)
    oracle("capital", rule="a capital")(lambda view: [c.isupper() for c in view.string])
    oracle("since-comma", rule="since a comma", limits=(3, 10))(lambda view: np.arange(len(view)) % 17 - 2)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    made = start_browser()
    yield made
    made.quit()


@pytest.fixture
def show(driver: Any, tmp_path: Path) -> Any:
    """`show(peels, fragment)`: the report of some peels in the browser."""

    def show_report(peels: list[Peel], fragment: str = "") -> Page:
        path = tmp_path / "report.html"
        path.write_text(page_of(peels), encoding="utf-8")
        page = Page(driver, path)
        page.size(1440)
        page.open(fragment)
        return page

    return show_report


# --- the same numbers ------------------------------------------------------------------------------------------------


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

    settings = replace(
        base,
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

    summaries, free = [summarise(peel) for peel in peels], [statistics([peel]) for peel in peels]
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


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
def test_every_view_has_the_numbers_of_the_library(show: Any, own_oracles: None, unit: Unit) -> None:
    peel = make_peel(unit, own=True)
    page = show([peel])
    rng = random.Random(int(unit is Unit.CHAR))
    views = [random_view(rng, peel) for _ in range(100)]
    found = page.driver.execute_async_script(VIEWS, [view for view, _ in views])
    for (view, settings), rows in zip(views, found, strict=True):
        assert differences(due_rows([repeel(peel, settings)]), rows) == [], view
    assert page.messages() == []


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
    assert differences(due_rows([peel]), rows_of(show([peel]))) == []


# --- controls, and the address ---------------------------------------------------------------------------------------


def rows_of(page: Page) -> list[list[str]]:
    rows = '[...document.querySelectorAll("#live-table tbody tr")]'
    return page.run(f"return {rows}.map((row) => [...row.children].map((cell) => cell.textContent))")  # type: ignore[no-any-return]


def press(page: Page, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(page.driver).send_keys(*keys).perform()


def test_controls_move_by_keyboard_and_the_address_keeps_the_view(show: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    peel = make_peel(Unit.BYTE)
    page = show([peel])
    page.run('document.querySelector("#set-ngram").focus()')
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    page.run('document.querySelector("#on-memory").focus()')
    press(page, Keys.SPACE)
    page.run('document.querySelector("[data-key=laterngram]").focus()')
    press(page, Keys.ENTER, Keys.ENTER)
    layers = ("rare", "word", "ngram", "punctuation", "boost")
    due = due_rows([repeel(peel, replace(peel.settings, ngram_max=7, layers=layers))])
    assert differences(due, rows_of(page)) == []
    assert page.run("return document.activeElement.dataset.key") == "laterngram"
    fragment = page.run("return location.hash")
    assert fragment == "#layers=rare,word,ngram,punctuation,boost&ngram=7"
    page.open(fragment)
    assert differences(due, rows_of(page)) == []
    page.run('document.querySelector("#reset").click()')
    assert differences(due_rows([peel]), rows_of(page)) == []
    assert page.run("return location.hash") == ""


@pytest.mark.parametrize(
    "fragment", ["#ngram=99&rare=-1&layers=magic,,&window=7", "#%", "#live", "#pos=999999999", "#pos=x"]
)
def test_a_wrong_address_does_no_harm(show: Any, fragment: str) -> None:
    peel = make_peel(Unit.CHAR)
    page = show([peel], fragment)
    assert differences(due_rows([peel]), rows_of(page)) == []
    assert page.messages() == []


def test_every_control_is_reached_by_tab_and_shows_its_focus(show: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page = show([make_peel(Unit.BYTE, 1), make_peel(Unit.BYTE, 2, model="other")])
    wanted = 'main a, main button, main select, main input, main [tabindex="0"]'
    count = page.run(
        f"let k = 0; for (const e of document.querySelectorAll('{wanted}')) if (!e.disabled && e.offsetParent) "
        "e.dataset.nr = k++; return k"
    )
    assert count > 30
    seen, hidden = set(), []
    for _ in range(count + 5):
        press(page, Keys.TAB)
        script = "const e = document.activeElement; return [e.dataset.nr, getComputedStyle(e).outlineStyle, e.id]"
        number, outline, name = page.run(script)
        if number is not None:
            seen.add(int(number))
            if outline == "none":
                hidden.append(name)
    assert seen == set(range(count))
    assert hidden == []


# --- the text --------------------------------------------------------------------------------------------------------


def test_next_goes_from_error_to_error(show: Any) -> None:
    peel = make_peel(Unit.CHAR)
    page = show([peel])
    rare = np.flatnonzero(peel.layer == peel.layer_names.index("rare"))
    press(page, "3", "n", "n", "n")
    position = int(peel.log.positions[rare[2]])
    assert page.run("return location.hash") == f"#pos={position}"
    detail = page.run('return document.querySelector("#detail").textContent')
    assert f"position {position:,}" in detail and "R rare word" in detail
    press(page, "p")
    assert page.run("return location.hash") == f"#pos={int(peel.log.positions[rare[1]])}"
    assert f"{len(rare):,} errors shown" in page.run('return document.querySelector("#matches").textContent')
    press(page, "?")
    assert page.run('return document.querySelector("#help").open') is True


def test_filters_find_what_the_library_finds(show: Any) -> None:
    peels = [make_peel(Unit.CHAR, 1, gaps=False, model="one"), make_peel(Unit.CHAR, 2, gaps=False, model="two")]
    page = show(peels)

    def shown(**fields: str) -> int:
        for name, value in fields.items():
            page.run(
                "const e = document.querySelector(arguments[0]); e.value = arguments[1]; "
                "e.dispatchEvent(new Event(e.tagName === 'INPUT' ? 'input' : 'change'))",
                f"#{name}".replace("_", "-"),
                value,
            )
        return int(page.run('return document.querySelector("#matches").textContent').split()[0].replace(",", ""))

    one, two = peels
    text = "".join(map(chr, one.log.codes))
    assert shown() == one.error.sum()
    assert shown(f_regex="remember") == sum(
        int(one.error[k : k + 8].sum()) for k in range(len(text)) if text[k : k + 8] == "remember"
    )
    assert shown(f_regex="(") == one.error.sum()  # not an expression: said by the field, and not used
    assert shown(f_regex="", f_change="fixed") == (one.error & ~two.error).sum()
    assert shown(f_change="", f_claim="memory") == ((one.claims & 2) > 0).sum()
    memory = one.layer == one.layer_names.index("memory")
    assert shown(f_claim="", f_layer="memory") == memory.sum()
    assert shown(f_slice="500 memory") == (memory & (one.slice == 1)).sum()
    assert shown(f_layer="", by="change") == (one.error | two.error).sum()
    assert shown(f_change="new") == (~one.error & two.error).sum()


def test_menus_follow_the_settings(show: Any) -> None:
    peel = make_peel(Unit.CHAR)
    page = show([peel])

    def choose(field: str, value: str) -> int:
        page.run(
            "const e = document.querySelector(arguments[0]); e.value = arguments[1]; "
            "e.dispatchEvent(new Event(e.tagName === 'INPUT' ? 'input' : 'change'))",
            field,
            value,
        )
        return int(page.run('return document.querySelector("#matches").textContent').split()[0].replace(",", ""))

    choose("#f-layer", "memory")
    choose("#f-slice", "5000 memory")
    assert choose("#f-layer", "punctuation") == (peel.layer == peel.layer_names.index("punctuation")).sum() > 0
    choose("#f-layer", "memory")
    page.run('document.querySelector("#on-memory").click()')
    assert choose("#f-bits", "0") == peel.error.sum()
    for bits in (1, 3, 7, 28):
        least = peel.error & (np.nan_to_num(-peel.log.logprobs, nan=0, posinf=1e9) / np.log(2) >= bits)
        assert choose("#f-bits", str(bits)) == least.sum() > 0


def test_odd_thresholds_and_a_window_of_nothing(show: Any) -> None:
    peel = make_peel(Unit.BYTE)
    odd: Any = {"memory_windows": (0, 123), "memory_min_length": 20, "rare_counts": (0, 300), "newline_reach": 50}
    again = repeel(peel, replace(peel.settings, **odd, boosts=(0.125,), criterion=Criterion(0.33)))
    page = show([again])
    assert differences(due_rows([again]), rows_of(page)) == []
    assert page.messages() == []


def test_an_oracle_may_have_any_name(show: Any) -> None:
    try:
        oracle("constructor", rule="a name that objects of the script have")(lambda view: np.arange(len(view)) % 3 == 0)
        log = make_peel(Unit.CHAR).log
        rules = find_oracles(["constructor"])
        evidence = collect_evidence(TextView.of_log(log), None, None, rules)
        peel = peel_log(log, evidence, Settings(layers=("constructor", "boost"), custom=rules))
        assert differences(due_rows([peel]), rows_of(show([peel]))) == []
    finally:
        REGISTRY.pop("constructor", None)


def test_no_line_is_cut_off(show: Any) -> None:
    text = "".join(random.Random(1).choice(["\u202e", "\xad", "ab ", "猫", "\x85", "remember "]) for _ in range(3000))
    page = show([make_peel(Unit.CHAR, text=text, gaps=False)])
    script = "return [...document.querySelectorAll('#canvas .line')].map((line) => line.scrollWidth - line.clientWidth)"
    assert max(page.run(script)) <= 0


def test_links_to_sections_keep_the_view(show: Any) -> None:
    page = show([make_peel(Unit.CHAR)], "#length=9")
    page.run('document.querySelector("nav a").click()')
    assert page.run("return location.hash") == "#length=9"
    assert page.run("return document.activeElement.id") == "breakdown"


def test_only_what_is_seen_is_in_the_document(show: Any) -> None:
    page = show([make_peel(Unit.BYTE, text=some_text(9, 20_000), gaps=False)])
    assert page.run('return document.querySelectorAll("#canvas .line").length') < 60
    assert page.run('return document.querySelector("#canvas").getBoundingClientRect().height') > 30_000
    page.run('document.querySelector("#pane").scrollTop = 20000')
    page.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert page.run('return document.querySelector("#canvas .line").style.top') != "0px"


# --- nothing leaves the page, nothing runs ---------------------------------------------------------------------------


def test_untrusted_text_and_names_stay_text(show: Any) -> None:
    name = "<img src=x onerror=document.title='run'> </script> &amp; \u202e"
    page = show([make_peel(Unit.CHAR, 1, gaps=False, model=name, text=NASTY * 30)])
    counts = (
        "return [document.querySelectorAll('script').length, document.querySelectorAll('img').length, document.title]"
    )
    scripts, images, title = page.run(counts)
    assert (scripts, images) == (3, 2)
    assert title.startswith("Errors of <img src=x")
    shown = page.run('return document.querySelector("#canvas").textContent')
    assert "</script><img" in shown and "⟨U+202E⟩" in shown and "␀" in shown and "⟨U+2028⟩" in shown
    for _ in range(20):
        press(page, "n")
    assert page.run(counts)[:2] == [scripts, images]
    assert page.messages() == []
    assert page.requests() == [page.path.as_uri()]


def test_bytes_that_are_no_text(show: Any) -> None:
    page = show([make_peel(Unit.BYTE)])
    page.run('document.querySelector("#pane").scrollTop = 0')
    assert page.run('return document.querySelector("#canvas").textContent').count("⟨") > 3
    assert page.messages() == []


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, False), (1440, True)])
def test_nothing_is_in_the_way_of_assistive_technology(show: Any, width: int, dark: bool) -> None:
    axe = pytest.importorskip("axe_selenium_python", reason="axe-selenium-python is not installed")
    page = show([make_peel(Unit.CHAR, 1), make_peel(Unit.CHAR, 2, model="another one with quite a long name")])
    page.size(width, dark=dark)
    page.open()
    press(page, "n")
    source = Path(axe.__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
    page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": source.read_text(encoding="utf-8")})
    found = page.driver.execute_async_script("axe.run().then(arguments[0])")
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in serious] == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_without_a_script_the_page_tells_its_story(tmp_path: Path) -> None:
    driver = start_browser(script=False)
    try:
        peel = make_peel(Unit.CHAR)
        (tmp_path / "r.html").write_text(page_of([peel]), encoding="utf-8")
        page = Page(driver, tmp_path / "r.html")
        page.open(script=False)
        from selenium.webdriver.common.by import By

        text = driver.find_element(By.TAG_NAME, "body").text
        for layer in summarise(peel).layers:
            assert layer.title in text and f"{layer.count:,}" in text
        assert "With JavaScript the definitions can be moved here" in text
        assert "Layers, first to last" not in text
        assert [image.size["width"] > 200 for image in driver.find_elements(By.TAG_NAME, "img")] == [True, True]
        assert page.messages() == []
    finally:
        driver.quit()


# --- without a browser -----------------------------------------------------------------------------------------------


def test_the_page_is_the_same_each_time_and_asks_for_nothing() -> None:
    peels = [make_peel(Unit.BYTE, seed) for seed in (1, 2)]
    made = page_of(peels)
    assert made == page_of(peels)
    assert "https://" not in made and made.count("http://") == made.count("http://www.w3.org/2000/svg")


def test_the_page_is_small(warpeace_parts: tuple[bytes, bytes, bytes], tmp_path: Path) -> None:
    """On War and Peace, 3-gram and 5-gram models in place of networks."""
    train, test = (text_of_bytes(part, Unit.BYTE) for part in (warpeace_parts[0], warpeace_parts[2][:100_000]))
    index = NgramIndex.build(train, 10)
    logs = {3: tmp_path / "3.parquet", 5: tmp_path / "5.parquet"}
    predict_orders(index, test, logs)
    first = read_log(logs[3])
    evidence = collect_evidence(TextView.of_log(first), index, count_words(train))
    peels = [peel_log(log, evidence, Settings()) for log in (first, read_log(logs[5]))]
    signature = f"errtax:0|err:p<0.5|layers:{Settings().description}|ngram:mkn,order=10"
    peels = [replace(peel, signature=signature) for peel in peels]
    sizes = []
    for count in (1, 2):
        columns = page_data(peels[:count])["columns"]
        sizes.append(sum(len(base64.b64decode(column)) for column in columns.values()))
    assert sizes[0] <= 3 * len(test) and sizes[1] <= 6 * len(test)
    assert sizes[1] - sizes[0] <= 1.5 * len(test)  # of a model: probabilities and guesses
    empty = page_of([make_peel(Unit.CHAR, text="a", gaps=False)])
    assert len(empty.encode()) <= 120_000 + sum(len(part) for part in re.findall('base64,[^"]*', empty))
    assert len(asset("report.js")) + len(asset("report.css")) <= 60_000


def test_a_text_beyond_the_limit_has_its_worst_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "LIMIT", 1000)
    made = page_of([make_peel(Unit.CHAR, gaps=False, text=NASTY * 30)])
    assert "Up to 1,000 a page holds the whole text" in made
    assert "Worst passages of a model" in made
    assert "errtax-page" not in made and "<img src=x" not in made
    assert made.count("<script") == 1


def test_worst_passages_keep_the_bytes_of_a_character_together() -> None:
    made = worst_windows(make_peel(Unit.BYTE, gaps=False, text="猫犬naïve " * 200))
    assert "⟨" not in made and "猫" in made
