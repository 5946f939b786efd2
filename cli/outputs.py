"""The files that a command writes: refused before any work is done, listed in its result afterwards."""

import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

import click

from errtax.lm.errors import UsageError
from errtax.lm.files import require_absent, require_outputs, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STDOUT = Path("-")
_PICTURES = {".png", ".svg", ".pdf", ".jpg", ".jpeg"}
Data = TypeVar("Data")
Made = TypeVar("Made")


class Outputs:
    """What a command was asked to write.  `written`: the names of what it wrote, in the order of writing.

    `files`, `figures`, `texts`: the paths, None for what was not asked for.  A text may go to `-`, stdout.  With each
    stands how it begins, or nothing: a file that begins so is our own of an earlier run, and is replaced without
    `--force`, as a service that checks each change needs it.
    """

    def __init__(
        self,
        force: bool,
        files: Iterable[Path | None] = (),
        figures: Iterable[Path | None] = (),
        texts: Iterable[tuple[Path | None, str]] = (),
    ) -> None:
        self.written: list[str] = []
        self._force = force
        said = [(path, beginning) for path, beginning in texts if path is not None]
        self._beginnings = dict(said)
        for path, _ in said:
            if path.suffix.lower() in _PICTURES:
                raise UsageError(f"{path}: this option writes text, not a picture; --help lists those for pictures.")
        pictures = [path for path in figures if path is not None]
        if pictures:
            from errtax.reports.figure import require_format

            for path in pictures:
                require_format(path)
        given = [path for path in (*files, *pictures, *(path for path, _ in said)) if path is not None]
        require_outputs([path for path in given if path != STDOUT], force=True)
        for path in given:
            if path == STDOUT:
                _take_stdout()
            else:
                require_absent(path, self._may_replace(path))

    def text(self, path: Path | None, content: str) -> None:
        """Write a text, if it was asked for."""
        if path == STDOUT:
            sys.stdout.flush()
            sys.stdout.buffer.write(content.encode())  # UTF-8, as in a file, whatever the console takes
            sys.stdout.buffer.flush()
        elif path is not None:
            write_text(path, content, self._may_replace(path))
            self.written.append(str(path))

    def figure(self, path: Path | None, draw: "Callable[[Data], Figure]", data: Data) -> None:
        """Draw a picture and write it, if it was asked for."""
        if path is not None:
            from errtax.reports.figure import save_figure

            save_figure(draw(data), path, self._force)
            self.written.append(str(path))

    def file(self, path: Path | None, write: Callable[[Path, Data, bool], Made], data: Data) -> Made | None:
        """Write a file by its own writer, if it was asked for; returns what the writer does."""
        if path is None:
            return None
        if path == STDOUT:
            return _through_stdout(write, data)
        self.written.append(str(path))
        return write(path, data, self._force)

    def _may_replace(self, path: Path) -> bool:
        beginning = self._beginnings.get(path, "")
        return self._force or (bool(beginning) and path.is_file() and _begins(path, beginning))


def _through_stdout(write: Callable[[Path, Data, bool], Made], data: Data) -> Made:
    """What a writer of files writes, on stdout: by way of a file, because it may count before it writes."""
    with TemporaryDirectory() as folder:
        made = write(Path(folder) / "output", data, False)
        with (Path(folder) / "output").open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    return made


def _begins(path: Path, beginning: str) -> bool:
    expected = beginning.encode()
    with path.open("rb") as file:
        return file.read(len(expected)) == expected


def _take_stdout() -> None:
    """One output alone goes to stdout; what else the command says then goes to stderr."""
    said = click.get_current_context().obj
    if said["json"] or said.get("taken"):
        raise UsageError("- is stdout, which takes one output; write the others to files, and leave out --json.")
    said["taken"] = True
