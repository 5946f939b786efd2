"""The report on one screen, in a real browser: its parts, a newcomer's questions, and what follows what."""

import csv
import io
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from browser import Page, visible_text
from errtax.lm.text import Unit
from errtax.lm.visible import visible
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.statistics import statistics
from errtax.taxonomy.summary import summarise
from pages import make_peel, story, token_peel

# --- the first screen ------------------------------------------------------------------------------------------------

CHOOSE = "const e = document.querySelector(arguments[0]); e.value = arguments[1]; e.dispatchEvent(new Event('change'))"
SAVED = "const done = arguments[0], wait = () => Object.keys(saved).length < 3 ? setTimeout(wait, 20) : done(); wait()"


def two_models() -> list[Peel]:
    return [story(1, "small"), story(2, "large")]


def box(page: Page, selector: str) -> dict[str, float]:
    """Where an element stands in the window."""
    found: dict[str, float] = page.run(
        "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", selector
    )
    return found


@pytest.mark.parametrize("count", [1, 2])
def test_the_first_screen_has_all_parts(show: Any, count: int) -> None:
    page = show(two_models()[:count])
    parts = ("#finding", "#settings", "#order", "#figure svg", "#table", "#pane", "#strip", "#detail")
    boxes = {name: box(page, name) for name in parts}
    for name, place in boxes.items():
        if name not in ("#table", "#order"):  # they scroll inside their panes
            assert place["left"] >= 0 and place["right"] <= 1440 and place["bottom"] <= 900, name
        assert place["top"] < 850 and place["width"] > 30 and place["height"] > 15, name
    assert box(page, "header")["height"] <= 73
    assert boxes["#pane"]["width"] * boxes["#pane"]["height"] > 150_000
    assert boxes["#settings"]["right"] <= boxes["#figure svg"]["left"]
    assert box(page, "#breakdown")["right"] <= boxes["#pane"]["left"]
    assert boxes["#figure svg"]["bottom"] <= boxes["#table"]["top"] + 1
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    assert page.run("return document.querySelectorAll('#table tbody tr.layer').length") == 6
    cut_off = "const e = document.querySelector('#numbers'); return e.scrollWidth - e.clientWidth"
    assert page.run(cut_off) <= 0


def test_a_narrow_screen_has_the_same_parts_one_at_a_time(show: Any) -> None:
    page = show(two_models())
    page.size(390, 844)
    page.open()
    seen = {}
    for name in ("breakdown", "reading", "settings"):
        page.run("document.querySelector(`.tabs [data-pane=${arguments[0]}]`).click()", name)
        shown = "return [...document.querySelectorAll('.bench > section')].filter((e) => e.checkVisibility())"
        seen[name] = page.run(f"{shown}.map((e) => e.id)")
        assert box(page, "#finding")["top"] < 100
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    assert seen == {name: [name] for name in seen}
    page.run("document.querySelector('.tabs [data-pane=reading]').click()")
    script = "return [...document.querySelectorAll('#canvas .line')].map((line) => line.scrollWidth - line.clientWidth)"
    assert max(page.run(script)) <= 0


@pytest.mark.parametrize("width", [390, 1101, 1280])
@pytest.mark.parametrize("count", [1, 2])
def test_no_column_is_cut(show: Any, count: int, width: int) -> None:
    page = show(two_models()[:count])
    page.size(width, 844)
    page.open()
    cells = "return [...document.querySelectorAll('#table :is(th, td)')].filter((e) => e.checkVisibility())"
    ends = page.run(f"{cells}.map((e) => [e.getBoundingClientRect().right, e.scrollWidth - e.clientWidth])")
    window = page.run("return document.querySelector('#numbers').getBoundingClientRect().right")
    assert ends and max(right for right, _ in ends) <= window and max(more for _, more in ends) <= 0
    assert page.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    if width > 1100:
        assert box(page, "#pane")["width"] > 250
    else:  # a tab says what a class that is chosen in another finds
        page.run("document.querySelector('.pick').click()")
        assert re.fullmatch(r"Text \([\d,]+\)", visible_text(page, ".tabs [data-pane=reading]"))


# --- a newcomer's questions, each answered in at most three actions --------------------------------------------------


def test_which_class_is_worst(show: Any) -> None:
    """No action: the finding says it, and an error of it is shown with its evidence."""
    peel = two_models()[0]
    page = show([peel])
    largest = max(summarise(peel).layers, key=lambda layer: layer.count)
    assert f"the largest class is {largest.title}: {100 * largest.share:.1f}" in visible_text(page, "#finding")
    assert f"An error of the largest class: {largest.title}" in visible_text(page, "#detail")


def test_show_me_an_error_of_it(show: Any) -> None:
    """One action: a click on the class."""
    peel = two_models()[0]
    page = show([peel])
    page.run("document.querySelector('#table tr.layer[data-layer=memory] .pick').click()")
    first = int(np.flatnonzero(peel.layer == peel.layer_names.index("memory"))[0])
    detail = visible_text(page, "#detail")
    assert f"Position {first:,}" in detail and "dynamic memory" in detail and "its word was seen" in detail
    marked = page.run("return [...document.querySelectorAll('#canvas .e')].map((e) => e.className)")
    assert marked and all("l-memory" in each for each in marked)
    here = box(page, "#canvas .here")
    assert box(page, "#pane")["top"] <= here["top"] <= box(page, "#pane")["bottom"]


