"""action.yml: its steps run as a runner would run them, against a server that answers like GitHub's."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from commands import Errtax

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))


class GitHub(ThreadingHTTPServer):
    """Comments of pull request 7 of a repository; with `is_closed`, nobody may write."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.comments: list[dict[str, Any]] = [{"id": k, "body": f"a remark {k}"} for k in range(130)]
        self.requests: list[str] = []
        self.is_closed = False


class _Handler(BaseHTTPRequestHandler):
    server: GitHub

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        path, _, query = self.path.partition("?")
        assert self.headers["Authorization"] == "Bearer secret-token"
        self.server.requests.append(f"{self.command} {path}")
        found: Any = None
        if self.command == "GET":
            page = int(re.search(r"\bpage=(\d+)", query)[1])  # type: ignore[index]
            found = self.server.comments[100 * (page - 1) : 100 * page]
        elif not self.server.is_closed and self.command == "POST":
            assert path == "/repos/someone/model/issues/7/comments"
            found = {"id": 1000 + len(self.server.comments), **(body or {})}
            self.server.comments.append(found)
        elif not self.server.is_closed:
            found = next(each for each in self.server.comments if path.endswith(f"/issues/comments/{each['id']}"))
            found.update(body)
        self.send_response(403 if found is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    do_GET = do_POST = do_PATCH = _answer

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def github() -> Iterator[GitHub]:
    server = GitHub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Runner:
    """Runs the steps of the action in a folder, with the files and variables that a runner has."""

    def __init__(self, folder: Path, github: GitHub) -> None:
        self.folder, self.github = folder, github
        self.summary = folder / "summary.md"
        self.said = ""

    def run(self, event: dict[str, Any], **inputs: str) -> int:
        """The exit code of the first step that fails, else 0; each expression is what a runner makes of it."""
        known = {f"inputs.{name}": str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
        known |= {f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()}
        known["inputs.token"] = "secret-token"
        self.summary.write_text("")
        (self.folder / "event.json").write_text(json.dumps(event))
        self.said = ""
        for step in ACTION["runs"]["steps"]:
            assert step["shell"] == "bash" and "${{" not in step["run"]  # nothing of the inputs is in a script
            condition = re.fullmatch(r"(\S+) (!=|==) '(\w+)'", step["if"]) if "if" in step else None
            if condition and (known[condition[1]] == condition[3]) != (condition[2] == "=="):
                continue
            done = self._step(step, known)
            self.said += done.stdout + done.stderr
            if done.returncode:
                return done.returncode
        return 0

    def _step(self, step: dict[str, Any], known: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        output = self.folder / "output"
        output.write_text("")
        given = {name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], value)
                 for name, value in step.get("env", {}).items()}  # fmt: skip
        environment = {
            **os.environ,
            **given,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_API_URL": f"http://127.0.0.1:{self.github.server_port}",
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_REPOSITORY": "someone/model",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "RUNNER_TEMP": str(self.folder),
        }
        script = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        done = subprocess.run(script, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            known[f"steps.{step['id']}.outputs.{name}"] = value
        return done


PULL_REQUEST = {"pull_request": {"number": 7}}


@pytest.fixture
def runner(errtax: Errtax, tmp_path: Path, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.chdir(tmp_path)
    text = "the cat sat on the mat and the cat sat still. " * 20
    columns = {
        "position": range(len(text)),
        "symbol": list(text),
        "logprob": [-0.1 - (i % 7) / 3 for i in range(len(text))],
    }
    frame = pd.DataFrame(columns)
    frame.to_parquet("old.parquet")
    frame.assign(logprob=frame.logprob * 0.8).to_parquet("new.parquet")
    for name in ("old", "new"):
        assert errtax("peel", f"{name}.parquet", "--layers", "word,boost").code == 0
    return Runner(tmp_path, github)


def test_a_second_run_updates_the_comment_of_the_first(runner: Runner, github: GitHub) -> None:
    limits = "\n  errors:90%\n\n  bits:+0.5bits  \n"
    first = runner.run(PULL_REQUEST, peel="old.peel.parquet", baseline="old.peel.parquet", max=limits, install="none")
    assert first == 0, runner.said
    (comment,) = github.comments[130:]
    assert comment["body"].startswith("<!-- errtax check: errtax -->\n### errtax check: ")
    assert "0 of 2 limits broken" in comment["body"] and "`errors:90%`" in comment["body"]
    assert runner.summary.read_text() == comment["body"].partition("\n")[2]
    second = runner.run(PULL_REQUEST, peel="new.peel.parquet", max="errors:1%", install="none")
    assert second == 1
    assert len(github.comments) == 131
    assert "1 of 1 limits broken" in github.comments[130]["body"]
    asked = len(github.requests)
    assert runner.run(PULL_REQUEST, peel="new.peel.parquet", max="errors:1%", install="none") == 1
    assert all(each.startswith("GET") for each in github.requests[asked:])  # nothing new to say
    other = {"peel": "new.peel.parquet", "max": "errors:99%", "install": "none", "name": "large--model"}
    assert runner.run(PULL_REQUEST, **other) == 0
    assert len(github.comments) == 132


def test_without_a_pull_request_the_summary_has_it(runner: Runner, github: GitHub) -> None:
    assert runner.run({}, peel="new.peel.parquet", max="errors:99%", install="none") == 0
    assert "0 of 1 limits broken" in runner.summary.read_text()
    assert not github.requests
    options = {"peel": "new.peel.parquet", "max": "errors:99%", "install": "none", "comment": "false"}
    assert runner.run(PULL_REQUEST, **options) == 0 and not github.requests


def test_what_is_drawn_and_how_p_is_adjusted_can_be_chosen(runner: Runner) -> None:
    options = {"peel": "new.peel.parquet", "baseline": "old.peel.parquet", "max": "errors:+0pp", "install": "none"}
    assert runner.run({}, **options, correction="bh", block="90") == 0
    (limit,) = json.loads((runner.folder / "errtax-check.txt.json").read_text())["limits"]
    assert limit["resampling"].startswith("unit=block,block=90,") and limit["resampling"].endswith(",correction=bh")


def test_who_may_not_write_is_warned(runner: Runner, github: GitHub) -> None:
    github.is_closed = True
    assert runner.run(PULL_REQUEST, peel="new.peel.parquet", max="errors:99%", install="none") == 0
    assert "::warning::the comment could not be written (HTTP Error 403" in runner.said
    assert "secret-token" not in runner.said


@pytest.mark.parametrize("peel", ["no.peel.parquet", "$(touch hacked)", "; touch hacked", "-x"])
def test_what_cannot_be_checked_is_said_and_fails(runner: Runner, github: GitHub, peel: str) -> None:
    assert runner.run(PULL_REQUEST, peel=peel, max="errors:99%`touch hacked`", install="none") > 1
    assert "not made" in runner.summary.read_text() and "errtax: " in runner.summary.read_text()
    assert github.comments[130]["body"].endswith(runner.summary.read_text())
    assert not Path("hacked").exists()
