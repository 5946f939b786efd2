"""The pages in Markdown against the code: links, commands, options, modules and schemas that they name."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from errtax.cli.commands import COMMANDS, load_command
from errtax.cli.main import cli

ROOT = Path(__file__).parents[1]
PARTS = ("lm", "oracle", "taxonomy", "reports", "cli")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/schemas/*.md")])
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
THEIRS = {"my_oracles.py", "lm/builder/adjust_counts.cc", "lm/builder/interpolate.cc"}
"""Paths of the reader's own files and of KenLM's."""
OTHER_PROGRAMS = {"--no-binary", "--discount_fallback", "--kl-divergence-base"}
NO_MODULES = {"errtax.toml", "errtax.schema", "errtax.oracles", "errtax.features"}
"""A file, a key of metadata, two groups of entry points."""


def fences(page: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    return FENCE.findall(page)


def prose(page: str) -> str:
    return FENCE.sub("", page)


def code_spans(page: str) -> list[str]:
    """What stands in backticks in the text; a line break in it is a space."""
    return [" ".join(span.split()) for _, span in re.findall(r"(`+)(.+?)\1(?!`)", prose(page), re.DOTALL)]


# --- links ----------------------------------------------------------------------------------------------------------


def anchors(page: str) -> set[str]:
    """GitHub's anchors of the headings: lower case, no punctuation, hyphens for spaces, repeats numbered."""
    found: dict[str, int] = {}
    result = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(page), re.MULTILINE):
        text = re.sub(r"!?\[(.*?)\]\(.*?\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        result.add(f"{slug}-{found[slug]}" if slug in found else slug)
        found[slug] = found.get(slug, 0) + 1
    return result


def broken_links(path: Path, page: str) -> Iterator[str]:
    text = re.sub(r"(`+)(.+?)\1(?!`)", lambda span: re.sub(r"[\[\]()]", "", span[0]), prose(page), flags=re.DOTALL)
    for target in re.findall(r"\]\(\s*([^\s)]+)\s*\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        goal = (path.parent / name).resolve() if name else path
        found = goal.is_relative_to(ROOT) and goal.exists()
        if not found or (anchor and anchor not in anchors(page if goal == path else goal.read_text("utf-8"))):
            yield target


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    assert list(broken_links(path, path.read_text("utf-8"))) == []


def test_links_that_lead_nowhere_are_found() -> None:
    page = "# The `code`, said\n## A & b\n## A & b\n[x](#the-code-said) [y](#a--b-1)\n![z](docs/pie.png) [u](https://x.y)\n"
    assert list(broken_links(ROOT / "README.md", page)) == []
    page += "[a](#a--b-2) [b](docs/none.md) [c](docs/files.md#none) [d](../README.md) `[e](f)`\n```\n[g](h)\n```\n"
    assert list(broken_links(ROOT / "README.md", page)) == [
        "#a--b-2",
        "docs/none.md",
        "docs/files.md#none",
        "../README.md",
    ]


# --- commands and options -------------------------------------------------------------------------------------------


def shell_commands(page: str) -> Iterator[str]:
    """The calls of errtax in fenced blocks, without prompt, comment and what comes before them in the line."""
    for language, block in fences(page):
        for line in block.replace("\\\n", " ").splitlines() if language in ("sh", "text") else ():
            for part in re.split(r"&&|;", re.sub(r"\s#.*", "", line)):
                call = re.match(r"\s*(?:\$ )?(?:\S*/)?errtax (.+)", part)
                if call:
                    yield call[1]


def usage_problem(words: list[str], whole: bool = True) -> str | None:
    """Why a call cannot be parsed; nothing is run.  `whole`: required arguments and values must be there."""
    name, *arguments = words
    if name in ("-h", "--help", "--version"):
        return None
    if name not in COMMANDS:
        return f"no command {name!r}"
    command = load_command(name)
    context = click.Context(command, info_name=name)
    try:
        given, _, _ = command.make_parser(context).parse_args(arguments)
        for parameter in command.params:
            value = given.get(parameter.name or "")
            there = isinstance(value, str | list | tuple) and bool(value)
            if there and not isinstance(parameter.type, click.Path):
                parameter.type_cast_value(context, value)
            if whole and parameter.required and not there:
                raise click.MissingParameter(ctx=context, param=parameter)
    except click.UsageError as error:
        if whole or not isinstance(error, click.BadOptionUsage):  # an option without its value
            return f"{name}: {error.format_message()}"
    return None


def wrong_commands(page: str) -> list[str]:
    """Problems of all calls: of whole ones in blocks, and of those in backticks, which may leave out arguments."""
    calls = [(shlex.split(call, comments=True), True) for call in shell_commands(page)]
    spans = [span for span in code_spans(page) if re.match(r"errtax [-a-z]", span)]
    calls += [(shlex.split(span.removeprefix("errtax ")), False) for span in spans]
    return [problem for words, whole in calls if (problem := usage_problem(words, whole))]


def all_options() -> set[str]:
    commands = [cli, *map(load_command, COMMANDS)]
    return {flag for each in commands for option in each.params for flag in (*option.opts, *option.secondary_opts)}


def unknown_options(page: str) -> set[str]:
    """Options in backticks that no command has; those after `errtax NAME` are checked with their command."""
    spans = [span for span in code_spans(page) if span.startswith("--")]
    return {flag for span in spans for flag in re.findall(r"(?<!\S)--[\w-]+", span)} - all_options() - OTHER_PROGRAMS


@pytest.mark.parametrize("name", NAMES)
def test_commands_parse(name: str) -> None:
    page = (ROOT / name).read_text("utf-8")
    assert wrong_commands(page) == []
    assert unknown_options(page) == set()


def test_the_pages_have_commands() -> None:
    calls = [call for path in PAGES for call in shell_commands(path.read_text("utf-8"))]
    assert len(calls) > 60
    assert {shlex.split(call)[0] for call in calls} >= {"demo", "peel", "build-ngram", "sweep", "check"}


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("pel x", "no command 'pel'"),
        ("peel x.parquet --ngrams t", "peel: No such option"),
        ("split t.txt --scheme stream  # as in the paper", "split: Invalid value"),
        ("build-ngram t.txt --order many", "build-ngram: Invalid value"),
        ("split -o wp", "split: Missing"),
        ("peel x.parquet --ngram", "peel: Option '--ngram' requires an argument"),
    ],
)
def test_wrong_commands_are_found(call: str, problem: str) -> None:
    found = wrong_commands(f"```sh\nx=1 && .venv/bin/errtax {call}\n```\n")
    assert len(found) == 1 and found[0].startswith(problem), found


