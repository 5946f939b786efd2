"""The same JSON from every command, whatever the parts of logs and peels, the blocks in memory, and the threads."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from commands import Errtax
from errtax.lm.prediction_log import BLOCK_ROWS, PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.taxonomy import aligned
from errtax.taxonomy.peel_file import PeelFile
from strategies import INVALID, PIECES

LONG = ["a" * 1500, "é" * 700, "猫" * 400]
LARGE = 1 << 19
VARIANTS = [(2, 1000, 1), (3, 4096, 2), (8, LARGE, 1), (1, 1000, 2), (8, 4096, 2)]
"""Parts, rows of a block, threads: compared with one part in one block by one thread."""
COMMANDS = (
    "peel a -o a.peel --parts PARTS --ngram ../x.ngram",
    "peel b -o b.peel --parts PARTS --ngram ../x.ngram",
    "peel c -o c.peel --parts PARTS --ngram ../x.ngram",
    "stats a.peel",
    "compare a.peel b.peel",
    "check b.peel --baseline a.peel --max errors:+5pp --require-significant",
    "trend a.peel b.peel c.peel --parameters 1,2,3",
    "calibration a.peel",
    "show a.peel",
    "repeel a.peel --layers boost,memory,ngram --memory-windows 7,300",
)


def defaults() -> Iterator[tuple[FunctionType, tuple[Any, ...]]]:
    """The functions of errtax that read in blocks unless they are told otherwise, and their defaults."""
    for module in loaded():
        scopes = [module, *(each for each in vars(module).values() if isinstance(each, type))]
        for scope in scopes:
            for function in vars(scope).values():
                if isinstance(function, FunctionType) and BLOCK_ROWS in (function.__defaults__ or ()):
                    yield function, function.__defaults__ or ()


def loaded() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.startswith("errtax.")]


@contextmanager
def blocks_of(rows: int) -> Iterator[None]:
    """In this block everything is read in blocks of so many rows."""
    with pytest.MonkeyPatch.context() as patch:
        found = list(dict(defaults()).items())
        assert len(found) > 8
        for function, values in found:
            changed = tuple(rows if value == BLOCK_ROWS else value for value in values)
            patch.setattr(function, "__defaults__", changed)
        for module in loaded():
            if getattr(module, "BLOCK_ROWS", None) == BLOCK_ROWS:
                patch.setattr(module, "BLOCK_ROWS", rows)
        patch.setattr(aligned, "_FEWEST", 1)
        yield


def table_of(codes: NDArray[Any], unit: Unit, seed: int, nasty: bool) -> pa.Table:
    """A log of a text with random probabilities; a nasty one with gaps, documents of odd lengths, and nulls."""
    rng, n = np.random.default_rng(seed), len(codes)
    shape = np.random.default_rng(0)  # the same for all models
    logprobs = np.log(rng.beta(0.9, 0.6, n)).astype(np.float32)
    known = logprobs > np.log(0.4)
    best = np.where(known, codes, codes[rng.integers(0, n, n)])
    symbols = [pa.array([chr(c) if unit is Unit.CHAR else bytes([c]) for c in each.tolist()]) for each in (codes, best)]
    columns = {"position": np.arange(n), "symbol": symbols[0], "logprob": pa.array(logprobs), "argmax": symbols[1]}
    columns["argmax_logprob"] = pa.array(np.where(known, logprobs, np.log(0.45)).astype(np.float32))
    if nasty:
        columns["position"] = np.cumsum(shape.choice([1, 2, 40], n, p=[0.99, 0.009, 0.001])) - 1
        missing = shape.random(n) < 0.01
        columns["logprob"] = pa.array(logprobs, mask=missing)
        if unit is Unit.BYTE:
            docs = np.cumsum(shape.random(n) < 0.002) % 5
            columns["doc"] = pa.array([None if k == 4 else f"d{k}" for k in docs.tolist()])
    return pa.table(columns).replace_schema_metadata({"model": f"model {seed}"})


def write_parts(path: Path, table: pa.Table, parts: int) -> None:
    """The log in so many files, of odd lengths."""
    if parts == 1:
        pq.write_table(table, path)
        return
    path.mkdir()
    cuts = sorted(np.random.default_rng(parts).choice(np.arange(1, len(table)), parts - 1, replace=False).tolist())
    for k, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(table)], strict=True)):
        pq.write_table(table[start:stop], path / f"part-{k}.parquet", row_group_size=777)


def outputs(
    errtax: Errtax, monkeypatch: pytest.MonkeyPatch, logs: list[pa.Table], variant: tuple[int, int, int]
) -> dict[str, str]:
    """What each command prints with --json, in a folder of its own."""
    parts, rows, jobs = variant
    folder = Path(f"parts-{parts}-rows-{rows}-jobs-{jobs}")
    folder.mkdir()
    found = {}
    with monkeypatch.context() as moved, blocks_of(rows):
        moved.chdir(folder)
        for name, table in zip("abc", logs, strict=True):
            write_parts(Path(name), table, parts)
        for line in COMMANDS:
            done = errtax(*line.replace("PARTS", str(parts)).split(), "--jobs", jobs, "--json")
            assert done.code in (0, 1) and done.out.startswith("{"), done.err
            found[line] = done.out
        assert Path("a.peel").is_dir() == (parts > 1)
    return found


def require_same(
    errtax: Errtax, monkeypatch: pytest.MonkeyPatch, logs: list[pa.Table], variants: list[tuple[int, int, int]]
) -> None:
    due = outputs(errtax, monkeypatch, logs, (1, LARGE, 1))
    for variant in variants:
        found = outputs(errtax, monkeypatch, logs, variant)
        for line in COMMANDS:
            assert found[line] == due[line], (variant, line)


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
def test_a_nasty_text_has_the_same_json(errtax_alone: Errtax, monkeypatch: pytest.MonkeyPatch, unit: Unit) -> None:
    rng = np.random.default_rng(7)
    pieces = [piece.encode() for piece in PIECES * 30 + LONG] + (INVALID * 10 if unit is Unit.BYTE else [])
    content = b"".join(pieces[k] for k in rng.integers(0, len(pieces), 5000 if unit is Unit.BYTE else 8000))
    codes = text_of_bytes(content, unit).codes
    assert len(codes) > 3 * 4096
    logs = [table_of(codes, unit, seed, nasty=True) for seed in (1, 2, 3)]
    Path("train.txt").write_bytes(content[: len(content) // 3].decode(errors="ignore").encode())
    assert errtax_alone("build-ngram", "train.txt", "--unit", str(unit), "--order", 10, "-o", "x.ngram").code == 0
    require_same(errtax_alone, monkeypatch, logs, VARIANTS)


def test_war_and_peace_has_the_same_json(
    errtax_alone: Errtax, monkeypatch: pytest.MonkeyPatch, warpeace_parts: tuple[bytes, bytes, bytes]
) -> None:
    _, val, test = (part[:130_000] for part in warpeace_parts)  # beyond the horizon
    Path("train.txt").write_bytes(val)
    assert errtax_alone("build-ngram", "train.txt", "--order", 10, "-o", "x.ngram").code == 0
    logs = [table_of(np.frombuffer(test, np.uint8), Unit.BYTE, seed, nasty=False) for seed in (1, 2, 3)]
    require_same(errtax_alone, monkeypatch, logs, VARIANTS[:3])


def test_blocks_are_as_small_as_these_tests_say(errtax: Errtax) -> None:
    seen: list[int] = []

    def watched(peel: Any) -> None:
        seen.append(len(peel))

    assert errtax("peel", "preds.parquet", "-o", "p.parquet", "-q").code == 0
    with blocks_of(100):
        for _ in PeelFile(Path("p.parquet")).map_blocks(watched):
            pass
        assert seen == [100, 100, 100]
        log = PredictionLog("log", Unit.BYTE, np.arange(300), np.zeros(300, np.uint8), np.zeros(300))
        assert len(list(log.blocks())) == 3
    assert len(list(log.blocks())) == 1
