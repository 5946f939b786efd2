"""The peel table (errtax.peel/1): evidence and verdicts, one row per position of the log."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, one_line
from errtax.lm.prediction_log import (
    PredictionLog,
    announce_unpredicted,
    bytes_of,
    decode_logprobs,
    decode_positions,
    decode_symbols,
    document_column,
    encode_symbols,
    number_documents,
    without_predictions,
)
from errtax.lm.table import (
    Column,
    TableSchema,
    arrow_of,
    arrow_of_names,
    metadata_of,
    numpy_of,
    open_parquet,
    table_writer,
)
from errtax.lm.text import Unit
from errtax.oracle.before import AFTER_NAMES
from errtax.oracle.custom import OracleRule
from errtax.oracle.evidence import NONE, Evidence
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_metadata import PeelMetadata, read_metadata, require_metadata, write_metadata
from errtax.taxonomy.settings import Settings

_NAME = pa.dictionary(pa.int16(), pa.string())

PEEL = TableSchema(
    "errtax.peel/1",
    "a peel table",
    (
        Column("position", (pa.int64(),), "index of the symbol in the text"),
        Column("symbol", (pa.string(), pa.binary()), "the correct symbol"),
        Column("logprob", (pa.float64(), pa.float32()), "natural log; null = not predicted", nullable=True),
        Column("argmax", (pa.string(), pa.binary()), "the model's best symbol", required=False),
        Column("argmax_logprob", (pa.float32(), pa.float64()), "its natural log-probability", False, nullable=True),
        Column("doc", (pa.int64(), pa.string()), "id of the document", False, nullable=True),
        Column("error", (pa.bool_(),), "whether the model was wrong"),
        Column(
            "ngram_context",
            (pa.uint8(),),
            "smallest n of context whose n-gram model gives p > 0.5",
            nullable=True,
        ),
        Column("ngram_logprob", (pa.float32(),), "natural log of the probability by this model", nullable=True, high=0),
        Column(
            "memory_distance",
            (pa.int32(),),
            "symbols back to the word's latest earlier occurrence",
            nullable=True,
        ),
        Column("word_length", (pa.int32(),), "characters of the word", nullable=True),
        Column("word_offset", (pa.int32(),), "characters from the word's start", nullable=True),
        Column("word_count", (pa.int32(),), "occurrences of the word in the training text", nullable=True),
        Column("after", (_NAME,), "space, quote or newline just before", nullable=True),
        Column("newline_distance", (pa.int32(),), "characters since the last newline, from 1", nullable=True),
        Column("punctuation", (pa.bool_(),), "the correct symbol is punctuation"),
        Column("claims", (pa.uint32(),), "one bit per layer that would take this error alone"),
        Column("layer", (_NAME,), "the layer that took the error; null where correct", nullable=True),
        Column("slice", (_NAME,), "its slice", nullable=True),
    ),
)

_ROWS = 1 << 20  # of a row group


def write_peel(path: Path, peel: Peel, force: bool = True) -> None:
    """Write a peel, row group by row group."""
    schema, metadata = _schema_of(peel)
    with table_writer(path, schema, metadata, force) as writer:
        for start in range(0, len(peel.log), _ROWS):
            writer.write_batch(_batch(peel, schema, slice(start, start + _ROWS)))


def frame_of_peel(peel: Peel) -> Any:
    """The table of a peel as a pandas frame, with the file's columns."""
    schema, _ = _schema_of(peel)
    return pa.Table.from_batches([_batch(peel, schema, slice(None))]).to_pandas()