def test_wrong_spans_are_found() -> None:
    assert wrong_commands("`errtax split --scheme streams`, `errtax trend`, `errtax:0.1.0|n:3`") == []
    assert len(wrong_commands("`errtax split --schema x`, `errtax\ntrends`")) == 2
    assert unknown_options("`--block N` and `--blok N`, `pip install --pre`") == {"--blok"}


def test_every_command_has_its_row_in_the_list_of_files() -> None:
    page = (ROOT / "docs" / "files.md").read_text("utf-8")
    assert set(re.findall(r"^\| `errtax ([\w-]+)", page, re.MULTILINE)) == set(COMMANDS)


def test_the_examples_of_the_help_parse() -> None:
    """Those of the program and of each command; the descriptions beside the first stand in one column."""
    shown = CliRunner().invoke(cli, ["--help"]).output
    examples = [line for line in shown.splitlines() if line.startswith("  errtax ")]
    calls = [re.split(r" {2,}", line.strip()) for line in examples]
    assert len(calls) >= 3 and all(len(call) == 2 for call in calls)
    assert len({line.index(said) for line, (_, said) in zip(examples, calls, strict=True)}) == 1
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [call for call, _ in calls if call not in readme] == []
    for name in COMMANDS:
        shown = CliRunner().invoke(cli, [name, "--help"], terminal_width=1000).output
        calls += [[example] for example in re.findall(r"Example: (errtax .+)", shown)]
    assert len(calls) >= len(COMMANDS)
    problems = [usage_problem(shlex.split(call[0].removeprefix("errtax "))) for call in calls]
    assert [problem for problem in problems if problem] == []


# --- files, modules, schemas ----------------------------------------------------------------------------------------


def exists(path: str) -> bool:
    """Whether a path, a pattern or the mere name of a module is in the repository."""
    if "/" in path:
        return any(list(ROOT.glob(path.rstrip("/") + ending)) for ending in ("", ".py"))
    return any(list((ROOT / folder).rglob(path)) for folder in (*PARTS, "src", "tests", "bench"))


