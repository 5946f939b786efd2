"""The documentation's site: it builds strictly from a clean copy without network, and lacks nothing public."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any
from urllib.parse import unquote

import click
import pytest
from markdown_it import MarkdownIt

import errtax
import errtax.kenlm
import errtax.training
from browser import Page, start_browser
from errtax.cli.commands import COMMANDS, load_command
from notebook_pages import jupyter_cells
from public import public_names

pytest.importorskip("mkdocs", reason="the site needs mkdocs: pip install 'errtax[docs]'")
pytest.importorskip("mkdocstrings", reason="the site needs mkdocstrings: pip install 'errtax[docs]'")
ROOT = Path(__file__).parents[1]
FILES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "mkdocs.yml")
FOLDERS = ("docs", "src", "cli", "lm", "oracle", "reports", "taxonomy")
NOWHERE = "http://127.0.0.1:9"
"""A proxy that does not answer."""


@dataclass
class Html(HTMLParser):
    """What a built page refers to, what can be referred to in it, and its text."""

    source: str
    links: list[str] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    tags: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.assets.append(given["href"])
        self.assets += [given[name] for name in ("src", "data", "poster") if name in given]
        self.assets += [part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()]

    def handle_data(self, data: str) -> None:
        self.text += data


@dataclass(frozen=True)
class Site:
    folder: Path
    pages: dict[str, Html]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The built site.  Takes about 15 seconds."""
    clean = tmp_path_factory.mktemp("clean")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
    for name in FILES:
        shutil.copy(ROOT / name, clean / name)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, clean / name, symlinks=True, ignore=ignore)
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"],  # --quiet would hide warnings from --strict
        cwd=clean,
        env={**os.environ, **proxies, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = clean / "site"
    pages = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.html")}
    return Site(folder, {name: Html(path.read_text("utf-8")) for name, path in pages.items()})


def remote(html: Html) -> list[str]:
    styles = re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)", html.source)
    return [asset for asset in html.assets if re.match(r"(?:https?:)?//", asset)] + styles


def test_nothing_is_fetched_from_elsewhere(site: Site) -> None:
    assert {name: found for name, html in site.pages.items() if (found := remote(html))} == {}
    for path in site.folder.rglob("*.css"):
        assert remote(Html(path.read_text("utf-8"))) == []


def test_what_is_fetched_from_elsewhere_is_found() -> None:
    page = '<link rel="stylesheet" href="https://a/b.css"><img srcset="//c/d.png 2x, e.png"><script src="http://f"></script>'
    page += (
        '<link rel="canonical" href="https://g"><a href="https://h"></a><style>@import "https://i"; x: url(//j)</style>'
    )
    assert remote(Html(page)) == ["https://a/b.css", "//c/d.png", "http://f", "https://i", "//j"]


def dead_links(site: Site, name: str) -> list[str]:
    html, dead = site.pages[name], []
    for link in [*html.links, *html.assets]:
        if re.match(r"[a-z]+:|//", link):
            continue
        target, _, anchor = unquote(link).partition("#")
        goal = normpath(join(dirname(name), target)) if target else name
        there = (site.folder / goal).exists()
        known = anchor in ("", "__codelineno") or goal not in site.pages or anchor in site.pages[goal].ids
        if not (there and known):
            dead.append(link)
    return dead


def test_links_lead_somewhere(site: Site) -> None:
    names = [name for name in site.pages if name != "404.html"]  # whose links begin where the site does
    assert {name: found for name in names if (found := dead_links(site, name))} == {}


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    page = Html('<a href="#x"></a><a href="b.html"></a><a href="#a"></a><b id="a"></b><img src="c.png">')
    assert dead_links(Site(tmp_path, {"a.html": page}), "a.html") == ["#x", "b.html", "#a", "c.png"]
    (tmp_path / "a.html").touch()
    assert dead_links(Site(tmp_path, {"a.html": page}), "a.html") == ["#x", "b.html", "c.png"]


# --- nothing is lost on the way to the site ---------------------------------------------------------------------------

BLOCKS = {
    "heading_open": "heading",
    "fence": "block of code",
    "tr_open": "row",
    "list_item_open": "item",
    "image": "image",
}


