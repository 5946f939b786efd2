"""What careless users do, full disks and kills: one clear line, the right exit code, nothing lost or half-written."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from commands import TEXT, Errtax, files, refused, write_log
from errtax.cli.main import main
from errtax.lm.errors import ErrtaxError


def change(edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    edit(pd.read_parquet("preds.parquet")).to_parquet("bad.parquet")


def with_value(column: str, row: int, value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def edit(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[row, column] = value
        return frame

    return edit


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda frame: frame.drop(columns="position"), ["'position'", "missing"]),
        (lambda frame: frame.drop(columns="symbol"), ["'symbol'", "missing"]),
        (lambda frame: frame.drop(columns="logprob"), ["'logprob'", "missing"]),
        (lambda frame: frame.assign(logprob=frame.logprob.astype(str)), ["'logprob'", "float"]),
        (with_value("logprob", 5, 0.7), ["position 5", "at most 0"]),
        (lambda frame: frame.iloc[::-1], ["increase"]),
        (lambda frame: frame.assign(symbol=[b"ab"] * len(frame)), ["'symbol'", "one byte"]),
        (lambda frame: frame.iloc[:0], ["no rows"]),
        (lambda frame: frame.assign(prob=1.5).drop(columns="logprob"), ["1.5", "[0, 1]"]),
    ],
)
def test_bad_logs(errtax: Errtax, edit: Callable[[pd.DataFrame], pd.DataFrame], words: list[str]) -> None:
    change(edit)
    refused(errtax("peel", "--preds", "bad.parquet", "--train-text", "train.txt"), 3, "bad.parquet", *words)
    assert not Path("bad.peel.parquet").exists()
    assert errtax("validate", "bad.parquet").code == 1


def test_nan_in_a_log(errtax: Errtax) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = np.full(3, -1.0)
    values[1] = np.nan
    table = pa.table({"position": [0, 1, 2], "symbol": [b"a", b"b", b"c"], "logprob": pa.array(values)})
    pq.write_table(table, "bad.parquet")
    refused(errtax("peel", "--preds", "bad.parquet"), 3, "NaN", "position 1")


def test_not_parquet(errtax: Errtax) -> None:
    refused(errtax("peel", "--preds", "train.txt"), 3, "train.txt", "Parquet")
    refused(errtax("report", "train.txt"), 3, "train.txt", "Parquet")
    refused(errtax("report", "preds.parquet"), 3, "preds.parquet", "errtax.peel/1", "errtax peel")
    refused(errtax("peel", "--preds", "nowhere.parquet"), 3, "nowhere.parquet", "does not exist")


def test_log_of_another_text(errtax: Errtax) -> None:
    Path("other.txt").write_bytes(TEXT[1:301])
    refused(errtax("peel", "--preds", "preds.parquet", "--text", "other.txt"), 3, "another text", "position 0")


def test_index_of_another_unit(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt", "--unit", "char")
    done = errtax("peel", "--preds", "preds.parquet", "--ngram", "train.ngram")
    refused(done, 3, "units of char", "--unit byte")


def test_index_of_too_low_an_order(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt", "--order", 5)
    refused(errtax("peel", "--preds", "preds.parquet", "--ngram", "train.ngram"), 3, "order 5", "--order 10")


def test_empty_text(errtax: Errtax) -> None:
    Path("empty.txt").write_bytes(b"")
    refused(errtax("build-ngram", "empty.txt"), 3, "empty.txt is empty")
    refused(errtax("split", "empty.txt"), 3, "empty")
    assert not Path("empty.ngram").exists() and not Path("empty").exists()


def test_invalid_utf8_in_character_mode(errtax: Errtax) -> None:
    Path("bad.txt").write_bytes(b"good \xff bad")
    refused(errtax("build-ngram", "bad.txt", "--unit", "char"), 3, "0xff", "offset 5", "--unit byte")


def test_truncated_damaged_and_foreign_index(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt")
    good = Path("train.ngram").read_bytes()
    for content in (good[: len(good) // 2], good[:30], good[:4], b"", b"#!/bin/sh\n" * 100, good + b"x"):
        Path("bad.ngram").write_bytes(content)
        refused(errtax("score", "test.txt", "--ngram", "bad.ngram"), 3, "bad.ngram")
        assert not Path("test.scores.parquet").exists()
    flipped = bytearray(good)
    flipped[len(good) * 2 // 3] ^= 1
    Path("bad.ngram").write_bytes(flipped)
    done = errtax("validate", "bad.ngram")
    assert done.code == 1 and "checksum" in done.out


def test_memory_is_kept_to(errtax: Errtax) -> None:
    refused = errtax("build-ngram", "train.txt", "--memory", "1M")
    assert (refused.code, refused.out) == (2, "")
    assert "--memory of at least" in refused.err
    assert errtax("build-ngram", "train.txt", "--memory", "4GiB").code == 0
    assert errtax("build-ngram", "train.txt", "--memory", "much", "--force").code == 2
    assert files() == {"train.txt", "test.txt", "preds.parquet", "train.ngram"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arpa", "x.arpa", "--arpa-order", "21"], "--arpa-order must lie in 1..20"),
        (["--arpa", "test.txt"], "test.txt exists already"),
        (["--engine", "kenlm", "--arpa", "x.arpa"], "--engine native"),
        (["--engine", "kenlm", "--no-kenlm-compat"], "lmplz has only its own"),
        (["--engine", "kenlm"], "ERRTAX_KENLM_BIN"),
        (["--unit", "token"], "token id"),
    ],
)
def test_what_build_ngram_refuses(
    errtax: Errtax, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setenv("ERRTAX_KENLM_BIN", "/nowhere")
    refused = errtax("build-ngram", "train.txt", *arguments)
    assert refused.code in (2, 3)
    assert message in refused.err
    assert files() == {"train.txt", "test.txt", "preds.parquet"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("build-ngram", "train.txt", "-o", "train.txt"),
        ("build-ngram", "train.txt", "--arpa", "./train.txt"),
        ("build-ngram", "train.txt", "-o", "x", "--arpa", "x"),
        ("build-ngram", "train.txt", "--arpa", "nowhere/x.arpa"),
        ("build-ngram", "train.txt", "--arpa-order", "3"),
        ("build-ngram", "train.txt", "-o", "."),
        ("score", "test.txt", "--ngram", "train.ngram", "-o", "test.txt"),
        ("score", "test.txt", "--ngram", "train.ngram", "-o", "train.ngram"),
        ("score", "test.txt", "--ngram", "train.ngram", "--orders", "2-"),
        ("score", "test.txt", "--ngram", "train.ngram", "--orders", "3-1"),
        ("peel", "--preds", "preds.parquet", "-o", "preds.parquet"),
    ],
)
def test_nothing_that_is_read_is_written_over(errtax: Errtax, arguments: tuple[str, ...]) -> None:
    assert errtax("build-ngram", "train.txt").code == 0
    before = {name: Path(name).read_bytes() for name in files()}
    refused = errtax(*arguments, "--force")
    assert (refused.code, refused.out) == (2, ""), refused.err
    assert {name: Path(name).read_bytes() for name in files()} == before


def test_scores_that_were_cut_are_reported(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt")
    errtax("score", "test.txt", "--ngram", "train.ngram")
    table = pq.read_table("test.scores.parquet")
    pq.write_table(table.slice(0, 100), "cut.parquet")
    checked = errtax("validate", "cut.parquet")
    assert checked.code == 1
    assert "there are 100 rows, the metadata say '300'" in checked.out


def test_existing_output_needs_force(errtax: Errtax) -> None:
    Path("train.ngram").write_text("precious")
    refused(errtax("build-ngram", "train.txt"), 2, "train.ngram exists", "--force")
    assert Path("train.ngram").read_text() == "precious"
    assert errtax("build-ngram", "train.txt", "--force").code == 0


def test_usage_errors(errtax: Errtax) -> None:
    refused(errtax("pel"), 2, "Did you mean 'peel'")
    refused(errtax("build-ngram", "train.txt", "--order", 99), 2, "1..32")
    refused(errtax("peel", "--preds", "preds.parquet", "--layers", "ngram,magic"), 2, "ngram, memory, rare")
    errtax("peel", "--preds", "preds.parquet")
    refused(errtax("show", "preds.peel.parquet", "--layer", "magic"), 2, "magic", "memory")
    refused(errtax("report", "preds.peel.parquet", "--pie", "pie.gif"), 2, ".svg")
    refused(errtax("report", "preds.peel.parquet", "-o", "no/where.html"), 2, "folder")


def test_an_empty_list_is_not_the_default(errtax: Errtax) -> None:
    for option in ("--layers", "--memory-windows", "--boosts"):
        refused(errtax("peel", "--preds", "preds.parquet", option, ""), 2, "'' is not a list such as")


def test_what_is_given_twice_is_refused(errtax: Errtax) -> None:
    for arguments in (("overlap", "preds.parquet", "./preds.parquet"), ("trend", "preds.parquet", "./preds.parquet")):
        refused(errtax(*arguments), 2, "preds.parquet is given twice")


def test_discounts_without_fallback_name_the_order(errtax: Errtax) -> None:
    refused(errtax("build-ngram", "train.txt", "--discount-fallback", "none"), 3, "order 1", "--discount-fallback")


def test_compare_refuses_other_texts(errtax: Errtax) -> None:
    errtax("peel", "--preds", "preds.parquet")
    write_log(Path("other.parquet"), TEXT[5:305])
    errtax("peel", "--preds", "other.parquet")
    refused(errtax("compare", "preds.peel.parquet", "other.peel.parquet"), 3, "different texts")


def test_full_disk_leaves_nothing(errtax: Errtax) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    limit = 20_000  # bytes a file may have: every output is larger
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        "sys.argv = ['errtax', *sys.argv[1:]]; from errtax.cli.main import main; main()"
    )
    Path("long.txt").write_bytes(np.random.default_rng(1).bytes(30_000))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(Path("cache").absolute()), "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", code, "build-ngram", "long.txt", "--order", "3"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr and "errtax: " in done.stderr
    assert not Path("long.ngram").exists()
    assert not list(Path().glob(".long*"))


def test_kill_in_the_middle_leaves_no_final_name(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(np.random.default_rng(1).bytes(400_000))
    command = [sys.executable, "-m", "errtax", "build-ngram", str(text), "-o", str(tmp_path / "x.ngram")]
    for delay in (0.3, 0.9, 1.5):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "x.ngram").exists():  # it was faster: then the file must be whole
            from errtax.lm.ngram.index import NgramIndex

            assert NgramIndex.problems(tmp_path / "x.ngram") == []
            (tmp_path / "x.ngram").unlink()


def test_internal_errors_are_one_line_with_exit_code_4(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*arguments: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("errtax.taxonomy.peel_inputs.flow_of", explode)
    done = errtax("peel", "--preds", "preds.parquet")
    assert done.code == 4 and "internal error: RuntimeError: boom" in done.err and "--debug" in done.err


def test_debug_shows_the_traceback(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["errtax", "peel", "--preds", "nowhere.parquet", "--debug"])
    with pytest.raises(ErrtaxError):
        main()
    monkeypatch.setattr(sys, "argv", ["errtax", "peel", "--preds", "nowhere.parquet"])
    monkeypatch.setenv("ERRTAX_DEBUG", "1")
    with pytest.raises(ErrtaxError):
        main()


def test_interrupt_is_130(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("errtax.taxonomy.peel_inputs.flow_of", interrupt)
    assert errtax("peel", "--preds", "preds.parquet").code == 130
