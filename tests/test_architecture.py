"""Folders are the architecture: which part may import which, and where compiled code lives."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from errtax.cli.commands import COMMANDS
from errtax.taxonomy.layers import registry

ROOT = Path(__file__).parents[1]
LAYERS = ("lm", "oracle", "taxonomy", "reports", "cli")
"""Each may import itself and what stands before it."""
ROOMS = (
    "lm/executors",
    "lm/hf",
    "lm/imports",
    "lm/neural",
    "lm/ngram",
    "reports/studies",
    "taxonomy/layers",
    "taxonomy/studies",
)
"""All folders below them.  What lies outside a room of `APART` does not import from it."""
APART = ("lm/hf", "lm/imports", "lm/neural", "reports/studies", "taxonomy/studies")
HEAVY = {
    **{"torch": APART, "sklearn": APART, "transformers": ("lm/hf",), "tokenizers": ("lm/hf",)},
    "ray": ("lm/executors",),
}
"""The rooms that alone import them."""
ASSETS = sorted((ROOT / "reports" / "assets").iterdir())
FILES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def imported_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wrong_imports(layer: str, source: str) -> list[str]:
    above = LAYERS[LAYERS.index(layer) + 1 :]
    parts = (name.split(".") for name in imported_modules(ast.parse(source)))
    return [
        ".".join(part)
        for part in parts
        if part[0] in LAYERS or (part[0] == "errtax" and part[1:2] and part[1] in above)
    ]


def imports_from_rooms(name: str, source: str) -> list[str]:
    """What a file imports of the rooms of its own part, or of heavy packages, that only these rooms may import."""
    part, room = name.split("/", maxsplit=1)[0], "/".join(name.split("/")[:2])
    if part == "cli":
        return []
    found = list(imported_modules(ast.parse(source)))
    apart = () if room in APART else APART
    closed = [f"errtax.{room.replace('/', '.')}." for room in apart if room.startswith(f"{part}/")]
    heavy = [package for package, rooms in HEAVY.items() if room not in rooms]
    return [each for each in found if each.split(".")[0] in heavy or f"{each}.".startswith(tuple(closed))]


def circles(sources: dict[str, str]) -> list[str]:
    """The first circle of imports among modules, by `errtax.` name; imports inside functions count, too."""
    imports = {
        name: {
            known
            for each in imported_modules(ast.parse(source))
            for known in (each, each.rpartition(".")[0])
            if known in sources
        }
        for name, source in sources.items()
    }
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def uses_of_njit(source: str) -> bool:
    tree = ast.parse(source)
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {name.split(".")[-1] for name in imported_modules(tree)}
    return bool(names & {"njit", "jit", "vectorize", "guvectorize"})


def undocumented(source: str) -> list[str]:
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) else ["module"]
    scopes: list[ast.Module | ast.ClassDef] = [tree]
    scopes += [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for scope in scopes:
        for node in scope.body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if "overload" not in map(ast.unparse, node.decorator_list):
                found += [] if ast.get_docstring(node) else [node.name]
    return found


def test_there_is_something_to_check() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} >= {"lm", "oracle", "taxonomy"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    assert wrong_imports(path.relative_to(ROOT).parts[0], path.read_text(encoding="utf-8")) == []


def test_every_folder_is_a_part_or_a_room() -> None:
    folders = {path.parent.relative_to(ROOT).as_posix() for path in FILES}
    assert folders == {*LAYERS, *ROOMS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_peel_does_not_import_studies_nor_the_models_that_are_trained(path: Path) -> None:
    assert imports_from_rooms(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) == []


def test_no_modules_import_each_other() -> None:
    names = {".".join(("errtax", *path.relative_to(ROOT).with_suffix("").parts)): path for path in FILES}
    assert circles({name: path.read_text(encoding="utf-8") for name, path in names.items()}) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_decorator_compiles_kernels(path: Path) -> None:
    allowed = path == ROOT / "lm" / "kernels.py"
    assert uses_of_njit(path.read_text(encoding="utf-8")) == allowed


def test_one_module_asks_object_stores() -> None:
    names = {"fsspec", "s3fs", "gcsfs", "botocore", "boto3"}
    asking = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if names & {name.split(".")[0] for name in imported_modules(ast.parse(path.read_text(encoding="utf-8")))}
    }
    assert asking == {"lm/store.py"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", ASSETS, ids=lambda path: path.name)
def test_assets_stay_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400
    assert [line for line in lines if len(line) > 120] == []


def test_the_peel_of_the_page_knows_no_layer_and_no_document() -> None:
    source = (ROOT / "reports" / "assets" / "peel.js").read_text(encoding="utf-8")
    names = {layer.name for layer in (*registry.LAYERS, *registry.TOKEN_LAYERS)}
    assert [name for name in names if f'"{name}"' in source] == []
    assert "document." not in source and "window" not in source


def body_lines(source: str) -> int:
    """The lines of the body of the function `command`, its docstring aside; 0 without one."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == "command":
            body = node.body[1:] if ast.get_docstring(node) else node.body
            return (body[-1].end_lineno or 0) - body[0].lineno + 1
    return 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_a_skin(name: str) -> None:
    path = ROOT / "cli" / f"{name.replace('-', '_')}.py"
    assert 0 < body_lines(path.read_text(encoding="utf-8")) <= 15


@pytest.mark.parametrize("layer", ["lm", "oracle", "taxonomy"])
def test_public_names_are_documented(layer: str) -> None:
    found = {path.name: undocumented(path.read_text(encoding="utf-8")) for path in (ROOT / layer).rglob("*.py")}
    assert {name: names for name, names in found.items() if names} == {}


def test_these_tests_can_fail() -> None:
    assert wrong_imports("lm", "from errtax.oracle.memory import x") == ["errtax.oracle.memory.x"]
    assert wrong_imports("oracle", "def f():\n    import errtax.taxonomy.peel_inputs") == [
        "errtax.taxonomy.peel_inputs"
    ]
    assert wrong_imports("oracle", "from errtax import cli") == ["errtax.cli"]
    assert wrong_imports("cli", "import lm.text") == ["lm.text"]
    assert wrong_imports("cli", "from errtax.lm import text") == []
    assert imports_from_rooms("lm/text.py", "from errtax.lm.neural.run import Run") == ["errtax.lm.neural.run.Run"]
    assert imports_from_rooms("lm/text.py", "from errtax.lm import neural") == ["errtax.lm.neural"]
    assert imports_from_rooms("taxonomy/peel.py", "import torch.nn") == ["torch.nn"]
    assert imports_from_rooms("lm/neural/run.py", "import torch, tokenizers") == ["tokenizers"]
    assert imports_from_rooms("taxonomy/studies/sweep.py", "from errtax.lm.neural.run import Run") == []
    assert body_lines('@a\n@b\ndef command(\n    x,\n):\n    """D.\n    """\n    y = (\n        1)\n    return y') == 3
    one, two = "from errtax.lm.b import x", "def f():\n    import errtax.lm.a"
    assert circles({"errtax.lm.a": one, "errtax.lm.b": two}) == ["errtax.lm.a", "errtax.lm.b", "errtax.lm.a"]
    assert circles({"errtax.lm.a": one, "errtax.lm.b": ""}) == []
    assert uses_of_njit("from numba import njit")
    assert uses_of_njit("import numba\n@numba.njit\ndef f(): pass")
    assert not uses_of_njit("from errtax.lm.kernels import kernel")
    assert undocumented('"""M."""\nclass A:\n    """A."""\n    def f(self): pass\n    def _g(self): pass') == ["f"]
