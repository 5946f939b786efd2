"""Runs commands of errtax in one process, one after another, and says how each ended.  Started by `fuzz.py`.

A line of JSON on stdin is a command, `{"line": ["validate", "x.parquet"], "outputs": ["out"]}`; the line of JSON that
answers it has the exit code, what stood on stderr, and a digest of stdout and of the files that were written.  Whatever
the command and the libraries below it print goes to two files, so that a stray print is no answer.
"""

import hashlib
import json
import os
import resource
import shutil
import sys
import traceback
from pathlib import Path

OUT, ERR = Path("stdout"), Path("stderr")


def digest(paths: list[Path]) -> str:
    """Of the files' bytes and those of folders; removes them."""
    found = hashlib.sha256()
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                found.update(f"{file}\0".encode() + file.read_bytes())
    return found.hexdigest()


def run(line: list[str]) -> tuple[int, str]:
    """Exit code of a command, and the traceback of what it let through."""
    from errtax.cli.main import main  # noqa: PLC0415  # what it costs is the first command's

    sys.argv = ["errtax", *line]
    try:
        main()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0, ""
    except BaseException:
        return 4, traceback.format_exc()
    return 0, ""


def redirect() -> int:
    """Send stdout and stderr to files; the descriptor of what was stdout."""
    answers = os.dup(1)
    for path, descriptor in ((OUT, 1), (ERR, 2)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), descriptor)
    return answers


def main() -> None:
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    sys.path.pop(0)  # the folder of this file is none of the command's
    answers = redirect()
    for asked in sys.stdin:
        task = json.loads(asked)
        for path in (OUT, ERR):
            os.truncate(path, 0)
        code, lost = run(task["line"])
        sys.stdout.flush()
        sys.stderr.flush()
        outputs = [Path(name) for name in task["outputs"]]
        said = ERR.read_text(errors="replace") + lost
        answer = {"code": code, "err": said[:5000], "lines": len(said.splitlines()), "digest": digest([OUT, *outputs])}
        for path in outputs:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        os.write(answers, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
