"""The gallery: all pictures of the pages, each with its caption and a link to where it is explained."""

import re
from pathlib import Path
from typing import NamedTuple

from pymdownx.slugs import slugify

from links import site_path

DOCS = Path(__file__).parents[1]
_LINES = re.compile(
    r"^```.*?^```"
    r"|^#{1,6} +(?P<heading>[^\n]+?) *#*$"
    r"|!\[(?P<caption>[^\]]*)\]\((?P<image>[^\s)]+)\)",
    re.MULTILINE | re.DOTALL,
)


class Picture(NamedTuple):
    """A picture: its caption, its path, and the page, the heading and the anchor under which it stands."""

    caption: str
    image: str
    page: str
    heading: str
    anchor: str


def pictures() -> list[Picture]:
    """All pictures of the pages, each once: where it is explained rather than on the home page."""
    found: dict[str, Picture] = {}
    for path in [*sorted(DOCS.glob("*.md")), DOCS.parent / "README.md"]:
        heading, slug = "", slugify(case="lower")
        for line in _LINES.finditer(path.read_text("utf-8")):
            heading = line["heading"] or heading
            if line["image"]:
                image, caption = line["image"].removeprefix("docs/"), " ".join(line["caption"].split())
                title = heading.replace("`", "")
                found.setdefault(image, Picture(caption, image, site_path(path.name), title, slug(title, "-")))
    return list(found.values())


def gallery_page() -> str:
    """Markdown of the gallery."""
    cards = [
        f"-   [![{each.caption}]({each.image}){{ loading=lazy }}]({each.image})\n\n"
        f"    {each.caption}\n\n    [{each.heading}]({each.page}#{each.anchor})\n"
        for each in pictures()
    ]
    about = "All pictures of these pages. A click on one shows it whole; the link below it leads to what it shows."
    return f'# Gallery\n\n{about}\n\n<div class="grid cards" markdown>\n\n' + "\n".join(cards) + "\n</div>\n"
