"""What commands share whose work is cut into parts: --part K/N, --ray, and what they say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.frame import emit, notice, progress
from errtax.cli.peels import PARTS, emit_dry_run, emit_peel
from errtax.lm.errors import UsageError

if TYPE_CHECKING:
    from errtax.lm.executors.ray_pool import RayPool
    from errtax.lm.part import Part
    from errtax.taxonomy.peel_inputs import PeelInputs
    from errtax.taxonomy.settings import Settings

SCHEMA = "errtax.part/1"


def _part(ctx: click.Context, param: click.Parameter, value: str | None) -> "Part | None":
    from errtax.lm.part import Part

    return None if value is None else Part.parse(value)


def part_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --part: None where it is not given."""
    text = "Do part K of N only, as a task of an array of tasks: a file in a folder, for errtax merge (docs/scale.md)."
    return click.option("--part", metavar="K/N", callback=_part, help=text)(function)


def part_folder(output: Path | None, stem: str, cluster: "Cluster | None") -> Path:
    """The folder of parts: as given, or named after the input.  Raises `UsageError` where there is a file.

    Also where a cluster is named, too.
    """
    from errtax.lm.files import require_output_folder, require_parent

    if cluster is not None:
        raise UsageError("--part is a task of an array, --ray makes its own tasks; give one of them.")
    folder = require_output_folder(output or Path(f"{stem}.parts"))
    require_parent(folder)
    return folder


@dataclass(frozen=True)
class Cluster:
    """The Ray cluster that --ray names, and into how many tasks --tasks cuts the work, if it says so."""

    address: str
    tasks: int | None = None

    @contextmanager
    def pool(self, what: str, gpus: float = 0, threads: int | None = None) -> "Iterator[RayPool]":
        """The cluster as a pool, each task on so many threads, by default as --jobs says, else on one.

        `gpus`: of each task, if the cluster has any.
        """
        from errtax.lm.executors.ray_pool import RayPool
        from errtax.lm.kernels import thread_limit

        with RayPool(self.address, threads or thread_limit() or 1, gpus) as pool:
            nodes = "1 node" if pool.nodes == 1 else f"{pool.nodes} nodes"
            notice(f"{what} on a Ray cluster: {nodes}, {pool.slots} tasks at a time.")
            yield pool


def ray_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options --ray and --tasks; their values come as one `cluster`, None without --ray."""

    def collect(*, cluster: Cluster | None, tasks: int | None, **rest: Any) -> Any:
        if tasks is not None and cluster is None:
            raise UsageError("--tasks is the number of tasks on a cluster that --ray names; give both.")
        return function(cluster=cluster and replace(cluster, tasks=tasks), **rest)

    collect.__doc__ = function.__doc__
    collect.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    text = "Tasks to cut the work into [default: three per free place]."
    return ray_option(click.option("--tasks", type=PARTS, help=text)(collect))


def ray_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --ray; its value comes as `cluster`."""

    def named(ctx: click.Context, param: click.Parameter, value: str | None) -> Cluster | None:
        return None if value is None else Cluster(value)

    text = "Run on a Ray cluster: auto, HOST:PORT, or local to start one here (docs/scale.md)."
    return click.option("--ray", "cluster", metavar="auto|ADDRESS", callback=named, help=text)(function)


@dataclass(frozen=True)
class PeelTarget:
    """Where a peel, or a part of one, is to be written."""

    output: Path | None
    log: Path
    parts: int
    part: "Part | None"
    cluster: Cluster | None
    force: bool

    @property
    def path(self) -> Path:
        """The file; of parts, their folder."""
        from errtax.lm.log_files import log_stem

        if self.part is not None:
            return part_folder(self.output, log_stem(self.log), self.cluster)
        return self.output or Path(log_stem(self.log) + (".peel" if self.parts > 1 else ".peel.parquet"))

    def require(self) -> None:
        """Raise `UsageError` where it cannot be written."""
        from errtax.taxonomy.peel_file import require_output

        if self.part is None:
            require_output(self.path, self.force, self.parts)
        elif self.parts > 1:
            raise UsageError("--part writes a part for errtax merge, which takes --parts; give one of them.")


def emit_peel_to(
    target: PeelTarget, inputs: "PeelInputs", settings: "Settings", dry_run: bool, slices: bool | None
) -> None:
    """Peel a log, or a part of it, here or on a cluster, and show what came out; or say what it would take."""
    from errtax.taxonomy.peel_inputs import flow_of
    from errtax.taxonomy.peel_parts import PeelPart, write_peel_part

    if dry_run:
        emit_dry_run(inputs, settings, target.path, target.force, target.parts)
        return
    if target.part is not None:
        spec = PeelPart(inputs, settings, target.part, target.path)
        tell_part(spec.part, spec.path, write_peel_part(spec, target.force))
    elif target.cluster is not None:
        _emit_peel_on(target.cluster, inputs, settings, target, slices)
    else:
        emit_peel(flow_of(inputs, settings), target.path, slices, target.force, target.parts)


def _emit_peel_on(
    cluster: Cluster, inputs: "PeelInputs", settings: "Settings", target: PeelTarget, slices: bool | None
) -> None:
    from errtax.lm.files import discard
    from errtax.taxonomy.peel_parts import peel_on

    folder = parts_beside(target.path)
    with cluster.pool("Peeling") as pool, progress("peeling") as update:
        merged = peel_on(pool, inputs, settings, folder, cluster.tasks, update)
    emit_peel(merged, target.path, slices, target.force, target.parts)
    discard(folder)


def parts_beside(output: Path) -> Path:
    """The folder in which the parts of an output are kept until it is complete."""
    from errtax.lm.files import require_output_folder

    return require_output_folder(output.with_name(f"{output.name}.parts"))


def tell_part(part: "Part", path: Path, made: bool) -> None:
    """The result of a task: `made`, or there already."""
    document = {"schema": SCHEMA, "part": str(part), "made": made, "written": str(path)}
    emit(document, f"{path}  part {part}{'' if made else ', there already'}")
