"""What all HTML pages share: one file, a policy that forbids all but its own style, and tables."""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files

STYLE = """
:root{color-scheme:light dark;--line:#8886;--soft:#8882}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem} h2{font-size:1.25rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}
h3{font-size:1rem;margin:1.4rem 0 .3rem}
img{max-width:100%;height:auto;background:#fff;border-radius:4px}
.scroll{overflow-x:auto} table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.15rem .7rem .15rem 0;text-align:right;vertical-align:top} th{border-bottom:1px solid var(--line)}
td:first-child,th:first-child,td.t,th.t{text-align:left;white-space:nowrap}
tr.layer{font-weight:600;border-top:1px solid var(--line)}
tr.total{font-weight:600;border-top:2px solid var(--line)}
.x{font-family:ui-monospace,monospace;font-size:.85rem;white-space:pre-wrap;overflow-wrap:anywhere;text-align:left}
.x b{outline:2px solid;outline-offset:-1px;padding:0 1px}
.e{font-size:.85rem;text-align:left;opacity:.85}
.s{font-family:ui-monospace,monospace;font-size:.75rem;overflow-wrap:anywhere}
@media print{body{max-width:none}}
"""
TEXT = ' class="t"'
"""Attribute of a cell of text."""


def document(
    title: str, body: Sequence[str], machine: object, style: str = STYLE, script: str = "", page: object = None
) -> str:
    """A page of these parts, with the JSON document `machine` in it for programs, and `page` for its own `script`.

    Its policy allows no request, no style but `style` and no script but `script`; `body` must be escaped already.
    """
    allowed = f"script-src '{_hash(script)}'; " if script else ""
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
            f"<title>{escape(title)}</title><style>{style}</style></head><body><main>",
            *body,
            f"</main>{''.join(data)}",
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


def table(head: Sequence[str], rows: Sequence[str], texts: Sequence[str] = ()) -> str:
    """A table of rows `<tr>…</tr>`; the columns whose heads are in `texts` are aligned as text, not as numbers."""
    cells = "".join(f'<th scope="col"{TEXT if name in texts else ""}>{escape(name)}</th>' for name in head)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
