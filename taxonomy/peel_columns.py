"""The columns of a peel table (errtax.peel/1): evidence and verdicts, to Arrow and back."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errtax.lm.errors import one_line
from errtax.lm.log_columns import document_column, encode_symbols
from errtax.lm.table import Column, TableSchema, arrow_of, arrow_of_names, numpy_of
from errtax.lm.text import Unit
from errtax.lm.token_columns import COLUMNS as TOKEN_COLUMNS
from errtax.lm.token_columns import encode_tokens
from errtax.oracle.before import AFTER_NAMES
from errtax.oracle.custom import OracleRule
from errtax.oracle.evidence import NONE, Evidence
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_metadata import PeelMetadata

_NAME = pa.dictionary(pa.int16(), pa.string())
VERDICTS = ("error", "claims", "layer", "slice")
"""The columns that follow from the others."""

PEEL = TableSchema(
    "errtax.peel/1",
    "a peel table",
    (
        Column("position", (pa.int64(),), "index of the symbol in the text"),
        Column("symbol", (pa.string(), pa.binary(), pa.large_binary()), "the correct symbol"),
        Column("logprob", (pa.float64(), pa.float32()), "natural log; null = not predicted", nullable=True),
        Column("argmax", (pa.string(), pa.binary()), "the model's best symbol", required=False),
        Column("argmax_logprob", (pa.float32(), pa.float64()), "its natural log-probability", False, nullable=True),
        Column("doc", (pa.int64(), pa.string()), "id of the document", False, nullable=True),
        Column("token", (pa.uint32(),), "id of the correct token", False),
        Column("argmax_token", (pa.uint32(),), "id of the model's best token", False),
        Column("start", (pa.int64(),), "first byte of the token or span in the text", False),
        Column("rank", (pa.int32(),), "of the correct token, from 1", False, nullable=True),
        Column("context", (pa.int32(),), "tokens of the text that the prediction saw", False, nullable=True),
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
            "symbols (characters, with tokens and spans) back to the word's latest earlier occurrence",
            nullable=True,
        ),
        Column("word_length", (pa.int32(),), "characters of the word", nullable=True),
        Column("word_offset", (pa.int32(),), "characters from the word's start", nullable=True),
        Column("word_count", (pa.int32(),), "occurrences of the word in the training text", nullable=True),
        Column("after", (_NAME,), "space, quote or newline just before", nullable=True),
        Column("newline_distance", (pa.int32(),), "characters since the last newline, from 1", nullable=True),
        Column("punctuation", (pa.bool_(),), "the correct symbol is punctuation"),
        Column(
            "ngram_best",
            (pa.uint8(),),
            "smallest n of context after which an n-gram model ranks the token first",
            required=False,
            nullable=True,
        ),
        Column("ngram_best_logprob", (pa.float32(),), "natural log of p by this model", False, nullable=True, high=0),
        Column("copy_3", (pa.int32(),), "tokens back to where the 3 before were followed by it", False, nullable=True),
        Column("copy_2", (pa.int32(),), "the same of the 2 before", False, nullable=True),
        Column("copy_1", (pa.int32(),), "the same of the one before", False, nullable=True),
        Column(
            "verbatim_length",
            (pa.int32(),),
            "symbols (bytes, with tokens and spans) of the longest passage around it that the training text has",
            False,
            nullable=True,
        ),
        Column("verbatim_count", (pa.int32(),), "how often it has that passage", False, nullable=True),
        Column("verbatim_place", (pa.int64(),), "where it begins there first", False, nullable=True),
        Column("piece", (pa.bool_(),), "whether it begins inside a word", False),
        Column("space", (pa.bool_(),), "whether it is white space alone", False),
        Column("claims", (pa.uint32(),), "one bit per layer that would take this error alone"),
        Column("layer", (_NAME,), "the layer that took the error; null where correct", nullable=True),
        Column("slice", (_NAME,), "its slice", nullable=True),
    ),
)
LOG_COLUMNS = ("position", "symbol", "logprob", "doc", *TOKEN_COLUMNS)
"""What the text and its predicted rows are told from."""

TUNING: dict[str, Any] = {
    # less than half the time of zstd and dictionaries throughout, for 28 % more bytes: floats have no dictionary,
    # positions are differences
    "compression": "lz4",
    "write_statistics": ["position"],
    "use_dictionary": [
        *("symbol", "argmax", "after", "layer", "slice", "claims"),
        *("token", "argmax_token", "rank", "ngram_context", "word_length", "word_offset", "newline_distance"),
    ],
    "column_encoding": {"position": "DELTA_BINARY_PACKED"},
}


def peel_schema(peel: Peel) -> Any:
    """The Arrow schema of a peel's table."""
    symbol = pa.string() if peel.log.unit is Unit.CHAR else pa.binary()
    optional: dict[str, Any] = {name: column.type for name, column in encode_tokens(peel.log.head).items()}
    if peel.log.argmax_codes is not None and peel.log.surface is None:
        optional["argmax"] = symbol
    optional |= {"argmax_logprob": pa.float32()} if peel.log.argmax_logprobs is not None else {}
    optional |= {"doc": document_column(peel.log, slice(0)).type} if peel.log.docs is not None else {}
    optional |= {name: column.type for name, column in _further_evidence(peel.head.evidence).items()}
    schema = PEEL.arrow(**{"symbol": symbol, **optional})
    for rule in peel.settings.custom:
        schema = schema.append(pa.field(column_of(rule), type_of(rule), nullable=True))
    return schema


