"""Tables in parts that tasks write into a folder: which are there, and which are missing.

A part is one file with a seal, which appears under its name when it is complete.  Its metadata say which part it is,
`part`, and a digest of what it was made from, `key`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.executors.tasks import Pool, Task, Watch, run_tasks
from errtax.lm.files import discard
from errtax.lm.part import Part, parts_of
from errtax.lm.table import TableFile, metadata_of, open_parquet, stated_schema


def is_complete(path: Path, part: Part, key: str) -> bool:
    """Whether a part is there.  Raises `UsageError` where something else is, or a part of another peel or number."""
    if not path.exists():
        return False
    metadata = metadata_of(open_parquet(path).schema_arrow)
    if (metadata.get("part"), metadata.get("key")) != (str(part), key):
        found = f"{path} is not part {part} of this"
        raise UsageError(f"{found}: other inputs, settings or number of parts; give --force or another folder with -o.")
    return True


def complete_parts(folder: Path, key: str) -> list[Path | None]:
    """The files of the parts 1 .. n that are there, None for each that is not; empty where there is none of any.

    Parts that were made from something else, or are damaged, are removed.  Raises `UsageError` where the folder holds
    anything but parts.
    """
    found: dict[str, Path] = {}
    for path in part_paths(folder) if folder.exists() else ():
        try:
            metadata = metadata_of(open_parquet(path).schema_arrow)
        except BadInput:
            metadata = {"part": "damaged"}
        if "part" not in metadata:
            raise UsageError(f"{folder} holds {path.name}, which is no part of a result; give another name with -o.")
        if metadata.get("key") == key:
            found[metadata["part"]] = path
        else:
            discard(path)
    numbers = {int(part.partition("/")[2]) for part in found}
    if len(numbers) > 1:  # two runs at a time
        raise UsageError(f"{folder} holds parts of several numbers of them; remove it.")
    return [found.get(str(part)) for n in numbers for part in parts_of(n)]


class PartSpec(Protocol):
    """A frozen dataclass with what one part is made from: which it is, and the folder that its file belongs in."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def part(self) -> Part:
        """Which part."""

    @property
    def folder(self) -> Path:
        """Where its file belongs."""


Spec = TypeVar("Spec", bound=PartSpec)


def run_parts(pool: Pool[Any], work: Callable[[Spec], object], spec: Spec, key: str, n: int, watch: Watch) -> None:
    """Let `work` make the parts of a table on a pool, n of them: each is given `spec` with its own part.

    Those that are there, of the same `key`, are not made again, and in that case their number counts.  Raises what the
    first part raises that fails.
    """
    complete = complete_parts(spec.folder, key) or [None] * n
    parts = [part for part, path in zip(parts_of(len(complete)), complete, strict=True) if path is None]
    tasks = [Task(f"part {part}", work, replace(spec, part=part)) for part in parts]
    run_tasks(pool, tasks, watch, done=len(complete) - len(tasks))


def require_all_parts(folder: Path) -> None:
    """Raise `BadInput` where a folder lacks parts: in one line, which."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder of parts, as --part writes it.")
    paths = part_paths(folder)
    if not paths:
        raise BadInput(f"{folder} has no parts yet, as --part writes them.")
    stated = [metadata_of(open_parquet(path).schema_arrow).get("part", "") for path in paths]
    if (n := _number_of_parts(stated)) is None:
        return  # what is wrong with them the reader of the files says
    missing = [str(k) for k in range(1, n + 1) if f"{k}/{n}" not in stated]
    if missing:
        found = f"{folder} lacks {len(missing)} of {n} parts: {', '.join(missing)}"
        raise BadInput(f"{found}; run --part {missing[0]}/{n} again, and look what became of it.")


def open_parts(folder: Path, what: str, own: Sequence[str]) -> tuple[list[TableFile], dict[str, str]]:
    """The files of all parts in a folder, and what they say alike; `own`: what each says of itself alone.

    Raises `BadInput` where parts are missing, or are parts of different tables; `what`: of which kind these are.
    """
    require_all_parts(folder)
    files = [open_parquet(path) for path in part_paths(folder)]
    stated = [metadata_of(file.schema_arrow) for file in files]
    alike = [{key: value for key, value in each.items() if key not in own} for each in stated]
    if any(set(own) - set(each) for each in stated) or any(each != alike[0] for each in alike):
        raise BadInput(f"{folder}: its parts are of different {what}; run their tasks again.")
    return files, alike[0]


def schema_of_parts(folder: Path) -> str:
    """What the files in a folder say they are, by the first of them; empty where they do not."""
    return next(map(stated_schema, part_paths(folder)), "")


def _number_of_parts(stated: list[str]) -> int | None:
    """The n of parts K/n; None where they have none, or several."""
    found = {text.partition("/")[2] for text in stated}
    (n, *others) = found
    return int(n) if not others and n.isdigit() else None


def part_paths(folder: Path) -> list[Path]:
    """The tables in a folder, in the order of their names."""
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))
