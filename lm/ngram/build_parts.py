"""An index in parts that tasks build: ranges of neighbouring buckets, each with its nodes, leaves and counts of counts.

Each task needs the whole text, and sorts its own suffixes alone.  The parts one after the other are the tree; the index
that is made of them has the bytes of one that was built in one process.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import errtax
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.executors.tasks import Pool, Task, Watch, parts_for, run_tasks
from errtax.lm.files import discard, replacing
from errtax.lm.kernels import n_threads, thread_limit
from errtax.lm.machine import free_memory, memory_in_use
from errtax.lm.ngram.build import RESERVE, Fallback, Source, assemble_file, prepare
from errtax.lm.ngram.container import ContainerWriter, read_container
from errtax.lm.ngram.partitions import Partition, PartitionedBuild, tell_nobody
from errtax.lm.ngram.suffix_tree import Counts
from errtax.lm.part import Part, parts_of
from errtax.lm.text import Text
from errtax.lm.word_counting import DEFAULT, MEMORY, WordRule

SCHEMA = "errtax.ngram-part/1"
KIND = "a part of an n-gram index"
ENDING = "ngram"
_LEAST = 1 << 22  # symbols of a part, unless somebody says how many parts


@dataclass(frozen=True)
class BuildPart:
    """One part of an index, to be written into `folder`.

    `read`: reads the text; a function of a module with its arguments, that can be pickled.  `note`: anything, kept for
    who makes the index of the parts.
    """

    read: Callable[[], Text]
    order: int
    part: Part
    folder: Path
    memory: int | None = None
    note: str = ""

    @property
    def path(self) -> Path:
        """The part's file."""
        return self.folder / self.part.name(ENDING)


def _source_of(spec: BuildPart) -> Source:
    return prepare(spec.read(), spec.order, None, tell_nobody, DEFAULT)


def _key_of(text: Text, order: int) -> str:
    made = [errtax.__version__, SCHEMA, text.sha256, str(text.unit), str(text.sentences), order, text.tokenizer_sha256]
    return hashlib.sha256(json.dumps(made).encode()).hexdigest()


def _header_of(path: Path) -> dict[str, Any]:
    header, _ = read_container(path, KIND, verify=True)
    if header.get("schema") != SCHEMA:
        raise BadInput(f"{path} is not {KIND}; make one with errtax build-ngram --part K/N.")
    return header


def _is_complete(spec: BuildPart, key: str) -> bool:
    """Whether a part is there.  Raises `UsageError` where something else is, or a part of another index or number."""
    if not spec.path.exists():
        return False
    header = _header_of(spec.path)
    if (header.get("part"), header.get("key")) != (str(spec.part), key):
        found = f"{spec.path} is not part {spec.part} of this"
        raise UsageError(f"{found}: other text, order or number of parts; give --force or another folder with -o.")
    return True


def write_build_part(spec: BuildPart, force: bool = False) -> bool:
    """Build a part of an index and write it, unless that is done already; whether it was written now.

    `force`: anew, whatever is there.
    """
    source = _source_of(spec)
    tree, key = source.tree, _key_of(source.text, spec.order)
    if not force and _is_complete(spec, key):
        return False
    spec.folder.mkdir(exist_ok=True)
    ranges = tree.even_ranges(spec.part.n)
    # of fewer buckets than parts the last parts have none
    first, last = ranges[spec.part.k - 1] if spec.part.k <= len(ranges) else (len(tree.sizes), len(tree.sizes))
    with replacing(spec.path) as temporary, temporary.open("wb") as file:
        writer = _begin(ContainerWriter(file), tree, first, last)
        if first < last:
            _grow(tree, first, last, spec.memory, writer)
        writer.append("roots", tree.progress.roots[first:last])
        for name, counts in tree.progress.counts._asdict().items():
            writer.append(name, counts.reshape(-1))
        writer.finish(
            {"schema": SCHEMA, "part": str(spec.part), "key": key, "buckets": [first, last], "note": spec.note}
        )
        os.fsync(file.fileno())
    return True


def _begin(writer: ContainerWriter, tree: PartitionedBuild, first: int, last: int) -> ContainerWriter:
    n_leaves = int(tree.sizes[first:last].sum())
    writer.reserve("roots", tree.node, last - first)
    for name, counts in tree.progress.counts._asdict().items():
        writer.reserve(name, counts.dtype, counts.size)
    writer.reserve("leaf_position", tree.node["end"], n_leaves)
    writer.reserve("leaf_label", tree.symbols.dtype, n_leaves)
    writer.reserve("nodes", tree.node, None)
    return writer