def peel_batch(peel: Peel, schema: Any) -> Any:
    """The rows of a peel as an Arrow batch of this schema."""
    columns = _arrow_columns(peel)
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)


def frame_of_peel(peel: Peel) -> Any:
    """The table of a peel as a pandas frame, with the file's columns."""
    return pa.Table.from_batches([peel_batch(peel, peel_schema(peel))]).to_pandas()


def _arrow_columns(peel: Peel) -> dict[str, Any]:
    log, evidence, n = peel.log, peel.evidence, len(peel)
    contexts = np.zeros(n, np.uint8) if evidence.ngram_context is None else evidence.ngram_context
    by_ngram = np.full(n, np.nan, np.float32) if evidence.ngram_logprob is None else evidence.ngram_logprob
    counts = np.full(n, NONE, np.int32) if evidence.word_count is None else evidence.word_count
    slice_names, slice_codes = slice_dictionary(peel)
    columns = {
        "position": arrow_of(log.positions),
        "symbol": encode_symbols(log.codes, log.unit) if log.surface is None else None,
        "logprob": arrow_of(log.logprobs, null=np.isnan(log.logprobs)),
        "error": arrow_of(peel.error),
        "ngram_context": arrow_of(contexts, null=contexts == 0),
        "ngram_logprob": arrow_of(by_ngram, null=np.isnan(by_ngram)),
        "memory_distance": _nullable(evidence.memory_distance),
        "word_length": _nullable(evidence.word_length),
        "word_offset": _nullable(evidence.word_offset),
        "word_count": _nullable(counts),
        "after": _dictionary(evidence.after.astype(np.int16) - 1, AFTER_NAMES[1:]),
        "newline_distance": arrow_of(evidence.newline_distance, null=evidence.newline_distance == 0),
        "punctuation": arrow_of(evidence.punctuation),
        "claims": arrow_of(peel.claims),
        "layer": _dictionary(peel.layer, peel.layer_names),
        "slice": _dictionary(slice_codes, slice_names),
    }
    for rule in peel.settings.custom:
        values = evidence.custom[rule.name]
        columns[column_of(rule)] = _nullable(values) if rule.limits else arrow_of(values)
    columns |= encode_tokens(log) | _further_evidence(evidence)
    if log.argmax_codes is not None and log.surface is None:
        columns["argmax"] = encode_symbols(log.argmax_codes, log.unit)
    if log.argmax_logprobs is not None:
        best = log.argmax_logprobs.astype(np.float32)
        columns["argmax_logprob"] = arrow_of(best, null=np.isnan(best))
    if log.docs is not None:
        columns["doc"] = document_column(log)
    return columns


_VERBATIM: dict[str, tuple[int, Any]] = {
    "verbatim_length": (0, np.int32),
    "verbatim_count": (0, np.int32),
    "verbatim_place": (NONE, np.int64),
}
"""What stands for null in each of these columns, and their types."""


def _further_evidence(evidence: Evidence) -> dict[str, Any]:
    """The columns that not every peel has, as Arrow arrays by name."""
    found = {name: getattr(evidence, name) for name in _VERBATIM}
    columns: dict[str, Any] = {
        name: arrow_of(column, null=column == _VERBATIM[name][0])
        for name, column in found.items()
        if column is not None
    }
    if evidence.ngram_best is not None and evidence.ngram_best_logprob is not None:
        columns["ngram_best"] = arrow_of(evidence.ngram_best, null=evidence.ngram_best == 0)
        by_best = evidence.ngram_best_logprob
        columns["ngram_best_logprob"] = arrow_of(by_best, null=np.isnan(by_best))
    numbers = {name: getattr(evidence, name) for name in ("copy_3", "copy_2", "copy_1")}
    columns |= {name: _nullable(values) for name, values in numbers.items() if values is not None}
    truths = {name: getattr(evidence, name) for name in ("piece", "space")}
    return columns | {name: arrow_of(values) for name, values in truths.items() if values is not None}