def missing_paths(page: str) -> list[str]:
    spans = [word for span in code_spans(page) for word in span.split()] + [
        word for language, block in fences(page) if language == "sh" for word in block.split()
    ]
    ours = re.compile(rf"(?:{'|'.join(PARTS)}|tests|bench|docs|src|\.ci)/[\w./*-]*|[\w*/-]+\.py")
    return [word for word in spans if ours.fullmatch(word) and word not in THEIRS and not exists(word)]


def missing_modules(page: str) -> Iterator[str]:
    """From tables headed `module in …`, and pairs such as `read_log` (`lm/prediction_log.py`)."""
    for folder, table in re.findall(r"^\| module in `(.+?)`.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE):
        for row in table.splitlines():
            for module in re.findall(r"`(\w+)`", row.split("|")[1]):
                if not (ROOT / folder / f"{module}.py").exists():
                    yield folder + module
    for names, path in re.findall(r"((?:`[\w.]+`,? (?:and )?)+)\(`([\w/]+\.py)`", " ".join(prose(page).split())):
        source = (ROOT / path).read_text("utf-8") if (ROOT / path).exists() else ""
        yield from (name for name in re.findall(r"`(?:\w+\.)?(\w+)`", names) if not re.search(rf"def {name}\b", source))


def resolves(name: str) -> bool:
    """Whether `errtax.x.y` is a module, what a module holds, or what a class there has."""
    found: Any = importlib.import_module("errtax")
    place = "errtax"
    for part in name.split(".")[1:]:
        place += f".{part}"
        if hasattr(found, part):
            found = getattr(found, part)
            continue
        try:
            found = importlib.import_module(place)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("errtax"):  # a package that is not installed
                raise
            return False
    return True


def unresolved(page: str) -> list[str]:
    names = [found[0] for span in code_spans(page) if (found := re.match(r"errtax(?:\.\w+)+(?![\w/-])", span))]
    for _, block in fences(page):
        for module, imported in re.findall(r"^(?:>>> )?from (errtax[\w.]*) import (.+)$", block, re.MULTILINE):
            names += [f"{module}.{each.strip()}" for each in imported.split(",")]
    return [name for name in names if name not in NO_MODULES and not resolves(name)]


def unknown_schemas(page: str) -> set[str]:
    sources = "\n".join(path.read_text("utf-8") for part in PARTS for path in (ROOT / part).rglob("*.py"))
    return {schema for schema in re.findall(r"errtax\.[\w-]+/\d+", page) if schema not in sources}


@pytest.mark.parametrize("name", NAMES)
def test_files_modules_and_schemas_exist(name: str) -> None:
    page = (ROOT / name).read_text("utf-8")
    assert missing_paths(page) == []
    assert list(missing_modules(page)) == []
    assert unresolved(page) == []
    assert unknown_schemas(page) == set()


def test_missing_files_modules_and_schemas_are_found() -> None:
    page = "`taxonomy/peel.py` `peel.py` `lm/ngram/` `tests/naive*.py` `errtax.log/1` `errtax.peel(…)` `run.json`; "
    page += "`read_log` (`lm/log_reader.py`)\n```python\nfrom errtax.lm.text import Unit, read_text\n```\n"
    assert not (missing_paths(page) or list(missing_modules(page)) or unresolved(page) or unknown_schemas(page))
    page = "`taxonomy/peal.py` `peal.py` `lm/n-gram/` `errtax.log/9` `errtax.peal(…)`\n"
    page += "and `read_lock` (`lm/prediction_log.py`)\n"
    page += "```sh\npython bench/x.py\n```\n```python\nfrom errtax.lm.text import Unit, read_next\n```\n"
    page += "\n| module in `lm/ngram/` | |\n|---|---|\n| `query`, `queries` | |\n"
    assert missing_paths(page) == ["taxonomy/peal.py", "peal.py", "lm/n-gram/", "bench/x.py"]
    assert list(missing_modules(page)) == ["lm/ngram/queries", "read_lock"]
    assert unresolved(page) == ["errtax.peal", "errtax.lm.text.read_next"]
    assert unknown_schemas(page) == {"errtax.log/9"}
