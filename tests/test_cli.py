"""The commands as a user meets them: results, defaults, bad input, exit codes; whole processes where it matters."""

import json
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
from click.testing import CliRunner

from errtax.cli.main import COMMANDS, cli, main
from errtax.lm.errors import ErrtaxError

TEXT = ("It was a dark and stormy night; the rain fell in torrents. 'Except', she said, \"at times.\"\n" * 8).encode()


class Outcome:
    """Exit code, stdout and stderr of a command run in this process."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


Errtax = Callable[..., Outcome]


@pytest.fixture
def errtax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Errtax:
    """Runs `errtax ARGS` in a folder of its own that holds train.txt, test.txt and preds.parquet."""
    monkeypatch.chdir(tmp_path)
    Path("train.txt").write_bytes(TEXT)
    Path("test.txt").write_bytes(TEXT[:300])
    write_log(Path("preds.parquet"), TEXT[:300])

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["errtax", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as raised:
            main()
        captured = capsys.readouterr()
        code = raised.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


def write_log(path: Path, text: bytes) -> pd.DataFrame:
    p = np.random.default_rng(1).uniform(0.01, 0.99, len(text))
    frame = pd.DataFrame({"position": np.arange(len(text)), "symbol": [bytes([b]) for b in text], "logprob": np.log(p)})
    frame.to_parquet(path)
    return frame


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


# --- results --------------------------------------------------------------------------------------------------------


def test_short_forms_and_default_names(errtax: Errtax) -> None:
    assert errtax("build-ngram", "train.txt").code == 0
    assert Path("train.ngram").is_file()
    done = errtax("peel", "--preds", "preds.parquet", "--ngram", "train.ngram", "--train-text", "train.txt")
    assert done.code == 0, done.err
    assert Path("preds.peel.parquet").is_file()
    assert "n-gram" in done.out and "boost" in done.out and "errtax:" in done.out
    assert errtax("report", "preds.peel.parquet", "--pie", "pie.svg", "--bars", "bars.png").code == 0
    assert {"report.html", "pie.svg", "bars.png"} <= files()
    assert errtax("compare", "preds.peel.parquet", "preds.peel.parquet", "-o", "c.html", "--bars", "c.pdf").code == 0
    assert {"c.html", "c.pdf"} <= files()
    shown = errtax("show", "preds.peel.parquet", "--layer", "ngram", "--worst", "3")
    assert shown.code == 0 and "-gram gave it" in shown.out
    for name in ("preds.parquet", "preds.peel.parquet", "train.ngram"):
        assert errtax("validate", name).code == 0


def test_peel_without_index_or_text_says_what_is_missing(errtax: Errtax) -> None:
    done = errtax("peel", "--preds", "preds.parquet")
    assert done.code == 0
    assert done.err.startswith("Layers left out: ngram (needs --ngram X.ngram or --train-text train.txt); rare")
    assert "ngram(" not in done.out.splitlines()[-2]


def test_peel_builds_the_index_from_the_training_text(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt", "--order", 10)
    with_index = errtax(
        "peel", "--preds", "preds.parquet", "--train-text", "train.txt", "--ngram", "train.ngram", "--json"
    )
    without = errtax("peel", "--preds", "preds.parquet", "--train-text", "train.txt", "--force", "--json")
    assert json.loads(with_index.out)["layers"] == json.loads(without.out)["layers"]
    assert "building an index of order 10" in without.err


@pytest.mark.parametrize(
    "name", ["build-ngram", "score", "peel", "report", "compare", "show", "validate", "info", "split"]
)
def test_json_is_one_document_with_the_schema_first(errtax: Errtax, name: str) -> None:
    errtax("build-ngram", "train.txt")
    errtax("peel", "--preds", "preds.parquet", "--train-text", "train.txt")
    arguments = {
        "build-ngram": ["train.txt", "-o", "x.ngram"],
        "score": ["test.txt", "--ngram", "train.ngram"],
        "peel": ["--preds", "preds.parquet", "-o", "y.parquet"],
        "report": ["preds.peel.parquet"],
        "compare": ["preds.peel.parquet", "preds.peel.parquet"],
        "show": ["preds.peel.parquet"],
        "validate": ["preds.parquet"],
        "split": ["train.txt", "-o", "s"],
        "info": [],
    }[name]
    done = errtax(name, *arguments, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert next(iter(document)) == "schema" and document["schema"].startswith("errtax.")


def test_peel_summary_keeps_its_names(errtax: Errtax) -> None:
    done = errtax("peel", "--preds", "preds.parquet", "--train-text", "train.txt", "--json")
    summary = json.loads(done.out)
    assert [layer["name"] for layer in summary["layers"]] == ["ngram", "memory", "rare", "word", "punctuation", "boost"]
    slices = [part["name"] for layer in summary["layers"] for part in layer["slices"]]
    assert slices[:3] == ["1-gram", "2-gram", "3-gram"] and "100 memory" in slices and "0-train" in slices
    assert {"after space or quote", "after newline", "punctuation", "0.1 boost", "0.5 boost"} <= set(slices)
    assert sum(layer["count"] for layer in summary["layers"]) == summary["errors"]


def test_score_prints_every_order(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt", "--order", 5)
    rows = json.loads(errtax("score", "test.txt", "--ngram", "train.ngram", "--orders", "2-4", "--json").out)
    assert [row["order"] for row in rows["cross_entropy"]] == [2, 3, 4]
    assert errtax("validate", "test.scores.parquet").code == 0
    assert pd.read_parquet("test.scores.parquet")["logprob_3"].mean() == pytest.approx(
        -rows["cross_entropy"][1]["nats"]
    )


def test_stdin_is_a_text(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "errtax", "build-ngram", "-", "-o", str(tmp_path / "x.ngram"), "--order", "3"]
    assert subprocess.run(command, input=TEXT, capture_output=True, check=False).returncode == 0


# --- configuration --------------------------------------------------------------------------------------------------


def test_flag_beats_environment_beats_file_beats_default(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    def order_of(*arguments: object) -> int:
        done = errtax("build-ngram", "train.txt", "--force", "--json", *arguments)
        order: int = json.loads(done.out)["order"]
        return order

    assert order_of() == 20
    Path("errtax.toml").write_text("order = 7\n[score]\norders = '1-2'\n")
    assert order_of() == 7
    monkeypatch.setenv("ERRTAX_ORDER", "8")
    assert order_of() == 8
    assert order_of("--order", 9) == 9


def test_short_peel_from_configuration(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt")
    Path("pyproject.toml").write_text("[tool.errtax]\nngram = 'train.ngram'\ntrain-text = 'train.txt'\n")
    done = errtax("peel", "--preds", "preds.parquet", "--json")
    assert json.loads(done.out)["layers"][0]["name"] == "ngram"


def test_unknown_configuration_key_is_refused_with_a_suggestion(errtax: Errtax) -> None:
    Path("errtax.toml").write_text("ngarm = 'x'\n")
    done = errtax("peel", "--preds", "preds.parquet")
    assert done.code == 2 and "'ngarm'" in done.err and "'ngram'" in done.err


# --- bad input ------------------------------------------------------------------------------------------------------


def refused(done: Outcome, code: int, *words: str) -> None:
    assert done.code == code, done.err
    lines = [line for line in done.err.splitlines() if line]
    assert lines[-1].startswith("errtax: ") or code == 2, done.err
    assert "Traceback" not in done.err and "internal error" not in done.err
    for word in words:
        assert word in done.err, done.err
    assert not [name for name in files() if name.startswith(".") and "tmp" in name]


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


@pytest.mark.parametrize("unit", ["byte", "char", "word"])
def test_an_arpa_file_of_the_index_scores_alike(errtax: Errtax, unit: str) -> None:
    built = errtax("build-ngram", "train.txt", "--unit", unit, "--order", 5, "--arpa", "x.arpa", "--json")
    assert len(json.loads(built.out)["arpa"]["ngrams"]) == 5
    options = ["--unit", unit, "--sentences", json.loads(built.out)["sentences"]]
    native = json.loads(errtax("score", "test.txt", "--ngram", "train.ngram", "--json").out)
    arpa = json.loads(errtax("score", "test.txt", "--ngram", "x.arpa", *options, "--json", "--force").out)
    assert arpa["cross_entropy"][4]["nats"] == pytest.approx(native["cross_entropy"][4]["nats"], abs=1e-6)
    assert errtax("validate", "x.arpa").code == 0
    assert "ngram:arpa,order=5" in arpa["signature"]


def test_tokens_from_text_and_arrays(errtax: Errtax) -> None:
    ids = np.random.default_rng(0).zipf(1.5, 500) % 50
    Path("ids.txt").write_text(" ".join(map(str, ids)))
    np.save("ids.npy", ids)
    for name, options in (("ids.txt", ["--sentences", "stream"]), ("ids.npy", [])):
        assert errtax("build-ngram", name, "--unit", "token", "--order", 4, *options, "--force").code == 0
        scored = errtax("score", name, "--ngram", "ids.ngram", "--force", "--json")
        assert scored.code == 0, scored.err
    symbols = pd.read_parquet("ids.scores.parquet")["symbol"]
    assert symbols.tolist() == [str(i) for i in ids]


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


def test_a_notice_that_one_model_is_not_all_orders(errtax: Errtax) -> None:
    assert errtax("build-ngram", "train.txt", "--order", 4, "--arpa", "x.arpa").code == 0
    scored = errtax("score", "test.txt", "--ngram", "x.arpa", "--unit", "byte")
    assert scored.code == 0
    assert "x.arpa holds the model of order 4 alone" in scored.err


@pytest.mark.parametrize("model", ["train.ngram", "x.arpa"])
def test_unknown_symbols_are_counted(errtax: Errtax, model: str) -> None:
    errtax("build-ngram", "train.txt", "--unit", "word", "--order", 3, "--arpa", "x.arpa")
    Path("other.txt").write_text("It was a dark\n\nand zebra night zebra\n")
    scored = errtax("score", "other.txt", "--ngram", model, "--json")
    assert json.loads(scored.out)["unknown"] == 3
    assert "3 of 11 symbols are not in the model" in scored.err
    Path("other.txt").write_text("zebra " * 9)
    assert "Is" in errtax("score", "other.txt", "--ngram", model, "--force").err


def test_scores_that_were_cut_are_reported(errtax: Errtax) -> None:
    errtax("build-ngram", "train.txt")
    errtax("score", "test.txt", "--ngram", "train.ngram")
    table = pq.read_table("test.scores.parquet")
    pq.write_table(table.slice(0, 100), "cut.parquet")
    checked = errtax("validate", "cut.parquet")
    assert checked.code == 1
    assert "there are 100 rows, the signature says 300" in checked.out


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

    monkeypatch.setattr("errtax.taxonomy.run.peel_files", explode)
    done = errtax("peel", "--preds", "preds.parquet")
    assert done.code == 4 and "internal error: RuntimeError: boom" in done.err and "--debug" in done.err


def test_debug_shows_the_traceback(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["errtax", "peel", "--preds", "nowhere.parquet", "--debug"])
    with pytest.raises(ErrtaxError):
        main()


def test_interrupt_is_130(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("errtax.taxonomy.run.peel_files", interrupt)
    assert errtax("peel", "--preds", "preds.parquet").code == 130


# --- help and documentation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_is_documented(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--help"])
    assert done.exit_code == 0
    assert f"Example: errtax {name}" in " ".join(done.output.split())
    root = Path(__file__).parent.parent
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    assert any(f"errtax {name}" in page.read_text(encoding="utf-8") for page in pages)


HEAVY = ("numpy", "numba", "torch", "matplotlib", "pyarrow", "pandas", "rich")


def modules_after(code: str) -> set[str]:
    probe = f"{code}\nimport sys; print(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) if done.stdout.strip() else set()


def test_help_imports_nothing_heavy() -> None:
    call = "from errtax.cli.main import cli\ntry:\n    cli(['{}'])\nexcept SystemExit:\n    pass\nprint()"
    assert modules_after(call.format("--help")) == set()


def test_the_import_test_can_fail() -> None:
    assert "numba" in modules_after("import errtax.lm.ngram.index\nprint()")
