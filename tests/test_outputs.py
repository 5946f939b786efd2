"""No command writes over what it reads, or over what is no regular file, whatever --force says."""

import os
import socket
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from commands import TEXT, Errtax, files, refused
from errtax.cli.commands import COMMANDS
from errtax.cli.paths import OUTPUT, RUN_OUTPUT, TEXT_OUTPUT, Input
from errtax.lm.errors import UsageError
from errtax.lm.files import guarding, require_absent, write_text

TORCH = {"train", "predict", "gates", "cells", "dynamics", "sweep"}
SUFFIX = {"pie": ".png", "bars": ".png", "figure": ".png"}
NEEDED = {"check": ["--max", "errors:45pp"], "import": ["table"], "align": ["other-log"]}
IN_FOLDER = {"split": "train.txt", "train": "best.pt", "dynamics": "classes.parquet"}  # what stands in an output folder
LATE = {("sweep", "output"), ("demo", "output"), ("report", "figures")}  # refused when they are written, not before


WRITTEN = (OUTPUT, RUN_OUTPUT, TEXT_OUTPUT)


def parameters_of(name: str) -> list[click.Parameter]:
    command: click.Command = import_module(f"errtax.cli.{name.replace('-', '_')}").command
    return command.params


def pairs() -> list[tuple[str, str, str]]:
    """Command, output and input: each pair there is."""
    return [
        (name, str(output.name), str(given.name))
        for name in COMMANDS
        for output in parameters_of(name)
        for given in parameters_of(name)
        if output.type in WRITTEN and isinstance(given.type, Input) and (name, output.name) not in LATE
    ]


def flag(parameter: click.Parameter) -> list[str]:
    return [parameter.opts[0]] if isinstance(parameter, click.Option) else []


def arguments(name: str, values: dict[str, Any]) -> list[str]:
    """A command line with what the command cannot do without, and these values."""
    line: list[str] = NEEDED.get(name, [])
    Path("other-log").write_bytes(TEXT)
    for parameter in parameters_of(name):
        if parameter.name in values:
            line = [*line, *flag(parameter), str(values[parameter.name])]
        elif isinstance(parameter.type, Input) and (
            parameter.required
            or (parameter.name == "logs" and "preds" not in values)
            or (parameter.name == "run" and "hf" not in values)
        ):
            other = Path(f"other-{parameter.name}")
            other.write_bytes(TEXT)
            line = [*line, *flag(parameter), str(other)]
    return line


@pytest.mark.parametrize(("name", "output", "given"), pairs())
def test_an_input_is_never_written_over(errtax_alone: Errtax, name: str, output: str, given: str) -> None:
    if name in TORCH:
        pytest.importorskip("torch")
    target = wanted = Path(f"both{SUFFIX.get(output, '')}")
    if name in IN_FOLDER:
        wanted.mkdir()
        target = wanted / IN_FOLDER[name]
    source: Path = target
    if next(p for p in parameters_of(name) if p.name == given).type.name == "path" and given in ("run", "networks"):
        source = Path("a-run")
        source.mkdir()
        (source / "best.pt").symlink_to(target.resolve())
    target.write_bytes(TEXT)
    refused(
        errtax_alone(name, *arguments(name, {given: source, output: wanted}), "--force"),
        2,
        str(target),
        "an input of this command",
    )
    assert target.read_bytes() == TEXT


def test_every_path_is_declared_as_read_or_written() -> None:
    for name in COMMANDS:
        for parameter in parameters_of(name):
            if isinstance(parameter.type, click.Path):
                assert isinstance(parameter.type, Input) or parameter.type in WRITTEN, (
                    name,
                    parameter.name,
                )


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("build-ngram texts -o texts/b/c.txt", "texts/b/c.txt"),
        ("build-ngram link -o texts/b/c.txt", "texts/b/c.txt"),
        ("build-ngram texts -o new.ngram --arpa texts/a.txt", "texts/a.txt"),
        ("build-ngram texts/a.txt -o texts --engine kenlm", "texts/a.txt"),
        ("build-ngram x.ngram.partial -o x.ngram", "x.ngram.partial"),
        ("score texts/a.txt --ngram kenlm -o kenlm/2.bin", "kenlm/2.bin"),
        ("peel --preds parts -o parts/1.parquet", "parts/1.parquet"),
        ("peel --preds parts/*.parquet -o parts/1.parquet", "parts/1.parquet"),
        ("peel --preds parts --train-text texts -o texts/b/c.txt", "texts/b/c.txt"),
        ("peel --preds parts --oracles own.py -o own.py", "own.py"),
        ("peel --preds parts -o errtax.toml", "errtax.toml"),
        ("score texts/a.txt --ngram texts/a.txt -o hard-link", "hard-link"),
        ("split train.txt -o .", "train.txt"),
        ("overlap parts -o parts/1.parquet", "parts/1.parquet"),
    ],
)
def test_files_of_folders_and_of_code_are_inputs(errtax_alone: Errtax, line: str, target: str) -> None:
    for name in ("texts/a.txt", "texts/b/c.txt", "kenlm/2.bin", "parts/1.parquet", "own.py", "train.txt"):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).write_bytes(TEXT)
    Path("kenlm/kenlm.json").write_text("{}")
    Path("x.ngram.partial").write_bytes(TEXT)
    Path("errtax.toml").write_text("")
    Path("link").symlink_to("texts")
    os.link("texts/a.txt", "hard-link")
    before = Path(target).read_bytes()
    refused(errtax_alone(*line.split(), "--force"), 2, "an input of this command")
    assert Path(target).read_bytes() == before


