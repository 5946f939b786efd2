"""What is drawn of a text: documents, streams or blocks, however a log is cut; and how peels come to share them."""

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from commands import Errtax
from cuts import renumbered
from errtax.lm.errors import BadInput
from errtax.lm.log_reader import log_of_frame, read_log
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.predictions import predict_orders
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.split import Scheme, SplitOptions, split_file, streams_of_part
from errtax.lm.text import Unit, read_text
from errtax.oracle.evidence import Evidence
from errtax.taxonomy.block_sums import block_sums
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.calibration import calibration
from errtax.taxonomy.check import check
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.fixed_point import halves_of
from errtax.taxonomy.limits import Limit
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_file import PeelFile
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.statistics import statistics
from errtax.taxonomy.trend import trend
from errtax.taxonomy.units import Units, UnitTables, deviation_of_mean, even_units

STREAMS = {"streams": "10", "symbols": "6000"}


def log_with(
    n: int = 6000,
    docs: list[Any] | None = None,
    metadata: dict[str, str] | None = None,
    positions: NDArray[np.int64] | None = None,
) -> PredictionLog:
    p = np.random.default_rng(2).uniform(0.05, 1, n)
    frame = pd.DataFrame({"position": np.arange(n), "symbol": ["a"] * n, "logprob": np.log(p), "argmax": ["a"] * n})
    frame["argmax_logprob"] = np.log(np.maximum(p, 0.5))
    if docs is not None:
        frame["doc"] = pd.array(docs, dtype="string" if isinstance(docs[0], str | None) else "Int64")
    log = log_of_frame(frame)
    return replace(log, metadata=metadata or {}, positions=log.positions if positions is None else positions)


def peel_with(**given: Any) -> Peel:
    log = log_with(**given)
    nothing, zeros = np.full(len(log), -1, np.int32), np.zeros(len(log), np.int32)
    punctuation = np.arange(len(log)) % 3 == 0
    small = zeros.astype(np.uint8)
    evidence = Evidence(None, None, nothing, nothing, nothing, None, small, zeros, punctuation)
    return peel_log(log, evidence, Settings(layers=("punctuation", "boost")))


def counted(logs: list[PredictionLog], resampling: Resampling) -> tuple[Units, list[int]]:
    """The rows in each unit."""
    tables = UnitTables(even_units(logs[:1], resampling), resampling.block is None)
    for log in logs:
        tables.add(log, lambda bounds: halves_of(np.diff(bounds)[:, None]))
    units, found = tables.result()
    return units, found[:, 0, 0].tolist()


def runs(values: list[Any]) -> list[int]:
    """The lengths of the maximal runs of equal values, by a plain loop."""
    lengths: list[int] = []
    for k, value in enumerate(values):
        if k and value == values[k - 1]:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