def _schema_of(peel: Peel) -> tuple[Any, dict[str, str]]:
    """The columns of a peel's table, and its metadata."""
    symbol = pa.binary() if peel.log.unit is Unit.BYTE else pa.string()
    optional = {"argmax": symbol} if peel.log.argmax_codes is not None else {}
    optional |= {"argmax_logprob": pa.float32()} if peel.log.argmax_logprobs is not None else {}
    optional |= {"doc": document_column(peel.log, slice(0)).type} if peel.log.docs is not None else {}
    schema = PEEL.arrow(symbol=symbol, **optional)
    custom = peel.settings.custom
    for rule in custom:
        kind = pa.int32() if rule.limits else pa.bool_()
        schema = schema.append(pa.field(_column_of(rule), kind, nullable=True))
    metadata = {
        "errtax.schema": PEEL.name,
        "unit": str(peel.log.unit),
        "model": peel.log.model,
        **write_metadata(peel),
    }
    return schema, metadata


def _batch(peel: Peel, schema: Any, rows: slice) -> Any:
    columns = _arrow_columns(peel, rows)
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)


def _arrow_columns(peel: Peel, rows: slice) -> dict[str, Any]:
    log, evidence = peel.log, peel.evidence.at(rows)
    n = len(log.positions[rows])
    contexts = np.zeros(n, np.uint8) if evidence.ngram_context is None else evidence.ngram_context
    by_ngram = np.full(n, np.nan, np.float32) if evidence.ngram_logprob is None else evidence.ngram_logprob
    counts = np.full(n, NONE, np.int32) if evidence.word_count is None else evidence.word_count
    slice_names, slice_codes = _slice_dictionary(peel, rows)
    logprobs = log.logprobs[rows]
    columns = {
        "position": arrow_of(log.positions[rows]),
        "symbol": encode_symbols(log.codes[rows], log.unit),
        "logprob": arrow_of(logprobs, null=np.isnan(logprobs)),
        "error": arrow_of(peel.error[rows]),
        "ngram_context": arrow_of(contexts, null=contexts == 0),
        "ngram_logprob": arrow_of(by_ngram, null=np.isnan(by_ngram)),
        "memory_distance": _nullable(evidence.memory_distance),
        "word_length": _nullable(evidence.word_length),
        "word_offset": _nullable(evidence.word_offset),
        "word_count": _nullable(counts),
        "after": _dictionary(evidence.after.astype(np.int16) - 1, AFTER_NAMES[1:]),
        "newline_distance": arrow_of(evidence.newline_distance, null=evidence.newline_distance == 0),
        "punctuation": arrow_of(evidence.punctuation),
        "claims": arrow_of(peel.claims[rows]),
        "layer": _dictionary(peel.layer[rows], peel.layer_names),
        "slice": _dictionary(slice_codes, slice_names),
    }
    for rule in peel.settings.custom:
        values = evidence.custom[rule.name]
        columns[_column_of(rule)] = _nullable(values) if rule.limits else arrow_of(values)
    if log.argmax_codes is not None:
        columns["argmax"] = encode_symbols(log.argmax_codes[rows], log.unit)
    if log.argmax_logprobs is not None:
        best = log.argmax_logprobs[rows].astype(np.float32)
        columns["argmax_logprob"] = arrow_of(best, null=np.isnan(best))
    if log.docs is not None:
        columns["doc"] = document_column(log, rows)
    return columns


def _column_of(rule: OracleRule) -> str:
    return f"oracle_{rule.name.replace('-', '_')}"


def _nullable(values: NDArray[np.int32]) -> Any:
    return arrow_of(values, null=values == NONE)


def _dictionary(codes: NDArray[np.integer[Any]], names: list[str] | tuple[str, ...]) -> Any:
    return pa.DictionaryArray.from_arrays(arrow_of(codes.astype(np.int16), null=codes < 0), arrow_of_names(names))


def _slice_dictionary(peel: Peel, rows: slice) -> tuple[list[str], NDArray[np.int16]]:
    names: list[str] = []
    first = []
    for layer in peel.layer_names:
        first.append(len(names))
        names += peel.slice_names(layer)
    layers, slices = peel.layer[rows], peel.slice[rows]
    return names, np.where(layers >= 0, np.array(first, np.int16)[layers] + slices, -1).astype(np.int16)


