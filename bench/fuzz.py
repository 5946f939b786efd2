"""Every kind of file that errtax writes, damaged or made up, and read by the commands that read it: how do they end?

    python bench/fuzz.py                                # the figures of docs/files.md
    python bench/fuzz.py --errtax OTHER/CHECKOUT        # of another version, by its own files
    python bench/fuzz.py --kinds peel,index --flips 0 --damages 0 --changes 5000 --seed 2

A file is damaged in its bytes (one bit flipped; bytes overwritten, zeroed, removed, repeated, copied, cut), or changed
so that it stays well-formed (a table written again with other types, values, rows, columns, metadata; JSON, weights and
configuration with other values; an index with right checksums).  Each is read by one command in a process of its own.
Refused: one line and exit code 3, of `validate` also 1, and 2 where the options do not fit what a changed file says.
Same: the result of the sound file.  Other: another result; of a damaged file that has a checksum that is missed
damage, of a changed one it may be right.  The last columns must be 0: exit code 4 or another, more than one line, a
crash, more than 20 seconds of processor time.
"""

import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_files import CONFIGURATION, KINDS, Kind, make
from fuzz_mutations import DAMAGES, FLIPS, Change, change_index, change_json, change_toml, change_weights
from fuzz_pool import HERE, Ended, Worker
from fuzz_tables import change_table

CHANGES: dict[str, Change] = {
    "table": change_table,
    "json": change_json,
    "weights": change_weights,
    "index": change_index,
    "toml": change_toml,
}
COLUMNS = ("runs", "refused", "same", "other", "missed", "exit 4", "exit ?", "lines", "crash", "hang")


@dataclass(frozen=True)
class Case:
    """One mutated file and the command that reads it."""

    name: str
    kind: Kind
    line: list[str]
    content: bytes
    sound: bytes
    damaged: bool

    @property
    def changed(self) -> bool:
        """Whether a table that passed as sound holds something else: `validate` tells no more than that it passed."""
        if self.kind.how != "table":
            return False
        with pa.BufferReader(self.content) as mine, pa.BufferReader(self.sound) as due:
            try:
                return not pq.read_table(mine).equals(pq.read_table(due), check_metadata=True)
            except (pa.ArrowException, OSError, ValueError):  # validate had not read all of it
                return True

    @property
    def configured(self) -> bool:
        return self.kind.how == "toml"


def cases(name: str, group: str, count: int, sound: bytes, seed: int) -> Iterator[Case]:
    """The cases of a kind and a group of mutations; each depends on the seed and its own number alone."""
    kind = KINDS[name]
    changes = {"flips": FLIPS, "damages": DAMAGES, "changes": (CHANGES[kind.how],)}[group]
    for number in range(count):
        rng = np.random.default_rng([seed, zlib.crc32(f"{name} {group}".encode()), number])
        content = changes[number % len(changes)](sound, rng)
        line = kind.lines[(number // len(changes)) % len(kind.lines)]
        line = [*line, "--json"] if rng.random() < 0.3 else line
        yield Case(f"{name} {group} {number}", kind, line, content, sound, group != "changes" and kind.sealed)


def outcome(case: Case, ended: Ended, sound: Ended) -> str:
    """The column of the table that counts a case."""
    allowed = {3, 3 if case.damaged else 2, 1 if case.line[0] == "validate" else 3}
    passed = ended.code == sound.code and not ended.what
    outcomes = {
        ended.what.split(" ")[0]: ended.what != "",
        "exit 4": ended.code == 4,
        "lines": ended.lines > (ended.code not in (0, 1)),
        "refused": ended.code in allowed,
        "exit ?": ended.code != sound.code,
        "missed": passed and case.damaged and (ended.digest != sound.digest or case.changed),
        "same": ended.digest == sound.digest,
        "other": True,
    }
    return next(name for name, true in outcomes.items() if true)


class Trial:
    """Runs cases and counts how they end; those that must not be are printed, and their files kept."""

    def __init__(self, worker: Worker, kept: Path | None) -> None:
        self._worker, self._kept = worker, kept
        self._sound: dict[str, Ended] = {}
        self.seconds = 0.0

    def run(self, found: Iterator[Case]) -> Counter[str]:
        """Counts by column."""
        counts: Counter[str] = Counter()
        for case in found:
            sound = self._of_sound(case)
            start = time.monotonic()
            ended = self._end(case, case.content)
            self.seconds = max(self.seconds, time.monotonic() - start)
            counts["runs"] += 1
            counts[what := outcome(case, ended, sound)] += 1
            if what not in ("refused", "same", "other"):
                self._tell(case, what, ended)
        return counts

    def _of_sound(self, case: Case) -> Ended:
        """How the command ends on the sound file; the same twice, else nothing could be told from it."""
        key = " ".join(case.line)
        if key not in self._sound:
            content = CONFIGURATION if case.configured else None
            ended, again = (self._end(case, content, 600) for _ in range(2))
            if ended.digest != again.digest or ended.what or ended.code not in (0, 1) or ended.lines:
                raise SystemExit(f"errtax {key}, of sound files: {ended}, {again}")
            self._sound[key] = ended
        return self._sound[key]

    def _end(self, case: Case, content: bytes | None, seconds: float | None = None) -> Ended:
        self._worker.put(case.kind.file, content)
        ended = self._worker.run([*case.line, "-q"], ["out"], seconds)
        self._worker.restore(case.kind.restored)
        self._worker.put(case.kind.file, None)
        return ended

    def _tell(self, case: Case, what: str, ended: Ended) -> None:
        print(f"{what}: {case.name}: errtax {' '.join(case.line)}: {ended.code}", file=sys.stderr)
        print("    " + ended.err.strip()[-700:].replace("\n", "\n    "), file=sys.stderr, flush=True)
        if self._kept:
            (self._kept / case.name.replace(" ", "-")).write_bytes(case.content)


def print_row(name: str, counts: Counter[str]) -> None:
    """A line of the table."""
    print(f"{name:<20}" + "".join(f"{counts[column]:>9,}" for column in COLUMNS), flush=True)


@click.command(help=__doc__)
@click.option("--errtax", "root", type=click.Path(path_type=Path), default=HERE.parent, help="Checkout to be tried.")
@click.option("--seed", default=1, show_default=True)
@click.option("--kinds", default=",".join(KINDS), show_default=True)
@click.option("--flips", default=500, show_default=True, help="Single flipped bits, half of them in the footer.")
@click.option("--damages", default=300, show_default=True)
@click.option("--changes", default=500, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="Longer is a hang.")
@click.option("--sound", type=click.Path(path_type=Path), help="Folder of sound files, made if it is missing.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for the files that fail.")
def main(
    root: Path, seed: int, kinds: str, seconds: float, sound: Path | None, keep: Path | None, **amounts: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        sound = sound or Path(name) / "sound"
        if not sound.exists():
            make(sound, root.resolve())
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
        worker = Worker(sound, Path(name) / "work", root.resolve(), seconds)
        trial, everything = Trial(worker, keep), Counter[str]()
        print(" " * 20 + "".join(f"{column:>9}" for column in COLUMNS))
        try:
            for kind, (group, count) in product(kinds.split(","), amounts.items()):
                path = sound / KINDS[kind].file
                content = path.read_bytes() if path.exists() else CONFIGURATION
                everything += (counts := trial.run(cases(kind, group, count, content, seed)))
                print_row(f"{kind} {group}", counts)
        finally:
            worker.stop()
        print_row("all", everything)
        print(f"the slowest took {trial.seconds:.1f} s")


if __name__ == "__main__":
    main()
