"""The report's text in a real browser: filters and lines do what they say; nothing leaves the page, nothing runs."""

import base64
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import Page, start_browser, visible_text
from errtax.lm.log_reader import read_log
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.predictions import predict_orders
from errtax.lm.text import Unit, text_of_bytes
from errtax.lm.visible import visible
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.reports import page as page_module
from errtax.reports.document import script_of, style_of
from errtax.reports.page import finding
from errtax.reports.page_data import page_data
from errtax.reports.windows import worst_passages
from errtax.taxonomy.peel import peel_log
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.statistics import statistics
from errtax.taxonomy.summary import summarise
from pages import NASTY, make_peel, page_of, peel_with_all, some_text, story

# --- the text --------------------------------------------------------------------------------------------------------


def test_next_goes_from_error_to_error(show: Any) -> None:
    peel = make_peel(Unit.CHAR)
    page = show([peel])
    rare = np.flatnonzero(peel.layer == peel.layer_names.index("rare"))
    page.press("3", "n", "n")
    position = int(peel.log.positions[rare[2]])
    assert page.run("return location.hash") == f"#layer=rare&pos={position}"
    detail = visible_text(page, "#detail")
    assert f"Position {position:,}" in detail and "rare word, " in detail
    page.press("p")
    assert page.run("return location.hash") == f"#layer=rare&pos={int(peel.log.positions[rare[1]])}"
    assert visible_text(page, "#matches") == f"{len(rare):,} errors"
    page.press("?")
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
    assert shown() == (one.error | two.error).sum()
    assert shown(f_mark="was") == one.error.sum()
    assert shown(f_mark="now") == two.error.sum()
    assert shown(f_regex="remember") == sum(
        int(two.error[k : k + 8].sum()) for k in range(len(text)) if text[k : k + 8] == "remember"
    )
    assert shown(f_regex="(") == two.error.sum()  # not an expression: said by the field, and not used
    assert shown(f_regex="", f_claim="memory") == ((two.claims & 2) > 0).sum()
    number = one.layer_names.index("memory")
    memory = two.layer == number
    assert shown(f_claim="", f_layer="memory") == memory.sum()
    assert shown(f_slice="1") == (memory & (two.slice == 1)).sum()
    assert shown(f_layer="memory", f_mark="all") == (memory | (~two.error & (one.layer == number))).sum()
    assert shown(f_layer="", f_mark="new") == (~one.error & two.error).sum()
    assert shown(f_mark="fixed") == (one.error & ~two.error).sum()
    assert shown(f_mark="kept") == (one.error & two.error).sum()


def test_a_filter_goes_to_what_it_finds(show: Any) -> None:
    peel = story(1)
    text = "".join(map(chr, peel.log.codes))
    far = next(word for word in reversed(text.split()) if text.count(word) == 1 and len(word) > 4)
    where = text.index(far)
    assert peel.error[where : where + len(far)].any()
    page = show([peel])
    typed = "e.value += arguments[0]; e.dispatchEvent(new Event('input'))"
    for key in far:
        page.run(f"const e = document.querySelector('#f-regex'); {typed}", key)
    seen = (
        "const pane = document.querySelector('#pane').getBoundingClientRect(); "
        "return [...document.querySelectorAll('#canvas .e')].map((e) => e.getBoundingClientRect())"
        ".filter((box) => box.top > pane.top && box.bottom < pane.bottom).length"
    )
    assert page.run(seen) == peel.error[where : where + len(far)].sum()
    page.run("const e = document.querySelector('#f-order'); e.value = 'worst'; e.dispatchEvent(new Event('change'))")
    assert page.run("return document.querySelector('#pane').scrollTop") == 0


