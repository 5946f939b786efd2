"""What mkdocs calls: pages that are made from the code, links of the repository made into the site's, `llms.txt`."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from command_pages import command_pages
from gallery import gallery_page
from links import MOVED, relinked
from live import live_pages
from llms import first_sentence, llms_full, llms_txt
from notebook_pages import notebook_pages
from public import reference_pages
from reference_text import with_docstrings

ROOT = Path(__file__).parents[2]
ASSETS = Path(__file__).parent / "assets"
HEADS = {
    "index.md": "hide: [navigation]",
    "contributing.md": "description: How to build, test and extend errtax.",
    "changelog.md": "description: What each version brought.",
}
"""What mkdocs is told of the pages of the repository's top."""
Nav = list[Any]


def generated() -> dict[str, str]:
    """All that is made from the code, by path: pages in Markdown, and reports."""
    notebooks = {path: page.markdown for path, page in notebook_pages().items()}
    return {**command_pages(), **reference_pages(), **live_pages(), **notebooks, "gallery.md": gallery_page()}


def titles_of(nav: Nav) -> dict[str, str]:
    """The title of each page, by its path."""
    found: dict[str, str] = {}
    for entry in nav:
        for title, inner in entry.items():
            found |= {inner: title} if isinstance(inner, str) else titles_of(inner)
    return found


def expanded(nav: Nav, pages: dict[str, str]) -> Nav:
    """The navigation with the generated pages of a folder in place of `folder/*`."""
    result: Nav = []
    for entry in nav:
        for title, inner in entry.items():
            if isinstance(inner, str) and inner.endswith("/*"):
                names = [path for path in pages if path.startswith(inner[:-1])]
                result.append({title: [{heading_of(pages[path]): path} for path in names]})
            else:
                result.append({title: inner if isinstance(inner, str) else expanded(inner, pages)})
    return result


def heading_of(markdown: str) -> str:
    """The text of a page's first heading."""
    found = re.search(r"^# (.+)$", markdown, re.MULTILINE)
    return found[1].replace("`", "") if found else ""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the pages, and put them into the navigation."""
    config.extra["generated"] = generated()
    nav = expanded(config.nav or [], config.extra["generated"])
    config.nav, config.extra["titles"] = nav, titles_of(nav)
    config.extra |= {"said": {}, "descriptions": {}}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's top, the generated ones, and the assets."""
    for name, path in MOVED.items():
        content = f"---\n{HEADS[path]}\n---\n\n" + (ROOT / name).read_text("utf-8")
        files.append(File.generated(config, path, content=content))
    for path, markdown in config.extra["generated"].items():
        files.append(File.generated(config, path, content=markdown))
    for asset in ASSETS.iterdir():
        files.append(File.generated(config, f"assets/{asset.name}", abs_src_path=str(asset)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The site's links; prompts of Python coloured as such."""
    path = page.file.src_uri
    source = next((name for name, moved in MOVED.items() if moved == path), f"docs/{path}")
    said = relinked(markdown, source, config.extra["titles"])
    page.meta.setdefault("description", first_sentence(said))
    config.extra["said"][path], config.extra["descriptions"][path] = with_docstrings(said), page.meta["description"]
    return re.sub(r"^```python\n>>> ", "```pycon\n>>> ", said, flags=re.MULTILINE)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """What the cells of a notebook show, in its place."""
    if page.file.src_uri in (pages := notebook_pages()):
        for place, shown in pages[page.file.src_uri].outputs.items():
            html = html.replace(place, shown)
    return html


@event_priority(-100)  # after the search has written its index
def on_post_build(config: MkDocsConfig) -> None:
    """Write `llms.txt`, the pages' Markdown, and the index of the search for pages opened from a disk."""
    site, said = Path(config.site_dir), config.extra["said"]
    for path, markdown in said.items():
        (site / path).write_text(markdown, "utf-8")
    nav, descriptions = config.nav or [], config.extra["descriptions"]
    about = (config.site_name, config.site_description or "", nav, descriptions)
    (site / "llms.txt").write_text(llms_txt(*about, config.site_url or ""), "utf-8")
    (site / "llms-full.txt").write_text(llms_full(nav, said), "utf-8")
    index = (site / "search" / "search_index.json").read_text("utf-8")
    (site / "search" / "search_index.js").write_text(f"var __index = {index}", "utf-8")
