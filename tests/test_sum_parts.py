"""Sums over ranges of peels that tasks make: added up, they are those of one process to the last bit."""

import pickle
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import errtax
from errtax.lm.errors import BadInput
from errtax.lm.executors.tasks import Outcome, Task, perform
from errtax.lm.part import parts_of
from errtax.taxonomy import aligned
from errtax.taxonomy import units as units_module
from errtax.taxonomy.block_sums import PeelSums, sum_peels
from errtax.taxonomy.bootstrap import Resampling
from errtax.taxonomy.comparison import PairCounts, compare_all
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_file import PeelFile, write_peel
from errtax.taxonomy.statistics import statistics, statistics_of
from errtax.taxonomy.sum_parts import compare_on, ranges_of, sum_on
from test_common import peels_apart
from test_units import peel_with

FEW = Resampling(replicates=100)


class Here:
    """Runs tasks in this process, as if in another, each when its turn comes: the last one first."""

    slots = 2

    def __init__(self) -> None:
        self.done: list[Task] = []

    def submit(self, task: Task) -> int:
        self.done.append(task)
        return len(self.done) - 1

    def wait(self, handles: Collection[int], seconds: float) -> Collection[int]:
        return [max(handles)]

    def result(self, handle: int) -> Outcome:
        found = perform(pickle.loads(pickle.dumps(self.done[handle])), 1, errtax.__version__)
        return pickle.loads(pickle.dumps(found))  # type: ignore[no-any-return]

    def cancel(self) -> None:
        pass


def no_watch(done: int, total: int) -> None:
    pass


def summed(file: PeelFile, n: int, pool: Any = None, resampling: Resampling = FEW) -> Any:
    ((sums,), _) = sum_on(pool or Here(), [file], [file], n, no_watch, resampling)
    return statistics_of(sums, resampling).to_json()


def files_of(peels: list[Peel], folder: Path) -> list[PeelFile]:
    for k, peel in enumerate(peels):
        write_peel(folder / f"{k}.parquet", peel)
    return [PeelFile(folder / f"{k}.parquet") for k in range(len(peels))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peels")


def numbers_of(sums: list[PeelSums], pairs: PairCounts) -> list[Any]:
    """All that is summed."""
    found = [
        (
            each.rows,
            each.blocks.units,
            each.blocks.sums.tolist(),
            dict(each.claimed),
            each.left_out,
            each.head.signature,
        )
        for each in sums
    ]
    return [*found, [[pairs.of(k, layer, 0) for layer in (None, 0, 1)] for k in range(len(sums) - 1)]]


def outcome(work: Callable[[], list[Any]]) -> Any:
    try:
        return work()
    except BadInput as error:
        return str(error)


@given(
    peels=peels_apart(),
    n=st.sampled_from([1, 2, 3, 8]),
    block=st.sampled_from([None, 1, 3]),
    most=st.integers(1, 9),
    count=st.integers(1, 3),
)
def test_ranges_add_up_to_the_whole(
    folder: Path, peels: list[Peel], n: int, block: int | None, most: int, count: int
) -> None:
    if any(not len(each) or np.isnan(each.log.logprobs).all() for each in peels):
        return
    files, resampling = files_of(peels[:count], folder), replace(FEW, block=block)

    def local() -> list[Any]:
        pairs = PairCounts(files[0].head, count - 1)
        return numbers_of(sum_peels(files, resampling, pairs.add), pairs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aligned, "LEAST_COMMON", 0.1)
        patch.setattr(units_module, "MOST_UNITS", most)
        found = outcome(lambda: numbers_of(*sum_on(Here(), files, files, n, no_watch, resampling)))
        assert found == outcome(local)


@given(peels=peels_apart(), n=st.integers(1, 9))
def test_each_row_belongs_to_one_range(folder: Path, peels: list[Peel], n: int) -> None:
    files = files_of([peel for peel in peels if len(peel)], folder)
    cuts = [ranges_of(files, part) for part in parts_of(n)] if files else []
    for k, file in enumerate(files):
        rows = [row for cut in cuts for row in range(cut[k].first, cut[k].stop)]
        assert rows == list(range(len(file)))


def test_only_ranges_of_many_documents_are_summed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neighbours are merged in other pairs than those of the whole text."""
    lengths = np.random.default_rng(1).integers(1, 40, 400)
    docs = [f"d{k}" for k in np.repeat(np.arange(len(lengths)), lengths)[:6000]]
    (file,) = files_of([peel_with(docs=docs)], tmp_path)
    for most, repeated in ((8192, 0), (5, 2)):
        monkeypatch.setattr(units_module, "MOST_UNITS", most)
        pool = Here()
        assert summed(file, 3, pool) == statistics(file, FEW).to_json()
        assert len(pool.done) == 3 + repeated


def test_what_only_all_rows_tell_is_checked(tmp_path: Path) -> None:
    """Files without a seal are read for their text, too; a peel is refused as it is by one process."""
    peel = peel_with()
    (file,) = files_of([replace(peel, sources={"text_sha256": peel.log.text_sha256})], tmp_path)
    table = pq.read_table(file.path)
    pq.write_table(table, tmp_path / "again.parquet")
    again = PeelFile(tmp_path / "again.parquet")
    pool = Here()
    assert summed(again, 2, pool) == statistics(file, FEW).to_json()
    assert [task.name for task in pool.done] == ["part 1/2", "part 2/2", f"the text of {again.path}"]
    pq.write_table(table[:3000], again.path)
    for read in (statistics, lambda file: summed(file, 2)):
        with pytest.raises(BadInput, match="text_sha256 differs"):
            read(PeelFile(again.path))


def test_comparisons_draw_the_blocks_that_they_are_told(tmp_path: Path) -> None:
    files = files_of([peel_with(), peel_with()], tmp_path)
    blocks = Resampling(70, replicates=100)
    due = compare_all(files[0], files[1:], blocks)[1]
    for n in (1, 3):
        found = compare_on(Here(), files, files, n, no_watch, blocks)
        assert [each.to_json() for each in found] == [each.to_json() for each in due]


def test_documents_that_begin_at_a_border_are_compared(tmp_path: Path) -> None:
    docs = ["a"] * 3000 + ["b"] * 3000
    files = files_of([peel_with(docs=docs), peel_with(docs=["a"] * 6000)], tmp_path)
    for n in (1, 2, 3):
        with pytest.raises(BadInput, match="have different documents"):
            compare_on(Here(), files, files, n, no_watch)


def test_a_folder_of_parts_is_summed_like_a_file(tmp_path: Path) -> None:
    peel = peel_with(docs=[f"d{k // 150}" for k in range(6000)])
    write_peel(tmp_path / "parts", peel, parts=4)
    file = PeelFile(tmp_path / "parts")
    assert summed(file, 3) == statistics(peel, FEW).to_json()


def test_a_log_with_a_gap_is_cut_by_its_rows(tmp_path: Path) -> None:
    far = np.concatenate([np.arange(3000), (1 << 40) + np.arange(3000)])
    (file,) = files_of([peel_with(positions=far)], tmp_path)
    assert [each.first for part in parts_of(4) for each in ranges_of([file], part)] == [0, 1500, 3000, 4500]
    assert summed(file, 4) == statistics(file, FEW).to_json()
