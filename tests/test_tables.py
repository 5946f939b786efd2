"""Tables are whole at any width, whatever they show: no digit and no row is lost, no line is too long."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from commands import Errtax
from errtax.reports.frames import frame_of
from errtax.reports.markdown import markdown_table
from errtax.reports.page_tables import html_table
from errtax.reports.table import Column, Depth, Kind, Marked, Row, Table
from errtax.reports.terminal import table_lines
from errtax.taxonomy.intervals import Interval

TEXT = ("A 'dark' night; the rain fell in torrents (again), and again.\r\n" * 60).encode()
NUMBER = re.compile(r"[+-]?\d[\d,.]*(?:e-\d+)?")
WIDTHS = (60, 80, 100, 200)


def write_log(path: Path, seed: int, model: str) -> None:
    p = np.random.default_rng(seed).uniform(0.01, 0.99, len(TEXT))
    symbols = [bytes([b]) for b in TEXT]
    columns = {"position": range(len(TEXT)), "symbol": symbols, "logprob": np.log(p), "argmax": symbols}
    columns["argmax_logprob"] = np.log(p)
    metadata = {"model": model, "parameters": str(1000 * 10**seed)}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)


def printed_at(run: Errtax, monkeypatch: pytest.MonkeyPatch, width: int, arguments: tuple[str, ...]) -> list[str]:
    """What a command prints on a terminal of this width."""
    with monkeypatch.context() as patch:
        patch.setattr("errtax.cli.frame.is_terminal", lambda _: True)
        patch.setenv("COLUMNS", str(width))
        patch.setenv("LINES", "40")
        patch.setenv("TERM", "dumb")
        done = run(*arguments)
    assert done.code == 0, done
    return done.out.splitlines()


@pytest.fixture
def peels(errtax: Errtax) -> list[str]:
    names = ("small", "a rather long name of a model, as people give them: layers=2, hidden=128", "large")
    for k, name in enumerate(names):
        write_log(Path(f"{k}.parquet"), k, name)
        done = errtax("peel", "--preds", f"{k}.parquet", "--train-text", "train.txt", "-o", f"{k}.peel.parquet")
        assert done.code == 0, done
    return [f"{k}.peel.parquet" for k in range(3)]


def test_every_table_is_whole_at_any_width(errtax: Errtax, peels: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    logs = [option for k in range(3) for option in ("--preds", f"{k}.parquet")]
    many = ("--ngram", "train.ngram", "--orders", "1-8")
    assert errtax("build-ngram", "train.txt", "--order", "8").code == 0
    for arguments in (
        ("peel", "--preds", "1.parquet", "--train-text", "train.txt", "--force", "--slices"),
        ("repeel", peels[1]),
        ("stats", peels[1], "--slices"),
        ("compare", *peels, "--by", "slice"),
        ("trend", *peels),
        ("calibration", peels[1]),
        ("show", peels[1], "--worst", "5"),
        ("distance", *logs, "--pair", "()", *many, "--force"),
        ("overlap", "0.parquet", "1.parquet", "2.parquet", "--force", "--min-count", "1"),
        ("score", "test.txt", "--ngram", "train.ngram", "--force"),
    ):
        whole = errtax(*arguments)
        assert whole.code == 0, whole
        due = sorted(NUMBER.findall(without_long_words(whole.out)))
        for width in WIDTHS:
            lines = printed_at(errtax, monkeypatch, width, arguments)
            for line in lines:
                assert cell_len(line) <= width or " " not in line, (arguments, width, line)
            found = sorted(NUMBER.findall(without_long_words("\n".join(lines))))
            assert set(due) <= set(found), (arguments, width, set(due) - set(found))
            assert "…" not in "".join(lines)


def without_long_words(text: str) -> str:
    """Text without signatures, and without what stands in a name that may be broken."""
    return "\n".join(line for line in text.splitlines() if "errtax:" not in line and "rather" not in line)


def test_ladders_are_folded_and_slices_without_errors_left_out(errtax: Errtax, peels: list[str]) -> None:
    folded, every, none = (errtax("repeel", peels[0], *more).out for more in ((), ("--slices",), ("--no-slices",)))
    assert "0.1 boost" in every and "0.1 boost" not in folded and "after newline" in folded
    assert "Folded: the slices of" in folded and "--slices shows them" in folded and "Folded" not in every
    assert "after newline" not in none and "word model" in none
    slices = [
        part for layer in json.loads(errtax("repeel", peels[0], "--json").out)["layers"] for part in layer["slices"]
    ]
    several = {part["name"]: part["count"] for part in slices if part["name"] not in ("punctuation",)}
    assert 0 in several.values()
    for name, count in several.items():
        assert (re.search(rf"^ +{re.escape(name)} ", every, re.MULTILINE) is not None) == (count > 0), name


def test_what_is_piped_is_whole(errtax: Errtax, peels: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = errtax("compare", *peels[:2]).out.splitlines()
    heads = next(line for line in lines if line.strip().startswith("layer / slice"))
    assert "before" in heads and "p (Holm)" in heads
    assert "\x1b" not in "".join(lines)


CELLS = st.one_of(st.integers(0, 10**9), st.none(), st.text("ab c猫", max_size=30))
HEADS = st.text("hij k", max_size=40)
COLUMNS = st.builds(Column, HEADS, st.just(str), st.sampled_from(Kind), st.integers(0, 2))
DEPTHS = st.sampled_from(Depth)
TABLES = st.integers(1, 6).flatmap(
    lambda n: st.builds(
        Table,
        st.text("xy z", max_size=90),
        st.just("label"),
        st.tuples(
            *[st.builds(Column, st.text("hij k", max_size=40), st.just(str), st.sampled_from(Kind), st.integers(0, 2))]
            * n
        ),
        st.lists(
            st.builds(
                Row, st.text("lm n", max_size=60), st.tuples(*[CELLS] * n), st.sampled_from(Depth), st.just(None)
            ),
            max_size=5,
        ).map(tuple),
    )
)


@given(TABLES, st.integers(60, 120))
def test_no_table_is_too_wide_or_loses_a_cell(table: Table, width: int) -> None:
    lines = [line.plain for line in table_lines(table, width)]
    assert all(cell_len(line) <= width for line in lines)
    together = "".join("".join(lines).split())
    for row in table.rows:
        for cell, column in zip(row.cells, table.columns, strict=True):
            if column.kind is not Kind.TEXT:
                assert "".join(column.drawn(cell).split()) in together
    wide = [line.plain for line in table_lines(table, 10_000)]
    assert len(wide) == (1 if table.title.strip() or table.title else 0) + 1 + len(table.rows)


def sample() -> Table:
    columns = (
        Column("errors", lambda n: f"{n:,}", names=("errors",)),
        Column("share [95 %]", lambda i: f"{i.value:.1f}", names=("share", "share_low", "share_high")),
        Column("where", str, Kind.TEXT),
    )
    rows = (
        Row("rare|word", (1234, Interval(0.5, 0.4, 0.6), Marked("a<", "b", ">")), Depth.LAYER, "rare", "rare"),
        Row("0-train", (1000, Interval(0.4, None, None), None), Depth.SLICE, "rare", "0-train"),
        Row("1-train", (0, None, None), Depth.SLICE, "rare", "1-train", empty=True),
        Row("punctuation", (9, None, None), Depth.LAYER, "punctuation", "punctuation", "mark"),
        Row("all errors", (1243, None, None), Depth.TOTAL, name="all errors"),
    )
    return Table("a title", "layer", columns, rows)


def test_one_record_is_drawn_four_ways() -> None:
    table = sample()
    terminal = "\n".join(line.plain for line in table_lines(table, 80))
    markdown = markdown_table(table)
    html = html_table(table)
    for number in ("1,234", "1,000", "1,243", "0.5"):
        assert number in terminal and number in "\n".join(markdown) and number in html
    assert "R rare|word" in terminal and "rare\\|word" in markdown[2] and "**all errors**" in markdown[-2]
    assert 'class="layer"' in html and 'class="total"' in html and "a&lt;►b◄&gt;" in html
    frame = frame_of(table)
    assert frame.to_dict()["errors"] == {"rare": 1234, "punctuation": 9, "all errors": 1243}
    assert (frame.loc["rare"]["share"], frame.loc["rare"]["share_low"]) == (0.5, 0.4)
    slices = frame_of(table, ["errors"], slices=True)
    due = {("rare", "0-train"): 1000, ("rare", "1-train"): 0, ("punctuation", "mark"): 9}
    assert dict(zip(slices.index, slices["errors"], strict=True)) == due
    assert isinstance(slices, pd.DataFrame) and list(slices.columns) == ["errors"]