def test_the_address_keeps_the_filters(show: Any) -> None:
    peels = [make_peel(Unit.CHAR, 1, gaps=False, model="one"), make_peel(Unit.CHAR, 2, gaps=False, model="two")]
    one, two = peels
    kept = (~one.error & two.error) & ((two.claims & 2) > 0) & (-two.log.logprobs >= 3 * np.log(2))
    text = "".join(map(chr, one.log.codes))
    kept[
        [
            k
            for k, character in enumerate(text)
            if not (character.isascii() and (character.isalnum() or character == "_"))
        ]
    ] = False
    page = show(peels, "#mark=new&claim=memory&bits=3&regex=%5Cw%2B")
    count = 'return document.querySelector("#matches").textContent'
    assert page.run(count) == f"{kept.sum()} errors" != "0 errors"
    assert page.run("return document.querySelector('#f-regex').value") == r"\w+"
    assert page.run("return document.querySelector('#f-mark').selectedOptions[0].textContent") == "new: only two fails"
    page.open(page.run("document.querySelector('#reset').click(); return location.hash"))
    assert page.run(count) == f"{kept.sum()} errors"
    page.run("document.querySelector('#clear').click()")
    assert page.run(count) == f"{(one.error | two.error).sum():,} symbols"
    assert page.run("return location.hash") == ""


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
    choose("#f-slice", "3")
    assert choose("#f-layer", "punctuation") == (peel.layer == peel.layer_names.index("punctuation")).sum() > 0
    choose("#f-layer", "memory")
    page.run('document.querySelector("#on-memory").click()')
    assert choose("#f-bits", "0") == peel.error.sum()
    for bits in (1, 3, 7, 28):
        least = peel.error & (np.nan_to_num(-peel.log.logprobs, nan=0, posinf=1e9) / np.log(2) >= bits)
        assert choose("#f-bits", str(bits)) == least.sum() > 0


def test_no_line_is_cut_off(show: Any) -> None:
    text = "".join(random.Random(1).choice(["\u202e", "\xad", "ab ", "猫", "\x85", "remember "]) for _ in range(3000))
    page = show([make_peel(Unit.CHAR, text=text, gaps=False)])
    script = "return [...document.querySelectorAll('#canvas .line')].map((line) => line.scrollWidth - line.clientWidth)"
    assert max(page.run(script)) <= 0


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
def test_another_document_begins_on_a_line_of_its_own(show: Any, unit: Unit) -> None:
    text = "Natasha went. Natasha sat. " * 3
    docs = np.tile(np.repeat([0, 1], [14, 13]), 3)
    log = replace(make_peel(unit, text=text, gaps=False).log, docs=docs)
    log = replace(log, logprobs=np.full(len(log), -3.0), argmax_codes=None)
    page = show([peel_with_all(log, Settings(layers=("memory", "boost"), memory_min_length=1))])
    lines = page.run("return [...document.querySelectorAll('#canvas .line')].map((e) => [e.className, e.textContent])")
    assert lines[0] == ["line", "Natasha went. "]
    assert lines[1] == ["line doc", "Natasha sat. "]
    assert len(lines) == 6
    page.run('document.querySelectorAll("#canvas .line")[1].querySelector("span").click()')
    assert page.run("return document.querySelector('#detail .context').textContent") == "Natasha sat. "
    assert "its word was seen" not in page.run("return document.querySelector('#detail').textContent")
    assert page.messages() == []


def test_a_text_runs_in_its_own_direction(show: Any) -> None:
    """Where the fourth character of a line, and the first, stand between the edges of the pane."""
    place = (
        "const pane = document.querySelector('#pane').getBoundingClientRect(), range = document.createRange(); "
        "const walker = document.createTreeWalker(document.querySelector('#canvas .line'), NodeFilter.SHOW_TEXT); "
        "let k = arguments[0], node = walker.nextNode(); "
        "while (k >= node.length) { k -= node.length; node = walker.nextNode(); } "
        "range.setStart(node, k); range.setEnd(node, k + 1); "
        "const box = range.getBoundingClientRect(); return [box.left - pane.left, pane.right - box.right]"
    )
    for text, rtl in (("שלום עולם נטשה אמרה שלום. ", True), ("hello שלום and all of them. ", False)):
        page = show([make_peel(Unit.CHAR, text=text * 40, gaps=False)])
        (left, right), (left4, right4) = (page.run(place, k) for k in (0, 3))
        assert (right < 30 and right4 > right + 15) if rtl else (left < 30 and left4 > left + 15)
        first, second = (page.run(place, text.index("שלום") + k)[0] for k in (0, 1))
        assert first > second
    assert page.messages() == []


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
    assert (scripts, images) == (3, 0)
    assert title.startswith("Errors of <img src=x")
    shown = page.run('return document.querySelector("#canvas").textContent')
    assert "</script><img" in shown and "‹U+202E›" in shown and "‹U+0000›" in shown and "‹U+2028›" in shown
    for _ in range(20):
        page.press("n")
    assert page.run(counts)[:2] == [scripts, images]
    assert page.messages() == []
    assert page.requests() == [page.path.as_uri()]


