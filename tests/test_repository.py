"""What services read of the repository: hooks before a commit, forms for issues."""

import re
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[1]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(path.name for path in TEMPLATES.glob("*.yml") if path.name != "config.yml")
INPUTS = {"textarea", "input", "dropdown", "checkboxes", "upload"}


def test_hooks_run_what_continuous_integration_runs_in_the_same_versions() -> None:
    (repository,) = HOOKS["repos"]
    assert repository["repo"] == "local"  # no other ruff or mypy than those that are installed
    checks = re.findall(r"^(?:ruff|mypy).*$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    ours = [hook["entry"] for hook in repository["hooks"] if hook["language"] == "system"]
    assert [" ".join(entry.split()[:2]) for entry in ours] == [
        " ".join(check.split()[:2]).removesuffix(" .") for check in checks
    ]


def test_hooks_are_complete_and_of_one_version() -> None:
    hooks = HOOKS["repos"][0]["hooks"]
    assert all({"id", "name", "entry", "language"} <= set(hook) for hook in hooks)
    assert len({hook["id"] for hook in hooks}) == len(hooks)
    pinned = {each for hook in hooks for each in hook.get("additional_dependencies", [])}
    assert len(pinned) == 1 and re.fullmatch(r"[\w-]+==[\d.]+", pinned.pop())
    assert {stage for hook in hooks for stage in hook.get("stages", [])} <= set(HOOKS["default_install_hook_types"])


def problems_of_form(form: dict[str, Any]) -> list[str]:
    """What GitHub would reject of a form for issues, by its documentation of their syntax."""
    missing = {"name", "description", "body"} - set(form)
    unknown = set(form) - {"name", "description", "body", "labels", "assignees", "title", "projects", "type"}
    problems = [f"{key} is missing" for key in missing] + [f"{key} is not known" for key in unknown]
    body = form.get("body", [])
    ids = [field["id"] for field in body if "id" in field]
    problems += ["ids repeat"] if len(set(ids)) < len(ids) else []
    problems += [f"id {each!r}" for each in ids if not re.fullmatch(r"[A-Za-z0-9_-]+", each)]
    labels = [field["attributes"].get("label") for field in body if field["type"] != "markdown"]
    problems += ["labels repeat"] if len(set(labels)) < len(labels) else []
    problems += [] if labels else ["nothing is asked"]
    for field in body:
        needed = {"markdown": "value"}.get(field["type"], "label")
        problems += [] if field["type"] in {*INPUTS, "markdown"} else [f"type {field['type']}"]
        problems += [] if field["attributes"].get(needed) else [f"{field['type']} without {needed}"]
        problems += [f"{key} of a field" for key in set(field) - {"type", "id", "attributes", "validations"}]
        if field["type"] in ("dropdown", "checkboxes") and not field["attributes"].get("options"):
            problems.append(f"{field['type']} without options")
        if not isinstance(field.get("validations", {}).get("required", False), bool):
            problems.append("required is yes or no")
    return problems


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_as_github_takes_them(name: str) -> None:
    assert problems_of_form(yaml.safe_load((TEMPLATES / name).read_text("utf-8"))) == []


def test_wrong_forms_are_seen() -> None:
    field = {"type": "input", "id": "a b", "attributes": {}}
    found = problems_of_form({"name": "x", "body": [field, field, {"type": "dropdown", "attributes": {"label": "L"}}]})
    due = {"description is missing", "ids repeat", "id 'a b'", "labels repeat", "input without label"}
    assert {*due, "dropdown without options"} == set(found)


def test_the_form_for_bugs_asks_what_is_needed() -> None:
    form = yaml.safe_load((TEMPLATES / "bug.yml").read_text("utf-8"))
    required = {field["id"] for field in form["body"] if field.get("validations", {}).get("required")}
    assert required == {"command", "output", "expected", "info"}
    said = str(form)
    assert all(f"`errtax {each}" in said for each in ("info`", "--version`", "validate "))
    config = yaml.safe_load((TEMPLATES / "config.yml").read_text("utf-8"))
    assert set(config) <= {"blank_issues_enabled", "contact_links"} and config["blank_issues_enabled"] is True
