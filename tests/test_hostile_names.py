"""Names that a file brings along: no control character of theirs reaches a terminal, XML or a picture, however long."""

import json
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import Errtax, Outcome
from errtax.taxonomy.peel_file import read_peel
from errtax.taxonomy.summary import summarise

TEXT = ("A 'dark' night; the rain fell in torrents (again), and again.\r\n" * 20).encode()
NAME = "\x1b[31mred\x07\r\n# two <b>|`*\u202e\x9b\ud83d".encode("utf-8", "surrogatepass").decode("utf-8", "replace")
HIDDEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


def write_log(path: Path, seed: int, metadata: dict[str, str]) -> None:
    p = np.random.default_rng(seed).uniform(0.01, 0.99, len(TEXT))
    columns = {"position": range(len(TEXT)), "symbol": [bytes([b]) for b in TEXT], "logprob": np.log(p)}
    columns |= {"argmax": columns["symbol"], "argmax_logprob": columns["logprob"]}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)


def safe(text: str) -> None:
    assert not {unicodedata.category(c) for c in text.replace("\n", "")} & HIDDEN, ascii(text)[:500]


def ran(done: Outcome, code: int = 0) -> str:
    assert done.code == code, done
    safe(done.out)
    safe(done.err)
    return done.out


@pytest.fixture
def peels(errtax: Errtax) -> list[str]:
    """Peels of three models: of an evil name, of a long one, of another long one; their numbers are absurd."""
    names = (NAME, NAME + "x" * 20_000, "y" * 20_000 + "\n")
    for k, name in enumerate(names):
        write_log(Path(f"{k}.parquet"), k, {"model": name, "parameters": "9" * (5000 + k), "step": "²"})
        ran(errtax("peel", "--preds", f"{k}.parquet", "--train-text", "train.txt", "-o", f"{k}.peel.parquet"))
    return [f"{k}.peel.parquet" for k in range(3)]


def test_every_command_that_prints_a_name_prints_what_can_be_seen(errtax: Errtax, peels: list[str]) -> None:
    for arguments in (
        ("stats", peels[1]),
        ("show", peels[0], "--worst", "3"),
        ("compare", *peels, "-o", "compare.html", "--bars", "bars.svg"),
        ("calibration", peels[2]),
        ("repeel", peels[0]),
        ("distance", "--preds", "0.parquet", "--preds", "1.parquet", "--pair", "()", "--figure", "distance.svg"),
        ("overlap", "0.parquet", "1.parquet", "2.parquet", "--figure", "overlap.svg", "--min-count", "1"),
    ):
        force = ("--force",) if arguments[0] in ("compare", "distance", "overlap") else ()
        ran(errtax(*arguments))
        json.loads(ran(errtax(*arguments, "--json", *force)))
    for picture in ("bars.svg", "distance.svg", "overlap.svg"):
        ElementTree.parse(picture)
        safe(Path(picture).read_text(encoding="utf-8"))
    safe(Path("compare.html").read_text(encoding="utf-8"))
    assert (
        "‹U+001B›[31mred" in ran(errtax("stats", peels[0])) and summarise(read_peel(Path(peels[0]))).parameters is None
    )


def test_reports_of_evil_names_are_whole(errtax: Errtax, peels: list[str]) -> None:
    ran(errtax("report", *peels, "--markdown", "report.md", "--figures", "figures"))
    for path in [Path("report.md"), Path("report.html"), *Path("figures").glob("*.svg")]:
        text = path.read_text(encoding="utf-8")
        safe(text)
        assert "y" * 200 not in text and "<b>|" not in text
    for path in Path("figures").glob("*.svg"):
        ElementTree.parse(path)
    assert not [line for line in Path("report.md").read_text().splitlines() if line.startswith("# two")]


def test_the_gate_writes_xml_that_can_be_read(errtax: Errtax, peels: list[str]) -> None:
    limits = ("--max", "errors:+0", "--max", "bits:+1", "--junit", "gate.xml", "--markdown", "gate.md")
    done = errtax("check", peels[1], "--baseline", peels[0], *limits)
    ran(done, done.code)
    assert done.code in (0, 1)
    for name in ("gate.xml", "gate.md"):
        safe(Path(name).read_text(encoding="utf-8"))
    assert "‹U+001B›[31m" in (ElementTree.parse("gate.xml").getroot().get("name") or "")


def test_numbers_beyond_all_size_are_not_known(errtax: Errtax, peels: list[str]) -> None:
    for by in ("parameters", "step"):
        done = errtax("trend", *peels, "--by", by)
        ran(done, 2)
        assert "does not say its" in done.err
    assert json.loads(ran(errtax("repeel", peels[0], "--json")))["parameters"] is None


def test_messages_quote_in_one_short_line(errtax: Errtax, peels: list[str]) -> None:
    evil = "\x1b]0;title\x07\n" + "z" * 30_000
    for arguments in (
        ("show", peels[0], "--slice", evil),
        ("show", peels[0], "--layer", evil),
        ("check", peels[0], "--max", f"{evil}:1pp"),
        ("peel", "--preds", "no\x1b[2J\nsuch.parquet"),
        ("stats", "no\x1b[2J\nsuch.parquet"),
        ("distance", "--preds", "0.parquet", "--pair", evil),
        ("peel", "--preds", "0.parquet", "--layers", evil),
        ("peel", f"--{evil}"),
        (evil,),
    ):
        done = errtax(*arguments)
        assert done.code in (2, 3), done
        ran(done, done.code)
        last = done.err.splitlines()[-1]
        assert len(last) < 2_100 and len(done.err.splitlines()) < 6, done.err
    write_log(Path("evil.parquet"), 1, {"unit": evil, "errtax.schema": evil})
    done = errtax("peel", "--preds", "evil.parquet")
    assert "errtax: evil.parquet is not a valid prediction log" in done.err and "…" in done.err
    ran(done, 3)
