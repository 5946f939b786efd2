"""What KenLM's `query` prints, as a log of words: two files that it wrote itself, and damaged ones."""

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arpa import read_arpa, score
from commands import Errtax, refused

GOLDEN = Path(__file__).parent / "golden"
LINE = "to=23 1 -2.0628328\tbe=0 1 -2.6047971\t</s>=2 1 -1.7367167\tTotal: -6.4043466 OOV: 1\n"


@pytest.mark.parametrize(("text", "output"), [("words.txt", "words.query.out"), ("query.txt", "query.out")])
def test_logs_equal_the_backoff_rule_of_the_model(errtax_alone: Errtax, text: str, output: str) -> None:
    """`words.3.arpa` by the reader and the rule of `arpa.py`, after `<s>`, each line by itself."""
    assert errtax_alone("import", "kenlm", GOLDEN / output, "--text", GOLDEN / text).code == 0
    log = pd.read_parquet("preds.parquet")
    content = (GOLDEN / text).read_bytes()
    assert b"".join(log["symbol"]) == content
    assert (log["start"] == np.cumsum([0, *map(len, log["symbol"])])[:-1]).all()
    model = read_arpa(GOLDEN / "words.3.arpa")
    lines = content.decode().split("\n")
    words = [[*line.strip(" \t\r").replace("\r", " ").replace("\t", " ").split(" "), "</s>"] for line in lines]
    words = [[word for word in line if word] for line in words]
    words[-1].pop()  # the last line has no end
    expected = [log10 * math.log(10) for line in words for log10 in score(model, line, 3)]
    predicted = log["logprob"].dropna()
    np.testing.assert_allclose(predicted, expected, atol=1e-5)
    assert log["logprob"].isna().sum() == (len(log) - len(expected)) <= 1
    assert errtax_alone("validate", "preds.parquet").code == 0


def test_words_with_equals_signs_blanks_and_line_ends(errtax_alone: Errtax) -> None:
    done = errtax_alone("import", "kenlm", GOLDEN / "query.out", "--text", GOLDEN / "query.txt")
    log = pd.read_parquet("preds.parquet")
    symbols = [b"to", b" be", b" or", b" not", b"  to", b" be", b"\n", b"\n", b" \t \n"]
    symbols += [b"x=y", b" a=1=2", b" =", b" ==", b" zebra", b"\r\n", b"\tthe", b"  end", b" "]
    assert log["symbol"].tolist() == symbols
    assert log["doc"].tolist() == [0] * 7 + [1, 2] + [3] * 6 + [4] * 3
    assert math.isnan(log["logprob"].iloc[-1])
    assert log["logprob"].iloc[0] == pytest.approx(-2.0628328 * math.log(10))
    assert "9 of 17 words are unknown" in done.err


def test_a_log_of_words_can_be_peeled(errtax_alone: Errtax) -> None:
    shutil.copy(GOLDEN / "words.txt", "words.txt")
    errtax_alone("import", "kenlm", GOLDEN / "words.query.out", "--text", "words.txt")
    done = errtax_alone("peel", "preds.parquet", "--train-text", "words.txt")
    assert done.code == 0, done.err
    assert "KenLM" in done.out


@pytest.mark.parametrize(
    ("output", "text", "words"),
    [
        (LINE[:30], "to be\n", ["line 1", "Total"]),
        (LINE.replace("be=0 1 -2.6047971\t", ""), "to be\n", ["line 1", "sum to -3.79955", "-6.40435"]),
        (LINE * 2, "to be\nto see\n", ["line 2, word 2 of 3", "'be'", "byte 8", "another text"]),
        (LINE.replace("be=0", "be0"), "to be\n", ["line 1", "be0 1 -2.6047971", "word=id length log10p"]),
        (LINE.replace("-2.6047971", "nan"), "to be\n", ["line 1", "NaN"]),
        (
            LINE.replace("-2.6047971", "-inf").replace("-6.4043466", "-inf"),
            "to be\n",
            ["line 1, word 2", "probability 0"],
        ),
        (LINE.replace("-2.6047971", "2.0"), "to be\n", ["line 1"]),
        (LINE, "to be\nor not\n", ["covers 6 of the 13 bytes", "'or not", "head -c 6"]),
        ("Perplexity including OOVs:\t3\n", "to be\n", ["no words"]),
        ("", "to be\n", ["no words"]),
        (LINE, "", ["empty"]),
    ],
)
def test_bad_files_are_refused_with_the_line(errtax_alone: Errtax, output: str, text: str, words: list[str]) -> None:
    Path("out").write_text(output)
    Path("t").write_text(text)
    refused(errtax_alone("import", "kenlm", "out", "--text", "t"), 3, *words)
    assert not Path("preds.parquet").exists()


def test_the_base_is_known(errtax_alone: Errtax) -> None:
    Path("out").write_text(LINE)
    Path("t").write_text("to be\n")
    refused(errtax_alone("import", "kenlm", "out", "--text", "t", "--base", "e"), 2, "--base", "kenlm")
