"""Odd texts and probabilities, peels of them, and their report in a browser: what the tests of the page share."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from browser import Page, start_browser
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.surface import Surface
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.custom import REGISTRY, find_oracles, oracle
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.reports.page import report_page
from errtax.reports.page_data import STEPS
from errtax.reports.page_layers import controls_of
from errtax.reports.results import results_of
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.settings import Criterion, Settings
from errtax.taxonomy.signature import sign

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
    rules = find_oracles(["capital", "since-comma"]) if own else ()
    layers = ("ngram", "memory", "capital", "rare", "word", "since-comma", "punctuation", "boost")
    return peel_with_all(log, Settings(layers=layers, custom=rules) if rules else Settings())


def story(seed: int, model: str = "a model") -> Peel:
    """A peel of a text in which words are as frequent as in stories: some rare, some seen a while ago."""
    rng = np.random.default_rng(5)
    words = ["".join(rng.choice(list("aeioulnrst"), rng.integers(2, 9))) for _ in range(600)]
    chance = 1 / np.arange(1, 601)
    drawn = rng.choice(words, 6000, p=chance / chance.sum()).tolist()
    train, text = (" ".join(part).replace("a ", "a, ").replace("e ", "e.\n") for part in (drawn[:4500], drawn[4500:]))
    codes = text_of_bytes(text.encode(), Unit.CHAR).codes
    p = np.random.default_rng(seed).beta(1, 1.5, len(codes)).clip(1e-6)
    log = PredictionLog("log", Unit.CHAR, np.arange(len(codes)), codes, np.log(p), None, {"model": model})
    read = text_of_bytes(train.encode(), Unit.CHAR)
    evidence = collect_evidence(TextView.of_log(log), NgramIndex.build(read, 10), count_words(read))
    peel = replace(peel_log(log, evidence, Settings()), sources={"ngram_model": "mkn,order=10", "ngram_order": "10"})
    return replace(peel, signature=sign(peel))


def token_peel() -> Peel:
    """The same of tokens: cut anywhere, between or inside words and characters, some positions left out."""
    rng = np.random.default_rng(11)
    data = some_text(7).encode()
    ends = np.append(np.sort(rng.choice(np.arange(1, len(data)), len(data) // 3, replace=False)), len(data))
    surface = Surface.of([data[a:b] for a, b in pairwise([0, *ends.tolist()])])
    kept = np.flatnonzero(rng.random(len(surface)) > 0.002)
    log = make_peel(Unit.CHAR, text="x" * len(kept), gaps=False).log
    kept_surface, starts = surface.take(kept), surface.ends[:-1][kept]
    codes = kept_surface.numbers()
    best = rng.permutation(len(kept))
    best = np.where(rng.random(len(kept)) < 0.5, np.arange(len(kept)), best)
    log = replace(log, unit=Unit.TOKEN, positions=kept, codes=codes, surface=kept_surface, starts=starts)
    log = replace(log, argmax_codes=codes[best], argmax_surface=kept_surface.take(best))
    return peel_with_all(log, Settings())


def in_documents(peel: Peel) -> Peel:
    """The same log as five documents and some rows of none, whose borders lie anywhere, peeled with them."""
    borders = np.sort(np.random.default_rng(6).choice(np.arange(1, len(peel.log)), 40, replace=False))
    docs = np.searchsorted(borders, np.arange(len(peel.log)), "right") % 6 - 1
    return peel_with_all(replace(peel.log, docs=docs), peel.settings)


def peel_with_all(log: PredictionLog, settings: Settings) -> Peel:
    """A peel with evidence of all oracles."""
    train = text_of_bytes(some_text(8, 3000).encode(), log.unit.of_text)
    words = count_words(train)
    codes: Any = train.codes
    if log.unit is Unit.TOKEN:
        codes = np.asarray(log.codes[: len(log) // 2])
    index = NgramIndex.build(replace(train, unit=log.unit, codes=codes), 13)
    evidence = collect_evidence(TextView.of_log(log), index, words, settings.custom)
    peel = replace(peel_log(log, evidence, settings), sources={"ngram_model": "mkn,order=13", "ngram_order": "13"})
    return replace(peel, signature=sign(peel))


def random_settings(rng: random.Random, peel: Peel) -> Settings:
    """Settings that the page's sliders can be moved to."""
    base, changes = peel.settings, {}
    names = list(base.layers)
    rng.shuffle(names)
    layers = tuple(names[: rng.randint(1, len(names))]) if rng.random() < 0.6 else base.layers
    rules = {f"own-{rule.name}": rule for rule in base.custom}
    for control in controls_of(peel):
        name, value = control["name"], rng.choice(control["positions"])
        if name in rules:
            limits = (*(limit for limit in rules[name].limits if limit < value), value)
            rules[name] = replace(rules[name], limits=limits)
            continue
        before = getattr(base, name)
        changes[name] = (*(v for v in before if v < value), value) if isinstance(before, tuple) else value
    return base.changed(
        layers=layers, criterion=Criterion(rng.choice([*STEPS, None])), custom=tuple(rules.values()), **changes
    )


def address_of(peel: Peel, settings: Settings) -> str:
    """The page's address of a view of a peel."""
    criterion = settings.criterion.threshold
    said = {"layers": ",".join(settings.layers), "threshold": "argmax" if criterion is None else f"{criterion:g}"}
    own = {f"own-{rule.name}": rule.limits for rule in settings.custom}
    for control in controls_of(peel):
        value = own[control["name"]] if control["name"] in own else getattr(settings, control["name"])
        said[control["name"]] = f"{value[-1] if isinstance(value, tuple) else value:g}"
    return "#" + "&".join(f"{key}={quote(value, safe=',')}" for key, value in said.items())


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


@pytest.fixture(scope="session")
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
