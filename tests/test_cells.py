"""`errtax cells` as a user meets it: the page, the table, the terminal, bad input."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import Errtax
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.features import Feature, FeatureKind
from errtax.oracle.text_kind import Reading
from errtax.reports.studies.cells_page import cells_page
from errtax.reports.studies.coloured_text import CLASSES, classes_of, coloured, colours, glyphs, value_of
from errtax.taxonomy.studies.cells import CellStudy, Panel
from errtax.taxonomy.studies.cells_file import cells_problems, write_cells
from errtax.taxonomy.studies.tracking import TrackedCell, Tracking
from errtax.taxonomy.studies.validation import problems_of

NASTY = "</script><img src=x onerror=alert(1)> <!-- ]]> &#x3c; \u2028 \u202e \x00\x1b \u200b \t| \r\n“é”\n"


def study_of(data: bytes, unit: Unit = Unit.BYTE, model: str = "a <b>model</b>") -> CellStudy:
    """Three cells, two features with scores and one without, and one passage."""
    codes = text_of_bytes(data, unit).codes
    names = (("quotes", FeatureKind.BINARY), ("line-position", FeatureKind.NUMBER), ("if", FeatureKind.BINARY))
    features = tuple(Feature(name, kind, 'inside "<q>"') for name, kind in names)
    score = np.array([[0.9, 0.1, 0], [0.2, 0.3, 0], [0.1, -0.1, 0]])
    accuracy = np.array([[0.95, np.nan, np.nan], [0.6, np.nan, np.nan], [0.5, np.nan, np.nan]])
    unscored = {"if": "never occurs"}
    tracking = Tracking(features, (2, 1), 99, score, -score, accuracy, np.array([0.2, 33, 0]), unscored)
    values = np.linspace(-1, 1, len(codes)).astype(np.float32)
    panel = Panel(TrackedCell(1, 1), ((features[0], tracking.found(TrackedCell(1, 1), 0)),), 1000, codes, values)
    signature = f"errtax:0|model:{model}|cells:3|x"
    return CellStudy(tracking, (panel,), model, "h", unit, Reading.PROSE, signature, {"text_sha256": "ab"})


class Parsed(HTMLParser):
    """The elements of a page, its text, and that of its passages."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: dict[str, int] = {}
        self.text, self.passages, self.inside = "", [""], False
        self.runs: list[tuple[str, str]] = []  # class and title of each run
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        given = dict(attrs)
        assert not {name for name in given if name.startswith("on") or name in ("src", "href", "style")}
        if tag == "pre":
            self.inside = True
            self.passages.append("")
        if tag == "span" and "title" in given:
            self.runs.append((str(given["class"]), str(given["title"])))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "pre"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.inside:
            self.passages[-1] += data


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
def test_untrusted_text_stays_text(unit: Unit) -> None:
    nasty = cells_page(study_of(NASTY.encode(), unit))
    parsed = Parsed(nasty)
    assert set(parsed.tags) == set(Parsed(cells_page(study_of(b"tame"))).tags)
    assert parsed.tags["script"] == 1 and '<script type="application/json"' in nasty
    assert not set(nasty) & set("\u2028\u202e\x00\x1b\u200b\r\t")
    shown = "</script><img src=x onerror=alert(1)> <!-- ]]> &#x3c; ‹U+2028› ‹U+202E› ‹U+0000›‹U+001B› ‹U+200B› →"
    assert parsed.passages[-1].startswith(shown)
    assert parsed.passages[-1].endswith("| ←↵\n“é”↵\n")
    assert "a <b>model</b>" in parsed.text and "b" not in {tag for tag in parsed.tags if parsed.tags[tag] > 20}


def test_bytes_that_are_not_utf8_are_shown_with_their_number() -> None:
    codes = np.frombuffer(b"a\xff\xe2\x80b\xe2\x80\x9c", np.uint8)
    assert glyphs(codes, Unit.BYTE) == [("a", 0), ("‹FF›", 1), ("‹E2›", 2), ("‹80›", 3), ("b", 4), ("“", 7)]


def test_tabs_and_newlines_keep_their_layout() -> None:
    text = "\ta\n1234567\tb\n12345678\tc\n"
    shown = "".join(glyph for glyph, _ in glyphs(text_of_bytes(text.encode(), Unit.BYTE).codes, Unit.BYTE))
    marks = str.maketrans("→↵", "  ")
    assert [line.rstrip() for line in shown.translate(marks).split("\n")] == text.expandtabs(8).split("\n")


