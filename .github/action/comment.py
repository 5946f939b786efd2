"""One step of action.yml: keep a table in one comment of the pull request, which later runs update.

The comment is known by a line that nobody sees, `<!-- errtax check: NAME -->`.  Where there is no pull request nothing
is done; where the token may not write, as in a pull request from a fork, a warning says so, and the check goes on.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PAGE = 100
_MOST = 65_000  # symbols of a comment, of 65,536


def main() -> None:
    """Write the comment."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text("utf-8"))
    number = event.get("pull_request", {}).get("number")
    if number is None:
        print("This is no pull request: there is nothing to comment on.")
        return
    marker = f"<!-- errtax check: {os.environ['NAME'].replace('--', '- -')} -->"
    table = Path(os.environ["MARKDOWN"]).read_text("utf-8")
    if len(table) > _MOST:
        table = f"{table[:_MOST]}\n\n(cut; the whole table stands in the job's summary)\n"
    issue = f"/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    body = {"body": f"{marker}\n{table}"}
    try:
        known = next(
            (each for each in _comments(f"{issue}/{number}/comments") if each["body"].startswith(marker)), None
        )
        if known is None:
            _ask("POST", f"{issue}/{number}/comments", body)
        elif known["body"] != body["body"]:
            _ask("PATCH", f"{issue}/comments/{known['id']}", body)
    except urllib.error.URLError as error:
        print(f"::warning::the comment could not be written ({error}); give the job 'pull-requests: write'.")


def _comments(path: str) -> Iterator[dict[str, Any]]:
    page, found = 1, [{}] * _PAGE
    while len(found) == _PAGE:
        found = _ask("GET", f"{path}?per_page={_PAGE}&page={page}")
        yield from found
        page += 1


def _ask(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(
        os.environ.get("GITHUB_API_URL", "https://api.github.com") + path,
        None if body is None else json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {os.environ['TOKEN']}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        method=method,
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


if __name__ == "__main__":
    sys.exit(main())
