"""The notebooks, run when the site is built: their text and code as Markdown, and what their cells show."""

import ast
import importlib.util
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any, NamedTuple

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


class Cell(NamedTuple):
    """A cell: its text in Markdown, or its code and, in HTML, what it shows."""

    text: str = ""
    code: str = ""
    shown: str = ""


@dataclass(frozen=True)
class NotebookPage:
    """A notebook as a page: Markdown with a place for each output, and the outputs, HTML by place."""

    markdown: str
    outputs: dict[str, str]


@cache
def notebook_pages() -> dict[str, NotebookPage]:
    """The pages of all notebooks, by path.  Each is run once, in a folder of its own; raises where a cell does."""
    pages = {}
    for path in sorted(NOTEBOOKS.iterdir()):
        if read := {".ipynb": jupyter_cells, ".py": marimo_cells}.get(path.suffix):
            with TemporaryDirectory() as folder, chdir(folder):
                pages[f"notebooks/{path.stem}.md"] = page_of(path.name, read(path))
    return pages


def page_of(name: str, cells: Sequence[Cell]) -> NotebookPage:
    """The page of the notebook of this name; under its first cell it says where the notebook itself is."""
    tool = {".ipynb": "Jupyter", ".py": "marimo"}[Path(name).suffix]
    blocks, outputs = [], {}
    for i, cell in enumerate(cells):
        blocks += [cell.text] if cell.text else []
        blocks += [f"```python\n{cell.code}\n```"] if cell.code else []
        if cell.shown:
            place = f'<div class="output" id="output-{i}"></div>'
            blocks.append(place)
            outputs[place] = place.replace("></div>", f">{cell.shown}</div>")
        if cell.text and len(blocks) == 1:
            blocks.append(f"A notebook for {tool}, run as this site was built: [{name}]({name}).")
    return NotebookPage("\n\n".join(blocks) + "\n", outputs)


def jupyter_cells(path: Path) -> list[Cell]:
    """The cells of a Jupyter notebook, its code run in one namespace."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cells.append(Cell(text=source))
        else:
            cells.append(Cell(code=source, shown=_run(source, names, f"{path.name}, {cell['id']}")))
    return cells


def _run(source: str, names: dict[str, Any], where: str) -> str:
    """What a cell prints, and its last expression, as HTML."""
    tree = ast.parse(source, where)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, where, "exec"), names)
        value = eval(compile(ast.Expression(last.value), where, "eval"), names) if isinstance(last, ast.Expr) else None
    return (f"<pre>{escape(printed.getvalue())}</pre>" if printed.getvalue() else "") + html_of(value)


def marimo_cells(path: Path) -> list[Cell]:
    """The cells of a marimo notebook, run by marimo."""
    spec = importlib.util.spec_from_file_location(f"notebook_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shown, _ = module.app.run()
    source = path.read_text("utf-8")
    return [
        Cell(text=text) if (text := _markdown(cell)) else Cell(code=code, shown=html_of(value))
        for cell, value in zip(_functions(source), shown, strict=True)
        if (code := _body(cell, source)) != "import marimo as mo"
    ]


def _functions(source: str) -> Iterator[ast.FunctionDef]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and "app.cell" in map(ast.unparse, node.decorator_list):
            yield node


def _markdown(cell: ast.FunctionDef) -> str:
    """The text of a cell that has nothing but text."""
    match cell.body[0]:
        case ast.Expr(ast.Call(ast.Attribute(attr="md"), [ast.Constant(str(text))])):
            return dedent(text).strip()
    return ""


def _body(cell: ast.FunctionDef, source: str) -> str:
    """The code of a cell, without what marimo puts around it."""
    inner = [node for node in cell.body if not isinstance(node, ast.Return)]
    return dedent("\n".join(source.splitlines()[inner[0].lineno - 1 : inner[-1].end_lineno]))


def html_of(value: Any) -> str:
    """What a notebook shows of a value; nothing of elements that only live in marimo."""
    if value is None or "<marimo-" in getattr(value, "text", ""):
        return ""
    for show in ("_repr_html_", "_repr_svg_"):
        if hasattr(value, show):
            return str(getattr(value, show)()).replace(' border="1" class="dataframe"', "")
    return getattr(value, "text", "") or f"<pre>{escape(repr(value))}</pre>"
