"""`--part K/N` and `errtax merge`: the result of tasks is that of one command, whatever their number."""

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import TEXT, Errtax, files, refused, write_log
from errtax.lm.errors import UsageError
from errtax.lm.log_reader import open_log_file
from errtax.lm.part import Part, parts_of
from errtax.lm.seal import require_unbroken
from errtax.taxonomy.peel_inputs import PeelInputs
from errtax.taxonomy.peel_parts import PeelPart, flow_of_parts, write_peel_part
from errtax.taxonomy.settings import Settings

PEEL = ("peel", "preds.parquet", "--ngram", "train.ngram")


@pytest.mark.parametrize("n", [1, 3, 8])
def test_parts_of_a_peel_are_the_peel_of_one_command(two_documents: Errtax, n: int) -> None:
    local = two_documents(*PEEL, "-o", "p.parquet", "--json")
    Path("p.parquet").rename("local.parquet")
    for k in range(n, 0, -1):
        assert two_documents(*PEEL, "--part", f"{k}/{n}", "-o", "parts").code == 0
    merged = two_documents("merge", "parts", "-o", "p.parquet", "--json")
    assert merged.code == 0, merged.err
    assert merged.out == local.out
    ours, due = pq.read_table("p.parquet"), pq.read_table("local.parquet")
    assert ours.equals(due) and ours.schema.metadata == due.schema.metadata
    assert [line.replace("parts", "preds.parquet") for line in merged.err.splitlines()] == local.err.splitlines()


def test_a_part_that_is_there_is_not_done_again(two_documents: Errtax) -> None:
    line = (*PEEL, "--part", "2/3", "-o", "parts")
    assert "there already" not in two_documents(*line).out
    path = Path("parts/part-00002.parquet")
    before = path.stat()
    assert "there already" in two_documents(*line).out
    assert path.stat().st_mtime_ns == before.st_mtime_ns and path.stat().st_ino == before.st_ino
    assert "there already" not in two_documents(*line, "--force").out
    assert path.stat().st_ino != before.st_ino


@pytest.mark.parametrize("more", [("--criterion", "p<0.4"), ("--model", "other"), ("--part", "2/4")])
def test_a_part_of_something_else_is_not_taken_for_done(two_documents: Errtax, more: tuple[str, str]) -> None:
    line = (*PEEL, "-o", "parts", "--part", "2/3")
    assert two_documents(*line).code == 0
    refused(two_documents(*line, *more), 2, "parts/part-00002.parquet is not part 2/")


def test_parts_that_are_missing_are_named(two_documents: Errtax) -> None:
    for k in (1, 4):
        assert two_documents(*PEEL, "--part", f"{k}/4", "-o", "parts").code == 0
    refused(two_documents("merge", "parts", "-o", "new.parquet"), 3, "parts lacks 2 of 4 parts: 2, 3; run --part 2/4")
    assert "new.parquet" not in files()


def test_parts_are_no_peel_before_they_are_merged(two_documents: Errtax) -> None:
    for k in (1, 2):
        assert two_documents(*PEEL, "--part", f"{k}/2", "-o", "parts").code == 0
    refused(two_documents("stats", "parts"), 3, "its parts are not one peel yet; run errtax merge parts")
    refused(two_documents("merge", "preds.parquet"), 3, "is no folder of parts")
    assert two_documents("merge", "parts", "--parts", 3).code == 0
    refused(two_documents("merge", "parts.peel"), 3, "it is a whole peel")
    assert two_documents("validate", "parts.peel").code == 0


def test_parts_of_different_peels_are_not_merged(two_documents: Errtax) -> None:
    assert two_documents(*PEEL, "--part", "1/2", "-o", "parts").code == 0
    assert two_documents(*PEEL, "--part", "2/2", "-o", "others", "--criterion", "p<0.4").code == 0
    Path("others/part-00002.parquet").rename("parts/part-00002.parquet")
    refused(two_documents("merge", "parts"), 3, "its parts are of different peels")


def test_a_log_of_fewer_rows_than_parts(two_documents: Errtax) -> None:
    write_log(Path("preds.parquet"), b"a b c")
    for part in parts_of(8):
        assert two_documents(*PEEL, "--part", part, "-o", "parts").code == 0
    assert two_documents("merge", "parts", "-o", "p.parquet").code == 0
    assert two_documents(*PEEL, "-o", "local.parquet").code == 0
    assert pq.read_table("p.parquet").equals(pq.read_table("local.parquet"))


