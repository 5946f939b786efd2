"""The n-gram engine against what a user would pick instead, in one run on one machine.

    python bench/ngram.py TRAIN TEST                          the whole text, against KenLM
    python bench/ngram.py TRAIN TEST --sizes 1,3,10,100 --picture engine.png

KenLM's lmplz, build_binary and query are taken from PATH or from ERRTAX_KENLM_BIN; build them with
-DKENLM_MAX_ORDER=21.  tokengrams and infini-gram take part where they are installed.  What is missing is left out.
A size is the first so many megabytes of TRAIN; each peer goes as far as --limits lets it.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from measure import errtax, time_function, time_process

from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, read_text

_NAMES = {32: "<sp>", 10: "<nl>", 9: "<tab>", 13: "<cr>"}
_PEERS = Path(__file__).with_name("peers.py")
LIMITS = {"KenLM trie": 10.0, "KenLM probing": 10.0, "tokengrams": 100.0, "infini-gram": 100.0}


@dataclass(frozen=True)
class Row:
    """One system on one text."""

    system: str
    megabytes: float
    build: float  # seconds
    peak: float  # MB
    disk: float  # MB
    score: float  # microseconds a symbol
    note: str = ""


def write_tokens(source: Path, target: Path) -> None:
    """One byte a token, all on one line."""
    names = [(_NAMES.get(b) or (chr(b) if 33 <= b < 127 else f"<{b:02x}>")).encode() + b" " for b in range(256)]
    with source.open("rb") as data, target.open("wb") as out:
        while piece := data.read(1 << 20):
            out.write(b"".join([names[b] for b in piece]))
        out.write(b"\n")


def find_kenlm() -> dict[str, str]:
    folder = os.environ.get("ERRTAX_KENLM_BIN")
    found = {name: shutil.which(name, path=folder) for name in ("lmplz", "build_binary", "query")}
    return {name: path for name, path in found.items() if path}


def measure_ours(train: Path, test: Path, folder: Path, order: int, runs: int) -> list[Row]:
    path, size, n = folder / "ours.ngram", train.stat().st_size / 1e6, test.stat().st_size
    command = time_process(errtax("build-ngram", train, "--order", order, "-o", path, "--force"), runs)
    text, tested = read_text(train, Unit.BYTE), read_text(test, Unit.BYTE)
    inside = time_function(lambda: NgramIndex.build(text, order), runs)
    disk = path.stat().st_size / 1e6
    index = NgramIndex.open(path)
    score = time_function(lambda: index.score(tested.codes), max(runs, 3))
    say(f"errtax: command {command}; in process {inside}; scoring all {order} orders of {n:,} symbols {score}")
    each = score.seconds / n * 1e6
    return [
        Row("errtax", size, command.seconds, command.megabytes, disk, each, f"all {order} orders"),
        Row("errtax, in process", size, inside.seconds, command.megabytes, disk, each, f"all {order} orders"),
    ]


def measure_kenlm(tools: dict[str, str], train: Path, test: Path, folder: Path, order: int, runs: int) -> list[Row]:
    write_tokens(train, folder / "train.tok")
    write_tokens(test, folder / "test.tok")
    arpa, size, n = folder / "model.arpa", train.stat().st_size / 1e6, test.stat().st_size
    lmplz = [tools["lmplz"], "-o", order, "--discount_fallback", "-S", "50%", "-T", folder, "--arpa", arpa]
    made = time_process([str(part) for part in lmplz], runs, folder / "train.tok", warm_up=False)
    say(f"lmplz: {made}; ARPA {arpa.stat().st_size / 1e6:,.0f} MB")
    rows = []
    for kind in ("trie", "probing"):
        model = folder / f"model.{kind}"
        binary = time_process([tools["build_binary"], kind, str(arpa), str(model)], runs, warm_up=False)
        query = time_process([tools["query"], "-v", "summary", str(model)], max(runs, 3), folder / "test.tok")
        say(f"build_binary {kind}: {binary}; query: {query}")
        build, peak = made.seconds + binary.seconds, max(made.megabytes, binary.megabytes)
        disk = model.stat().st_size / 1e6
        rows.append(Row(f"KenLM {kind}", size, build, peak, disk, query.seconds / n * 1e6, f"order {order} only"))
        model.unlink()
    return rows


def measure_peer(name: str, train: Path, test: Path, folder: Path) -> list[Row]:
    """A peer in a process of its own, for its peak memory; `peers.py` prints what it measured as JSON."""
    report = folder / "peer.json"
    command = [sys.executable, str(_PEERS), name, str(train), str(test), str(folder), str(report)]
    try:
        whole = time_process(command, 1, warm_up=False)
    except SystemExit as error:
        say(f"{name} is left out: {error}")
        return []
    found = json.loads(report.read_text())
    size = train.stat().st_size / 1e6
    peak = found.get("peak", whole.megabytes)
    return [Row(name, size, found["build"], peak, found["disk"], found["score"], found["note"])]


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def table(rows: list[Row]) -> str:
    """Markdown, one row per system and text."""
    lines = ["| text | system | build | peak memory | on disk | score a symbol | |", "|---|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: (row.megabytes, row.system != "errtax", row.system)):
        lines.append(
            f"| {row.megabytes:,.3g} MB | {row.system} | {row.build:,.2f} s | {row.peak:,.0f} MB | {row.disk:,.1f} MB "
            f"| {row.score:,.2f} µs | {row.note} |"
        )
    return "\n".join(lines)


def ratios(rows: list[Row]) -> list[str]:
    """Ours against KenLM's on each text where both were measured."""
    found = {(row.system, row.megabytes): row for row in rows}
    lines = []
    for (system, size), row in found.items():
        trie, probing = found.get(("KenLM trie", size)), found.get(("KenLM probing", size))
        if system.startswith("errtax") and trie and probing:
            lines.append(
                f"{size:,.3g} MB, {system}: build {trie.build / row.build:.0f} x as fast as lmplz + build_binary trie, "
                f"1/{trie.disk / row.disk:.1f} of its size, score {trie.score / row.score:.2f} x as fast as its query "
                f"and {probing.score / row.score:.2f} x as fast as probing's"
            )
    return lines


