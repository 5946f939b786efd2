"""Logs of any size: peak memory and rows per second of every command that goes through them.

python bench/scale.py TEXT [--rows 5,50] [--train TRAIN --ngram X.ngram] [--folder DIR] [--commands peel,stats,...]

The log repeats TEXT with random probabilities, argmax and its probability; over 100 million rows it is in parts.
Peak memory is the process's own (VmHWM: with what it maps), rows are those of the log per second of wall time.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measure import errtax, time_process

_PART = 50_000_000
_BATCH = 1 << 20
COMMANDS = ("peel", "validate", "stats", "compare", "check", "trend", "calibration", "show", "report")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--rows", default="5", help="Millions of rows, as 5,50,500.")
    parser.add_argument("--train", type=Path)
    parser.add_argument("--ngram", type=Path)
    parser.add_argument("--folder", type=Path, help="Where the logs are kept [default: a temporary folder].")
    parser.add_argument("--commands", default=",".join(COMMANDS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for millions in map(float, options.rows.split(",")):
            rows = int(millions * 1e6)
            measure(folder, rows, options)


def measure(folder: Path, rows: int, options: argparse.Namespace) -> None:
    """Run the commands on logs of so many rows, and print a line for each."""
    logs = [folder / f"{name}-{rows}" for name in ("small", "large")]
    wanted = options.commands.split(",")
    for seed, log in enumerate(logs if {"compare", "trend", "report", "check"} & {*wanted} else logs[:1]):
        if not log.exists():
            write_log(log, options.text.read_bytes(), rows, seed)
    peels = [folder / f"{log.name}.peel.parquet" for log in logs]
    if "peel" not in wanted:
        wanted = ["peel", *wanted] if not peels[0].exists() else wanted
    oracles = ["--ngram", options.ngram] if options.ngram else []
    oracles += ["--train-text", options.train] if options.train else []
    for name in wanted:
        if name == "peel":
            for log, peel in zip(logs, peels, strict=True):
                if log.exists():
                    show(f"peel {log.name}", rows, errtax("peel", log, *oracles, "-o", peel, "--force", "--json"))
        else:
            show(name, rows, command_of(name, peels, folder))


def command_of(name: str, peels: list[Path], folder: Path) -> list[str]:
    """The command line of a command on these peels."""
    first, second = peels
    third = folder / f"again-{first.name}"
    if name == "trend":
        third.unlink(missing_ok=True)
        third.hardlink_to(first)
    return {
        "validate": errtax("validate", first),
        "stats": errtax("stats", first, "--json"),
        "compare": errtax("compare", first, second, "--json"),
        "check": errtax("check", second, "--baseline", first, "--max", "errors:+5pp", "--json"),
        "trend": errtax("trend", first, second, third, "--parameters", "1,2,3", "--json"),
        "calibration": errtax("calibration", first, "--json"),
        "show": errtax("show", first, "--json"),
        "report": errtax("report", first, "-o", folder / "report.html", "--force"),
    }[name]


def show(name: str, rows: int, command: list[str]) -> None:
    """Time a command once and print its line."""
    found = time_process(command, 1, warm_up=False)
    speed = rows / found.seconds / 1e6
    print(
        f"{rows / 1e6:7.0f} M rows  {name:24} {found.seconds:8.1f} s  {speed:6.2f} M rows/s  {found.megabytes:7.0f} MB"
    )


def write_log(path: Path, text: bytes, rows: int, seed: int) -> None:
    """A log of `text`, repeated, with random probabilities: a folder of parts, one for each 50 million rows."""
    path.mkdir()
    rng = np.random.default_rng(seed)
    codes = np.frombuffer(text, np.uint8)
    schema = pa.schema([("position", pa.int64()), ("symbol", pa.binary()), ("logprob", pa.float32())])
    schema = schema.append(pa.field("argmax", pa.binary())).append(pa.field("argmax_logprob", pa.float32()))
    for part, start in enumerate(range(0, rows, _PART)):
        with pq.ParquetWriter(path / f"part-{part:04}.parquet", schema, compression="lz4") as writer:
            for first in range(start, min(start + _PART, rows), _BATCH):
                positions = np.arange(first, min(first + _BATCH, start + _PART, rows))
                writer.write_batch(_batch(schema, positions, codes, rng))


def _batch(schema: pa.Schema, positions: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> pa.RecordBatch:
    n = len(positions)
    logprobs = np.log(rng.beta(0.9, 0.6, n)).astype(np.float32)
    symbols = codes[positions % len(codes)]
    known = logprobs > np.log(0.4)
    best = np.where(known, symbols, codes[rng.integers(0, len(codes), n)])
    offsets = pa.py_buffer(np.arange(n + 1, dtype=np.int32))
    columns = [
        pa.BinaryArray.from_buffers(pa.binary(), n, [None, offsets, pa.py_buffer(c.copy())]) for c in (symbols, best)
    ]
    of_best = np.where(known, logprobs, np.log(0.45)).astype(np.float32)
    arrays = [pa.array(positions), columns[0], pa.array(logprobs), columns[1], pa.array(of_best)]
    return pa.record_batch(arrays, schema=schema)


if __name__ == "__main__":
    main()
