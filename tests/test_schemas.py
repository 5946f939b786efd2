"""docs/schemas: each command's JSON is described to the last key, and the tables are those of the code."""

import copy
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from commands import TEXT, write_log
from errtax.cli import frame
from errtax.cli.commands import COMMANDS, load_command
from errtax.cli.main import cli
from errtax.lm.table import metadata_of
from errtax.reports.studies.demonstration import SIZES
from errtax.taxonomy.studies.tables import TABLES, description_of, file_name
from schemas import FOLDER, commands, file_of, schemas, undescribed, undescribed_metadata, undescribed_table
from test_spans import rows_of
from test_token_logs import write_tokens

ROOT = Path(__file__).parents[1]
WORDS = b"".join(b'the cat %d sat on "the mat" (or %d); it was rarely %d.\n' % (k % 7, k, k * k) for k in range(300))
RUNS = [
    "info",
    "split all.txt -o parts",
    "build-ngram parts/train.txt -o train.ngram --order 10 --arpa train.arpa",
    "score parts/test.txt --ngram train.ngram",
    "peel a.parquet --ngram train.ngram --parameters 10 -o a.peel.parquet",
    "repeel a.peel.parquet --layers ngram,boost",
    "peel b.parquet --ngram train.ngram --parameters 20 -o b.peel.parquet",
    "peel c.parquet --ngram train.ngram --parameters 30 -o c.peel.parquet",
    "peel a.parquet --ngram train.ngram --part 1/2 -o a.parts",
    "peel a.parquet --ngram train.ngram --part 2/2 -o a.parts",
    "peel a.parquet --ngram train.ngram --dry-run",
    "merge a.parts -o merged.peel.parquet --no-slices",
    "stats a.peel.parquet --block 50 --power 30%",
    "report a.peel.parquet b.peel.parquet",
    "compare a.peel.parquet b.peel.parquet -o compare.html",
    "trend a.peel.parquet b.peel.parquet c.peel.parquet",
    "forecast a.peel.parquet b.peel.parquet c.peel.parquet",
    "calibration a.peel.parquet",
    "check b.peel.parquet --baseline a.peel.parquet --max errors:+5pp --max bits:+0.1bits --max errors:90%",
    "show a.peel.parquet",
    "distance a.parquet b.parquet --pair ()",
    "trace parts/test.txt --train-text parts/train.txt --at-least 20 --edits 1",
    "overlap a.parquet b.parquet",
    "validate a.parquet --ngram train.ngram",
    "import table a.parquet --text test.txt -o imported.parquet",
    "align t1.parquet t2.parquet",
    "demo --model ngram -o demo",
]
"""Runs of all commands that need no torch, in a folder where texts and logs lie."""
TRAINED = [
    "train parts -o lstm --hidden 4 --epochs 1 --batch 4 --unroll 20 --checkpoint-every epoch",
    "predict lstm --text parts/test.txt -o lstm.parquet",
    "gates lstm --text parts/test.txt",
    "cells lstm --text parts/test.txt --table cells.parquet",
    "dynamics lstm --text parts/test.txt --ngram train.ngram",
]
"""Those of the others, but for `sweep`, whose children each take seconds to start: tests/test_sweep.py has its JSON."""


def printed(folder: Path, line: str) -> Any:
    before = Path.cwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(cli, [*line.split(), "--json"])
    finally:
        os.chdir(before)
    assert done.exit_code == 0, (line, done.output, done.exception)
    return json.loads(done.stdout)


