"""The rates of `errtax gates` and `errtax cells` against that of `errtax predict` on the same run and text, as whole
commands in alternation, and the peak memory of each; with `--long`, the memory on a longer text, too.

    python bench/reading.py RUN wp/test.txt [--long long/test.txt] [--runs 3]

Give texts that are the test part of a split by streams: then 100 rows are read side by side.
"""

import argparse
import tempfile
from pathlib import Path

from measure import Measured, errtax, time_process

COMMANDS = {
    "predict": ("-o", "{}/p.parquet"),
    "gates": ("-o", "{}/g.parquet", "--figure", "{}/g.png"),
    "cells": ("-o", "{}/c.html", "--table", "{}/c.parquet"),
}


def measure(command: str, run: Path, text: Path, runs: int, warm_up: bool = True) -> Measured:
    """Time and memory of one command as a process."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [part.format(folder) for part in COMMANDS[command]]
        return time_process(errtax(command, run, "--text", text, *outputs, "--force", "-q"), runs, warm_up=warm_up)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--long", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    found = {command: measure(command, options.run, options.text, options.runs) for command in COMMANDS}
    for command, measured in found.items():
        rate = options.text.stat().st_size / measured.seconds
        share = found["predict"].seconds / measured.seconds
        print(f"{command}: {measured}, {rate:,.0f} symbols/s, {share:.2f} of predict's rate", flush=True)
    if options.long:
        size = options.long.stat().st_size
        for command in COMMANDS:
            measured = measure(command, options.run, options.long, 1, warm_up=False)
            print(f"{command}, {size:,} symbols: {measured}", flush=True)


if __name__ == "__main__":
    main()
