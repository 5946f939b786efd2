"""The Python reference as plain Markdown, for language models: signatures and docstrings of what is public."""

import re
from functools import cache
from pathlib import Path

from griffe import Alias, Class, Function, GriffeLoader, Object

from doctests import fenced

SOURCES = Path(__file__).parents[2] / "src"


def with_docstrings(markdown: str) -> str:
    """A page of the reference with what stands behind each `::: name` in its place."""
    return re.sub(r"^::: (\S+)$", lambda found: described(found[1]), markdown, flags=re.MULTILINE)


@cache
def _package() -> Object | Alias:
    return GriffeLoader(search_paths=[SOURCES], allow_inspection=False).load("errtax")


def _object(name: str) -> Object | Alias:
    """What a public name stands for, wherever it is defined; raises `KeyError` where there is none."""
    found: Object | Alias = _package()[name.removeprefix("errtax.")]
    return found.final_target if isinstance(found, Alias) else found


def described(name: str) -> str:
    """A section on a public name: signature, docstring, and those of a class's public members."""
    found = _object(name)
    lines = [f"## `{name}`", "", *_block(found)]
    if isinstance(found, Class):
        for own, member in found.members.items():
            if not own.startswith("_") and not member.is_alias and member.docstring:
                lines += [f"### `{found.name}.{own}`", "", *_block(member)]
    return "\n".join(lines)


def _block(found: Object | Alias) -> list[str]:
    said = fenced(found.docstring.value).strip() if found.docstring else ""
    return ["```python", _signature(found), "```", "", said, ""]


def _signature(found: Object | Alias) -> str:
    if isinstance(found, Function):
        return f"def {found.signature()}"
    if isinstance(found, Class):
        bases = ", ".join(map(str, found.bases))
        start = found.members.get("__init__")
        made = f"\n    def {start.signature()}" if isinstance(start, Function) else ""
        return f"class {found.name}" + (f"({bases})" if bases else "") + (f":{made}" if made else "")
    annotation = getattr(found, "annotation", None)
    return f"{found.name}: {annotation}" if annotation else found.name
