"""What all HTML pages share: one file, a policy that forbids all but its own style and script, and tables."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files

SCRIPTS = (
    *("text.js", "peel.js", "intervals.js", "resample.js"),
    *("parts.js", "controls.js", "figures.js", "table.js", "browser.js", "reading.js", "page.js"),
)
"""The page's script in the order of its parts, which share one scope."""
_STRING = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)""")
TEXT = ' class="t"'
"""Attribute of a cell of text."""


def document(
    title: str, body: Sequence[str], machine: object, style: str, script: str = "", page: object = None
) -> str:
    """A page of these parts, with the JSON document `machine` in it for programs, and `page` for its own `script`.

    Its policy allows no request, no style but `style`, no script but `script` and workers made of it; `body` must be
    escaped already.
    """
    allowed = f"script-src '{_hash(script)}'; worker-src blob:; " if script else ""
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; {allowed}base-uri 'none'; form-action 'none'"
    )
    blocks = {"errtax": machine, **({} if page is None else {"errtax-page": page})}
    data = [
        f'<script type="application/json" id="{name}">{escaped_json(block)}</script>' for name, block in blocks.items()
    ]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{style}</style></head><body>",
            *body,
            "".join(data),
            f"<script>{script}</script></body></html>\n" if script else "</body></html>\n",
        ]
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def escaped_json(document: object) -> str:
    """JSON that may stand in a script element: without `<`, `>` and `&`, in ASCII."""
    data = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        data = data.replace(character, f"\\u{ord(character):04x}")
    return data


def asset(name: str) -> str:
    """A file that stands beside the code: a style sheet or a script."""
    return files("errtax.reports").joinpath("assets", name).read_text("utf-8")


def script_of() -> str:
    """The whole script, without indentation, comments and idle spaces; the same text is that of its worker."""
    lines = _bare("".join(map(asset, SCRIPTS)), r"(^| +)// .*$").split("\n")
    return "\n".join(map(_squeezed, lines))


def _squeezed(line: str) -> str:
    """A line of script without spaces about its signs, but for strings; one that is hard to read stays as it is.

    >>> _squeezed('const end = (k) => (k < 3 ? "a = b" : `c = ${k}`);')
    'const end=(k)=>(k<3?"a = b":`c = ${k}`);'
    """
    if "/" in line or ("${" in line and line.count("`") > 2):
        return line
    parts = _STRING.split(line)
    return "".join(
        part if k % 2 else re.sub(r" ?([=<>&|?:,;(){}\[\]!*%]+) ?", r"\1", part) for k, part in enumerate(parts)
    )


def style_of(*names: str) -> str:
    """Style sheets, one after the other, without indentation and comments."""
    return _bare("".join(map(asset, names)), r"/\*.*?\*/")


def _bare(source: str, comment: str) -> str:
    lines = (re.sub(comment, "", line.strip()) for line in source.splitlines())
    return "\n".join(line for line in lines if line and line != "//")


def table(head: Sequence[str], rows: Sequence[str], texts: Sequence[str] = ()) -> str:
    """A table of rows `<tr>…</tr>`; the columns whose heads are in `texts` are aligned as text, not as numbers."""
    cells = "".join(f'<th scope="col"{TEXT if name in texts else ""}>{escape(name)}</th>' for name in head)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