def test_what_if_rare_meant_at_most_twice(show: Any) -> None:
    """One action: the slider is moved; figure, table, text and finding follow, the change stands beside the share."""
    peel = two_models()[0]
    page = show([peel])
    read = "return ['#figure', '#table', '#matches'].map((each) => document.querySelector(each).textContent)"
    page.run(CHOOSE, "#f-layer", "rare")
    before = page.run(read)
    move = "const e = document.querySelector('#set-rare_counts'); e.value = 2; e.dispatchEvent(new Event('input'))"
    page.run(move)
    assert all(a != b for a, b in zip(before, page.run(read), strict=True))
    again = repeel(peel, peel.settings.changed(rare_counts=(0, 1, 2)))
    row = next(row for row in page.rows() if row[0].endswith("rare word"))
    due, old = (next(x for x in summarise(each).layers if x.name == "rare") for each in (again, peel))
    assert row[1] == f"{due.count:,}"
    assert f"−{100 * (old.share - due.share):.2f}" in row[2]
    assert visible_text(page, "#detail").startswith("Position")  # of the example that the page came with
    page.run("document.querySelector('#set-rare_counts').dispatchEvent(new Event('change'))")
    page.settle()
    row = next(row for row in page.rows() if row[0].endswith("rare word"))
    assert "−" not in row[2] and "[" in row[2]


def test_where_does_the_larger_model_still_fail(show: Any) -> None:
    """Two actions: its errors alone, which the menu names, and worst first."""
    peels = two_models()
    page = show(peels)
    offered = page.run("return [...document.querySelectorAll('#f-mark option')].map((e) => [e.value, e.textContent])")
    assert ["now", "errors of large"] in offered and ["new", "new: only large fails"] in offered
    for name, value in (("#f-mark", "now"), ("#f-order", "worst")):
        page.run(CHOOSE, name, value)
    assert f"{int(peels[1].error.sum()):,} errors" in visible_text(page, "#matches")
    rows = [int(r) for r in page.run("return [...document.querySelectorAll('.worst .here')].map((e) => e.dataset.r)")]
    shown = peels[1].log.logprobs[rows]
    assert len(rows) > 10 and peels[1].error[rows].all()
    endless = np.isinf(shown)
    assert (np.diff(shown[~endless]) > -0.01).all() and not endless[int(endless.sum()) :].any()


# --- what follows what -----------------------------------------------------------------------------------------------


def test_a_row_lights_its_arc_and_its_symbols_and_a_symbol_its_row(show: Any) -> None:
    page = show(two_models()[:1])
    over = "document.querySelector(arguments[0]).dispatchEvent(new PointerEvent('pointerover', { bubbles: true }))"
    page.run(over, "#table tr.layer[data-layer=word]")
    dim = "return [...document.querySelectorAll('#figure path.dim')].map((e) => e.dataset.layer)"
    assert page.run(dim) and "word" not in page.run(dim)
    lit = "return [...document.querySelectorAll('#canvas .e.lit')].every((e) => e.dataset.layer === 'word')"
    assert page.run(lit) and page.run("return document.querySelectorAll('#canvas .e.lit').length") > 0
    page.run(over, "#canvas .e[data-layer=boost]")
    lit = page.run("return [...document.querySelectorAll('#table tr.lit')].map((e) => e.dataset.layer)")
    assert lit and {*lit} == {"boost"}
    assert page.run("return document.querySelectorAll('#figure path[data-layer=boost]:not(.dim)').length") >= 2
    assert "ngram" in page.run(dim)


def test_slices_unfold_in_place_and_filter(show: Any) -> None:
    peel = two_models()[0]
    page = show([peel])
    closed = "return document.querySelector('tr[data-layer=rare][data-slice=\"1\"]').checkVisibility()"
    page.run("document.querySelector('tr.layer[data-layer=rare] .fold').click()")
    assert page.run(closed) is True
    page.run("document.querySelector('tr[data-layer=rare][data-slice=\"1\"] .pick').click()")
    chosen = (peel.layer == peel.layer_names.index("rare")) & (peel.slice == 1)
    assert visible_text(page, "#matches") == f"{chosen.sum():,} errors"
    assert "layer=rare&slice=1" in page.run("return location.hash")
    page.run("document.querySelector('tr.layer[data-layer=rare] .fold').click()")
    assert page.run(closed) is False


def test_a_number_of_two_models_shows_what_it_counts(show: Any) -> None:
    one, two = two_models()
    page = show([one, two])
    number = one.layer_names.index("rare")
    was, now = (peel.error & (peel.layer == number) for peel in (one, two))
    due = {1: was, 2: now, 3: was & ~two.error, 4: now & ~one.error}
    for column, rows in due.items():
        page.run("document.querySelector('tr.layer[data-layer=rare]').children[arguments[0]].click()", column)
        assert visible_text(page, "#matches").split()[0] == f"{rows.sum():,}"
        assert visible_text(page, "#detail").startswith("Position")
    page.run("document.querySelector('#table tr.total').children[4].click()")
    assert visible_text(page, "#matches").split()[0] == f"{(two.error & ~one.error).sum():,}"