def read_peel(path: Path) -> Peel:
    """The peel in a file.

    Raises `BadInput` when the file is no peel table, or when its verdicts are not those that its evidence and its
    settings give (a file edited by hand).
    """
    peel, problems = _read(path)
    if problems or peel is None:
        raise BadInput(f"{path} is not a valid peel table: {problems[0]}.")
    return peel


def peel_problems(path: Path) -> list[str]:
    """What is wrong with a peel table, one line per problem.  Says how many positions are not predicted."""
    peel, problems = _read(path)
    if peel is not None and not problems:
        announce_unpredicted(peel.log)
    return problems


def read_peel_parts(path: Path) -> Iterator[Peel]:
    """A peel as pieces, one per row group: memory does not grow with the file.  Raises `BadInput` like `read_peel`."""
    file, metadata, problems = _open(path)
    rows = _Rows(metadata)
    for group in range(0 if problems else file.num_row_groups):
        peel, problems = _peel_of(path, file.read_row_group(group), metadata)
        if peel is None or (problems := problems or rows.add(peel)):
            break
        yield peel
    problems = problems or rows.problems()
    if problems:
        raise BadInput(f"{path} is not a valid peel table: {problems[0]}.")


def _read(path: Path) -> tuple[Peel | None, list[str]]:
    file, metadata, problems = _open(path)
    if problems:
        return None, problems
    peel, problems = _peel_of(path, file.read(), metadata)
    if peel is None:
        return None, problems
    rows = _Rows(metadata)
    return peel, [*problems, *rows.add(peel), *rows.problems()]


