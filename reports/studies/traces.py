"""The passages of a text that its training text has, as tables and as JSON."""

from typing import Any

from errtax.lm.visible import visible
from errtax.reports.numbers import count, share
from errtax.reports.table import Column, Kind, Row, Table
from errtax.taxonomy.studies.trace import SCHEMA, Trace

_WIDTH = 40


def trace_document(trace: Trace, n: int) -> dict[str, Any]:
    """The JSON of a trace with its n longest passages."""
    return {
        "schema": SCHEMA,
        "signature": trace.signature,
        "text": trace.text.name,
        "training": trace.training.name,
        "unit": str(trace.text.unit),
        "symbols": len(trace.text),
        "inside": [each._asdict() for each in trace.inside()],
        "longest": [_passage(trace, k) for k in trace.longest(n).tolist()],
    }


def _passage(trace: Trace, k: int) -> dict[str, Any]:
    near = {"train_length": int(trace.there[k]), "edits": int(trace.edits[k])} if trace.search.edits else {}
    return {
        "position": int(trace.passages.begin[k]),
        "line": None if trace.lines is None else int(trace.lines[k]),
        "length": int(trace.passages.length[k]),
        "count": int(trace.passages.times[k]),
        "file": trace.files[int(trace.file[k])],
        "train_line": None if trace.training_lines is None else int(trace.training_lines[k]),
        "train_position": int(trace.place[k]),
    } | near


def inside_table(trace: Trace) -> Table:
    """How much of the text lies in passages of so many symbols and more."""
    columns = (Column("passages", count), Column("symbols", count), Column("of the text", share))
    rows = (
        Row(f">= {each.length:,}", (each.passages, each.symbols, each.symbols / max(len(trace.text), 1)))
        for each in trace.inside()
    )
    return Table(f"{trace.text.name}: what {trace.training.name} has, too", "symbols", columns, tuple(rows))


def passages_table(trace: Trace, n: int) -> Table:
    """The n longest passages, with the places where they stand."""
    edited = bool(trace.search.edits)
    columns = (
        Column("line", count),
        Column("length", count),
        *[Column("edits", count)] * edited,
        Column("times in training", count),
        Column("first there", kind=Kind.WORD),
        Column("passage", kind=Kind.TEXT),
    )
    rows = []
    for k in trace.longest(n).tolist():
        found = _passage(trace, k)
        line = "" if found["train_line"] is None else f"line {found['train_line']:,}, "
        where = f"{found['file']}, {line}position {found['train_position']:,}"
        length = (found["length"], found["edits"]) if edited else (found["length"],)
        cells = (found["line"], *length, found["count"], where, visible(trace.excerpt(k, _WIDTH)))
        rows.append(Row(f"{found['position']:,}", cells))
    return Table("The longest passages", "position", columns, tuple(rows))
