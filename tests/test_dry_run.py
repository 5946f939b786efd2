"""`errtax peel --dry-run`: what a peel would take, without writing anything."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands import TEXT, Errtax, files, refused
from errtax.reports.dry_run import dry_run_lines
from errtax.taxonomy import dry_run as module
from errtax.taxonomy.dry_run import DryRun

LINE = ("peel", "preds.parquet", "--train-text", "train.txt")


def plan(errtax: Errtax, *more: object) -> dict[str, object]:
    done = errtax(*LINE, "--dry-run", "--json", *more)
    assert done.code == 0, done.err
    found: dict[str, object] = json.loads(done.out)
    return found


def test_it_says_what_a_peel_would_take_and_writes_nothing(errtax: Errtax) -> None:
    before = files()
    document = plan(errtax)
    assert files() == before
    assert list(document) == [
        *("schema", "log", "rows", "blocks", "threads", "memory_bytes", "seconds"),
        *("output", "output_bytes", "parts", "replaces", "obstacle"),
    ]
    assert document["schema"] == "errtax.dry-run/1"
    assert (document["rows"], document["blocks"], document["output"]) == (300, 1, "preds.peel.parquet")
    assert (document["replaces"], document["obstacle"]) == (False, None)
    assert plan(errtax, "--jobs", 1)["threads"] == 1
    assert plan(errtax, "--parts", 3)["output"] == "preds.peel"


def test_blocks_beyond_the_first_are_not_read(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are they peeled: their log-probabilities are above 0; and size grows with the rows."""
    monkeypatch.setattr(module, "BLOCK_ROWS", 100)
    small = plan(errtax)
    frame = pd.read_parquet("preds.parquet")
    n = 10 * len(frame)
    rows = np.arange(n)
    longer = frame.iloc[rows % len(frame)].assign(position=rows, logprob=np.where(rows < 100, -1.0, 7.0))
    longer.to_parquet("preds.parquet")
    large = plan(errtax)
    assert (small["blocks"], large["blocks"], large["rows"]) == (3, 30, n)
    assert 8 < large["output_bytes"] / small["output_bytes"] < 12  # type: ignore[operator]
    refused(errtax(*LINE), 3, "logprob is 7.0")


def test_the_size_is_about_that_of_the_file(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(20_000)
    text = np.frombuffer(TEXT, np.uint8)[rows % len(TEXT)]
    logprobs = np.log(np.random.default_rng(1).uniform(0.01, 1, len(rows)))
    frame = pd.DataFrame({"position": rows, "symbol": [bytes([code]) for code in text], "logprob": logprobs})
    frame.to_parquet("preds.parquet")
    monkeypatch.setattr(module, "BLOCK_ROWS", 10_000)
    expected = plan(errtax)
    assert errtax(*LINE).code == 0
    assert Path("preds.peel.parquet").stat().st_size == pytest.approx(expected["output_bytes"], rel=0.2)


def test_a_first_block_without_predictions_is_no_obstacle(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.read_parquet("preds.parquet")
    frame.loc[: len(frame) // 2, "logprob"] = np.nan
    frame.to_parquet("preds.parquet")
    monkeypatch.setattr(module, "BLOCK_ROWS", 100)
    assert plan(errtax)["rows"] == len(frame)


def test_it_says_what_would_become_of_the_output(errtax: Errtax) -> None:
    Path("preds.peel.parquet").write_bytes(b"old")
    document = plan(errtax)
    assert document["replaces"] and "exists already; give --force" in str(document["obstacle"])
    done = errtax(*LINE, "--dry-run")
    assert "would be refused: preds.peel.parquet exists already" in done.out
    assert plan(errtax, "--force")["obstacle"] is None
    assert "preds.peel.parquet would be replaced. Nothing is written now." in errtax(*LINE, "--dry-run", "--force").out
    assert "an input of this command" in str(plan(errtax, "-o", "train.txt", "--force")["obstacle"])
    assert "does not exist" in str(plan(errtax, "-o", "none/x.parquet")["obstacle"])
    assert "does not exist" in str(plan(errtax, "-o", "none/x", "--parts", 2)["obstacle"])
    assert Path("preds.peel.parquet").read_bytes() == b"old"


def test_what_cannot_be_peeled_is_refused_as_it_would_be(errtax: Errtax) -> None:
    Path("other.txt").write_bytes(b"x" * 300)
    refused(errtax(*LINE, "--dry-run", "--text", "other.txt"), 3, "a log of another text")
    refused(errtax("peel", "none.parquet", "--dry-run"), 3, "none.parquet does not exist")


def test_an_oracle_that_looks_at_the_whole_text_needs_it_in_memory(
    errtax: Errtax, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("own.py").write_text(
        "from errtax.oracle.custom import oracle\n\n\n"
        '@oracle("own", rule="every symbol")\n'
        "def own(view):\n    return view.codes >= 0\n"
    )
    monkeypatch.setattr(module, "BLOCK_ROWS", 10)
    assert plan(errtax)["blocks"] == 30
    assert plan(errtax, "--oracles", "own.py")["blocks"] == 1


def test_in_words() -> None:
    found = DryRun("x", 3_000_000_000, 5723, 2, 812_000_000, 5000.0, "x.peel", 33_400_000_000, 8, False, None)
    assert dry_run_lines(found) == [
        "rows    3,000,000,000 in 5,723 blocks, on 2 threads",
        "memory  about 812 MB",
        "time    about 83 min",
        "output  x.peel, about 33 GB in 8 parts",
        "x.peel would be written. Nothing is written now.",
    ]