def test_a_set_of_claims_is_chosen_in_the_figure(show: Any) -> None:
    peel = two_models()[0]
    page = show([peel])
    page.run("document.querySelector('[data-view=overlaps]').click()")
    page.run("document.querySelector('#figure [data-set]').dispatchEvent(new MouseEvent('click', { bubbles: true }))")
    due = max(statistics(peel).overlaps.values())
    assert visible_text(page, "#matches") == f"{due:,} errors"
    page.run("document.querySelector('#clear').click()")
    assert visible_text(page, "#matches") == f"{peel.error.sum():,} errors"


def test_models_can_be_chosen_and_three_have_a_trend(show: Any) -> None:
    peels = [story(seed, f"model {seed}") for seed in (1, 2, 3)]
    peels = [replace(peel, sources={**peel.sources, "parameters": str(10**k)}) for k, peel in enumerate(peels, 2)]
    page = show(peels)
    page.run("document.querySelector('[data-view=trend]').click()")
    page.settle()
    assert page.run("return document.querySelectorAll('#figure polyline').length") == 2 * 7
    assert page.run("return document.querySelectorAll('#figure circle').length") == 3 * 7
    page.run(CHOOSE, "#model", "2")
    assert "model 3" in visible_text(page, "#finding") and "model 1" in visible_text(page, "#finding")
    page.run(CHOOSE, "#against", "")
    assert visible_text(page, "#finding").startswith("model 3 is wrong on")
    assert len(page.rows()[0]) == 5
    page.open(page.run("return location.hash"))
    assert visible_text(page, "#finding").startswith("model 3 is wrong on")
    assert page.messages() == []


def test_the_view_is_exported(show: Any) -> None:
    peel = two_models()[0]
    page = show([peel], "#rare_counts=2")
    page.settle()
    page.run("window.saved = {}; download = async (name, blob) => { saved[name] = await blob.text(); }")
    for kind in ("svg", "png", "csv"):
        page.run("document.querySelector(`[data-export=${arguments[0]}]`).click()", kind)
    page.driver.execute_async_script(SAVED)
    saved = page.run("return saved")
    table = list(csv.DictReader(io.StringIO(saved["errtax.csv"])))
    found = statistics(repeel(peel, peel.settings.changed(rare_counts=(0, 1, 2))))
    rare = next(layer for layer in found.layers if layer.name == "rare")
    row = next(row for row in table if row["layer"] == "rare word" and not row["slice"])
    assert int(row["errors"]) == rare.count.value
    ends = [float(row[name]) for name in ("share", "share_low", "share_high")]
    assert ends == pytest.approx([*rare.share], rel=1e-12)
    root = ElementTree.fromstring(saved["errtax.svg"])
    assert len([e for e in root.iter() if e.tag.endswith("path")]) > 10
    assert root[0].tag.endswith("rect") and root[0].get("fill") == "rgb(255, 255, 255)"  # seen on any ground
    letters = [e for e in root.iter() if e.get("class") == "letter"]
    assert letters and all("stroke" in (e.get("paint-order") or "") for e in letters)
    assert saved["errtax.png"][1:4] == "PNG"
    assert page.messages() == []


def test_tokens_are_units_with_guess_and_rank(show: Any) -> None:
    peel = token_peel()
    log = replace(peel.log, ranks=np.where(np.arange(len(peel.log)) % 3, 7, 1).astype(np.int32))
    page = show([replace(peel, log=log)])
    first = page.run("return [...document.querySelectorAll('#canvas .t')].slice(0, 30).map((e) => e.textContent)")
    assert log.surface is not None
    assert first == [visible(log.surface.piece(k).decode("utf-8", "surrogateescape")) for k in range(30)]
    page.press("n")
    detail = visible_text(page, "#detail")
    assert "its guess" in detail and re.search(r"rank [17]\b", detail)


def test_every_control_is_reached_by_tab_and_shows_its_focus(show: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page = show([make_peel(Unit.BYTE, 1), make_peel(Unit.BYTE, 2, model="other")])
    wanted = 'a, button, select, input, summary, [tabindex="0"]'
    count = page.run(
        f"let k = 0; for (const e of document.querySelectorAll('{wanted}')) if (!e.disabled && e.checkVisibility()) "
        "e.dataset.nr = k++; return k"
    )
    assert count > 50
    seen, hidden = set(), []
    for _ in range(count + 5):
        page.press(Keys.TAB)
        script = "const e = document.activeElement; return [e.dataset.nr, getComputedStyle(e).outlineStyle, e.id]"
        number, outline, name = page.run(script)
        if number is not None:
            seen.add(int(number))
            if outline == "none":
                hidden.append(name)
    assert seen == set(range(count))
    assert hidden == []