@given(
    docs=st.none() | st.lists(st.sampled_from(["a", "b", None]), min_size=30, max_size=30),
    streams=st.sampled_from([0, 1, 3, 7, 10, 30]),
    block=st.none() | st.integers(1, 12),
    cuts=st.sets(st.integers(1, 29), max_size=4),
)
def test_units_are_those_of_a_plain_loop_however_a_log_is_cut(
    docs: list[str | None] | None, streams: int, block: int | None, cuts: set[int]
) -> None:
    metadata = {"streams": str(streams), "symbols": "30"} if streams else {}
    log = log_with(30, docs, metadata)
    size = block or (-(-30 // streams) if streams > 1 else 1000)
    if block is None and docs is not None and len(runs(docs)) > 1:
        due, kind = runs(docs), "doc"
    else:
        due, kind = runs([k // size for k in range(30)]), "stream" if streams > 1 and block is None else "block"
    ends = [0, *sorted(cuts), 30]
    pieces = [renumbered(log.part(a, b)) for a, b in pairwise(ends)]
    for logs in ([log], pieces):
        units, found = counted(logs, Resampling(block))
        assert (units.kind, found) == (kind, due)


def test_streams_are_the_equal_parts_of_the_text() -> None:
    """Stream k of 10 in 6,000 symbols: positions 600 k to 600 (k + 1), also of a log that lacks some."""
    assert counted([log_with(metadata=STREAMS)], STANDARD) == (Units("stream", 600), [600] * 10)
    some = log_with(1000, metadata=STREAMS, positions=np.arange(1000) * 2 + 300)
    assert counted([some], STANDARD) == (Units("stream", 600), [150, 300, 300, 250])


@pytest.mark.parametrize("metadata", [{"streams": "10"}, {"streams": "1", "symbols": "6000"}, {"symbols": "6000"}])
@pytest.mark.parametrize(
    "changed", [{}, {"streams": "x"}, {"streams": "9999"}, {"streams": "²"}, {"symbols": "9" * 5000}]
)
def test_without_streams_there_are_blocks(metadata: dict[str, str], changed: dict[str, str]) -> None:
    assert even_units([log_with(metadata=metadata | changed)], STANDARD) == Units("block", 1000)


def test_one_document_is_no_unit_to_draw() -> None:
    """Then streams, or blocks, are drawn, though each piece that is read has documents."""
    log = log_with(docs=["book"] * 6000)
    assert counted([log], STANDARD) == (Units("block", 1000), [1000] * 6)
    assert counted([replace(log, metadata=STREAMS)], STANDARD)[0].kind == "stream"


def test_a_gap_of_any_length_costs_nothing() -> None:
    far = np.concatenate([np.arange(3000), (1 << 62) + np.arange(3000)])
    units, found = counted([log_with(positions=far)], STANDARD)
    assert (units.kind, sum(found), len(found)) == ("block", 6000, 7)
    peel = peel_with(positions=far)
    assert len(block_sums(peel, STANDARD).sums) == 7


def test_all_that_resamples_draws_the_same_units_and_says_so() -> None:
    docs = [f"d{k // 150}" for k in range(6000)]
    for peel, made, n in (
        (peel_with(docs=docs, metadata=STREAMS), "unit=doc,replicates", 40),
        (peel_with(metadata=STREAMS), "unit=stream,replicates", 10),
        (peel_with(), "unit=block,block=1000,replicates", 6),
    ):
        kind = made.split("=")[1].split(",")[0]
        whole = statistics(peel)
        assert (whole.blocks, whole.to_json()["unit"]) == (n, kind)
        assert (whole.warning is None) == (n >= 30)
        assert n >= 30 or f"Only {n} {kind}" in str(whole.warning)
        sized = [replace(peel, sources={"parameters": str(10**k)}) for k in (1, 2, 3)]
        for found in (whole, compare(peel, peel), trend(sized), calibration(peel)):
            assert f"|bootstrap:{made}" in found.signature
            assert found.to_json()["unit"] == kind
        (verdict,) = check(peel, [Limit.parse("errors:+1")], peel)
        assert (
            verdict.to_json()["resampling"] == f"{whole.signature.split('|bootstrap:')[1]},flips=20000,correction=holm"
        )
        assert statistics(peel, Resampling(150)).blocks == 40  # blocks where they are asked for


def test_the_interval_is_that_of_the_units_that_vary() -> None:
    """Errors that differ from stream to stream and are even within: blocks smaller than a stream see too little."""
    log = log_with(metadata=STREAMS)
    rates = np.repeat(np.linspace(0.2, 0.8, 10), 600)
    wrong = (np.arange(6000) * 0.618) % 1 < rates
    peel = peel_with(metadata=STREAMS)
    peel = peel_log(replace(log, logprobs=np.log(np.where(wrong, 0.1, 0.9))), peel.evidence, peel.settings)
    widths = []
    for resampling in (STANDARD, Resampling(60)):
        low, high = statistics(peel, resampling).error_rate[1:]
        assert low is not None and high is not None
        widths.append(high - low)
    assert widths[0] > 2.5 * widths[1]
    deviation = float(np.linspace(0.2, 0.8, 10).std(ddof=1)) / np.sqrt(10)
    assert widths[0] == pytest.approx(2 * 2.262 * deviation, rel=0.01)


def test_peels_share_what_one_of_them_knows() -> None:
    split, bare = peel_with(metadata=STREAMS), peel_with()
    assert compare(split, bare).unit == compare(bare, split).unit == "stream"
    assert [verdict.resampling for verdict in check(bare, [Limit.parse("errors:+1")], split)] == [
        "unit=stream,replicates=2000,seed=1,flips=20000,correction=holm"
    ]
    assert even_units([bare.log, split.log], STANDARD) == Units("stream", 600)
    assert bare.log.metadata == {}
    renamed, documented = (peel_with(docs=docs) for docs in ([k // 100 for k in range(6000)], named(100)))
    assert compare(renamed, documented).unit == "doc"  # other names of the same documents
    with pytest.raises(BadInput, match="different documents"):
        compare(documented, peel_with(docs=named(200)))
    with pytest.raises(BadInput, match="different splits"):
        compare(split, peel_with(metadata={**STREAMS, "streams": "20"}))


def named(length: int) -> list[Any]:
    return [f"d{k // length}" for k in range(6000)]


def test_the_split_beside_the_text_tells_the_streams(errtax: Errtax) -> None:
    Path("book.txt").write_bytes(b"It was a dark and stormy night. " * 200)
    assert (
        errtax("split", "book.txt", "-o", "parts", "--scheme", "streams", "--streams", "8", "--steps", "10").code == 0
    )
    text = Path("parts/test.txt").read_bytes()
    log = pd.DataFrame({"position": range(len(text)), "symbol": [bytes([b]) for b in text], "logprob": -1.0})
    log.to_parquet("log.parquet")
    assert errtax("peel", "--preds", "log.parquet", "--text", "parts/test.txt", "-o", "p.parquet").code == 0
    found = json.loads(errtax("stats", "p.parquet", "--json").out)
    assert (found["unit"], found["blocks"]) == ("stream", 8)
    assert "bootstrap:unit=stream,replicates=2000" in found["signature"]
    blocks = json.loads(errtax("stats", "p.parquet", "--block", "100", "--json").out)
    assert (blocks["unit"], blocks["blocks"]) == ("block", -(-len(text) // 100))


def test_commands_draw_the_blocks_that_they_are_told(two_documents: Errtax) -> None:
    assert two_documents("peel", "preds.parquet", "--train-text", "train.txt", "-o", "a.peel.parquet").code == 0
    shutil.copy("a.peel.parquet", "b.peel.parquet")
    for block in (7, 90):
        done = two_documents("compare", "a.peel.parquet", "b.peel.parquet", "--block", block, "--json")
        found = json.loads(done.out)["comparisons"][0]
        before, after = (PeelFile(Path(f"{name}.peel.parquet")) for name in "ab")
        due = compare(before, after, Resampling(block)).to_json()
        keys = ("total", "layers", "signature")
        assert [found[key] for key in keys] == [due[key] for key in keys]
        assert f"|bootstrap:unit=block,block={block}," in found["signature"]
        line = ("check", "a.peel.parquet", "--baseline", "b.peel.parquet", "--max", "errors:+0pp", "--json")
        (limit,) = json.loads(two_documents(*line, "--block", block).out)["limits"]
        assert limit["resampling"].startswith(f"unit=block,block={block},")


def test_logs_of_ngrams_tell_the_streams(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_bytes(b"It was a dark and stormy night. " * 60)
    split_file(tmp_path / "book.txt", tmp_path / "parts", SplitOptions(Scheme.STREAMS, streams=4, steps=10))
    test = tmp_path / "parts" / "test.txt"
    text = read_text(test, Unit.BYTE)
    assert streams_of_part(test, text.sha256) == 4
    assert streams_of_part(tmp_path / "book.txt", text.sha256) == streams_of_part(test, "another") == 1
    log = tmp_path / "log.parquet"
    predict_orders(NgramIndex.build(text, 3), text, {2: log}, streams=4)
    assert even_units([read_log(log)], STANDARD) == Units("stream", len(text) // 4)


def test_the_deviation_is_that_of_independent_units() -> None:
    def deviation(values: NDArray[np.float64], **metadata: str) -> float | None:
        n = len(values)
        log = PredictionLog("x", Unit.BYTE, np.arange(n), np.zeros(n, np.uint8), values, metadata=metadata)
        return deviation_of_mean([log], STANDARD)[0]

    rng = np.random.default_rng(5)
    values = rng.normal(size=400_000)
    assert deviation(values) == pytest.approx(1 / np.sqrt(400_000), rel=0.15)
    clustered = np.repeat(rng.normal(size=400), 1000)
    assert deviation(clustered) == pytest.approx(1 / np.sqrt(400), rel=0.15)
    longer = np.repeat(rng.normal(size=100), 4000)
    assert deviation(longer, streams="100", symbols="400000") == pytest.approx(1 / np.sqrt(100), rel=0.25)
    values[::2] = np.nan
    assert deviation(values) == pytest.approx(1 / np.sqrt(200_000), rel=0.15)
    assert deviation(values[:1000]) is None
    assert deviation(np.append(values, np.inf)) is None
