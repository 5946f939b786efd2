"""What `--json` prints against docs/schemas: every document that a command prints in a test is compared."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from errtax.cli import frame
from errtax.lm.table import metadata_of

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
HOW = "see docs/schemas/README.md"


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """The published schemas by the name of their file."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


@cache
def _validators() -> dict[str, Draft202012Validator]:
    known = schemas()
    registry = Registry[Any]().with_resources((name, Resource.from_contents(known[name])) for name in known)
    return {name: Draft202012Validator(known[name], registry=registry) for name in known}


@cache
def _of_definition(reference: str) -> Draft202012Validator:
    """The validator of a part of a schema, such as metadata.json#/$defs/peel."""
    return next(iter(_validators().values())).evolve(schema={"$ref": reference})


def undescribed_metadata(metadata: dict[str, str]) -> list[str]:
    """What of a table's metadata is not as docs/schemas/metadata.json says, JSON in them included."""
    kind = file_of({"schema": metadata.get("errtax.schema")}).removesuffix(".json")
    place = f"metadata.json#/$defs/{kind}"
    lines = list(lines_of(_of_definition(place).iter_errors(metadata)))
    for key, described in schemas()["metadata.json"]["$defs"][kind]["properties"].items():
        if key in metadata and "contentSchema" in described:
            inside = _of_definition(f"{place}/properties/{key}/contentSchema")
            lines += [f"{key}: {line}" for line in lines_of(inside.iter_errors(json.loads(metadata[key])))]
    return [f"docs/schemas/metadata.json, {kind}: {line}" for line in lines]


def undescribed_table(path: Path) -> list[str]:
    """What columns and metadata of a table by errtax are not described."""
    from errtax.taxonomy.studies.tables import type_name  # imports numba, which conftest should not

    schema = pq.read_schema(path)
    metadata = metadata_of(schema)
    if "errtax.schema" not in metadata:
        return []
    known = json.loads((FOLDER / "tables" / file_of({"schema": metadata["errtax.schema"]})).read_text(encoding="utf-8"))
    columns = {column["name"]: column for column in known["columns"]}
    lines = undescribed_metadata(metadata)
    for field in schema:
        described = columns.get(re.sub(r"^logprob_\d+$", "logprob_1", field.name))
        if described is None or type_name(field.type) not in described["types"]:
            lines.append(f"{path.name}: {field.name} ({field.type})")
    missing = {name for name, column in columns.items() if column["required"]} - set(schema.names)
    return lines + [f"{path.name}: {name} is missing" for name in missing]


@cache
def commands() -> dict[str, set[str]]:
    """The schemas of each command, as docs/schemas/README.md lists them."""
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `errtax ([a-z-]+)` \| (.+) \|$", page, re.MULTILINE)
    return {command: set(re.findall(r"\]\(([a-z-]+\.json)\)", cell)) for command, cell in rows}


def file_of(document: Any) -> str:
    """The file that describes a document: stats.json of errtax.stats/1."""
    name = document.get("schema", "") if isinstance(document, dict) else ""
    return f"{str(name).partition('/')[0].removeprefix('errtax.')}.json"


def undescribed(document: Any, command: str | None = None, of: str | None = None) -> list[str]:
    """What is not as its schema says, one line each; `command`: the one that printed it; `of`: the schema's file."""
    name = file_of(document) if of is None else of
    if name not in schemas():
        return [f"docs/schemas: there is no schema {name} for a document that begins {str(document)[:60]}; {HOW}"]
    lines = [f"docs/schemas/{name}: {line}" for line in lines_of(_validators()[name].iter_errors(document))]
    if command is not None and name not in commands().get(command, ()):
        lines.append(f"docs/schemas/README.md: errtax {command} prints {name}, which its row does not list; {HOW}")
    return lines


def lines_of(errors: Iterator[ValidationError]) -> Iterator[str]:
    """One line per key that is not described, and one for all else that is wrong."""
    for error in errors:
        where = "/".join(map(str, error.absolute_path)) or "the document"
        if error.validator == "additionalProperties":
            known = error.schema["properties"]
            for key in sorted(set(error.instance) - set(known)):
                yield f"key {key!r} of {where} is not described; {HOW}"
        else:
            yield f"{where}: {error.message[:300]}; {HOW}"


@pytest.fixture(scope="session", autouse=True)
def printed_documents() -> Iterator[list[str]]:
    """What is not described of all that commands print in this process; a test's lines are taken after it."""
    found: list[str] = []
    sound: set[tuple[str, str]] = set()  # commands, and documents of theirs that are as described
    printed = frame._json

    def watched(document: dict[str, Any]) -> str:
        text, command = printed(document), str(click.get_current_context().command.name)
        if (command, text) not in sound:
            lines = undescribed(json.loads(text), command)
            found.extend(lines)
            sound.update([] if lines else [(command, text)])
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "_json", watched)
        yield found


@pytest.fixture(autouse=True)
def described(printed_documents: list[str]) -> Iterator[list[str]]:
    """Fails a test in which a command has printed what docs/schemas does not describe."""
    yield printed_documents
    lines, printed_documents[:] = list(dict.fromkeys(printed_documents)), []
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)
