"""Peels in parts on the command line: where they may be written, and that every command reads them like one file."""

import json
from pathlib import Path

import pytest

from commands import Errtax, files, refused, write_log
from errtax.taxonomy.peel_file import PeelFile, peel_problems

LINE = ("peel", "preds.parquet", "--train-text", "train.txt")


@pytest.fixture
def peels(errtax: Errtax) -> Errtax:
    """Three peels, `a`, `b` and `c`, as files and as folders of parts."""
    text = Path("test.txt").read_bytes()
    for k, name in enumerate("abc", 1):
        frame = write_log(Path("log.parquet"), text)
        frame["argmax"] = frame["symbol"]
        frame["logprob"] /= k
        frame["argmax_logprob"] = frame["logprob"].astype("float32")
        frame.to_parquet("log.parquet")
        for output, parts in ((f"{name}.parquet", 1), (f"{name}-parts", 3)):
            line = ("peel", "log.parquet", "--train-text", "train.txt", "--model", name, "--parts", parts)
            assert errtax(*line, "-o", output).code == 0
    return errtax


@pytest.mark.parametrize(
    "line",
    [
        "repeel A --layers boost",
        "repeel A --layers boost -o new.parquet",
        "report A B -o new.html",
        "show A --worst 3",
        "stats A",
        "compare A B -o new.html",
        "check A --baseline B --max errors:+5pp",
        "calibration A",
        "trend A B C --parameters 1,2,3",
        "validate A",
    ],
)
def test_a_folder_is_read_like_a_file(peels: Errtax, line: str) -> None:
    found = []
    for ending in (".parquet", "-parts"):
        words = [f"{word.lower()}{ending}" if word in "ABC" else word for word in line.split()]
        done = peels(*words, "--json")
        assert done.code in (0, 1), done.err
        found.append({**json.loads(done.out), "file": None})
        for made in files() & {"new.parquet", "new.html"}:
            found[-1][made] = Path(made).read_bytes()
            Path(made).unlink()
    assert found[0] == found[1]


def test_a_folder_is_an_input_that_is_never_written_over(peels: Errtax) -> None:
    before = {path: path.read_bytes() for path in Path("a-parts").iterdir()}
    for output in ("a-parts", "a-parts/part-00001.parquet", "."):
        refused(peels("repeel", "a-parts", "--layers", "boost", "-o", output, "--force"), 2)
    assert {path: path.read_bytes() for path in Path("a-parts").iterdir()} == before


def test_a_part_is_no_peel(peels: Errtax) -> None:
    refused(peels("stats", "a-parts/part-00001.parquet"), 3, "a peel of 3 parts needs all of them")
    Path("a-parts/part-00002.parquet").unlink()
    refused(peels("show", "a-parts"), 3, "needs all of them")


def test_what_stands_where_parts_are_written(errtax: Errtax) -> None:
    def parts(output: str, *more: object) -> int:
        done = errtax(*LINE, "--parts", 3, "-o", output, *more)
        assert done.code == 0, done.err
        return len(list(Path(output).iterdir()))

    assert parts("p") == 3
    refused(errtax(*LINE, "--parts", 2, "-o", "p"), 2, "p exists already; give --force")
    assert parts("p", "--force") == 3
    assert parts("p/", "--force") == 3
    Path("file").write_text("old")
    refused(errtax(*LINE, "--parts", 3, "-o", "file"), 2, "file exists already; give --force")
    assert parts("file", "--force") == 3
    Path("empty").mkdir()
    assert parts("empty", "--force") == 3
    refused(errtax(*LINE, "-o", "p", "--force"), 2, "p is a folder; give the name of a file")
    refused(errtax(*LINE, "-o", "p/", "--force"), 2, "p is a folder; give the name of a file")


@pytest.mark.parametrize("other", ["notes.txt", "part-00001.parquet", "deep/x"])
def test_a_folder_of_something_else_is_never_replaced(errtax: Errtax, other: str) -> None:
    path = Path("folder") / other
    path.parent.mkdir(parents=True)
    path.write_bytes(Path("preds.parquet").read_bytes())
    for more in ([], ["--force"]):
        done = errtax(*LINE, "--parts", 3, "-o", "folder", *more)
        refused(done, 2, "folder is a folder with other files than a peel's", other.partition("/")[0])
    assert path.read_bytes() == Path("preds.parquet").read_bytes()


def test_the_folder_of_the_log_is_never_replaced(errtax: Errtax) -> None:
    Path("logs").mkdir()
    Path("preds.parquet").rename("logs/preds.parquet")
    for output in ("logs", "logs/", "."):
        refused(errtax("peel", "logs", "--parts", 3, "-o", output, "--force"), 2, "an input of this command")
    assert errtax("peel", "logs", "--parts", 3).code == 0
    assert peel_problems(Path("logs.peel")) == []


def test_more_parts_than_rows(errtax: Errtax) -> None:
    write_log(Path("preds.parquet"), b"a b c")
    assert errtax("peel", "preds.parquet", "--parts", 8).code == 0
    assert len(list(Path("preds.peel").iterdir())) == len(PeelFile(Path("preds.peel"))) == 5
    refused(errtax("peel", "preds.parquet", "--parts", 1000), 2, "--parts", "256")
