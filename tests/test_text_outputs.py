"""Texts that commands write: to stdout by `-`, and again over their own of an earlier run."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from commands import Errtax, files, refused

PEEL = "preds.peel.parquet"
CHECK = ("check", PEEL, "--max", "errors:100%")


@pytest.fixture
def peeled(errtax: Errtax) -> Errtax:
    """A folder with a peel."""
    assert errtax("peel", "--preds", "preds.parquet", "--train-text", "train.txt").code == 0
    return errtax


@pytest.mark.parametrize(
    ("arguments", "beginning"),
    [
        ((*CHECK, "--markdown", "-"), "### errtax check: "),
        ((*CHECK, "--junit", "-"), "<?xml"),
        (("report", PEEL, "-o", "-"), "<!doctype html>"),
        (("report", PEEL, "--markdown", "-"), "<!-- errtax report -->"),
        (("compare", PEEL, PEEL, "-o", "-"), "<!doctype html>"),
        (("build-ngram", "train.txt", "--order", 3, "--arpa", "-"), "\\data\\"),
    ],
)
def test_a_dash_is_stdout_and_never_a_file(peeled: Errtax, arguments: tuple[object, ...], beginning: str) -> None:
    done = peeled(*arguments)
    assert done.code == 0, done.err
    assert done.out.lower().startswith(beginning)
    assert "-" not in files()
    refused(peeled(*arguments, "--json", "--force"), 2, "- is stdout")


def test_what_goes_to_stdout_is_what_would_be_in_the_file(peeled: Errtax) -> None:
    for option in ("--markdown", "--junit"):
        assert peeled(*CHECK, option, "x").code == 0
        assert peeled(*CHECK, option, "-").out == Path("x").read_text(encoding="utf-8")
        Path("x").unlink()
    assert peeled("build-ngram", "train.txt", "--order", 3, "--arpa", "x.arpa").code == 0
    assert peeled("build-ngram", "train.txt", "--order", 3, "--arpa", "-", "--force").out == Path("x.arpa").read_text()


def test_stdout_takes_one_output(peeled: Errtax) -> None:
    refused(peeled(*CHECK, "--markdown", "-", "--junit", "-"), 2, "one output")
    refused(peeled("report", PEEL, "-o", "-", "--markdown", "-"), 2, "one output")


@pytest.mark.parametrize(
    "arguments",
    [
        ("peel", "--preds", "preds.parquet", "-o", "-"),
        ("repeel", PEEL, "-o", "-"),
        ("build-ngram", "train.txt", "-o", "-"),
        ("score", "test.txt", "--ngram", "train.ngram", "-o", "-"),
        ("distance", "--preds", "preds.parquet", "-o", "-"),
        ("overlap", "preds.parquet", "-o", "-"),
        ("split", "train.txt", "-o", "-"),
        ("trend", PEEL, PEEL, PEEL, "--figure", "-"),
        ("report", PEEL, "--pie", "-"),
        ("train", "train.txt", "-o", "-"),
        ("predict", "run", "--text", "test.txt", "-o", "-"),
        ("demo", "-o", "-"),
    ],
)
def test_no_table_picture_or_folder_goes_to_stdout(peeled: Errtax, arguments: tuple[str, ...]) -> None:
    before = files()
    refused(peeled(*arguments), 2, "- is stdout")
    assert files() == before


@pytest.mark.parametrize(
    ("option", "command"), [("--markdown", CHECK), ("--junit", CHECK), ("--markdown", ("report", PEEL, "-o", "r.html"))]
)
def test_a_rerun_replaces_its_own_text_and_nothing_else(peeled: Errtax, option: str, command: tuple[str, ...]) -> None:
    def run() -> int:
        Path("r.html").unlink(missing_ok=True)
        return peeled(*command, option, "out").code

    assert run() == 0
    first = Path("out").read_bytes()
    assert run() == 0 and Path("out").read_bytes() == first
    for other in (b"", b"notes of mine", b"\n" + first, first[:8]):
        Path("out").write_bytes(other)
        assert run() == 2 and Path("out").read_bytes() == other


def test_one_commands_text_is_not_anothers(peeled: Errtax) -> None:
    assert peeled(*CHECK, "--markdown", "check.md").code == 0
    refused(peeled("report", PEEL, "--markdown", "check.md"), 2, "exists already")
    refused(peeled(*CHECK, "--junit", "check.md"), 2, "exists already")


def test_junit_is_utf_8_whatever_the_locale(peeled: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "ANSI_X3.4-1968")
    monkeypatch.setattr("locale.getencoding", lambda: "ANSI_X3.4-1968")
    assert peeled(*CHECK, "--junit", "x.xml").code == 0
    assert Path("x.xml").read_text(encoding="utf-8").startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    assert ET.parse("x.xml").getroot().tag == "testsuite"


def test_what_was_written_is_said(peeled: Errtax) -> None:
    done = peeled("report", PEEL, "--markdown", "r.md", "--pie", "pie.svg", "--json")
    assert json.loads(done.out)["written"] == ["report.html", "r.md", "pie.svg"]
