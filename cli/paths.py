"""The paths on a command line: which of them a command reads, and which it writes.

A parameter of a type declared here as input is guarded: while the command runs, nothing is written over what it names.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click


class _Location(click.Path):
    """A path of this machine, or a URI (`lm.locations`).  `local`: what is on this machine only, with a verb."""

    def __init__(self, local: str = "", path_type: type[Path | str] = Path) -> None:
        super().__init__(path_type=path_type, readable=False)  # what cannot be read is bad input, not bad usage
        self.local = local

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; `UsageError` for a URI that cannot be one."""
        from errtax.lm.locations import is_uri, location, require_local

        if not is_uri(value):
            return super().convert(value, param, ctx)
        found = location(value)
        return require_local(found, self.local) if self.local else found


class Input(_Location):
    """A path that is read.  `files`: what must not be written over; a folder stands for all files below it."""

    def __init__(
        self,
        files: Callable[[Path], Iterable[Path]] = lambda path: [path],
        local: str = "",
        path_type: type[Path | str] = Path,
    ) -> None:
        super().__init__(local, path_type)
        self.files = files


def _files_of_run(folder: Path) -> Iterator[Path]:
    """Those of a run that are read; other files in its folder, such as a log, may be replaced."""
    yield from (folder / "run.json", *folder.glob("*.pt"), *folder.glob("checkpoints/*.pt"))


def _files_of_split(path: Path) -> Iterator[Path]:
    """A text, or in a folder the parts of a split: its other files and folders may be replaced."""
    yield path if not path.is_dir() else path / "split.json"
    yield from (path / f"{name}.txt" for name in ("train", "val", "test"))


def _files_of_log(path: Path) -> Iterable[Path]:
    """The parts of a prediction log."""
    from errtax.lm.log_files import log_paths

    return log_paths(path)


class Pilot(Input):
    """A file that is read, or a percentage such as `20%`."""

    name = "peel|20%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A path, or a share from 0 to 1."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", str(value).strip())
        if match is None:
            return super().convert(value, param, ctx)
        if not 0 < float(match[1]) <= 100:
            self.fail(f"{value!r} is not a percentage above 0 and up to 100.", param, ctx)
        return float(match[1]) / 100


class Output(_Location):
    """A path to write, other than stdout: a table, a picture, an index, a folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if str(value) == "-":
            self.fail("- is stdout, which cannot take this output; give the name of a file.", param, ctx)
        return super().convert(value, param, ctx)


FILE = Input()
PILOT = Pilot()
RUN = Input(_files_of_run, local="a run is read from")
SPLIT = Input(_files_of_split)
SPLIT_NAME = Input(_files_of_split, local="the parts of a split are read from", path_type=str)
LOG = Input(_files_of_log)
MODULE = Input(local="code is run from", path_type=str)  # a file, or the name of a module, which no file will have
OUTPUT = Output()
RUN_OUTPUT = Output(local="runs are written to")
TEXT_OUTPUT = _Location()  # may be - for stdout


def input_files(command: click.Command, values: dict[str, Any]) -> Iterator[Path]:
    """What a command reads, by the values of its parameters; files of configuration are among it."""
    yield from (Path("errtax.toml"), Path("pyproject.toml"))
    for parameter in command.params:
        kind, value = parameter.type, values.get(parameter.name or "")
        if isinstance(kind, Input) and value is not None:
            for path in value if isinstance(value, tuple) else (value,):
                if not isinstance(path, float):
                    yield from kind.files(path if isinstance(path, Path) else Path(path))
