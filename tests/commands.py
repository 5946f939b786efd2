"""`errtax` as tests call it: in this process, in a folder of its own; and what a refusal looks like."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from errtax.cli.main import main

TEXT = ("It was a dark and stormy night; the rain fell in torrents. 'Except', she said, \"at times.\"\n" * 8).encode()


class Outcome(NamedTuple):
    """Exit code, stdout and stderr of a command run in this process."""

    code: int
    out: str
    err: str


Errtax = Callable[..., Outcome]


@pytest.fixture
def errtax_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Errtax:
    """Runs `errtax ARGS` in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["errtax", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as raised:
            main()
        captured = capsys.readouterr()
        code = raised.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture
def errtax(errtax_alone: Errtax) -> Errtax:
    """Runs `errtax ARGS` in a folder of its own that holds train.txt, test.txt and preds.parquet."""
    Path("train.txt").write_bytes(TEXT)
    Path("test.txt").write_bytes(TEXT[:300])
    write_log(Path("preds.parquet"), TEXT[:300])
    return errtax_alone


def write_log(path: Path, text: bytes) -> pd.DataFrame:
    p = np.random.default_rng(1).uniform(0.01, 0.99, len(text))
    frame = pd.DataFrame({"position": np.arange(len(text)), "symbol": [bytes([b]) for b in text], "logprob": np.log(p)})
    frame.to_parquet(path)
    return frame


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


def refused(done: Outcome, code: int, *words: str) -> None:
    assert done.code == code, done.err
    lines = [line for line in done.err.splitlines() if line]
    assert lines[-1].startswith("errtax: ") or code == 2, done.err
    assert "Traceback" not in done.err and "internal error" not in done.err
    for word in words:
        assert word in done.err, done.err
    assert not [name for name in files() if name.startswith(".") and "tmp" in name]


@pytest.fixture
def two_documents(errtax: Errtax) -> Errtax:
    """A folder with a log in two documents, preds.parquet, and an index, train.ngram."""
    frame = write_log(Path("preds.parquet"), TEXT)
    frame["doc"] = ["one", "two"][:1] * 300 + ["two"] * (len(frame) - 300)
    frame.to_parquet("preds.parquet", row_group_size=50)
    assert errtax("build-ngram", "train.txt", "--order", 10).code == 0
    return errtax
