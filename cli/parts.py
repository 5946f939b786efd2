"""What commands share that do a part of their work: the option --part K/N, and what they say."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.frame import emit
from errtax.lm.errors import UsageError

if TYPE_CHECKING:
    from errtax.lm.part import Part
    from errtax.taxonomy.peel_parts import PeelPart

SCHEMA = "errtax.part/1"


def _part(ctx: click.Context, param: click.Parameter, value: str | None) -> "Part | None":
    from errtax.lm.part import Part

    return None if value is None else Part.parse(value)


def part_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --part: None where it is not given."""
    text = "Do part K of N only, as a task of an array of tasks: a file in a folder, for errtax merge (docs/scale.md)."
    return click.option("--part", metavar="K/N", callback=_part, help=text)(function)


def part_folder(output: Path | None, stem: str) -> Path:
    """The folder of parts: as given, or named after the input.  Raises `UsageError` where there is a file."""
    from errtax.lm.files import require_output_folder, require_parent

    folder = require_output_folder(output or Path(f"{stem}.parts"))
    require_parent(folder)
    return folder


@dataclass(frozen=True)
class PeelTarget:
    """Where a peel, or a part of one, is to be written."""

    output: Path | None
    log: Path
    parts: int
    part: "Part | None"
    force: bool

    @property
    def path(self) -> Path:
        """The file; of parts, their folder."""
        from errtax.lm.log_files import log_stem

        if self.part is not None:
            return part_folder(self.output, log_stem(self.log))
        return self.output or Path(log_stem(self.log) + (".peel" if self.parts > 1 else ".peel.parquet"))

    def require(self) -> None:
        """Raise `UsageError` where it cannot be written."""
        from errtax.taxonomy.peel_file import require_output

        if self.part is None:
            require_output(self.path, self.force, self.parts)
        elif self.parts > 1:
            raise UsageError("--part writes a part for errtax merge, which takes --parts; give one of them.")


def emit_part(spec: "PeelPart", force: bool) -> None:
    """Peel a part of a log, unless it is there, and say so."""
    from errtax.taxonomy.peel_parts import write_peel_part

    tell_part(spec.part, spec.path, write_peel_part(spec, force))


def tell_part(part: "Part", path: Path, made: bool) -> None:
    """The result of a task: `made`, or there already."""
    document = {"schema": SCHEMA, "part": str(part), "made": made, "written": str(path)}
    emit(document, f"{path}  part {part}{'' if made else ', there already'}")
