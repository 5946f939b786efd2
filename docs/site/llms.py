"""The files for language models: `llms.txt`, the list of pages (llmstxt.org), and `llms-full.txt`, all of them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_FENCE = re.compile(r"^```.*?^```[ ]*$", re.MULTILINE | re.DOTALL)


def llms_txt(name: str, summary: str, nav: list[Any], descriptions: Mapping[str, str], base: str) -> str:
    """The list: a section for each part of the navigation, a link with a description for each page.

    `descriptions`: by path.  `base`: what addresses begin with, and nothing where the site's is not known.
    """
    sections = [f"# {name}\n\n> {summary}\n"]
    for entry in nav:
        for title, inner in entry.items():
            links = [f"- [{what}]({base}{path}): {descriptions[path]}" for what, path in _leaves(title, inner)]
            sections.append("\n".join([f"## {title}", "", *links, ""]))
    return "\n".join(sections)


def _leaves(title: str, inner: Any) -> Iterator[tuple[str, str]]:
    if isinstance(inner, str):
        yield title, inner
        return
    for entry in inner:
        for each, below in entry.items():
            yield from _leaves(each, below)


def first_sentence(markdown: str) -> str:
    """What a page says first, in one line and without Markdown: the description of a page that has none."""
    for paragraph in re.split(r"\n\s*\n", _FENCE.sub("", markdown)):
        said = " ".join(paragraph.split())
        if said and not re.match(r"[#|!<>:-]|\* ", said):
            text = re.sub(r" \(\[[^\]]*\]\([^)]*\)\)", "", said)
            text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
            text = re.sub(r"\\(\W)", r"\1", text.replace("**", ""))
            first = re.split(r"(?<=[.?!])\s+(?=[A-Z])", text)[0]
            return re.sub(r":$", ".", first)
    return ""


def llms_full(nav: list[Any], pages: Mapping[str, str]) -> str:
    """All pages, end to end."""
    paths = [path for entry in nav for title, inner in entry.items() for _, path in _leaves(title, inner)]
    return "\n".join(f"<!-- {path} -->\n\n{pages[path].strip()}\n" for path in paths)