def test_what_is_not_read_may_be_replaced(errtax: Errtax) -> None:
    for _ in range(2):
        assert (
            errtax("build-ngram", "train.txt", "--order", 3, "-o", "x.ngram", "--arpa", "x.arpa", "--force").code == 0
        )
        assert errtax("peel", "--preds", "preds.parquet", "--train-text", "train.txt", "--force").code == 0
        assert errtax("report", "preds.peel.parquet", "--figures", ".", "--force").code == 0


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def make_device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 7))  # what /dev/full is
    except PermissionError:
        pytest.skip("only root makes devices")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
@pytest.mark.parametrize("make", [make_pipe, make_socket, make_device])
@pytest.mark.parametrize("through_link", [False, True])
@pytest.mark.parametrize(
    "line",
    [
        "build-ngram train.txt -o OUT",
        "build-ngram train.txt -o new.ngram --arpa OUT",
        "build-ngram train.txt -o OUT --engine kenlm",
        "score test.txt --ngram train.ngram -o OUT",
        "peel --preds preds.parquet -o OUT",
        "overlap preds.parquet -o OUT",
        "split train.txt -o OUT",
    ],
)
def test_what_is_no_regular_file_is_never_replaced(errtax: Errtax, make: Any, through_link: bool, line: str) -> None:
    make(Path("special"))
    if through_link:
        Path("link").symlink_to("special")
    mode, name = Path("special").lstat().st_mode, "link" if through_link else "special"
    done = errtax(*line.replace("OUT", name).split(), "--force")
    refused(done, 2, name, "is a file" if line.startswith("split") else "not a regular file")
    assert Path("special").lstat().st_mode == mode
    assert not [file for file in files() if "partial" in file]


def test_the_target_of_a_link_is_replaced_not_the_link(errtax: Errtax) -> None:
    Path("elsewhere").mkdir()
    for name in ("x.ngram", "x.arpa", "x.peel.parquet", "train.txt"):
        Path(name).unlink(missing_ok=True)
        Path(name).symlink_to(Path("elsewhere") / name)
    Path("elsewhere/x.arpa").write_text("old")
    Path("elsewhere/train.txt").write_bytes(TEXT)
    line = ["build-ngram", "train.txt", "--order", 3, "-o", "x.ngram", "--arpa", "x.arpa"]
    refused(errtax(*line), 2, "x.arpa", "--force")
    assert errtax(*line, "--force").code == 0
    assert errtax("peel", "--preds", "preds.parquet", "--train-text", "train.txt", "-o", "x.peel.parquet").code == 0
    assert all(Path(name).is_symlink() for name in ("x.ngram", "x.arpa", "x.peel.parquet"))
    found = {path.name for path in Path("elsewhere").iterdir()}
    assert found == {"x.ngram", "x.arpa", "x.peel.parquet", "train.txt"}
    assert all(errtax("validate", Path("elsewhere") / name).code == 0 for name in ("x.ngram", "x.peel.parquet"))


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(UsageError, match="leads nowhere"):
        write_text(tmp_path / "a", "x")
    (tmp_path / "c").symlink_to("no-folder/c")
    with pytest.raises(UsageError, match="does not exist"):
        write_text(tmp_path / "c", "x")
    assert (tmp_path / "a").is_symlink() and (tmp_path / "c").is_symlink()


def test_inputs_are_guarded_within_the_block_alone(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with guarding(lambda: [tmp_path]), pytest.raises(UsageError, match="an input of this command"):
        require_absent(tmp_path / "x", force=True)
    assert require_absent(tmp_path / "x", force=True) == tmp_path / "x"
