"""Peels are what they were: counts, bits and evidence by both presets, as errtax made them before its layers moved.

Bits were sums of floats then, and are now sums of whole numbers of 2^-32 bit, so per symbol they are off by no more
than the rounding of one, 2^-33; everything else is equal to 1e-12.

There was no horizon then: with it, distances beyond are null, and all else is the same.

`golden/peels.json` was made by errtax at commit ba8816f, from the texts and the log that stand below.
"""

import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Codes, Unit, text_of_bytes
from errtax.taxonomy import peel_flow
from errtax.taxonomy.peel_columns import frame_of_peel
from errtax.taxonomy.peel_file import write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.settings import PRESETS, Criterion
from errtax.taxonomy.summary import summarise

GOLDEN = Path(__file__).parent / "golden"
DUE: dict[str, dict[str, Any]] = json.loads((GOLDEN / "peels.json").read_text(encoding="utf-8"))
PROSE, CODE, CHINESE = ((GOLDEN / f"{name}.txt").read_bytes() for name in ("prose", "code", "chinese"))
TAIL = "“Naïve” café — it's ‘so’.\r\n\r\n".encode() + b"\xff\xfe ok"
TRAIN = PROSE * 3 + CODE * 2
TEST = PROSE[200:] + CHINESE + CODE + TAIL + PROSE[:200]


def log_of(codes: Codes) -> PredictionLog:
    i = np.arange(len(codes), dtype=np.int64)
    p = ((i * 7919 + i * i * 104729) % 1009 + 0.5) / 1009
    argmax = np.where((p >= 0.5) | ((i * 31 + 7) % 3 == 0), codes, np.uint8(101))
    logprobs = np.log(p)
    logprobs[0] = np.nan
    return PredictionLog("golden", Unit.BYTE, i, codes, logprobs, argmax_codes=argmax)


def crc_of(column: Any) -> int:
    values = column.combine_chunks()
    values = values.dictionary_decode() if hasattr(values, "dictionary_decode") else values
    return zlib.crc32(json.dumps(values.to_pylist()).encode())


ROUNDING = {"bits": 2.0**-33, "correct_bits": 2.0**-33}
"""By how much a number may differ by its definition alone."""


def require_within(found: Any, wanted: Any, rounding: float = 0.0) -> None:
    """All that is wanted is found; there may be more keys."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            require_within(found[key], value, ROUNDING.get(key, 0.0))
    elif isinstance(wanted, list):
        for one, other in zip(found, wanted, strict=True):
            require_within(one, other)
    else:
        assert found == (pytest.approx(wanted, rel=1e-12, abs=rounding) if isinstance(wanted, float) else wanted)


def require_equal(folder: Path, train: bytes, test: bytes, due: dict[str, Any]) -> None:
    (folder / "train.txt").write_bytes(train)
    index = NgramIndex.build(text_of_bytes(train, Unit.BYTE), 10)
    log = log_of(text_of_bytes(test, Unit.BYTE).codes)
    for name in ("paper", "text"):
        for criterion in (Criterion.PROBABILITY, Criterion.ARGMAX):
            settings = replace(PRESETS[name], criterion=criterion)
            peel = peel_files(PeelInputs(log, index, folder / "train.txt"), settings)
            wanted = dict(due[f"{name} {criterion}"])
            columns = wanted.pop("crc32")
            require_within(summarise(peel).to_json(), wanted)
            write_peel(folder / "peel.parquet", peel)
            table = pq.read_table(folder / "peel.parquet")
            assert {column: crc_of(table[column]) for column in columns} == columns


@pytest.fixture
def no_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peel_flow, "HORIZON", 1 << 30)


@pytest.mark.usefixtures("no_horizon")
def test_a_small_peel_is_what_it_was(tmp_path: Path) -> None:
    require_equal(tmp_path, TRAIN, TEST, DUE["small"])


@pytest.mark.usefixtures("no_horizon")
def test_the_peel_of_war_and_peace_is_what_it_was(tmp_path: Path, warpeace_parts: tuple[bytes, bytes, bytes]) -> None:
    require_equal(tmp_path, warpeace_parts[0], warpeace_parts[2], DUE["war and peace"])


def test_the_horizon_nulls_distances_and_changes_nothing_else(
    monkeypatch: pytest.MonkeyPatch, warpeace_parts: tuple[bytes, bytes, bytes]
) -> None:
    log = log_of(text_of_bytes(warpeace_parts[2], Unit.BYTE).codes)
    settings = PRESETS["paper"].changed(layers=("memory", "word", "boost"))
    near = frame_of_peel(peel_files(PeelInputs(log), settings))
    monkeypatch.setattr(peel_flow, "HORIZON", 1 << 30)
    far = frame_of_peel(peel_files(PeelInputs(log), settings))
    beyond = far["memory_distance"] > 100_000
    assert beyond.sum() == 7_970
    assert near["memory_distance"].isna().sum() == far["memory_distance"].isna().sum() + 7_970
    far.loc[beyond, "memory_distance"] = None
    assert near.equals(far)


@pytest.mark.parametrize("error", ["position", "claims", "layer"])
def test_these_tests_can_fail(tmp_path: Path, error: str) -> None:
    other = json.loads(json.dumps(DUE["small"]))
    other["text argmax"]["crc32"][error] += 1
    with pytest.raises(AssertionError):
        require_equal(tmp_path, TRAIN, TEST, other)