def _decode_further_evidence(table: Any) -> dict[str, Any]:
    """The fields of `Evidence` that these columns hold, where there are any."""
    columns: dict[str, Any] = {}
    names = table.column_names
    for name in ("copy_3", "copy_2", "copy_1"):
        columns[name] = _integers(table[name], NONE) if name in names else None
    for name in ("piece", "space"):
        columns[name] = numpy_of(table[name]) if name in names else None
    for name, (missing, dtype) in _VERBATIM.items():
        columns[name] = _integers(table[name], missing, dtype) if name in names else None
    if "ngram_best" in names and "ngram_best_logprob" in names:
        columns["ngram_best"] = _integers(table["ngram_best"], 0, np.uint8)
        by_best = numpy_of(table["ngram_best_logprob"], missing=np.nan)
        columns["ngram_best_logprob"] = by_best.astype(np.float32)
    return columns


def column_of(rule: OracleRule) -> str:
    """The column that holds the evidence of an oracle of one's own."""
    return f"oracle_{rule.name.replace('-', '_')}"


def type_of(rule: OracleRule) -> Any:
    """The Arrow type of that column: numbers where the oracle has limits, else yes or no."""
    return pa.int32() if rule.limits else pa.bool_()


def _nullable(values: NDArray[np.int32]) -> Any:
    return arrow_of(values, null=values == NONE)


def _dictionary(codes: NDArray[np.integer[Any]], names: list[str] | tuple[str, ...]) -> Any:
    return pa.DictionaryArray.from_arrays(arrow_of(codes.astype(np.int16), null=codes < 0), arrow_of_names(names))


def slice_dictionary(peel: Peel) -> tuple[list[str], NDArray[np.int16]]:
    """The names of all slices, layer after layer, and by row the place of its slice among them, -1 where correct."""
    names: list[str] = []
    first = []
    for layer in peel.layer_names:
        first.append(len(names))
        names += peel.slice_names(layer)
    return names, np.where(peel.layer >= 0, np.array(first, np.int16)[peel.layer] + peel.slice, -1).astype(np.int16)


def evidence_of(table: Any, made: PeelMetadata) -> Evidence:
    """The evidence in a peel's table."""
    evidence = Evidence(
        ngram_context=_integers(table["ngram_context"], 0, np.uint8),
        ngram_logprob=numpy_of(table["ngram_logprob"], missing=np.nan).astype(np.float32),
        memory_distance=_integers(table["memory_distance"], NONE),
        word_length=_integers(table["word_length"], NONE),
        word_offset=_integers(table["word_offset"], NONE),
        word_count=_integers(table["word_count"], NONE),
        after=(codes_of(table["after"], AFTER_NAMES[1:]) + 1).astype(np.uint8),
        newline_distance=_integers(table["newline_distance"], 0),
        punctuation=numpy_of(table["punctuation"]),
        custom={
            rule.name: _integers(table[column_of(rule)], NONE) if rule.limits else numpy_of(table[column_of(rule)])
            for rule in made.settings.custom
        },
    )
    absent: dict[str, Any] = dict.fromkeys(made.absent)
    return evidence._replace(**absent, **_decode_further_evidence(table))


def foreign_names(table: Any, row: int) -> list[str]:
    """A line where the column `after` holds a name that it cannot; `row`: the number of the first row in its file."""
    foreign = codes_of(table["after"], AFTER_NAMES[1:]) == -2
    if not foreign.any():
        return []
    k = int(np.argmax(foreign))
    found, allowed = one_line(repr(table["after"][k].as_py()), 40), ", ".join(AFTER_NAMES[1:])
    return [f"column 'after', row {row + k}: {found} is none of {allowed}"]


def _integers(column: Any, missing: int, dtype: type[np.integer[Any]] = np.int32) -> NDArray[Any]:
    values: NDArray[Any] = numpy_of(column, missing).astype(dtype, copy=False)
    return values


def codes_of(column: Any, names: list[str] | tuple[str, ...]) -> NDArray[np.int16]:
    """The index in `names` of each entry of a dictionary column; -1 for null, -2 for a foreign name."""
    index = {name: k for k, name in enumerate(names)}
    pieces = []
    for chunk in column.chunks:
        table = np.array([index.get(name, -2) for name in chunk.dictionary.to_pylist()] + [-1], np.int16)
        pieces.append(table.take(numpy_of(chunk.indices, len(table) - 1)))
    return np.concatenate(pieces) if pieces else np.empty(0, np.int16)