def test_what_cannot_be_cut_is_refused(two_documents: Errtax) -> None:
    refused(two_documents("peel", "preds.parquet", "--train-text", "train.txt", "--part", "1/2"), 2, "build it once")
    refused(two_documents(*PEEL, "--part", "1/2", "--parts", 3), 2, "give one of them")
    refused(
        two_documents("peel", "-", "--ngram", "train.ngram", "--part", "1/2"),
        2,
        "must be a file, a folder or a pattern",
    )
    refused(two_documents(*PEEL, "--part", "1/2", "-o", "train.txt"), 2, "train.txt is a file")
    Path("own.py").write_text(
        "from errtax.oracle.custom import oracle\n\n\n@oracle('whole', rule='r')\ndef whole(view):\n"
        "    return [True] * len(view.string)\n"
    )
    refused(two_documents(*PEEL, "--part", "1/2", "--oracles", "own.py"), 2, "@oracle(reach=N)")
    assert not files() & {"preds.parts", "stdin.parts"}


@pytest.mark.parametrize("text", ["3", "0/3", "4/3", "a/b", "1/257", "-1/3"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a part is K/N, as in 3/8"):
        Part.parse(text)


def test_the_text_that_a_log_names_is_checked_by_the_merge(two_documents: Errtax) -> None:
    table = pq.read_table("preds.parquet")
    pq.write_table(table.replace_schema_metadata({"text_sha256": "0" * 64}), "preds.parquet")
    refused(two_documents(*PEEL, "-o", "p.parquet"), 3, "text_sha256 differs")
    for k in (1, 2):
        assert two_documents(*PEEL, "--part", f"{k}/2", "-o", "parts").code == 0
    refused(two_documents("merge", "parts"), 3, "not those of the text that the log names")


def test_a_task_that_is_told_the_digests_reads_its_own_rows(
    two_documents: Errtax, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = list[str]()

    def counted(file: BinaryIO, name: str) -> bool:
        compared.append(name)
        return require_unbroken(file, name)

    monkeypatch.setattr("errtax.lm.table.require_unbroken", counted)
    spec = PeelPart(PeelInputs(Path("preds.parquet"), Path("train.ngram")), Settings(), Part(2, 3), Path("parts"))
    sources = tuple(flow_of_parts(spec).sources.items())
    assert compared == ["preds.parquet"]
    assert write_peel_part(replace(spec, sources=sources))
    assert compared == ["preds.parquet"]


@pytest.mark.parametrize(("first", "stop"), [(0, 10), (7, 8), (95, 260), (700, 728), (10, 10)])
def test_rows_of_a_log_are_read_from_any_one_on(two_documents: Errtax, first: int, stop: int) -> None:
    log = open_log_file(Path("preds.parquet"))
    found = [block.positions for block in log.rows(first, stop, 40)]
    assert [int(position) for block in found for position in block] == list(range(first, stop))


def test_rows_of_several_files_are_read_from_any_one_on(two_documents: Errtax) -> None:
    table = pq.read_table("preds.parquet")
    Path("logs").mkdir()
    for k, start in enumerate(range(0, len(table), 90)):
        pq.write_table(table[start : start + 90], f"logs/{k:03}.parquet", row_group_size=20)
    log = open_log_file(Path("logs"))
    for first, stop in ((0, 91), (89, 90), (90, 400), (85, len(table))):
        symbols = b"".join(bytes(block.codes) for block in log.rows(first, stop, 30))
        assert symbols == TEXT[first:stop]
    assert pa.Table.from_batches(table.to_batches()).num_rows == len(TEXT)


# --- scores -----------------------------------------------------------------------------------------------------------

UNITS = [("--unit", "byte"), ("--unit", "char"), ("--unit", "word"), ("--unit", "byte", "--sentences", "lines")]


@pytest.mark.parametrize("unit", UNITS, ids=" ".join)
@pytest.mark.parametrize("n", [1, 3, 8])
def test_parts_of_scores_are_the_scores_of_one_command(errtax: Errtax, n: int, unit: tuple[str, ...]) -> None:
    Path("test.txt").write_bytes("A dark “night” of storms;\nthe é rain\n\n at times, 'Except' X fell.\nIt".encode())
    assert errtax("build-ngram", "train.txt", "--order", 5, *unit).code == 0
    line = ("score", "test.txt", "--ngram", "train.ngram", "--orders", "2-5")
    local = errtax(*line, "-o", "s.parquet", "--json")
    Path("s.parquet").rename("local.parquet")
    for k in range(n, 0, -1):
        assert errtax(*line, "--part", f"{k}/{n}").code == 0
    assert "there already" in errtax(*line, "--part", f"1/{n}").out
    merged = errtax("merge", "test.parts", "-o", "s.parquet", "--json")
    assert (merged.out, merged.err) == (local.out, local.err)
    ours, due = pq.read_table("s.parquet"), pq.read_table("local.parquet")
    assert ours.equals(due) and ours.schema.metadata == due.schema.metadata
    assert errtax("validate", "s.parquet").code == 0


def test_parts_of_scores_are_looked_at(errtax: Errtax) -> None:
    assert errtax("build-ngram", "train.txt", "--order", 5).code == 0
    line = ("score", "test.txt", "--ngram", "train.ngram")
    assert errtax(*line, "--part", "1/2").code == 0
    refused(errtax("merge", "test.parts"), 3, "test.parts lacks 1 of 2 parts: 2; run --part 2/2")
    refused(errtax(*line, "--orders", "3", "--part", "1/2"), 2, "is not part 1/2 of this")
    assert errtax(*line, "--orders", "3", "--part", "2/2").code == 0
    refused(errtax("merge", "test.parts"), 3, "its parts are of different tables")
    refused(errtax("score", "-", "--ngram", "train.ngram", "--part", "1/2"), 2, "it must be a file or a folder")
    Path("none").mkdir()
    refused(errtax("merge", "none"), 3, "no")


# --- indexes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS, ids=" ".join)
@pytest.mark.parametrize("n", [1, 3, 8])
def test_parts_of_an_index_are_the_index_of_one_command(errtax: Errtax, n: int, unit: tuple[str, ...]) -> None:
    line = ("build-ngram", "train.txt", "test.txt", "--order", 6, *unit, "--discount-fallback", "0.4,1,1.4")
    assert errtax(*line, "-o", "local.ngram").code == 0
    for k in range(n, 0, -1):
        assert errtax(*line, "--part", f"{k}/{n}", "-o", "parts").code == 0
    assert "there already" in errtax(*line, "--part", f"{n}/{n}", "-o", "parts").out
    merged = errtax("merge", "parts", "-o", "merged.ngram", "--json")
    assert merged.code == 0, merged.err
    assert Path("merged.ngram").read_bytes() == Path("local.ngram").read_bytes()
    assert "merged.ngram.partial" not in files()


def test_an_index_of_more_parts_than_buckets(errtax: Errtax) -> None:
    Path("train.txt").write_bytes(b"aab")
    line = ("build-ngram", "train.txt", "--order", 3)
    assert errtax(*line, "-o", "local.ngram").code == 0
    for part in parts_of(12):
        assert errtax(*line, "--part", part).code == 0
    assert errtax("merge", "train.parts").code == 0
    assert Path("train.ngram").read_bytes() == Path("local.ngram").read_bytes()


def test_parts_of_an_index_are_looked_at(errtax: Errtax) -> None:
    line = ("build-ngram", "train.txt", "--order", 4)
    assert errtax(*line, "--part", "2/3").code == 0
    refused(errtax("merge", "train.parts"), 3, "train.parts lacks 2 of 3 parts: 1, 3; run --part 1/3")
    refused(errtax("build-ngram", "train.txt", "--order", 5, "--part", "2/3"), 2, "is not part 2/3 of this")
    refused(errtax("build-ngram", "-", "--part", "1/3"), 2, "it must be a file or a folder")
    refused(errtax(*line, "--part", "1/3", "--engine", "kenlm"), 2, "for --engine native")
    for k in (1, 3):
        assert errtax(*line, "--part", f"{k}/3").code == 0
    refused(errtax("validate", "train.parts/part-00001.ngram"), 3, "is not an n-gram index of this version")
    Path("train.txt").write_bytes(b"another text")
    refused(errtax("merge", "train.parts"), 3, "of another text or order")
    path = Path("train.parts/part-00001.ngram")
    path.write_bytes(path.read_bytes().replace(b"\0\1", b"\1\1", 1))
    refused(errtax("merge", "train.parts"), 3, "part-00001.ngram is damaged")
