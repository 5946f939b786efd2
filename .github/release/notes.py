"""One step of release.yml: whether a tag may be released, and the notes of its release, on stdout.

`python .github/release/notes.py v0.1.0`: the tag must be the version of pyproject.toml and CITATION.cff, and
CHANGELOG.md must have a section of it with a date.  Otherwise one line on stderr says what to do; the exit code is 1.
"""

import re
import sys
import tomllib
from pathlib import Path


def main(tag: str, root: Path) -> str:
    """The notes; ends the program where there are none."""
    version = tag.removeprefix("v")
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    cited = re.search(r"^version: (.+)$", (root / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    for name, found in (("pyproject.toml", project), ("CITATION.cff", cited and cited[1])):
        if tag != f"v{found}":
            sys.exit(f"The tag is {tag}, the version in {name} {found}: change one of them, and tag again.")
    return notes_of((root / "CHANGELOG.md").read_text("utf-8"), version)


def notes_of(changelog: str, version: str) -> str:
    """The section of a version, without its heading, which must end in the day of the release."""
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    for section in sections:
        heading, _, notes = section.partition("\n")
        if heading.split()[:1] == [version]:
            if not re.fullmatch(rf"{re.escape(version)} – \d{{4}}-\d\d-\d\d", heading.strip()):
                sys.exit(f"CHANGELOG.md has '## {heading}': give the day, '## {version} – YYYY-MM-DD', and tag again.")
            if not notes.strip():
                sys.exit(f"CHANGELOG.md says nothing of {version}: write what has changed, and tag again.")
            return notes.strip()
    sys.exit(f"CHANGELOG.md has no section '## {version} – YYYY-MM-DD': write it, and tag again.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python .github/release/notes.py TAG")
    print(main(sys.argv[1], Path(__file__).parents[2]))
