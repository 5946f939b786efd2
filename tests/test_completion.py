"""What shells complete, asked as click's own shell classes ask."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from commands import Errtax
from errtax.cli.main import cli
from errtax.taxonomy.layers.registry import LAYER_NAMES

PEEL = "preds.peel.parquet"


def completed(line: str, shell: type[ShellComplete] = ZshComplete) -> list[str]:
    """What the last word of a line, perhaps empty, may become."""
    *words, last = line.split(" ")
    return [item.value for item in shell(cli, {}, "errtax", "_ERRTAX_COMPLETE").get_completions(words, last)]


@pytest.fixture
def peeled(errtax: Errtax) -> None:
    options = ("--layers", "ngram,word,boost", "--ngram-max", 3)
    assert errtax("peel", "preds.parquet", "--train-text", "train.txt", *options).code == 0


def test_commands_and_options() -> None:
    assert completed("re") == ["repeel", "report"]
    assert "--train-text" in completed("peel --t")
    assert completed("peel x.parquet --preset t") == ["text", "token"]


@pytest.mark.parametrize("command", ["peel x.parquet", "repeel", "show", "show --slice 0-train"])
def test_layers_where_no_peel_says_which(command: str) -> None:
    option = "--layer" if command.startswith("show") else "--layers"
    assert completed(f"{command} {option} ") == list(LAYER_NAMES)
    assert completed(f"{command} {option} m") == ["memory"]


@pytest.mark.usefixtures("peeled")
def test_layers_and_slices_of_a_peel() -> None:
    assert completed(f"show {PEEL} --layer ") == ["ngram", "word", "boost"]
    assert completed(f"show {PEEL} --slice 1") == ["1-gram"]
    assert completed(f"show {PEEL} --layer ngram --slice ") == ["1-gram", "2-gram", "3-gram"]
    assert completed(f"repeel {PEEL} --layers w") == ["word"]


def test_the_next_of_a_list() -> None:
    assert completed("peel x --layers ngram,m") == ["ngram,memory"]
    assert "ngram,ngram" not in completed("peel x --layers ngram,")
    assert completed("cells run --features line-") and all(
        each.startswith("line-") for each in completed("cells run --features line-")
    )


@pytest.mark.usefixtures("peeled")
def test_limits() -> None:
    found = completed(f"check {PEEL} --max ")
    assert found[:8] == ["errors:", "bits:", "ngram:", "word:", "boost:", "1-gram:", "2-gram:", "3-gram:"]
    assert "after newline:" in found and found[-1] == "0.5 boost:"
    assert completed("check --max er") == ["errors:"]


def test_what_cannot_be_read_completes_to_nothing(errtax: Errtax) -> None:
    for name in ("none.parquet", "train.txt", "preds.parquet", "."):
        assert completed(f"show {name} --layer ") == []
    assert completed("shwo x --la") == []


@pytest.mark.usefixtures("peeled")
def test_a_broken_configuration_is_no_matter() -> None:
    Path("errtax.toml").write_text("ngarm = [\n")
    assert completed(f"show {PEEL} --layer n") == ["ngram"]


@pytest.mark.usefixtures("peeled")
@pytest.mark.parametrize(
    ("shell", "variables", "due"),
    [
        (
            BashComplete.name,
            {"COMP_WORDS": rf"errtax show {PEEL} --slice after\ n", "COMP_CWORD": "4"},
            r"r\ newline",
        ),
        (ZshComplete.name, {"COMP_WORDS": f"errtax show {PEEL} --slice 'after n'", "COMP_CWORD": "4"}, "after newline"),
        (FishComplete.name, {"COMP_WORDS": f"errtax show {PEEL} --slice ", "COMP_CWORD": "after\\ n"}, "after newline"),
    ],
)
def test_a_whole_process_answers_a_shell(shell: str, variables: dict[str, str], due: str) -> None:
    run = "import sys; sys.argv[0] = 'errtax'; from errtax.cli.main import main; main()"
    for asked, expected in ((f"{shell}_source", "_ERRTAX_COMPLETE"), (f"{shell}_complete", due)):
        environment = {**os.environ, **variables, "_ERRTAX_COMPLETE": asked}
        done = subprocess.run([sys.executable, "-c", run], env=environment, capture_output=True, text=True, check=False)
        assert expected in done.stdout and not done.stderr, done.stderr
        assert done.returncode == 0