def _grow(tree: PartitionedBuild, first: int, last: int, memory: int | None, writer: ContainerWriter) -> None:
    tree.begin_at(first)
    used = memory_in_use() + RESERVE
    for ends in tree.ranges(used, memory or used + int(0.8 * _share_of_memory()), last):
        part = tree.grow(*ends)
        for name in ("leaf_position", "leaf_label", "nodes"):
            writer.append(name, getattr(part, name))


def _share_of_memory() -> int:
    """Of the free memory what falls to this task, if others use the remaining processors."""
    if thread_limit() is None:
        return free_memory()
    return free_memory() * n_threads() // (os.cpu_count() or 1)


def build_on(pool: Pool[Any], spec: BuildPart, n: int | None, watch: Watch) -> list[Path]:
    """Build the parts of an index on a pool, n or as many as there is room for; their files.

    Those that are there are not built again; those of another index are removed first.  Raises what the first part
    raises that fails.
    """
    spec = replace(spec, folder=spec.folder.absolute())
    source = _source_of(spec)
    n = n or parts_for(pool.slots, len(source.text), _LEAST)
    complete = _complete_parts(spec.folder, _key_of(source.text, spec.order))
    n = n if not complete else Part.parse(next(iter(complete))).n
    missing = [part for part in parts_of(n) if str(part) not in complete]
    tasks = [Task(f"part {part}", write_build_part, replace(spec, part=part)) for part in missing]
    del source
    run_tasks(pool, tasks, watch, done=n - len(tasks))
    return [spec.folder / part.name(ENDING) for part in parts_of(n)]


def _complete_parts(folder: Path, key: str) -> dict[str, Path]:
    """The files that are there by the part that they are; others, and damaged ones, are removed."""
    found = {}
    for path in _paths(folder) if folder.exists() else ():
        try:
            header = _header_of(path)
        except BadInput:
            header = {}
        if header.get("key") == key:
            found[str(header["part"])] = path
        else:
            discard(path)
    return found


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"part-*.{ENDING}") if not path.name.startswith("."))


def require_index_parts(folder: Path) -> tuple[list[Path], str]:
    """The files of all parts in a folder, and the note that they keep.  Raises `BadInput` where some are missing."""
    headers = [_header_of(path) for path in _paths(folder)]
    if len({(each["key"], str(each["part"]).partition("/")[2]) for each in headers}) != 1:
        raise BadInput(f"{folder}: its parts are of different indexes, or there are none; run their tasks again.")
    n = Part.parse(headers[0]["part"]).n
    stated = {each["part"] for each in headers}
    missing = [str(part.k) for part in parts_of(n) if str(part) not in stated]
    if missing:
        found = f"{folder} lacks {len(missing)} of {n} parts: {', '.join(missing)}"
        raise BadInput(f"{found}; run --part {missing[0]}/{n} again, and look what became of it.")
    return _paths(folder), str(headers[0]["note"])


def merge_parts(
    text: Text,
    path: Path,
    order: int,
    fallback: Fallback,
    kenlm_compat: bool,
    parts: list[Path],
    rule: WordRule = DEFAULT,
    memory: int | None = None,
) -> None:
    """Make an index of its parts: the bytes that `build_file` would write.  Raises `BadInput` for parts of another."""
    for each in parts:
        if _header_of(each)["key"] != _key_of(text, order):
            raise BadInput(f"{each} is a part of the index of another text or order; build it again.")
    memory = memory or memory_in_use() + RESERVE + 2 * MEMORY
    assemble_file(text, path, order, fallback, kenlm_compat, partial(_append, parts), memory, rule)


def _append(parts: list[Path], tree: PartitionedBuild, writer: ContainerWriter) -> None:
    for path in parts:
        header, arrays = read_container(path, KIND, verify=False)
        first, last = header["buckets"]
        if first not in (tree.progress.next_bucket, last):
            raise BadInput(f"{path} does not follow the part before it; build it again.")
        leaves = arrays["leaf_position"], arrays["leaf_label"]
        counts = Counts(*(arrays[name].reshape(due.shape) for name, due in tree.progress.counts._asdict().items()))
        for name, array in zip(("leaf_position", "leaf_label"), leaves, strict=True):
            writer.append(name, array)
        if first < last:
            for nodes in tree.append(Partition(first, last, arrays["nodes"], *leaves), arrays["roots"], counts):
                writer.append("nodes", nodes)
    if tree.progress.n_leaves != len(tree.symbols) - 1:
        raise BadInput(f"{parts[0].parent}: its parts are not all of the text; build them again.")
