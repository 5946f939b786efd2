"""Links between pages: as they stand in the repository, made into those of the site."""

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath, relpath

MOVED = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages that stand at the repository's top, and where the site has them."""
_PARTS = re.compile(
    r"^(?P<fence>```+).*?^(?P=fence)[ ]*$"
    r"|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"
    r"|(?<!!)\[(?P<name>[\w/.-]+\.md)\]\((?P<named>[^\s)]+)\)"
    r"|\]\((?P<target>[^\s)]+)\)",
    re.MULTILINE | re.DOTALL,
)


def site_path(path: str) -> str:
    """Where the site has what the repository has at `path`."""
    return MOVED.get(path, path.removeprefix("docs/"))


def relinked(markdown: str, source: str, titles: Mapping[str, str]) -> str:
    """A page of the repository with the site's links; one whose text is a file's name gets the page's title.

    `source`: the page's path in the repository.  `titles`: by the site's paths.
    """

    def goal(target: str) -> tuple[str, str]:
        name, anchor = re.fullmatch(r"([^#]*)(#.*)?", target).groups()  # type: ignore[union-attr]
        path = site_path(normpath(join(dirname(source), name))) if name else site_path(source)
        return path, anchor or ""

    def replaced(found: re.Match[str]) -> str:
        target = found["named"] or found["target"]
        if target is None or re.match(r"[a-z]+:|#", target):
            return found[0]
        path, anchor = goal(target)
        link = f"]({relpath(path, dirname(site_path(source)) or '.')}{anchor})"
        return link if found["name"] is None else f"[{titles.get(path, found['name'])}{link}"

    return _PARTS.sub(replaced, markdown)
