"""A layer has one home: a new one is a module and a line, and is found in options, signature, files, tables, pictures.

What people call layers and slices, and the parameters of layers, are tested here, too.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import errtax
from browser import Page, start_browser
from errtax.lm.errors import UsageError
from errtax.oracle.custom import REGISTRY, OracleRule, oracle
from errtax.taxonomy.layers.layer import Parameter
from errtax.taxonomy.layers.registry import (
    LAYER_NAMES,
    LAYERS,
    OTHER_LAYERS,
    OUTSIDE,
    PARAMETERS,
    REST_LAYER,
    TOKEN_LAYERS,
    with_own,
)
from errtax.taxonomy.naming import choose_layers, find_name, layer_in, part_in, slice_in
from errtax.taxonomy.settings import PRESETS, Settings

TOY = '''"""A layer of a test: long words."""

import numpy as np

from errtax.taxonomy.layers.layer import Layer, Parameter

LAYER = Layer(
    name="long",
    title="long word",
    letter="L",
    colour="#123456",
    bit=1 << 16,
    rule="in a word of many characters",
    parameters=(Parameter("long_length", 8, "Characters of a long word", low=2, text=6),),
    slices=lambda s: [f"from {s.long_length} characters"],
    slice_of=lambda evidence, p, s: np.where(evidence.word_length >= s.long_length, 0, -1).astype(np.int8),
    in_words=lambda evidence, row: f"{evidence.word_length[row]} long" if evidence.word_length[row] > 0 else "",
)
'''
TEXT = "It was a remarkable, extraordinary night; the rain fell in torrents. 'Except', she said, never.\n" * 12


class Toy:
    """errtax with the toy layer, in processes of its own; its other parts are those that are tested here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        source, package = Path(errtax.__file__).parent, folder / "lib" / "errtax"
        package.mkdir(parents=True)
        for part in source.iterdir():
            if part.is_dir() and part.name != "taxonomy":
                (package / part.name).symlink_to(part.resolve())
            elif part.is_file():
                shutil.copy(part, package)
        shutil.copytree(source / "taxonomy", package / "taxonomy", ignore=shutil.ignore_patterns("__pycache__"))
        layers = package / "taxonomy" / "layers"
        (layers / "toy.py").write_text(TOY)
        registry = (layers / "registry.py").read_text("utf-8")
        assert registry.count('    "boost",\n') == 1
        (layers / "registry.py").write_text(registry.replace('    "boost",\n', '    "toy",\n    "boost",\n'), "utf-8")
        rng = np.random.default_rng(1)
        (folder / "train.txt").write_text(TEXT[:500], "utf-8")
        frame = {"position": range(len(TEXT)), "symbol": list(TEXT), "logprob": np.log(rng.random(len(TEXT)))}
        pd.DataFrame(frame).to_parquet(folder / "preds.parquet")

    def run(self, *arguments: str) -> str:
        """What `errtax ARGUMENTS` prints."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "lib"), "COLUMNS": "200"}
        command = [sys.executable, "-m", "errtax", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def errors_in_long_words(self, least: int) -> int:
        """By a loop over the words, of errors that no memory, rare word and so on take before: the toy alone."""
        frame = pd.read_parquet(self.folder / "preds.parquet")
        return sum(
            int((frame["logprob"][found.start() : found.end()] < np.log(0.5)).sum())
            for found in re.finditer(r"\w+", TEXT)
            if len(found[0]) >= least
        )


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    made = Toy(tmp_path_factory.mktemp("toy"))
    made.run("peel", "--preds", "preds.parquet", "--train-text", "train.txt", "--long-length", "5", "-o", "p.parquet")
    made.run("repeel", "p.parquet", "--layers", "long,ngram,word,boost", "-o", "q.parquet")
    made.run("report", "q.parquet", "-o", "r.html", "--figures", "figures", "--markdown", "r.md")
    return made


def test_a_new_layer_has_options(toy: Toy) -> None:
    for command in ("peel", "repeel"):
        shown = " ".join(toy.run(command, "--help").split())
        assert re.search(r"--long-length INTEGER Characters of a long word \[8; text: 6\]\.", shown)
        assert "ngram,memory,rare,word,punctuation,long,boost" in shown.replace(" ", "")


def test_a_new_layer_is_in_signature_and_file(toy: Toy) -> None:
    table = pq.read_table(toy.folder / "p.parquet")
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert ",punctuation,long(5),boost(" in metadata["signature"]
    made = json.loads(metadata["settings"])
    assert made["layers"][-2:] == ["long", "boost"] and made["parameters"]["long_length"] == 5
    assert json.loads(metadata["claims"])["long"] == 1 << 16
    claims = np.array(table["claims"].to_pylist())
    assert ((claims & 1 << 16) > 0).sum() == toy.errors_in_long_words(5) > 0
    assert toy.run("validate", "p.parquet")


@pytest.mark.parametrize("least", [3, 7])
def test_a_new_layer_is_peeled_again(toy: Toy, least: int) -> None:
    said = toy.run("repeel", "p.parquet", "--layers", "L,Boost", "--long-length", str(least), "--json")
    first, second = json.loads(said)["layers"]
    assert (first["name"], first["count"]) == ("long", toy.errors_in_long_words(least))
    assert [part["name"] for part in first["slices"]] == [f"from {least} characters"]
    assert second["name"] == "boost"
    text = toy.run("repeel", "p.parquet", "--preset", "text", "--json")
    assert ",long(6)," in json.loads(text)["signature"]


def test_a_new_layer_is_attributed_shown_and_checked(toy: Toy) -> None:
    found = json.loads(toy.run("stats", "p.parquet", "--json"))
    (layer,) = (each for each in found["layers"] if each["name"] == "long")
    assert layer["solo"][0] >= layer["fair"][0] >= layer["unique"][0] >= 0 < layer["fair"][0]
    shown = json.loads(toy.run("show", "q.parquet", "--layer", "long word", "--json"))["errors"]
    assert shown and all(each["layer"] == "long" and re.search(r"\b\d+ long\b", each["evidence"]) for each in shown)
    assert json.loads(toy.run("check", "p.parquet", "--max", "l:99999", "--json"))["broken"] == 0


def test_a_new_layer_is_in_the_pictures(toy: Toy) -> None:
    for name, label in (("pie", "L  long word"), ("bars", "L  from 5 characters")):
        picture = (toy.folder / "figures" / f"{name}.svg").read_text("utf-8")
        assert label in picture, name
    assert "#123456" in (toy.folder / "figures" / "pie.svg").read_text("utf-8")
    assert "L long word" in (toy.folder / "r.md").read_text("utf-8")


def test_a_new_layer_is_on_the_page(toy: Toy) -> None:
    page = (toy.folder / "r.html").read_text("utf-8")
    found = re.search(r'<script type="application/json" id="errtax-page">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    (layer,) = (each for each in data["layers"] if each["name"] == "long")
    said = {"title": "long word", "letter": "L", "colour": "#123456"}
    assert {key: layer[key] for key in said} == said
    assert [clause["name"] for clause in layer["clauses"]] == ["from 5 characters"]
    assert data["settings"]["long_length"] == 5 and "own-long" in data["columns"]
    assert '<li class="k-long"><b>long word</b>: in a word of many characters. ' in page
    assert ".k-long{" in page and "#123456" in page


def test_a_new_layer_moves_on_the_page(toy: Toy) -> None:
    driver = start_browser()
    try:
        page = Page(driver, toy.folder / "r.html")
        page.open("#layers=long,boost")
        rows = {cells[0].removeprefix("▸"): cells[1] for cells in page.rows()}
    finally:
        driver.quit()
    assert rows["Llong word"].replace(",", "") == str(toy.errors_in_long_words(5))


# --- what is asked for -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def peel() -> Any:
    frame = {"position": range(300), "symbol": list(TEXT[:300]), "logprob": [-1.0, -0.1, -2.5] * 100}
    return errtax.peel(pd.DataFrame(frame), layers=["memory", "word", "punctuation", "boost"])


@pytest.fixture
def registry() -> Iterator[None]:
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.parametrize("asked", ["memory", "Memory", "dynamic memory", "DYNAMIC MEMORY", "M", "m", " m "])
def test_layers_go_by_name_title_and_letter(peel: Any, asked: str) -> None:
    assert layer_in(peel.peel, asked) == "memory"
    assert choose_layers([asked, "rare word", "R", "n-gram"])[0] == ("memory", "rare", "rare", "ngram")
    assert peel.worst(3, layer=asked).equals(peel.worst(3, layer="memory"))
    assert peel.repeel(layers=[asked, "B"]).peel.settings.layers == ("memory", "boost")
    assert part_in(peel.peel, asked, ("errors", "bits")) == ("memory", None)


def test_every_layer_is_found_by_each_of_its_names() -> None:
    for layer in LAYERS:
        for said in (layer.name, layer.title, layer.letter):
            assert choose_layers([said.upper()])[0] == choose_layers([said.lower()])[0] == (layer.name,)
    for layer in TOKEN_LAYERS:
        for said in (layer.name, layer.title, layer.letter):
            assert choose_layers([said.upper()], made_for="tokens")[0] == (layer.name,)


def test_slices_and_what_is_neither(peel: Any) -> None:
    assert slice_in(peel.peel, "AFTER newline") == ("word", "after newline")
    assert slice_in(peel.peel, "500 memory") == ("memory", "500 memory")
    assert part_in(peel.peel, "0.1 boost", ("errors", "bits")) == ("boost", "0.1 boost")
    assert part_in(peel.peel, "punctuation", ("errors", "bits")) == ("punctuation", None)
    assert part_in(peel.peel, "Bits", ("errors", "bits")) == ("bits", None)
    assert part_in(peel.peel, "rest", ("errors", "bits")) == ("rest", None)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda peel: layer_in(peel, "memmory"), "there is no layer 'memmory' in this peel; did you mean 'memory'?"),
        (
            lambda peel: layer_in(peel, "dynamic memori"),
            "no layer 'dynamic memori' in this peel; did you mean 'memory'?",
        ),
        (lambda peel: layer_in(peel, "zzz"), "there are memory, word, punctuation, boost, rest"),
        (lambda peel: layer_in(peel, "rare"), "there is no layer 'rare' in this peel"),
        (lambda peel: slice_in(peel, "after newlin"), "there is no slice 'after newlin' in this peel; did you mean"),
        (lambda peel: part_in(peel, "500 memori", ("errors",)), "did you mean '500 memory'?"),
        (lambda peel: choose_layers(["bost"]), "there is no layer 'bost'; did you mean 'boost'?"),
        (lambda peel: choose_layers(["copy"]), "the layer 'copy' is made for tokens: give --preset token, too."),
        (lambda peel: choose_layers(["zzz"], made_for="tokens"), "the built-in layers are ngram, copy, memory, rare"),
        (lambda peel: choose_layers(["zzz"]), "there is no layer 'zzz'; the built-in layers are ngram, memory, rare"),
        (lambda peel: find_name("x", {"one": ("X",), "two": ("x",)}, "layer {}"), "'x' may be one or two"),
    ],
)
def test_what_is_not_there_is_told_with_what_was_meant(peel: Any, ask: Any, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        ask(peel.peel)


def test_own_oracles_go_by_title_and_letters_too(registry: None) -> None:
    oracle("digits", rule="", title="any digit")(lambda view: view.codes > 0)
    for said in ("digits", "Any Digit", "di"):
        names, rules = choose_layers([said, "B"])
        assert names == ("digits", "boost")
        assert [rule.name for rule in rules] == ["digits"]
    known = OracleRule("known", "known", "")
    assert choose_layers(["ngram"], ["digits"], [known]) == (("ngram",), (known, REGISTRY["digits"][0]))


# --- parameters ------------------------------------------------------------------------------------------------------


def test_parameters_have_bounds() -> None:
    one, many = Parameter("n", 3, "", low=1, high=31), Parameter("x", (0.1, 0.5), "", high=1)
    assert (one.checked("7"), one.checked(7.0), type(one.checked(np.int64(7)))) == (7, 7, int)
    assert many.checked("0.2,1") == many.checked([0.2, 1]) == many.checked(np.array([0.2, 1.0])) == (0.2, 1.0)
    for parameter, wrong, said in (
        (one, 0, "n must be in 1..31; got 0"),
        (one, 32, "n must be in 1..31; got 32"),
        (one, 2.5, "'n' takes values of type int; got 2.5"),
        (one, None, "'n' takes values of type int; got None"),
        (one, [1], "'n' takes values of type int"),
        (many, 0.5, "'x' is a list, as in x=[0.1, 0.5]; got 0.5"),
        (many, [], "x must be increasing numbers of at least 0, at most 100 of them; got none"),
        (many, [0.5, 0.1], "got 0.5,0.1"),
        (many, [0.1, 0.1], "must be increasing"),
        (many, [-0.1], "must be increasing numbers of at least 0"),
        (many, [0.1, 1.5], "got 0.1,1.5"),
        (many, [0.1, float("inf")], "must be increasing"),
        (many, ["x"], "'x' takes values of type float; got 'x'"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            parameter.checked(wrong)


def test_names_letters_colours_and_parameters_are_each_their_own() -> None:
    for layers in (LAYERS, TOKEN_LAYERS):
        everything = (*layers, *OTHER_LAYERS, REST_LAYER)
        for names in ("name", "title", "letter", "colour", "bit"):
            assert len({getattr(layer, names) for layer in everything}) == len(everything)
    own = [layer for layer in TOKEN_LAYERS if layer.name not in LAYER_NAMES]
    bits = {layer.name: layer.bit for layer in LAYERS}
    assert all(bits.get(layer.name, layer.bit) == layer.bit for layer in TOKEN_LAYERS)
    assert not {layer.bit for layer in own} & {*bits.values()}
    declared = {id(each) for layer in (*LAYERS, *TOKEN_LAYERS, *OTHER_LAYERS) for each in layer.parameters}
    assert len(PARAMETERS) == len(declared)
    assert not {*PARAMETERS} & {*vars(Settings()), "preset", "limits"}
    assert OUTSIDE == ("boost", "rest")
    assert with_own(("digits",)) == ("ngram", "memory", "rare", "word", "punctuation", "digits", "boost")
    of_tokens = ("ngram", "copy", "memory", "rare", "piece", "word", "punctuation", "space")
    assert PRESETS["token"].layers == of_tokens and with_own(("digits",), "tokens") == (*of_tokens, "digits")