def test_colours_follow_the_values() -> None:
    values = np.array([-1, -0.96, -0.94, -0.04, 0.06, 1, np.nan, 7], np.float32)
    assert classes_of(values).tolist() == [0, 0, 1, 10, 11, 20, -1, 20]
    parsed = Parsed(coloured(np.frombuffer(b"aabcdefg", np.uint8), Unit.BYTE, values))
    assert parsed.runs == [
        ("v0", "−1.0"), ("v1", "−0.9"), ("v10", "0.0"), ("v11", "+0.1"), ("v20", "+1.0"), ("v20", "+1.0"),
    ]  # fmt: skip
    last = np.array([-1, 1], np.float32)
    assert Parsed(coloured(np.frombuffer("é".encode(), np.uint8), Unit.BYTE, last)).runs == [("v20", "+1.0")]
    assert [round(value_of(k), 1) for k in (0, 10, 20)] == [-1, 0, 1]


def luminance(colour: str) -> float:
    """As WCAG 2 has it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("dark", [False, True])
def test_each_colour_is_legible_and_the_ends_are_red_and_blue(dark: bool) -> None:
    ink = luminance("#f4f4f4" if dark else "#111111")
    for colour in colours(dark):
        high, low = sorted((luminance(colour), ink), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5
    red, blue = colours(dark)[0], colours(dark)[CLASSES - 1]
    assert red[1:3] > red[5:7] and blue[5:7] > blue[1:3]
    assert len(set(colours(dark))) == CLASSES


def test_the_page_says_what_was_found() -> None:
    parsed = Parsed(cells_page(study_of(b"some text")))
    assert "Best tracked is quotes, by cell 1:1 with a score of 0.90; 2 of 2 features" in parsed.text
    assert "Not scored: if (never occurs)." in parsed.text
    assert "positions 1,000 to 1,008quotes: score 0.90, r −0.90, accuracy 0.95" in parsed.text
    assert "cells:3|x" in parsed.text
    empty = replace(study_of(b"x"), panels=())
    assert "here there is none" in Parsed(cells_page(empty)).text


def test_the_table_has_each_cell_and_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "cells.parquet"
    write_cells(path, study_of(b"text"))
    frame = pd.read_parquet(path)
    assert frame.shape == (6, 7) and list(frame.feature.unique()) == ["quotes", "line-position"]
    assert frame.iloc[0].to_dict() == {
        "layer": 1, "unit": 1, "feature": "quotes", "score": 0.9, "r": -0.9, "accuracy": 0.95, "frequency": 0.2,
    }  # fmt: skip
    assert frame[frame.feature == "line-position"][["accuracy", "frequency"]].isna().all(axis=None)
    assert [(row.layer, row.unit) for row in frame.itertuples()][3:] == [(1, 2), (1, 1), (2, 1)]
    assert problems_of(path) == ("errtax.cells/1", [])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda frame: frame.assign(score=frame.score + 1), "column 'score' has values outside -1..1"),
        (lambda frame: frame.assign(accuracy=-1.0), "column 'accuracy' has values outside 0..1"),
        (lambda frame: frame[1:], "feature 'quotes' does not have each of the 3 cells once"),
        (lambda frame: frame.assign(unit=np.int32(1)), "does not have each of the 3 cells once"),
        (lambda frame: frame.assign(layer=np.int32(0)), "count from 1"),
        (lambda frame: frame.drop(columns="r"), "column 'r' .* is missing"),
    ],
)
def test_a_damaged_table_is_found(tmp_path: Path, change: Callable[[Any], Any], problem: str) -> None:
    path = tmp_path / "cells.parquet"
    write_cells(path, study_of(b"text"))
    metadata = pq.read_schema(path).metadata
    table = pa.Table.from_pandas(change(pd.read_parquet(path)), preserve_index=False)
    pq.write_table(table.replace_schema_metadata(metadata), path)
    assert any(pd.Series(cells_problems(path)).str.contains(problem))


# --- the command ----------------------------------------------------------------------------------------------------

TEXT = b'"Yes," he said (and meant it).\n"No!" said she.\n\n' * 60


@pytest.fixture
def run(errtax_alone: Errtax) -> Errtax:
    """`errtax cells ARGS` in a folder with a run of random weights and a text; returns exit code, stdout, stderr."""
    torch = pytest.importorskip("torch")
    from errtax.lm.neural.recurrent import CellKind, RecurrentConfig, RecurrentLM
    from errtax.lm.neural.run import Epoch, Recipe, Run, write_run

    Path("test.txt").write_bytes(TEXT)
    Path("lstm").mkdir()
    alphabet = sorted(set(TEXT))
    config = RecurrentConfig(CellKind.LSTM, 2, 6, len(alphabet))
    torch.manual_seed(1)
    torch.save(RecurrentLM(config).state_dict(), "lstm/best.pt")
    write_run(Path("lstm"), Run(config, Recipe(), Unit.BYTE, alphabet, "00" * 32, "00" * 32, [Epoch(1, 3, 3, 1, 1)]))

    return partial(errtax_alone, "cells")


def test_the_command_writes_page_table_and_document(run: Any) -> None:
    code, out, _ = run("lstm", "--text", "test.txt", "--table", "c.parquet", "--cell", "2:6", "--cell", "1:1", "--json")
    document = json.loads(out)
    assert code == 0 and next(iter(document)) == "schema" and document["schema"] == "errtax.cells/1"
    assert document["written"] == ["cells.html", "c.parquet"]
    assert document["cells"] == 12 and document["positions"] == len(TEXT) and document["reading"] == "prose"
    quotes = next(item for item in document["features"] if item["name"] == "quotes")
    assert len(quotes["best"]) == 10 and quotes["unscored"] is None and 0 < quotes["mean"] < 1
    assert [(shown["layer"], shown["unit"]) for shown in document["shown"]] == [(2, 6), (1, 1)]
    assert problems_of(Path("c.parquet")) == ("errtax.cells/1", [])
    parsed = Parsed(Path("cells.html").read_text(encoding="utf-8"))
    assert "layer 2, unit 6 (2:6)" in parsed.text and parsed.tags["pre"] == 3
    assert "errtax:" in parsed.text and "|cells:12|bins:128|reading:prose|" in parsed.text
    code, out, _ = run("lstm", "--text", "test.txt", "--force", "--features", "quotes,if", "--reading", "code")
    assert code == 0 and "quotes" in out and "Not scored: if (never occurs)." in out and "line-position" not in out


def test_a_passage_that_was_asked_for(run: Any) -> None:
    run("lstm", "--text", "test.txt", "--cell", "1:2", "--from", "5", "--length", "13")
    assert Parsed(Path("cells.html").read_text(encoding="utf-8")).passages[-1] == TEXT[5:18].decode()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--cell", "3:999"], 2, "no cell 3:999 in LSTM-2 (6 units); a cell is layer:unit, both from 1, and this"),
        (["--cell", "0:1"], 2, "has layers 1 to 2 of units 1 to 6"),
        (["--cell", "7"], 2, "'7' is not a cell, which is layer:unit"),
        (["--features", "quote"], 2, "no feature 'quote'; there are line-position"),
        (["--from", str(len(TEXT))], 2, f"positions are 0 to {len(TEXT) - 1}"),
        (["-o", "test.txt", "--force"], 2, "is an input of this command"),
        (["-o", "a.html", "--table", "a.html"], 2, "would be written twice"),
        (["--text", "missing.txt"], 3, "does not exist"),
    ],
)
def test_what_does_not_fit_is_refused(run: Any, arguments: list[str], code: int, words: str) -> None:
    found, out, err = run("lstm", "--text", "test.txt", *arguments)
    assert (found, out) == (code, "") and words in " ".join(err.split())
    assert sorted(path.name for path in Path().iterdir()) == ["lstm", "test.txt"]


def test_a_model_without_cells_is_refused(run: Any) -> None:
    from errtax.lm.neural.feedforward import FeedforwardConfig
    from errtax.lm.neural.run import read_run, write_run

    write_run(Path("lstm"), replace(read_run(Path("lstm")), config=FeedforwardConfig(3, 8, 20)))
    code, _, err = run("lstm", "--text", "test.txt")
    assert code == 2 and "has no cells; give an LSTM, GRU or RNN" in err
