"""One flow in blocks: whatever the blocks, parts and threads, rows and sums are those of the whole log at once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import errtax
from errtax.lm.errors import BadInput
from errtax.lm.kernels import limit_threads, ordered_map
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.part import Part, parts_of
from errtax.lm.prediction_log import PredictionLog, join_logs
from errtax.lm.table import open_parquet
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle import excerpts
from errtax.oracle.custom import REGISTRY, find_oracles, oracle
from errtax.oracle.excerpts import excerpt_of
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.oracle.windows import Reach, windows
from errtax.oracle.word_rule import PATTERN
from errtax.reports import notebook
from errtax.taxonomy import peel_flow
from errtax.taxonomy.counted import Counted
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_columns import frame_of_peel
from errtax.taxonomy.peel_file import PeelFile, peel_problems, read_peel, write_peel
from errtax.taxonomy.peel_flow import Oracles, PeelFlow
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.summary import summarise
from strategies import INVALID, PIECES, PROBABILITIES, Rows, log_of, logprob, parted

LONG = ["a" * 25, "é" * 13, "猫" * 5, "ab " * 4, "Natasha "]
TRAIN = text_of_bytes(b"the cat don't 7 aab a\r\nthe the aaaa", Unit.BYTE)
HORIZON = 9


@st.composite
def nasty_logs(draw: st.DrawFn) -> PredictionLog:
    """Logs of odd texts with words beyond the horizon: bytes, some invalid, or characters; gaps, documents, nulls."""
    unit = draw(st.sampled_from([Unit.BYTE, Unit.CHAR]))
    pieces = [piece.encode() for piece in PIECES + 2 * LONG] + (INVALID if unit is Unit.BYTE else [])
    content = b"".join(draw(st.lists(st.sampled_from(pieces), min_size=1, max_size=25)))
    n = len(text_of_bytes(content, unit))
    steps = draw(st.lists(st.sampled_from([1] * 12 + [2, 7, 40]), min_size=n, max_size=n))
    p = draw(st.lists(PROBABILITIES, min_size=n, max_size=n))
    p[draw(st.integers(0, n - 1))] = 0.3
    log = replace(log_of(unit, content, [logprob(x) for x in p]), positions=np.cumsum(steps) - 1)
    if draw(st.booleans()):
        cuts = draw(st.sets(st.integers(1, n), max_size=4))
        log = replace(parted(log, [0, 1, -1], cuts), doc_ids=pa.array(["one", "two"]))
    return log


@pytest.fixture(autouse=True)
def near_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peel_flow, "HORIZON", HORIZON)


SETTINGS = Settings(memory_windows=(3, 9), memory_min_length=1)


def flow_of(log: PredictionLog, words: str = PATTERN, settings: Settings = SETTINGS) -> PeelFlow:
    train = TRAIN if log.unit is Unit.BYTE else text_of_bytes(bytes(TRAIN.codes), Unit.CHAR)
    oracles = Oracles(NgramIndex.build(train, 10), count_words(train, words), words)
    return PeelFlow(log, oracles, settings, {}, {})


def rows_of(flow: PeelFlow, rows: int) -> tuple[pd.DataFrame, tuple[str, dict[str, str]]]:
    """All rows of a flow as a frame, and how they were made."""
    names = ("layer", "slice", "after")
    frames = [frame_of_peel(block).astype(dict.fromkeys(names, str)) for block in flow.blocks(rows)]
    return pd.concat(frames, ignore_index=True), (flow.head.signature, dict(flow.head.sources))


RULES = st.sampled_from([PATTERN, PATTERN, PATTERN, r"[a-z]+(?= )|\S", "icu"])


@given(log=nasty_logs(), rows=st.integers(1, 40), words=RULES)
def test_blocks_of_any_size_give_the_rows_of_the_whole(log: PredictionLog, rows: int, words: str) -> None:
    whole, made = rows_of(flow_of(log, words), len(log))
    found, how = rows_of(flow_of(log, words), rows)
    assert found.equals(whole)
    assert how == made


@pytest.mark.parametrize("near", [8, 1 << 10])
@given(log=nasty_logs(), n=st.integers(1, 9), words=RULES)
def test_tasks_that_know_nothing_of_each_other_peel_each_row_once(
    log: PredictionLog, n: int, words: str, near: int
) -> None:
    whole, counted = flow_of(log, words), Counted()
    due = rows_of(whole, len(log))[0]
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(excerpts, "_NEAR", near)
        for part in parts_of(n):
            flow = flow_of(log, words)
            flow.part = excerpt_of(Rows(log), part, words, flow.reach)
            if len(flow):
                found.append(rows_of(flow, 30)[0])
                assert len(found[-1]) == len(flow)
            counted += Counted.of_metadata(flow.counted.to_metadata())
    assert pd.concat(found, ignore_index=True).equals(due)
    assert counted.ngram == whole.counted.ngram
    assert counted.letters.tolist() == whole.counted.letters.tolist()
    assert counted.doctor.rows == whole.counted.doctor.rows


@pytest.mark.parametrize(
    "text", ["aéééééééééééé b", "é" * 30 + " a", "a猫猫猫猫猫 b c", "🙂’s" * 5, "a" * 50, "a\r\nb"]
)
@pytest.mark.parametrize("shift", [0, 1])
def test_no_part_ends_inside_a_character_or_a_word(monkeypatch: pytest.MonkeyPatch, text: str, shift: int) -> None:
    log = log_of(Unit.BYTE, b"." * shift + text.encode())
    due = rows_of(flow_of(log), len(log))[0]
    monkeypatch.setattr(excerpts, "_NEAR", 8)
    for n in (3, 7):
        found = []
        for part in parts_of(n):
            flow = flow_of(log)
            flow.part = excerpt_of(Rows(log), part, PATTERN, flow.reach)
            found += [rows_of(flow, 30)[0]] if len(flow) else []
        assert pd.concat(found, ignore_index=True).equals(due)


def test_a_task_reads_its_rows_and_those_in_reach_alone() -> None:
    log = Rows(log_of(Unit.BYTE, b"the cat sat on the mat " * 1000))
    part = excerpt_of(log, Part(3, 10), PATTERN, Reach(30, 5))
    assert log.read < 3 * 1100
    rows = np.concatenate([block.positions for block in part.blocks()])
    assert 30 <= part.before < 50 and part.after == 5
    assert len(rows) == len(part) + part.before + part.after
    assert abs(len(part) - 2300) < 10


@pytest.mark.parametrize("text", ["aé b", "a猫b c", "🙂’s", "a" * 50, "é" * 30 + " a", "a\r\nb"])
def test_no_block_ends_inside_a_character_or_a_word(text: str) -> None:
    log = log_of(Unit.BYTE, text.encode())
    due = rows_of(flow_of(log), len(log))[0]
    for rows in (1, 2, 3):
        assert rows_of(flow_of(log), rows)[0].equals(due)


def test_windows_hold_each_row_once_and_what_is_in_reach() -> None:
    text = b"the cat sat on the mat " * 40
    found = list(windows(log_of(Unit.BYTE, text).blocks(50), PATTERN, Reach(30, 5)))
    rows = [window.log.positions[window.own] for window in found]
    assert np.concatenate(rows).tolist() == list(range(len(text)))
    assert len(found) > 10
    for window in found[1:-1]:
        first, last = window.log.positions[[0, -1]]
        own = window.log.positions[window.own]
        assert first <= own[0] - 30 and last >= own[-1] + 5
        assert len(window.log) < 50 + 60  # memory is that of a block


def test_a_text_of_one_endless_word_is_cut_where_the_horizon_cuts_words() -> None:
    found = list(windows(log_of(Unit.BYTE, b"a" * 1000).blocks(50), PATTERN, Reach(HORIZON)))
    assert max(len(window.log) for window in found) < 150
    assert all(window.log.positions[window.own][0] % HORIZON == 0 for window in found)


def test_an_oracle_that_says_how_far_it_looks_is_asked_in_blocks() -> None:
    seen = []

    @oracle("twice", rule="the symbol three before is the same", reach=3)
    def twice(view: TextView) -> NDArray[np.bool_]:
        seen.append(len(view))
        same = np.zeros(len(view), bool)
        same[3:] = view.codes[3:] == view.codes[:-3]
        return same

    try:
        log = log_of(Unit.BYTE, b"abcabcabdab aba " * 30)
        settings = Settings(("twice", "boost"), custom=find_oracles(["twice"]), memory_windows=(3,))
        due = rows_of(flow_of(log, settings=settings), len(log))[0]
        seen.clear()
        assert rows_of(flow_of(log, settings=settings), 60)[0].equals(due)
        assert len(seen) > 4 and max(seen) < 150
    finally:
        del REGISTRY["twice"]


def test_an_oracle_that_needs_the_whole_text_gets_it_though_it_is_no_layer() -> None:
    @oracle("late", rule="after the middle of the text")
    def late(view: TextView) -> NDArray[np.bool_]:
        return np.arange(len(view)) > len(view) / 2

    try:
        log = log_of(Unit.BYTE, b"the cat sat on the mat " * 30)
        settings = Settings(("boost",), custom=find_oracles(["late"]), memory_windows=(3,))
        due = rows_of(flow_of(log, settings=settings), len(log))[0]
        assert rows_of(flow_of(log, settings=settings), 60)[0].equals(due)
    finally:
        del REGISTRY["late"]


def test_joined_blocks_keep_their_documents() -> None:
    log = replace(parted(log_of(Unit.BYTE, b"abcdefgh"), [0, 1, -1], {2, 4, 6}), doc_ids=pa.array(["one", "two"]))
    again = join_logs(join_logs(log.part(0, 3), log.part(3, 5)), log.part(5, 8))
    assert [again.document_id(row) for row in range(8)] == [log.document_id(row) for row in range(8)]
    assert again.codes.tolist() == log.codes.tolist()


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def peel() -> Peel:
    text = b"the cat sat on the mat, and the dog too. " * 200
    rng = np.random.default_rng(1)
    log = replace(log_of(Unit.BYTE, text, np.log(rng.uniform(0.05, 1, len(text))).tolist()), name="preds")
    flow = flow_of(log)
    (found,) = flow.blocks(len(log))
    return replace(found, sources=flow.head.sources, signature=flow.head.signature)


def columns(peel: Peel) -> pd.DataFrame:
    frame: pd.DataFrame = frame_of_peel(peel).astype({"layer": str, "slice": str, "after": str})
    return frame


def test_parts_are_equally_long_wherever_blocks_end(tmp_path: Path) -> None:
    log = log_of(Unit.BYTE, b"the cat sat on the mat, and the dog too. " * 24)
    for parts in (2, 3, 7, 8, 100):
        write_peel(tmp_path / f"{parts}", flow_of(log), parts=parts)
        rows = [pq.read_metadata(path).num_rows for path in sorted((tmp_path / f"{parts}").iterdir())]
        assert len(rows) == parts and sum(rows) == len(log) and max(rows) - min(rows) <= 1
        assert peel_problems(tmp_path / f"{parts}") == []


def test_no_part_is_empty(tmp_path: Path) -> None:
    for n in (1, 5):
        write_peel(tmp_path / f"{n}", flow_of(log_of(Unit.BYTE, b"a b c"[:n], [-1.0] * n)), parts=8)
        assert len(list((tmp_path / f"{n}").iterdir())) == n
        assert len(read_peel(tmp_path / f"{n}")) == n


@pytest.mark.parametrize("parts", [1, 2, 3, 8])
@pytest.mark.parametrize("threads", [1, 2])
def test_parts_and_threads_give_the_same_peel(tmp_path: Path, parts: int, threads: int) -> None:
    text = b"the cat sat on the mat, and the dog too. " * 200
    log = log_of(Unit.BYTE, text, np.log(np.random.default_rng(1).uniform(0.05, 1, len(text))).tolist())
    flow = flow_of(log)
    path = tmp_path / ("p" if parts > 1 else "p.parquet")
    with limit_threads(threads):
        write_peel(path, flow, parts=parts)
        again = read_peel(path)
    assert path.is_dir() == (parts > 1)
    assert len(list(path.glob("part-*.parquet"))) == (parts if parts > 1 else 0)
    assert columns(again).equals(rows_of(flow_of(log), len(log))[0])
    assert again.signature == flow.head.signature
    assert peel_problems(path) == []
    assert summarise(again).to_json() == summarise(PeelFile(path)).to_json()


def test_a_file_is_read_in_blocks_of_any_size(tmp_path: Path, peel: Peel) -> None:
    write_peel(tmp_path / "p.parquet", peel)
    file = PeelFile(tmp_path / "p.parquet")
    for rows in (1000, 4096, len(peel)):
        blocks = list(file.blocks(rows))
        assert all(rows / 2 <= len(block) <= 1.5 * rows for block in blocks[:-1])
        assert pd.concat(map(columns, blocks), ignore_index=True).equals(columns(peel))


def lose(folder: Path) -> None:
    (folder / "part-00002.parquet").unlink()


def twice(folder: Path) -> None:
    (folder / "part-00004.parquet").write_bytes((folder / "part-00003.parquet").read_bytes())


def of_another(folder: Path) -> None:
    table = pq.read_table(folder / "part-00002.parquet")
    metadata = {**table.schema.metadata, b"signature": b"another"}
    pq.write_table(table.replace_schema_metadata(metadata), folder / "part-00002.parquet")


def mixed_up(folder: Path) -> None:
    first, second = folder / "part-00001.parquet", folder / "part-00002.parquet"
    first.rename(folder / "x")
    second.rename(first)
    (folder / "x").rename(second)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lose, "needs all of them"),
        (twice, "needs all of them"),
        (mixed_up, "needs all"),
        (of_another, "different peels"),
    ],
)
def test_a_folder_that_is_not_all_parts_of_one_peel_is_refused(
    tmp_path: Path, peel: Peel, change: Callable[[Path], None], words: str
) -> None:
    folder = tmp_path / "p"
    write_peel(folder, peel, parts=3)
    change(folder)
    with pytest.raises(BadInput, match=words):
        read_peel(folder)
    assert words in peel_problems(folder)[0]


def test_a_part_alone_is_refused(tmp_path: Path, peel: Peel) -> None:
    write_peel(tmp_path / "p", peel, parts=3)
    with pytest.raises(BadInput, match="a peel of 3 parts needs all of them"):
        read_peel(tmp_path / "p" / "part-00001.parquet")


def test_results_come_in_order_and_are_not_made_ahead() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return item * item

    with limit_threads(2):
        results = ordered_map(work, range(100))
        assert [next(results) for _ in range(10)] == [k * k for k in range(10)]
        assert len(begun) <= 13


def test_a_long_peel_stays_in_its_file_in_python_too(
    tmp_path: Path, peel: Peel, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_peel(tmp_path / "p", peel, parts=2)
    short = errtax.read(tmp_path / "p")
    monkeypatch.setattr(notebook, "BLOCK_ROWS", 1000)
    long = errtax.read(tmp_path / "p")
    assert isinstance(short.source, Peel) and isinstance(long.source, PeelFile)
    assert long.summary == short.summary
    assert long.statistics.to_json() == short.statistics.to_json()
    assert long.compare(short).finding == short.compare(long).finding
    assert long.worst(5).equals(short.worst(5))
    assert long.repeel(layers=["boost"]).summary == short.repeel(layers=["boost"]).summary
    assert long.named("other").summary.model == "other"
    assert long.to_pandas().equals(short.to_pandas())


def test_a_file_that_is_read_in_blocks_does_not_stay_in_memory(tmp_path: Path) -> None:
    values = np.random.default_rng(1).random(1_500_000)  # 12 MB that no compression makes smaller
    pq.write_table(pa.table({"value": values}), tmp_path / "made.parquet", row_group_size=50_000)
    before, most = pa.total_allocated_bytes(), 0
    for _ in open_parquet(tmp_path / "made.parquet").iter_batches(rows=50_000):
        most = max(most, pa.total_allocated_bytes() - before)
    assert 0 < most < values.nbytes / 4