def test_bytes_that_are_no_text(show: Any) -> None:
    page = show([make_peel(Unit.BYTE)])
    page.run('document.querySelector("#pane").scrollTop = 0')
    assert page.run('return document.querySelector("#canvas").textContent').count("‹") > 3
    assert page.messages() == []


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, False), (1440, True)])
def test_nothing_is_in_the_way_of_assistive_technology(show: Any, width: int, dark: bool) -> None:
    page = show([make_peel(Unit.CHAR, 1), make_peel(Unit.CHAR, 2, model="another one with quite a long name")])
    page.size(width, dark=dark)
    page.open()
    page.press("n")
    assert page.violations() == []
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
            for part in layer.slices:
                assert part.name in text
        assert finding(statistics(peel)) in text and "p < 0.5" in text and "5,000 symbols ago" in text
        assert driver.find_element(By.CSS_SELECTOR, "#figure svg").size["width"] > 200
        beginning = "".join(map(chr, peel.log.codes[:200]))
        still = driver.find_element(By.CSS_SELECTOR, "#still .passage").text
        begun = still.replace("↵\n", "↵").replace(" ", "")
        assert begun.startswith(visible(beginning)[:150].replace(" ", ""))
        live = driver.find_elements(By.CSS_SELECTOR, "input, select, [data-live], #strip")
        assert [each.get_attribute("id") for each in live if each.is_displayed() and each.is_enabled()] in (
            [],
            ["strip"],
        )
        assert page.messages() == []
    finally:
        driver.quit()


def test_print_shows_what_stands_still(show: Any) -> None:
    page = show([story(1, "one"), story(2, "two")])
    page.size(700)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    script = "return arguments[0].map((each) => document.querySelector(each).checkVisibility())"
    still = ["#still", "#figure svg", "#table tr.slice[data-layer=rare]", "#caveats p", "#signature p", "#finding"]
    assert page.run(script, still) == [True] * len(still)
    moves = ["#canvas", "#strip", ".filters", ".control input", "#order button", ".tools"]
    assert page.run(script, moves) == [False] * len(moves)
    assert page.run(script, [f"#table tr.total :nth-child({k})" for k in range(1, 8)]) == [True] * 7
    letters = "getComputedStyle(document.querySelector('#still .passage .e'), '::after').position"
    assert page.run(f"return {letters}") == "absolute"  # beside the text, not in it


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
    peels = [replace(peel, sources={"ngram_order": "10"}) for peel in peels]
    sizes = []
    for count in (1, 2):
        columns = page_data(peels[:count])["columns"]
        sizes.append(sum(len(base64.b64decode(column)) for _, column in columns.values()))
    assert sizes[0] <= 3 * len(test) and sizes[1] <= 6 * len(test)
    assert sizes[1] - sizes[0] <= 2.5 * len(test)  # of a model: probabilities, bits and guesses
    empty = page_of([make_peel(Unit.CHAR, text="a", gaps=False)])
    empty = re.sub("<script type=.application/json.*?</script>", "", empty)
    assert len(empty.encode()) <= 140_000  # its figure is in it
    assert len(script_of()) + len(style_of("base.css", "bench.css")) <= 105_000


def test_a_text_beyond_the_limit_has_its_worst_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "LIMIT", 1000)
    made = page_of([make_peel(Unit.CHAR, gaps=False, text=NASTY * 30)])
    assert "Up to 1,000 symbols a page holds the whole text" in made
    assert "Worst passages of a model" in made
    assert "errtax-page" not in made and "<img src=x" not in made
    assert made.count("<script") == 1


def test_worst_passages_keep_the_bytes_of_a_character_together() -> None:
    made = worst_passages(make_peel(Unit.BYTE, gaps=False, text="猫犬naïve " * 200))
    assert "‹" not in made and "猫" in made
