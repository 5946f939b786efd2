"""What a release goes through: tag, version and changelog agree, and the conda recipe says what pyproject.toml says."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))
RECIPE = yaml.safe_load((ROOT / "conda" / "recipe" / "recipe.yaml").read_text("utf-8"))
CHANGELOG = "# Changelog\n\n## 1.2.0 – 2031-02-03\n\n- `peel`: faster.\n\n## 1.1.0 – 2030-01-02\n\n- `peel`: slow.\n"


def notes() -> Any:
    spec = importlib.util.spec_from_file_location("notes", ROOT / ".github" / "release" / "notes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def project(folder: Path, changelog: str = CHANGELOG, cited: str = "1.2.0") -> Path:
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (folder / "CITATION.cff").write_text(f"cff-version: 1.2.0\nversion: {cited}\n")
    (folder / "CHANGELOG.md").write_text(changelog, "utf-8")
    return folder


def test_the_notes_are_the_section_of_the_changelog(tmp_path: Path) -> None:
    assert notes().main("v1.2.0", project(tmp_path)) == "- `peel`: faster."
    assert notes().notes_of(CHANGELOG, "1.1.0") == "- `peel`: slow."


@pytest.mark.parametrize(
    ("tag", "changes", "words"),
    [
        ("v1.2.1", {}, "The tag is v1.2.1, the version in pyproject.toml 1.2.0: change one"),
        ("1.2.0", {}, "The tag is 1.2.0"),
        ("v1.2.0", {"cited": "1.1.0"}, "in CITATION.cff 1.1.0"),
        ("v1.2.0", {"changelog": CHANGELOG.replace("2031-02-03", "unreleased")}, "give the day"),
        ("v1.2.0", {"changelog": CHANGELOG.replace("- `peel`: faster.\n", "")}, "says nothing of 1.2.0"),
        ("v1.2.0", {"changelog": CHANGELOG.replace("1.2.0", "1.2")}, "has no section '## 1.2.0"),
    ],
)
def test_what_does_not_agree_is_not_released(tmp_path: Path, tag: str, changes: dict[str, str], words: str) -> None:
    with pytest.raises(SystemExit) as raised:
        notes().main(tag, project(tmp_path, **changes))
    assert words in str(raised.value.code) and "\n" not in str(raised.value.code)


def test_the_changelog_has_a_section_of_this_version() -> None:
    version = PROJECT["project"]["version"]
    sections = re.findall(r"^## (\S+) – (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert sections[0][0] == version and all(re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", day) for _, day in sections)


def test_each_job_has_the_permissions_that_it_needs() -> None:
    assert WORKFLOW["permissions"] == {} and WORKFLOW[True] == {"push": {"tags": ["v*"]}}  # YAML reads `on` as true
    assert {name: job["permissions"] for name, job in WORKFLOW["jobs"].items()} == {
        "build": {"contents": "read"},
        "publish": {"id-token": "write"},
        "release": {"attestations": "write", "contents": "write", "id-token": "write"},
    }
    for job in WORKFLOW["jobs"].values():
        assert job["timeout-minutes"] <= 20
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"[\w./-]+@[\w./]+", step.get("uses", "a/b@v1"))
            assert "${{" not in step.get("run", "")  # what a tag is called is never read as a command
            for script in re.findall(r"\.github/\S+", step.get("run", "")):
                assert (ROOT / script).is_file()
    assert [WORKFLOW["jobs"][name].get("needs") for name in ("build", "publish", "release")] == [
        None,
        "build",
        "publish",
    ]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_another_version_than_the_tag_is_not_released(tmp_path: Path) -> None:
    (tmp_path / "errtax").write_text(f'#!/bin/sh\nexec {sys.executable} -m errtax "$@"\n')
    (tmp_path / "errtax").chmod(0o755)
    script = ROOT / ".github" / "release" / "smoke.sh"
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", script, "9.9"], env=environment, capture_output=True, text=True, check=False)
    version = PROJECT["project"]["version"]
    assert done.returncode == 1
    assert done.stderr == f"errtax --version says 'errtax, version {version}', version 9.9 is due\n"


# --- conda -----------------------------------------------------------------------------------------------------------

NAMES = {"matplotlib": "matplotlib-base"}
"""What packages are called there."""


def as_conda(requirement: str) -> str:
    """`click>=8.1` as `click >=8.1`."""
    name, limit = re.fullmatch(r"([a-z0-9-]+)(>=[\d.]+)", requirement).groups()  # type: ignore[union-attr]
    return f"{NAMES.get(name, name)} {limit}"


def test_the_recipe_needs_what_pyproject_needs() -> None:
    project, needs = PROJECT["project"], RECIPE["requirements"]
    assert RECIPE["context"]["version"] == project["version"]
    assert f">={RECIPE['context']['python_min']}" == project["requires-python"]
    assert needs["run"] == ["python >=${{ python_min }}", *map(as_conda, project["dependencies"])]
    assert needs["host"] == ["python ${{ python_min }}.*", "pip", *map(as_conda, PROJECT["build-system"]["requires"])]
    assert RECIPE["build"]["python"]["entry_points"] == [f"{k} = {v}" for k, v in project["scripts"].items()]
    about = RECIPE["about"]
    assert (about["summary"], about["license"]) == (project["description"], project["license"])
    assert [about["license_file"]] == project["license-files"]


def test_the_recipe_tests_what_it_has_installed() -> None:
    python, script = RECIPE["tests"]
    assert all(importlib.util.find_spec(name) for name in python["python"]["imports"]) and python["python"]["pip_check"]
    assert "errtax --version" in script["script"]
