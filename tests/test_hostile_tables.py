"""Tables that were edited, mixed up or made by hand: refused in one line, whatever is wrong with them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from errtax.lm.errors import BadInput, one_line
from errtax.lm.log_reader import log_of_frame, read_log
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.text_view import TextView
from errtax.taxonomy.peel import peel_log
from errtax.taxonomy.peel_file import PeelFile, read_peel, write_peel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import sign
from errtax.taxonomy.statistics import statistics

TEXT = "It was a dark and stormy night; the night was dark."


def log_table(text: str = TEXT) -> pa.Table:
    logprobs = np.log(np.random.default_rng(3).random(len(text)))
    return pa.table({"position": range(len(text)), "symbol": list(text), "logprob": logprobs})


@pytest.fixture
def peel(tmp_path: Path) -> Path:
    """A peel in a file."""
    log = log_of_frame(log_table())
    made = peel_log(log, collect_evidence(TextView.of_log(log), None, None), Settings())
    made = replace(made, sources={"text_sha256": log.text_sha256})
    write_peel(tmp_path / "x.peel.parquet", replace(made, signature=sign(made)))
    return tmp_path / "x.peel.parquet"


def hole(table: pa.Table, name: str) -> pa.Table:
    values = table[name].to_pylist()
    values[3] = None
    place = table.schema.get_field_index(name)
    field = table.schema.field(place)
    return table.set_column(place, field.with_nullable(True), pa.array(values, field.type))


def with_after(table: pa.Table, name: str) -> pa.Table:
    values = table["after"].cast(pa.string()).to_pylist()
    values[3] = name
    place = table.schema.get_field_index("after")
    return table.set_column(place, "after", pa.array(values).cast(table.schema.field(place).type))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda table: table.take(list(range(len(TEXT)))[::-1]), "increase"),
        (lambda table: pa.concat_tables([table, table]), "increase"),
        (lambda table: table.slice(0, 0), "no rows"),
        (lambda table: table.slice(0, 30), "rows are missing"),
        (lambda table: pa.concat_tables([table.slice(0, 9), table.slice(12)]), "rows are missing"),
        (lambda table: table.append_column("claims", table["claims"]), "several columns 'claims'"),
        (lambda table: table.append_column("x", table["symbol"]).append_column("x", table["error"]), "several columns"),
        (lambda table: hole(table, "position"), "'position' has nulls"),
        (lambda table: hole(table, "error"), "'error' has nulls"),
        (lambda table: hole(table, "claims"), "'claims' has nulls"),
        (lambda table: hole(table, "punctuation"), "'punctuation' has nulls"),
        (lambda table: with_after(table, "x\ny"), r"'after', row 3: 'x.ny' is none of space, quote, newline"),
        (lambda table: table.replace_schema_metadata({**table.schema.metadata, b"model": b"\xff"}), "utf-8"),
        (lambda table: table.replace_schema_metadata({**table.schema.metadata, b"\xff": b""}), "utf-8"),
    ],
)
def test_a_peel_that_was_edited_is_refused(peel: Path, edit: Callable[[pa.Table], pa.Table], words: str) -> None:
    pq.write_table(edit(pq.read_table(peel)), peel)
    for read in (read_peel, lambda path: statistics(PeelFile(path))):
        with pytest.raises(BadInput, match=words) as raised:
            read(peel)
        assert len(str(raised.value).splitlines()) == 1


def test_row_groups_out_of_order_are_refused(peel: Path) -> None:
    table = pq.read_table(peel)
    pq.write_table(pa.concat_tables([table.slice(20), table.slice(0, 20)]), peel, row_group_size=len(TEXT) - 20)
    with pytest.raises(BadInput, match="increase"):
        read_peel(peel)
    with pytest.raises(BadInput, match="row 31 has position 0 after 50"):
        list(PeelFile(peel).blocks(31))


def test_damage_inside_a_page_of_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "preds.parquet"
    pq.write_table(log_table(TEXT * 40), path, compression="snappy", write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match="not a readable Parquet file") as raised:
        read_log(path)
    assert len(str(raised.value).splitlines()) == 1


def test_a_message_is_one_line_of_bounded_length() -> None:
    message = str(BadInput("a\nb\x1b[31m\r\n" + "x" * 10_000_000 + " the end."))
    assert message.startswith("a b [31m xxx")
    assert message.endswith(" the end.")
    assert len(message) == 1000
    assert [len(one_line("x" * n, 10)) for n in (9, 10, 11, 40, 41, 1000)] == [9, 10, 10, 10, 10, 10]