def draw(rows: list[Row], path: Path) -> None:
    """Four log-log panels: build time, peak memory, size on disk, time a symbol, over the size of the text."""
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    panels = {
        "build": "build, seconds",
        "peak": "peak memory, MB",
        "disk": "size on disk, MB",
        "score": "scoring, µs a symbol",
    }
    systems = list(dict.fromkeys(row.system for row in rows if row.system != "errtax, in process"))
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.8), layout="constrained")
    for axis, (name, label) in zip(axes, panels.items(), strict=True):
        for number, system in enumerate(systems):
            points = sorted((row.megabytes, getattr(row, name)) for row in rows if row.system == system)
            marker, width = "osD^v"[number % 5], 1.4 if number else 2.4
            axis.plot(*zip(*points, strict=True), marker=marker, label=system, lw=width)
        axis.set(xscale="log", yscale="log", xlabel="text, MB", title=label)
        axis.grid(alpha=0.3, which="both", lw=0.5)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=130)


def measure(options: argparse.Namespace, megabytes: float | None, folder: Path) -> list[Row]:
    train = folder / "train.txt"
    with options.train.open("rb") as source, train.open("wb") as out:
        out.write(source.read(-1 if megabytes is None else int(megabytes * 1e6)))
    size = train.stat().st_size / 1e6
    say(f"--- {size:,.3g} MB")
    rows = measure_ours(train, options.test, folder, options.order, options.runs)
    tools = find_kenlm()
    if len(tools) == 3 and size <= LIMITS["KenLM trie"]:
        rows += measure_kenlm(tools, train, options.test, folder, options.order, options.runs)
    for name in ("tokengrams", "infini-gram"):
        if options.sizes and size <= LIMITS[name]:
            rows += measure_peer(name, train, options.test, folder)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--order", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--sizes", type=lambda value: [float(part) for part in value.split(",")])
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", type=Path, help="keep the rows there")
    parser.add_argument("--folder", type=Path, help="where to work [default: a temporary folder]")
    options = parser.parse_args()
    rows: list[Row] = []
    for megabytes in options.sizes or [None]:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            rows += measure(options, megabytes, Path(name))
    print(table(rows))
    print("\n".join(ratios(rows)))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    if options.picture:
        draw(rows, options.picture)


if __name__ == "__main__":
    main()
