"""The reference of the commands, from the commands themselves: what `errtax NAME --help` knows, a page each."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click

from errtax.cli.commands import COMMANDS, load_command
from errtax.cli.main import cli

DOCS = Path(__file__).parents[1]
COMMON = ("json", "quiet", "verbose", "debug", "help")
"""Options that every command has."""


def command_pages() -> dict[str, str]:
    """Markdown by path: `commands/index.md`, and a page for each command."""
    pages = {f"commands/{name}.md": _page(name) for name in COMMANDS}
    return {"commands/index.md": _index(), **pages}


def plain(text: str) -> str:
    """A text without Markdown in it, so that nothing in it is taken for that."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", text).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _context(name: str) -> click.Context:
    parent = click.Context(cli, info_name="errtax")
    return click.Context(
        load_command(name), info_name=name, parent=parent, max_content_width=10_000, terminal_width=10_000
    )


def _records(name: str, common: bool) -> list[tuple[str, str]]:
    """Names and description of each option of a command, as its help has them."""
    context = _context(name)
    options = [each for each in context.command.get_params(context) if isinstance(each, click.Option)]
    chosen = [each for each in options if (each.name in COMMON) == common]
    return [record for each in chosen if (record := each.get_help_record(context))]


def _page(name: str) -> str:
    context = _context(name)
    usage = context.command.collect_usage_pieces(context)
    lines = [f"# errtax {name}", "", COMMANDS[name], "", "```sh", f"errtax {name} {' '.join(usage)}", "```", ""]
    lines += [*_paragraphs(context.command.help or ""), *_example(context.command.epilog or "")]
    lines += ["## Options", "", *_definitions(_records(name, common=False))]
    lines += ["", "And [those of all commands](index.md#options-of-all-commands).", "", *_more(name)]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        yield from [plain(" ".join(paragraph.replace("\b", "").split())), ""]


def _example(epilog: str) -> list[str]:
    return ["## Example", "", "```sh", epilog.removeprefix("Example: "), "```", ""]


def _definitions(records: list[tuple[str, str]]) -> list[str]:
    return [f"{_flags(flags)}\n:   {plain(text) or '&nbsp;'}\n" for flags, text in records] or ["None of its own."]


def _flags(flags: str) -> str:
    """The names of an option, each as code; its value stays with the last."""
    return ", ".join(f"`{flag}`" for flag in re.split(r", (?=-)", flags))


@cache
def _texts() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(DOCS.glob("*.md"))}


def _more(name: str) -> Iterator[str]:
    """Links to the pages that use the command, and to the schema of its JSON."""
    used = re.compile(rf"(?:^|/|\s)errtax {name}(?![\w-])|^#.*`errtax {name}`", re.MULTILINE)
    pages = [page for page, text in _texts().items() if used.search(text)]
    links = [f"[{page}](../{page})" for page in pages]
    if (DOCS / "schemas" / f"{name}.json").exists():
        links.append(f"[the schema of its JSON](../schemas/{name}.json)")
    if links:
        yield from ["## Read more", "", "- " + "\n- ".join(links)]


def _index() -> str:
    text = [
        "# Commands",
        "",
        "`errtax NAME --help` shows what stands here. Options may also be set in `errtax.toml` or in the environment,",
        "and all commands share their exit codes ([files.md](../files.md#configuration)).",
        "",
        "| command | |",
        "|---|---|",
        *(f"| [`errtax {name}`]({name}.md) | {plain(what)} |" for name, what in COMMANDS.items()),
        "",
        "## Options of all commands",
        "",
        *_definitions(_records("info", common=True)),
    ]
    return "\n".join(text) + "\n"