def blocks_of_markdown(markdown: str) -> dict[str, int]:
    """How many there are of each kind, by the rules of GitHub's Markdown."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    kinds = [each.type for token in tokens for each in (token, *(token.children or []))]
    return {what: kinds.count(kind) for kind, what in BLOCKS.items()}


def blocks_of_html(html: str) -> dict[str, int]:
    article = html[html.index("<article") : html.index("</article")]
    tags = Html(re.sub(r"<aside.*?</aside>|<a [^>]*md-content__button.*?</a>", "", article, flags=re.DOTALL)).tags
    headings = sum(tag in ("h1", "h2", "h3", "h4") for tag in tags)
    counts = (headings, tags.count("pre"), tags.count("tr"), tags.count("li"), tags.count("img"))
    return dict(zip(BLOCKS.values(), counts, strict=True))


def test_pages_are_on_the_site_as_they_are_on_github(site: Site) -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix(): path for path in ROOT.glob("docs/*.md")}
    pages |= {"index.md": ROOT / "README.md", "changelog.md": ROOT / "CHANGELOG.md"}
    pages |= {"contributing.md": ROOT / "CONTRIBUTING.md", "schemas/index.md": ROOT / "docs" / "schemas" / "README.md"}
    for name, path in pages.items():
        built = site.pages[name.replace(".md", ".html")].source
        assert (name, blocks_of_html(built)) == (name, blocks_of_markdown(path.read_text("utf-8")))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_with_all_its_options(site: Site, name: str) -> None:
    html = site.pages[f"commands/{name}.html"]
    said = " ".join(html.text.split())
    command = load_command(name)
    context = click.Context(command)
    own = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    general = " ".join(site.pages["commands/index.html"].text.split())
    for option in own:
        where = general if option.name in ("json", "quiet", "verbose", "debug") else said
        assert all(re.search(rf"(?<![\w-]){flag}(?![\w-])", where) for flag in option.opts), option.opts
        assert " ".join((option.help or "").split()) in where
        if option.show_default and option.default is not None and not option.is_flag:
            shown = (option.get_help_record(context) or ("", ""))[1].rpartition("[")[2]
            assert shown in said
    assert (command.epilog or "").removeprefix("Example: ") in said
    assert f"{name}.html" in site.pages["commands/index.html"].links


def test_the_reports_work_and_hold_what_the_page_says(site: Site) -> None:
    page = site.pages["live.html"]
    assert {"live/report.html", "live/compare.html"} <= {*page.links, *page.assets}
    found = re.search(r"memory makes ([\d,]+) fewer errors than plain", page.text)
    assert found and int(found[1].replace(",", "")) > 1000
    for name, models in (("report", ["plain"]), ("compare", ["plain", "memory"])):
        html = site.pages[f"live/{name}.html"]
        assert "script" in html.tags and all(model in html.text for model in models)


def test_the_gallery_has_all_pictures(site: Site) -> None:
    from gallery import pictures as pictures_of_pages

    pictures = {path.name for path in (ROOT / "docs").glob("*.png")}
    assert pictures <= set(site.pages["gallery.html"].assets)
    assert [card for card in pictures_of_pages() if len(card.caption) < 10 or not card.heading] == []


NOTEBOOKS = sorted(path for path in (ROOT / "docs" / "notebooks").iterdir() if path.suffix in (".ipynb", ".py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_run_and_show_what_they_find(site: Site, path: Path) -> None:
    """That a cell fails ends the build; here, that what they lead to is shown."""
    page = site.pages[f"notebooks/{path.stem}.html"]
    assert path.name in page.links and (site.folder / "notebooks" / path.name).read_bytes() == path.read_bytes()
    assert page.tags.count("table") >= 4 and page.source.count('class="output"') >= 5
    assert "svg" in Html(page.source[page.source.index("<article") :]).tags
    assert re.search(r"is wrong on [\d,]+ of [\d,]+ symbols .* makes [\d,]+ fewer errors than ", page.text, re.DOTALL)
    for call in ("DataFrame", "errtax.peel", ".table(", ".compare(", ".report("):
        assert call in page.text, call


def test_notebooks_are_kept_without_outputs() -> None:
    assert {path.suffix for path in NOTEBOOKS} == {".ipynb", ".py"}
    for path in NOTEBOOKS:
        if path.suffix == ".ipynb":
            notebook = json.loads(path.read_text("utf-8"))
            cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
            assert [cell["id"] for cell in cells if cell["outputs"] or cell["execution_count"]] == []
            assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)


def test_a_notebook_that_fails_says_where(tmp_path: Path) -> None:
    cell = {
        "cell_type": "code",
        "id": "third",
        "metadata": {},
        "outputs": [],
        "source": ["x = 1\n", "print(x)\n", "x / 0"],
    }
    path = tmp_path / "broken.ipynb"
    path.write_text(json.dumps({"cells": [cell]}))
    with pytest.raises(ZeroDivisionError) as caught:
        jupyter_cells(path)
    assert str(caught.traceback[-1].path).endswith("broken.ipynb, third")
    path.write_text(json.dumps({"cells": [{**cell, "source": ["print('<b>')\n", "{1: 2}"]}]}))
    assert jupyter_cells(path)[0].shown == "<pre>&lt;b&gt;\n</pre><pre>{1: 2}</pre>"


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    driver = start_browser()
    yield driver
    driver.quit()


SHOWN = ("index.html", "commands/peel.html", "reference/results.html", "notebooks/peel.html")


@pytest.mark.parametrize("name", SHOWN)
def test_pages_open_from_a_disk_on_a_phone_and_ask_for_nothing(site: Site, browser: Any, name: str) -> None:
    page = Page(browser, site.folder / name)
    page.size(390, 844, dark=True)
    page.open(script=False)
    assert page.messages() == []
    assert [url for url in page.requests() if not url.startswith("file:")] == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_the_search_works_from_a_disk(site: Site, browser: Any) -> None:
    page = Page(browser, site.folder / "index.html")
    page.size(1280)
    page.open(script=False)
    page.run('document.querySelector(".md-search__input").focus()')
    page.press("memory windows")
    until = time.monotonic() + 60
    while not (
        found := page.run("return [...document.querySelectorAll('.md-search-result__link')].map((a) => a.href)")
    ):
        assert time.monotonic() < until, page.messages()
        time.sleep(0.05)
    assert any("commands/peel.html" in link for link in found)


# --- Python -----------------------------------------------------------------------------------------------------------


def test_all_that_is_public_is_on_a_page(site: Site) -> None:
    ids = {each for name, html in site.pages.items() if name.startswith("reference/") for each in html.ids}
    modules: list[Any] = [errtax, errtax.kenlm, errtax.training]
    offered = {f"{module.__name__}.{name}" for module in modules for name in module.__all__}
    offered -= {"errtax.__version__", "errtax.training"}
    public = set(public_names())
    assert offered - public == set()
    assert public - ids == set()
    view = "errtax.reports.notebook.PeelView"
    assert {f"{view}.{name}" for name in ("table", "fair", "compare", "worst", "save", "report")} <= ids


def test_what_the_pages_import_is_public() -> None:
    imported = set()
    for path in ROOT.glob("docs/*.md"):
        for module, names in re.findall(r"^(?:>>> )?from (errtax[\w.]+) import (.+)$", path.read_text("utf-8"), re.M):
            imported |= {f"{module}.{name.strip()}" for name in names.split(",")}
    known = {name.replace("errtax.NgramIndex", "errtax.lm.ngram.index.NgramIndex") for name in public_names()}
    assert len(imported) > 4 and imported - known == set()


# --- for language models ----------------------------------------------------------------------------------------------


def test_llms_txt_lists_all_pages_and_says_what_they_are(site: Site) -> None:
    text = (site.folder / "llms.txt").read_text("utf-8")
    assert re.match(r"# errtax\n\n> \S.+\n\n## ", text)
    links = re.findall(r"^- \[(.+?)\]\((.+?)\): (.+)$", text, re.MULTILINE)
    assert len(links) == text.count("\n- [")
    assert all(len(said) > 15 and not said.endswith(":") for _, _, said in links)
    pages = {path.relative_to(site.folder).as_posix() for path in site.folder.rglob("*.md")}
    assert {path for _, path, _ in links} == pages
    built = {name for name, html in site.pages.items() if "md-content" in html.source and name != "404.html"}
    assert {path.replace("schemas/README", "schemas/index").replace(".md", ".html") for path in pages} == built
    full = (site.folder / "llms-full.txt").read_text("utf-8")
    assert all((site.folder / path).read_text("utf-8").strip() in full for path in pages)
    assert (
        "\n::: " not in full and [name for name in public_names() if f"\n## `{name}`\n\n```python\n" not in full] == []
    )
