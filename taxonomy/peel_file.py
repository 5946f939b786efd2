"""The peel table (errtax.peel/1) in a file, or in the parts of a folder: written and read block by block."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import replacing_folder, require_absent, require_folder, require_parent
from errtax.lm.kernels import ordered_map, read_ahead
from errtax.lm.log_columns import decode_logprobs, decode_positions, decode_symbols, number_documents
from errtax.lm.log_reader import LogTally
from errtax.lm.prediction_log import BLOCK_ROWS, SYMBOL_COLUMNS, PredictionLog
from errtax.lm.table import (
    TableWriter,
    blocks_of,
    metadata_of,
    numpy_of,
    open_parquet,
    size_of_batch,
    stated_schema,
    table_writer,
)
from errtax.lm.token_columns import SURFACED, decode_tokens, unit_of_schema
from errtax.taxonomy.peel import Peel, PeelSource, peel_log
from errtax.taxonomy.peel_columns import (
    LOG_COLUMNS,
    PEEL,
    TUNING,
    VERDICTS,
    codes_of,
    column_of,
    evidence_of,
    foreign_names,
    peel_batch,
    peel_schema,
    slice_dictionary,
    type_of,
)
from errtax.taxonomy.peel_folder import COUNTED, peel_paths, problems_of_parts
from errtax.taxonomy.peel_metadata import PeelMetadata, read_metadata, require_metadata, write_metadata
from errtax.taxonomy.settings import Settings

Result = TypeVar("Result")


def write_peel(path: Path, peel: PeelSource, force: bool = True, parts: int = 1) -> None:
    """Write a peel to a file, or to a folder of several parts, block by block: memory does not grow with it."""
    with writing(path, peel, force, parts) as passing:
        for _ in passing.blocks():
            pass


@contextmanager
def writing(path: Path, peel: PeelSource, force: bool = True, parts: int = 1) -> Iterator[PeelSource]:
    """A peel whose blocks are written as they pass; the file, or the folder of parts, appears when this ends well.

    All blocks must be asked for, once.
    """
    require_output(path, force, parts)
    if parts < 2:
        with ExitStack() as stack:
            yield _Written(peel, [path], force, stack)
        return
    with replacing_folder(path, force) as folder, ExitStack() as stack:
        yield _Written(peel, [folder / f"part-{k:05}.parquet" for k in range(1, parts + 1)], force, stack)


def size_written(peel: Peel) -> int:
    """The bytes that a block of a peel takes in its file."""
    return size_of_batch(batch_of(peel), **TUNING)


class _Written:
    """A peel on its way into files, over which its rows are spread evenly; a `PeelSource`."""

    def __init__(self, peel: PeelSource, paths: list[Path], force: bool, stack: ExitStack) -> None:
        self._peel, self._paths, self._force, self._stack = peel, paths, force, stack
        self._writers: list[TableWriter] = []
        self._done = 0  # rows that are written

    @property
    def head(self) -> Peel:
        """The peel without rows; of one that is made on the way, after its last block."""
        return self._peel.head

    def __len__(self) -> int:
        return len(self._peel)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Peel]:
        """The blocks, each once it is written."""
        return self.map_blocks(lambda peel: peel, rows)

    def map_blocks(self, function: Callable[[Peel], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        """What `function` makes of each block, once it is written."""
        parts = max(min(len(self._paths), len(self)), 1)
        starts = [len(self) * k // parts for k in range(parts + 1)]
        for batch, result in self._peel.map_blocks(lambda peel: (batch_of(peel), function(peel)), rows):
            self._write(batch, starts)
            yield result
        metadata = metadata_of_peel(self.head)  # with what only all rows tell: digest and signature
        for k, writer in enumerate(self._writers, 1):
            writer.metadata |= metadata | ({"part": f"{k}/{parts}"} if parts > 1 else {})

    def _write(self, batch: Any, starts: list[int]) -> None:
        """Write the next rows, each into its part; `starts[k]`: the first row of part k, and of all after the last."""
        while len(batch):
            if self._done == starts[len(self._writers)]:
                self._open(batch.schema)
            n = min(len(batch), starts[len(self._writers)] - self._done)
            self._writers[-1].write_batch(batch[:n])
            batch, self._done = batch[n:], self._done + n

    def _open(self, schema: Any) -> None:
        path = self._paths[len(self._writers)]
        self._writers.append(self._stack.enter_context(table_writer(path, schema, {}, self._force, **TUNING)))


def batch_of(peel: Peel) -> Any:
    """The rows of a peel as its file has them."""
    return peel_batch(peel, peel_schema(peel))


def metadata_of_peel(peel: Peel) -> dict[str, str]:
    """What the file of a peel says of itself."""
    return {
        "errtax.schema": PEEL.name,
        "unit": str(peel.log.unit),
        "model": peel.log.model,
        **write_metadata(peel),
    }


def require_output(path: Path, force: bool, parts: int = 1) -> Path:
    """`path`, once it is known that a peel in so many parts can be written there.

    A folder is replaced by parts only, and only where it holds nothing but a peel.  Raises `UsageError`.
    """
    require_absent(path, force=True)
    if parts < 2:
        require_folder(path)
    require_parent(path)
    others = sorted(each.name for each in path.iterdir() if stated_schema(each) != PEEL.name) if path.is_dir() else []
    if others:
        raise UsageError(f"{path} is a folder with other files than a peel's ({others[0]}); give another name with -o.")
    return require_absent(path, force)


class PeelFile:
    """A peel in a file, or in all the parts in a folder, read block by block; a `PeelSource`."""

    def __init__(self, path: Path, unmerged: bool = False, sealed: bool | None = None) -> None:
        """Raises `BadInput` for files that cannot be read, or do not say how they were made.

        `unmerged`: they are parts that tasks have written, and only together are a peel (`peel_parts`).  `sealed`: as
        in `open_parquet`, of all of them.
        """
        self.path, self._unmerged = path, unmerged
        self.tally = LogTally()  # of the rows, when all are read
        self._files = [open_parquet(each, None, SYMBOL_COLUMNS, sealed) for each in peel_paths(path)]
        self._metadata = metadata_of(self._files[0].schema_arrow)
        self.problems = problems_of_parts(self._files) or self._problems_of_schema()
        """Why this cannot be a peel, one line per problem; rows can be read only where there are none."""

    @cached_property
    def head(self) -> Peel:
        """The peel without rows.  Raises `BadInput` where this is no peel, or not all parts of one."""
        self.require_sound()
        return self._decoded(0, self._files[0].schema_arrow.empty_table())[0]

    @cached_property
    def _made(self) -> PeelMetadata:
        return read_metadata(self._metadata)

    def __len__(self) -> int:
        return sum(file.num_rows for file in self._files)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Peel]:
        """The peel in pieces of so many rows.  Raises `BadInput` like `map_blocks`."""
        return self.map_blocks(lambda peel: peel, rows)

    def map_blocks(self, function: Callable[[Peel], Result], rows: int = BLOCK_ROWS) -> Iterator[Result]:
        """What `function` makes of each piece of about so many rows, in order, computed on all cores.

        Verdicts are derived again.  Raises `BadInput` when those of a file without a seal (one that another program
        wrote again) are not those that evidence and settings give, when rows do not follow each other, and at the end
        when they are not the text that the metadata name.
        """

        self.tally = LogTally()
        yield from self._mapped(self.tally, function, rows)
        self._require(self._problems_of_rows(self.tally))

    def map_rows(self, function: Callable[[Peel], Result], first: int, stop: int, rows: int) -> Iterator[Result]:
        """The same for the rows first .. stop - 1, without a look at the others.

        Raises `BadInput` like `map_blocks`, but for what only all rows together tell.
        """
        return self._mapped(LogTally(rows=first), function, rows, first, stop)

    def _mapped(
        self, tally: LogTally, function: Callable[[Peel], Result], rows: int, first: int = 0, stop: int | None = None
    ) -> Iterator[Result]:
        def work(numbered: tuple[int, Any]) -> tuple[PredictionLog, Result]:
            peel, problems = self._decoded(*numbered)
            self._require(problems)
            return peel.log, function(peel)

        self.require_sound()
        columns = self._evidence_names if self.sealed else None
        for log, result in ordered_map(work, self._tables(rows, columns, first, stop)):
            self._require(_out_of_order(tally, log))
            tally.add(log)
            yield result

    def position_of(self, row: int) -> int:
        """The position of one row."""
        self.require_sound()
        (table,) = blocks_of(self._files, ["position"], BLOCK_ROWS, row, row + 1)
        return int(table["position"][0].as_py())

    def require_text(self) -> None:
        """Raise `BadInput` for what only all rows together tell, by the columns of the log alone."""
        self.require_sound()
        tally, names = LogTally(), self._files[0].schema_arrow.names
        for row, table in self._tables(BLOCK_ROWS, [name for name in LOG_COLUMNS if name in names]):
            log, problems = self._decoded_log(row, table)
            self._require(problems)
            self._require(_out_of_order(tally, log))
            tally.add(log)
        self._require(self._problems_of_rows(tally))

    def require_sound(self) -> None:
        """Raise `BadInput` where this is not a peel, or not all parts of one; rows are checked when they are read."""
        self._require(self.problems)

    def all_problems(self) -> list[str]:
        """What is wrong with the rows, one line per problem, up to the first block that has any.

        Says how many positions are not predicted.
        """
        if self.problems:
            return self.problems
        tally = LogTally()
        for peel, problems in ordered_map(lambda each: self._decoded(*each), self._tables(BLOCK_ROWS, None)):
            if problems := problems or _out_of_order(tally, peel.log):
                return problems
            tally.add(peel.log)
        problems = self._problems_of_rows(tally)
        if not problems and not self._made.settings.exclude_verbatim:  # what is left out is null, too
            tally.announce_unpredicted(str(self.path))
        return problems

    @property
    def sealed(self) -> bool:
        """Whether all its files are known to be what errtax wrote; others another program may have written again."""
        return all(file.sealed for file in self._files)

    @property
    def _evidence_names(self) -> list[str]:
        """The columns without the verdicts."""
        return [name for name in self._files[0].schema_arrow.names if name not in VERDICTS]

    def _tables(
        self, rows: int, columns: list[str] | None, first: int = 0, stop: int | None = None
    ) -> Iterator[tuple[int, Any]]:
        """The number of the first row of each piece of about so many rows, and these columns of the piece, or all."""
        row = first
        for table in read_ahead(blocks_of(self._files, columns, rows, first, stop)):
            yield row, table
            row += len(table)

    def _require(self, problems: list[str]) -> None:
        if problems:
            raise BadInput(f"{self.path} is not a valid peel table: {problems[0]}.")

    def _problems_of_schema(self) -> list[str]:
        schema, metadata = self._files[0].schema_arrow, self._metadata
        if (stated := metadata.get("errtax.schema", "no schema")) != PEEL.name:
            wanted = f"{PEEL.name} is needed; make one with errtax peel {self.path.name}"
            return [f"its metadata says {stated}, {wanted}"]
        if (COUNTED in metadata) is not self._unmerged:
            hint = f"its parts are not one peel yet; run errtax merge {self.path}"
            return ["it is a whole peel, not parts that tasks have written" if self._unmerged else hint]
        require_metadata(self.path, metadata)
        problems = PEEL.mistyped(schema) or ([] if len(self) else ["it has no rows"])
        try:
            due = {column_of(rule): type_of(rule) for rule in read_metadata(metadata).settings.custom}
        except BadInput as error:
            return [str(error), *problems]
        found = {field.name: field.type for field in schema}
        for name, kind in due.items():
            if name not in found:
                problems.append(f"column {name!r} is missing")
            elif found[name] != kind:
                problems.append(f"column {name!r} has type {found[name]}, {kind} is needed")
        return problems

    def _problems_of_rows(self, tally: LogTally) -> list[str]:
        """What is wrong with all rows together: whether any is predicted, and whether they are the text of the peel."""
        lost = self._metadata.get("text_sha256", tally.text_sha256) != tally.text_sha256
        text = "its symbols are not those that its metadata name (text_sha256 differs): rows are missing or changed"
        return [*tally.problems, *([text] if lost else [])]

    def _decoded(self, row: int, table: Any) -> tuple[Peel, list[str]]:
        """The peel of some rows, made again from their evidence, and where the stored verdicts differ from it."""
        log, problems = self._decoded_log(row, table)
        if problems := problems or foreign_names(table, row):
            return self.head, problems
        peel = peel_log(log, evidence_of(table, self._made), self._made.settings)
        peel = replace(peel, signature=self._made.signature, sources=self._made.sources)
        return peel, self._differences(peel, table, row)

    def _decoded_log(self, row: int, table: Any) -> tuple[PredictionLog, list[str]]:
        """The log of some rows, of which only its own columns are needed, and what is wrong with it."""
        if problems := PEEL.holes(table):
            return self.head.log, problems
        positions, problems = decode_positions(table["position"], row)
        logprobs, more = decode_logprobs(table["logprob"], positions, row=row)
        if problems := [*problems, *more]:
            return self.head.log, problems
        try:
            return self._log_of(table, positions, logprobs, row), []
        except BadInput as error:
            return self.head.log, [str(error)]

    def _log_of(self, table: Any, positions: Any, logprobs: Any, row: int) -> PredictionLog:
        names = table.column_names
        unit = unit_of_schema(self._files[0].schema_arrow, self._metadata)
        if unit in SURFACED:
            symbols = decode_tokens(table, unit, logprobs, row)
        else:
            best = decode_symbols(table["argmax"], "argmax", row)[1] if "argmax" in names else None
            symbols = {"codes": decode_symbols(table["symbol"], "symbol", row)[1], "argmax_codes": best}
        log = PredictionLog(
            str(self.path), unit, positions=positions, logprobs=logprobs, metadata=self._metadata, **symbols
        )
        if "argmax_logprob" in names:
            log = replace(log, argmax_logprobs=numpy_of(table["argmax_logprob"], missing=np.nan).astype(np.float64))
        if "doc" in names:
            docs, doc_ids = number_documents(table["doc"])
            log = replace(log, docs=docs, doc_ids=doc_ids)
        return log

    def _differences(self, peel: Peel, table: Any, row: int) -> list[str]:
        if VERDICTS[0] not in table.column_names:
            return []
        names, slices = slice_dictionary(peel)
        stored = (
            ("error", peel.error, numpy_of(table["error"])),
            ("claims", peel.claims, self._made.claims(numpy_of(table["claims"]))),
            ("layer", peel.layer.astype(np.int16), codes_of(table["layer"], peel.layer_names)),
            ("slice", slices, codes_of(table["slice"], names)),
        )
        return [
            f"column {name!r}, row {row + int(np.argmax(due != value))}: not what the evidence and the settings give; "
            "peel the log again"
            for name, due, value in stored
            if not np.array_equal(due, value)
        ]


def _out_of_order(before: LogTally, log: PredictionLog) -> list[str]:
    first = int(log.positions[0])
    return [] if first > before.last else [f"row {before.rows} has position {first} after {before.last}"]


def read_peel(path: Path) -> Peel:
    """The whole peel in a file or folder.  Raises `BadInput` like `PeelFile`."""
    file = PeelFile(path)
    (peel,) = file.blocks(len(file))
    return peel


def peel_problems(path: Path) -> list[str]:
    """What is wrong with a peel table, one line per problem.  Says how many positions are not predicted."""
    return PeelFile(path).all_problems()


def read_settings(path: Path) -> Settings:
    """The settings of a peel, from its metadata alone.  Raises `BadInput` where they are not those of a peel."""
    return read_metadata(metadata_of(open_parquet(peel_paths(path)[0]).schema_arrow)).settings
