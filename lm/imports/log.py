"""The prediction log (errtax.log/1) of another tool's file: rows of tokens, or of bytes from whole distributions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import errtax
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.imports.names import BASES
from errtax.lm.imports.placement import Placement
from errtax.lm.imports.records import Block, Reading, ReadOptions, Source, Tokenizer, TokenScores
from errtax.lm.imports.token_rows import TokenLog
from errtax.lm.imports.values import ShiftTest
from errtax.lm.prediction_log import LOG
from errtax.lm.table import TableWriter, table_writer
from errtax.lm.text import Text, Unit, read_text


@dataclass(frozen=True)
class ImportOptions:
    """`base`: of the file's logarithms, one of `BASES`, None where the source knows.  `columns`: its names by ours.

    `model`: what the log calls the model; empty for what the file says, or its name.
    """

    base: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    model: str = ""


@dataclass(frozen=True)
class Imported:
    """What an import made.  `rows`, `predicted`: of the log.  `nats`: the mean of predicted rows.

    `remarks`: sentences for the user.
    """

    output: Path
    unit: Unit
    rows: int
    predicted: int
    nats: float
    remarks: tuple[str, ...]


class Rows(Protocol):
    """A log that is being made.  `total`: minus the sum of its log-probabilities, in nats."""

    unit: Unit
    rows: int
    predicted: int
    total: float

    @property
    def schema(self) -> Any:
        """The Arrow schema of the log."""

    def add(self, block: Block) -> None:
        """Add the rows of a block, and before them what no token covers."""

    def finish(self, name: str, rest: bool) -> None:
        """Add what the text has after its last token.  Raises `BadInput` where this is text, but for `rest`."""

    def take(self) -> list[Any]:
        """The rows made since the last call, as Arrow record batches."""


def import_log(
    source: Source,
    file: Path,
    text: Path,
    output: Path,
    tokenizer: Tokenizer | None = None,
    options: ImportOptions = ImportOptions(),
    force: bool = False,
) -> Imported:
    """Write the log of a file of `source` on a text.

    Raises `BadInput`, with the place in the file, where it is damaged or is not of this text and tokenizer,
    `UsageError` for options that do not fit.
    """
    _require_options(source, options)
    symbols = read_text(text, Unit.BYTE)
    vocabulary = None if tokenizer is None else tokenizer.vocabulary
    reading = source.read(file, ReadOptions(options.base, dict(options.columns), vocabulary))
    first = next(reading.blocks, None)
    if first is None:
        raise BadInput(f"{file} has no tokens in it.")
    log = _log_of(first, Placement(symbols.codes.tobytes(), str(text), tokenizer))
    metadata = _metadata(source, symbols, log.unit, options.model or reading.model or file.stem, tokenizer)
    with table_writer(output, log.schema, metadata, force) as writer:
        _fill(log, writer, chain([first], reading.blocks), reading, str(file))
    return Imported(output, log.unit, log.rows, log.predicted, log.total / log.predicted, tuple(reading.remarks))


def _log_of(first: Block, placement: Placement) -> Rows:
    """The kind of log that a file with this first block becomes."""
    if isinstance(first, TokenScores):
        return TokenLog(first, placement)
    from errtax.lm.imports.byte_rows import ByteLog  # noqa: PLC0415  # compiles kernels

    return ByteLog(first, placement)


def _require_options(source: Source, options: ImportOptions) -> None:
    base = options.base
    if base is not None and (base not in BASES or not source.based):
        say = f"one of {', '.join(BASES)}" if source.based else f"not for {source.name}, whose logs are known"
        raise UsageError(f"--base is {say}; got {base!r}.")
    if options.columns and not source.named:
        raise UsageError(f"--columns names those of a table; {source.name} has its own.")


def _metadata(source: Source, text: Text, unit: Unit, model: str, tokenizer: Tokenizer | None) -> dict[str, str]:
    made = f"errtax:{errtax.__version__}|import:{source.name}|model:{model}"
    sha256 = "" if tokenizer is None else tokenizer.vocabulary.sha256
    if unit is Unit.BYTE:
        made += "|bytes:canonical"
    return {
        "errtax.schema": LOG.name,
        "unit": str(unit),
        "model": model,
        "text_sha256": text.sha256,
        **({"tokenizer_sha256": sha256} if sha256 else {}),
        "signature": made,
    }


def _fill(log: Rows, writer: TableWriter, blocks: Iterator[Block], reading: Reading, name: str) -> None:
    shift = ShiftTest()
    for block in blocks:
        shift.add(block)
        log.add(block)
        for batch in log.take():
            writer.add_rows(batch)
    log.finish(name, reading.rest)
    if not log.predicted:
        raise BadInput(f"{name} predicts none of its tokens.")
    for batch in log.take():
        writer.add_rows(batch)
    shift.require_sound(name)