class _Rows:
    """What is wrong with the rows of a peel that only all of them together tell."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        self._metadata, self._digest = metadata, hashlib.sha256()
        self._rows, self._unpredicted, self._last = 0, 0, -1

    def add(self, peel: Peel) -> list[str]:
        """Take the next rows; a line where they do not follow those before."""
        first, last = int(peel.log.positions[0]), self._last
        self._rows += len(peel.log)
        self._unpredicted += peel.log.unpredicted
        self._last = int(peel.log.positions[-1])
        self._digest.update(bytes_of(peel.log.codes, peel.log.unit))
        return [] if first > last else [f"a row group begins at position {first}, after {last}"]

    def problems(self) -> list[str]:
        """Once all rows are there: whether any is predicted, and whether they are the text that the metadata name."""
        due, text = self._digest.hexdigest(), "its symbols are not those that its metadata name (text_sha256 differs)"
        lost = self._metadata.get("text_sha256", due) != due
        rows = [f"{text}: rows are missing or changed"] if lost else []
        return [*without_predictions(self._unpredicted, self._rows), *rows]


def read_settings(path: Path) -> Settings:
    """The settings of a peel, from its metadata alone.  Raises `BadInput` where they are none of a peel."""
    return read_metadata(metadata_of(open_parquet(path).schema_arrow)).settings


def _open(path: Path) -> tuple[Any, dict[str, str], list[str]]:
    file = open_parquet(path)
    metadata = metadata_of(file.schema_arrow)
    if metadata.get("errtax.schema") != PEEL.name:
        found = metadata.get("errtax.schema", "no schema")
        wanted = f"{PEEL.name} is needed; make one with errtax peel --preds {path.name}"
        return file, metadata, [f"its metadata says {found}, {wanted}"]
    require_metadata(path, metadata)
    problems = PEEL.mistyped(file.schema_arrow) or ([] if file.num_rows else ["it has no rows"])
    try:
        columns = [_column_of(rule) for rule in read_metadata(metadata).settings.custom]
    except BadInput as error:
        return file, metadata, [str(error), *problems]
    missing = [name for name in columns if name not in file.schema_arrow.names]
    return file, metadata, [*problems, *(f"column {name!r} is missing" for name in missing)]


def _peel_of(path: Path, table: Any, metadata: dict[str, str]) -> tuple[Peel | None, list[str]]:
    """The peel of some rows, made again from their evidence, and where the stored verdicts differ from it."""
    if problems := PEEL.holes(table) or _foreign_names(table["after"]):
        return None, problems
    positions, problems = decode_positions(table["position"])
    logprobs, more = decode_logprobs(table["logprob"], positions)
    if problems or more:
        return None, [*problems, *more]
    unit, codes = decode_symbols(table["symbol"], "symbol")
    argmax = decode_symbols(table["argmax"], "argmax")[1] if "argmax" in table.column_names else None
    log = PredictionLog(str(path), unit, positions, codes, logprobs, argmax, metadata)
    if "argmax_logprob" in table.column_names:
        best = numpy_of(table["argmax_logprob"], missing=np.nan).astype(np.float64)
        log = replace(log, argmax_logprobs=best)
    if "doc" in table.column_names:
        docs, doc_ids = number_documents(table["doc"])
        log = replace(log, docs=docs, doc_ids=doc_ids)
    made = read_metadata(metadata)
    peel = peel_log(log, _evidence_of(table, made), made.settings)
    peel = replace(peel, signature=made.signature, sources=made.sources)
    names, slices = _slice_dictionary(peel, slice(None))
    stored = (
        ("error", peel.error, numpy_of(table["error"])),
        ("claims", peel.claims, made.claims(numpy_of(table["claims"]))),
        ("layer", peel.layer.astype(np.int64), _codes_of(table["layer"], peel.layer_names)),
        ("slice", slices.astype(np.int64), _codes_of(table["slice"], names)),
    )
    return peel, [
        f"column {name!r}, row {int(np.argmax(due != value))}: not what the evidence and the settings give; "
        "peel the log again"
        for name, due, value in stored
        if not np.array_equal(due, value)
    ]


def _evidence_of(table: Any, made: PeelMetadata) -> Evidence:
    evidence = Evidence(
        ngram_context=_integers(table["ngram_context"], 0, np.uint8),
        ngram_logprob=numpy_of(table["ngram_logprob"], missing=np.nan).astype(np.float32),
        memory_distance=_integers(table["memory_distance"], NONE),
        word_length=_integers(table["word_length"], NONE),
        word_offset=_integers(table["word_offset"], NONE),
        word_count=_integers(table["word_count"], NONE),
        after=(_codes_of(table["after"], AFTER_NAMES[1:]) + 1).astype(np.uint8),
        newline_distance=_integers(table["newline_distance"], 0),
        punctuation=numpy_of(table["punctuation"]),
        custom={
            rule.name: _integers(table[_column_of(rule)], NONE) if rule.limits else numpy_of(table[_column_of(rule)])
            for rule in made.settings.custom
        },
    )
    absent: dict[str, Any] = dict.fromkeys(made.absent)
    return evidence._replace(**absent)


def _foreign_names(after: Any) -> list[str]:
    foreign = _codes_of(after, AFTER_NAMES[1:]) == -2
    if not foreign.any():
        return []
    row = int(np.argmax(foreign))
    found, allowed = one_line(repr(after[row].as_py()), 40), ", ".join(AFTER_NAMES[1:])
    return [f"column 'after', row {row}: {found} is none of {allowed}"]


def _integers(column: Any, missing: int, dtype: type[np.integer[Any]] = np.int32) -> NDArray[Any]:
    values: NDArray[Any] = numpy_of(column, missing).astype(dtype, copy=False)
    return values


def _codes_of(column: Any, names: list[str] | tuple[str, ...]) -> NDArray[np.int64]:
    """The index in `names` of each entry of a dictionary column; -1 for null, -2 for a foreign name."""
    index = {name: k for k, name in enumerate(names)}
    pieces = []
    for chunk in column.chunks:
        table = np.array([index.get(name, -2) for name in chunk.dictionary.to_pylist()] + [-1])
        pieces.append(table[numpy_of(chunk.indices, len(table) - 1)])
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)