def lay_out(folder: Path) -> None:
    """Texts, logs of bytes by three models, and logs of tokens by two."""
    (folder / "all.txt").write_bytes(WORDS)
    (folder / "test.txt").write_bytes(TEXT[:300])
    for k, name in enumerate("abc"):
        frame = write_log(folder / f"{name}.parquet", TEXT[:300])
        frame["logprob"] = np.minimum(frame["logprob"] * (1 + 0.1 * k), -0.01)
        frame["argmax"] = np.where(frame["logprob"] > np.log(0.5), frame["symbol"], b"e")
        frame["argmax_logprob"] = np.maximum(frame["logprob"], -0.5)
        frame.to_parquet(folder / f"{name}.parquet")
    for name, pieces in (("t1", [b"The", b" cat", b" sat"]), ("t2", [b"The c", b"at", b" sat"])):
        write_tokens(folder / f"{name}.parquet", rows_of(pieces, [-1, -2, -0.1]), unit="token", model=name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("schemas")
    lay_out(made)
    return made


@pytest.fixture(scope="module")
def outputs(folder: Path) -> dict[str, Any]:
    """What they print, by line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "prose", 20_000)
        return {line: printed(folder, line) for line in RUNS}


def assert_described(line: str, document: Any) -> None:
    assert undescribed(document, line.partition(" ")[0]) == []
    assert document["schema"] == schemas()[file_of(document)]["properties"]["schema"]["const"]


def test_each_command_is_run_here_and_listed() -> None:
    assert {line.partition(" ")[0] for line in RUNS + TRAINED} | {"sweep"} == set(COMMANDS) == set(commands())
    for name in COMMANDS:
        assert any("--json" in parameter.opts for parameter in load_command(name).params)


def test_what_commands_print_is_described(outputs: dict[str, Any]) -> None:
    for line, document in outputs.items():
        assert_described(line, document)


def test_what_commands_with_models_print_is_described(folder: Path, outputs: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    for line in TRAINED:
        assert_described(line, printed(folder, line))
    assert undescribed(json.loads((folder / "lstm" / "run.json").read_text()), of="run-file.json") == []
    assert undescribed(machine_data(folder / "cells.html")) == []
    for name in ("lstm", "lstm.gates", "cells", "lstm.dynamics/divergence", "lstm.dynamics/classes"):
        assert undescribed_table(folder / f"{name}.parquet") == []


# --- files -----------------------------------------------------------------------------------------------------------


def machine_data(page: Path) -> Any:
    """What a page holds for programs."""
    return json.loads(page.read_text(encoding="utf-8").split('id="errtax">')[1].split("</script>")[0])


def test_what_files_hold_is_described(folder: Path, outputs: dict[str, Any]) -> None:
    assert undescribed(json.loads((folder / "parts" / "split.json").read_text())) == []
    assert undescribed(json.loads((folder / "demo" / "demo.json").read_text())) == []
    for page in ("report.html", "compare.html"):
        assert undescribed(machine_data(folder / page)) == []


def test_descriptions_of_tables_are_those_of_the_code() -> None:
    published = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (FOLDER / "tables").iterdir()}
    assert published == {file_name(each): description_of(each) for each in TABLES}
    assert [line for table in published.values() for line in undescribed(table, of="table.json")] == []


def test_each_table_of_the_code_is_described() -> None:
    sources = [path.read_text(encoding="utf-8") for part in ("lm", "taxonomy") for path in (ROOT / part).rglob("*.py")]
    assert sum(len(re.findall(r"(?:= |return )TableSchema\(", source)) for source in sources) == len(TABLES)


def test_tables_that_commands_write_are_described(folder: Path, outputs: dict[str, Any]) -> None:
    paths = [path for path in folder.rglob("*.parquet") if path.stem not in ("t1", "t2")]
    assert [line for path in paths for line in undescribed_table(path)] == []
    kinds = {metadata_of(pq.read_schema(path)).get("errtax.schema") for path in paths}
    assert kinds >= {f"errtax.{kind}/1" for kind in ("log", "scores", "peel", "distance", "trace", "overlap")}
    metadata = metadata_of(pq.read_schema(folder / "a.peel.parquet"))
    assert undescribed_metadata(metadata | {"new": "1"})[0].endswith("README.md")
    assert undescribed_metadata(metadata | {"settings": "{}"})
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata(metadata), folder / "other.pq")
    assert "other.pq: x (int64)" in undescribed_table(folder / "other.pq")


# --- a change turns red ----------------------------------------------------------------------------------------------


def objects(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Each object inside a document, and where it stands."""
    if isinstance(document, dict):
        yield path, document
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        if isinstance(value, dict | list):
            yield from objects(value, (*path, key))


def changed(document: Any, path: tuple[Any, ...], key: str, value: Any = None) -> Any:
    """A copy in which a key of one object has another value, or, without a value, is gone."""
    found = inner = copy.deepcopy(document)
    for step in path:
        inner = inner[step]
    inner.pop(key, None)
    inner.update({} if value is None else {key: value})
    return found


def test_a_key_more_is_named_with_its_file(outputs: dict[str, Any]) -> None:
    stats = next(document for line, document in outputs.items() if line.startswith("stats"))
    found = undescribed(changed(stats, ("layers", 0), "new", 1), "stats")
    assert found == ["docs/schemas/stats.json: key 'new' of layers/0 is not described; see docs/schemas/README.md"]
    assert undescribed({"schema": "errtax.other/1"})[0].startswith("docs/schemas: there is no schema other.json")
    assert "README.md: errtax info prints stats.json" in undescribed(stats, "info")[0]


def test_a_key_less_and_another_type_are_found(outputs: dict[str, Any]) -> None:
    for line in ("check", "trend", "calibration", "show", "peel a.parquet --ngram train.ngram --dry-run"):
        document = next(found for begun, found in outputs.items() if begun.startswith(line))
        for path, found in list(objects(document))[:5]:
            for key in found:
                assert undescribed(changed(document, path, key)), (line, path, key)
                assert undescribed(changed(document, path, key, {"of": "another type"})), (line, path, key)


def test_what_a_command_prints_in_a_test_is_compared(described: list[str]) -> None:
    with click.Context(load_command("info")):
        frame._json({"schema": "errtax.info/1"})
    noted, described[:] = list(described), []
    assert "docs/schemas/info.json: the document: 'cpus' is a required property; see docs/schemas/README.md" in noted


# --- the schemas themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", schemas())
def test_schemas_are_sound_and_say_what_each_key_means(name: str) -> None:
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == name and schema["title"] and schema["description"]
    for path, part in objects(schema):
        if path[-1:] == ("properties",):
            for key, described in part.items():
                assert described is False or described["description"], (path, key)
        if "properties" in part and "required" in part and path[-1:] != ("properties",):
            assert part["additionalProperties"] is False, path


def test_the_example_of_the_readme_runs(
    tmp_path: Path, outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    stats = next(document for line, document in outputs.items() if line.startswith("stats"))
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    Path("stats.out.json").write_text(json.dumps(stats))
    exec(code, {})
    Path("stats.out.json").write_text(json.dumps({**stats, "new": 1}))
    with pytest.raises(ValidationError, match="'new' was unexpected"):
        exec(code, {})


def test_each_schema_is_listed() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert {name for name in schemas() if f"({name})" not in page} == set()
