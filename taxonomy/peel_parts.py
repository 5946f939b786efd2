"""A peel in parts that tasks make without word of each other, in any order and on any machine, and the peel they are.

A part is a range of the log's rows (`excerpts`), written whole or not at all into a folder; so a part that is there is
complete.  It is a peel without what only all rows tell: `MergedPeel` reads the parts as one, sums up what they have
counted, and signs.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, cast

import errtax
from errtax.lm.errors import BadInput, UsageError, decoding
from errtax.lm.executors.tasks import Pool, Watch, parts_for
from errtax.lm.log_reader import LogFile
from errtax.lm.part import Part
from errtax.lm.part_files import is_complete, require_all_parts, run_parts
from errtax.lm.prediction_log import BLOCK_ROWS
from errtax.lm.table import metadata_of, open_parquet, table_writer
from errtax.oracle.excerpts import Excerpt, excerpt_of
from errtax.taxonomy.aligned import WHOLE_TEXT
from errtax.taxonomy.counted import Counted, signed
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_columns import PEEL, TUNING
from errtax.taxonomy.peel_file import PeelFile, batch_of, metadata_of_peel
from errtax.taxonomy.peel_flow import PeelFlow
from errtax.taxonomy.peel_folder import peel_paths
from errtax.taxonomy.peel_inputs import PeelInputs, flow_of
from errtax.taxonomy.settings import Settings

Result = TypeVar("Result")


@dataclass(frozen=True)
class PeelPart:
    """One part of a peel, to be written into `folder`.

    `sources`: what the peel is made from, if it is known already (`flow_of`).
    """

    inputs: PeelInputs
    settings: Settings
    part: Part
    folder: Path
    sources: tuple[tuple[str, str], ...] | None = None

    @property
    def path(self) -> Path:
        """The part's file."""
        return self.folder / self.part.name()


def flow_of_parts(spec: PeelPart) -> PeelFlow:
    """The flow of the whole log that a part belongs to.  Raises `UsageError` where it cannot be cut."""
    if not isinstance(spec.inputs.preds, Path) or str(spec.inputs.preds) == "-":
        raise UsageError("a log in parts is read by several tasks, so it must be a file, a folder or a pattern.")
    if spec.inputs.ngram is None and spec.inputs.train_text is not None:
        raise UsageError("each part would build the n-gram index again; build it once, and give --ngram X.ngram.")
    flow = flow_of(spec.inputs, spec.settings, None if spec.sources is None else dict(spec.sources))
    if flow.in_one_block:
        raise UsageError("an oracle of yours needs the whole text, so no parts can be peeled: @oracle(reach=N).")
    return flow


def key_of(flow: PeelFlow) -> str:
    """What all parts of one peel have in common, as a digest: log, models, settings, version."""
    rules = [asdict(rule) for rule in flow.settings.custom]
    made = [errtax.__version__, PEEL.name, flow.settings.to_json(), rules, dict(flow.sources), dict(flow.metadata)]
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()


def write_peel_part(spec: PeelPart, force: bool = False) -> bool:
    """Peel a part of a log and write it, unless that is done already; whether it was written now.

    `force`: anew, whatever is there.
    """
    flow = flow_of_parts(spec)
    key = key_of(flow)
    if not force and is_complete(spec.path, spec.part, key):
        return False
    spec.folder.mkdir(exist_ok=True)
    log = cast(LogFile, flow.log)
    flow.part = excerpt_of(log, spec.part, flow.oracles.words, flow.reach)
    batches = flow.map_blocks(batch_of) if len(flow) else iter([_no_rows(flow, log)])
    first = next(batches)
    with table_writer(spec.path, first.schema, {}, True, **TUNING) as writer:
        for batch in chain([first], batches):
            writer.write_batch(batch)
        writer.metadata = {**metadata_of_peel(flow.head), "part": str(spec.part), "key": key}
        writer.metadata |= flow.counted.to_metadata()
    return True


def peel_on(
    pool: Pool[Any], inputs: PeelInputs, settings: Settings, folder: Path, n: int | None, watch: Watch
) -> "MergedPeel":
    """Peel a log on a pool, n parts or as many as there is room for, each into its file in `folder`.

    Parts that are there are not done again, in whatever number; those of another peel are removed first.  Raises what
    the first part raises that fails.
    """
    first = PeelPart(_from_anywhere(inputs), settings, Part(1, 1), folder.absolute())
    flow = flow_of_parts(first)
    spec = replace(first, sources=tuple(flow.sources.items()))
    rows = len(cast(LogFile, flow.log))
    run_parts(pool, write_peel_part, spec, key_of(flow), n or parts_for(pool.slots, rows, BLOCK_ROWS), watch)
    return MergedPeel(folder, str(inputs.preds))


def _from_anywhere(inputs: PeelInputs) -> PeelInputs:
    """The same files for a process in another folder."""
    names = ("preds", "ngram", "train_text", "text")
    found: dict[str, Any] = {
        name: value.absolute() for name in names if isinstance(value := getattr(inputs, name), Path)
    }
    return replace(inputs, **found)


def _no_rows(flow: PeelFlow, log: LogFile) -> Any:
    """The columns of a part that has no rows of its own: those of the log's first row."""
    flow.part = Excerpt(log, 0, 1, 0, 0)
    (batch,) = flow.map_blocks(batch_of)
    flow.counted = Counted()
    return batch[:0]


class MergedPeel:
    """The peel that all parts in a folder are, in any number of them; a `PeelSource`.

    Like that of a log on its way, its head is known, and signed, when its last block is read.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        """Raises `BadInput` where parts are missing, and names them; or where there is something else.

        `name`: what messages call the log, if not by the folder.
        """
        require_all_parts(folder)
        self._name = name or str(folder)
        self._file = PeelFile(folder, unmerged=True)
        self._file.require_sound()
        self._head: Peel | None = None

    def __len__(self) -> int:
        return len(self._file)

    @property
    def head(self) -> Peel:
        """The peel without rows, once all rows are read."""
        if self._head is None:
            raise RuntimeError("the head of a peel is known when its last block is read")
        return self._head

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Peel]:
        """The peel in blocks of about so many rows."""
        return self.map_blocks(lambda peel: peel, rows)

    def map_blocks(self, function: Callable[[Peel], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        """What `function` makes of each block, in order, computed on all cores.

        Raises `BadInput` for rows that do not follow each other, and where they are not the text that the log states.
        """
        yield from self._file.map_blocks(function, rows)
        head, tally = self._file.head, self._file.tally
        head = replace(head, log=replace(head.log, name=self._name))
        if tally.whole and head.sources.get(WHOLE_TEXT, tally.text_sha256) != tally.text_sha256:
            raise BadInput(f"{self._file.path}: its symbols are not those of the text that the log names.")
        self._head = signed(head, tally, self._counted())

    def _counted(self) -> Counted:
        found = Counted()
        for path in peel_paths(self._file.path):
            with decoding(f"{path} does not say what its rows add to the whole", "; peel this part again"):
                found += Counted.of_metadata(metadata_of(open_parquet(path).schema_arrow))
        return found
