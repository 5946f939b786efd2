"""The commands as a user meets them: results, defaults, configuration, help; whole processes where it matters."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from commands import TEXT, Errtax, files
from errtax.cli.commands import COMMANDS
from errtax.cli.main import cli

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


def test_a_reader_that_goes_away_is_no_failed_check(errtax: Errtax) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "errtax", "peel", "--preds", "preds.parquet"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.DEVNULL, check=False)
    os.close(writing)
    assert done.returncode == 141


def test_without_a_terminal_no_line_is_broken_or_cut(errtax: Errtax) -> None:
    assert errtax("build-ngram", "train.txt").code == 0
    options = ["--pair", "''", "--preds", "preds.parquet", "--ngram", "train.ngram", "--orders", "1-20"]
    lines = errtax("distance", *options).out.splitlines()
    assert "20-gram" not in lines[1] and "19-gram (order 20)" in lines[1] and "…" not in "".join(lines)
    title = errtax("overlap", "preds.parquet", "--ngram", "train.ngram", "--orders", "1").out.splitlines()[0]
    assert title == "errors (p<0.5) in % of 300 positions"


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


# --- help and documentation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_is_documented(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--help"])
    assert done.exit_code == 0
    assert f"Example: errtax {name}" in " ".join(done.output.split())
    root = Path(__file__).parent.parent
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    assert any(f"errtax {name}" in page.read_text(encoding="utf-8") for page in pages)


HEAVY = ("numpy", "numba", "torch", "matplotlib", "pyarrow", "pandas", "rich", "fsspec", "ray")
FOR_CLUSTERS = {"fsspec", "s3fs", "botocore", "ray"}


def modules_after(code: str, names: Iterable[str] = HEAVY) -> set[str]:
    probe = f"{code}\nimport sys; print(' '.join(name for name in {tuple(names)!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) if done.stdout.strip() else set()


def test_help_imports_nothing_heavy() -> None:
    call = "from errtax.cli.main import cli\ntry:\n    cli(['{}'])\nexcept SystemExit:\n    pass\nprint()"
    assert modules_after(call.format("--help")) == set()


def test_peels_and_notebooks_import_nothing_for_clusters_and_object_stores(errtax: Errtax) -> None:
    call = (
        "import sys; from errtax.cli.main import main\nsys.argv = {}\ntry:\n    main()\nexcept SystemExit as e:\n    {}"
    )
    peel = ["errtax", "peel", "preds.parquet", "--train-text", "train.txt", "-q"]
    for line in (peel, ["errtax", "stats", "preds.peel.parquet", "-q"]):
        assert modules_after(call.format(line, "assert not e.code"), FOR_CLUSTERS) == set()
    notebook = "import errtax; errtax.peel('preds.parquet', train='train.txt')._repr_html_(); print()"
    assert modules_after(notebook, FOR_CLUSTERS) == set()


def test_the_import_test_can_fail() -> None:
    assert "numba" in modules_after("import errtax.lm.ngram.index\nprint()")
    pytest.importorskip("fsspec")
    listing = "from errtax.lm.locations import location; location('memory://a/b').exists(); print()"
    assert modules_after(listing, FOR_CLUSTERS) >= {"fsspec"}


@pytest.mark.parametrize(
    "arguments",
    [["gates", "run", "--text", "test.txt"], ["predict", "run", "--text", "test.txt"], ["train", "train.txt"]],
)
def test_without_torch_what_needs_it_says_so_and_all_else_works(errtax: Errtax, arguments: list[str]) -> None:
    run = "import sys; sys.modules['torch'] = None; sys.argv[0] = 'errtax'; from errtax.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", run, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "errtax: training and prediction need torch: pip install 'errtax[lm]'.\n",
    )
    checked = subprocess.run([sys.executable, "-c", run, "validate", "preds.parquet"], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
