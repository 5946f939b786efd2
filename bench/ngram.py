"""The n-gram engine against KenLM, in one run on one machine.

    python bench/ngram.py TRAIN TEST [--order 20] [--runs 3]

KenLM's lmplz, build_binary and query are taken from PATH or from ERRTAX_KENLM_BIN; build them with
-DKENLM_MAX_ORDER=21.  Without them only our own figures are printed.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from measure import Measured, errtax, time_function, time_process

from errtax.lm.ngram_index import NgramIndex
from errtax.lm.text import Unit, read_text

_NAMES = {32: "<sp>", 10: "<nl>", 9: "<tab>", 13: "<cr>"}


def write_tokens(source: Path, target: Path) -> None:
    """One byte a token, all on one line."""
    names = [_NAMES.get(b) or (chr(b) if 33 <= b < 127 else f"<{b:02x}>") for b in range(256)]
    target.write_text(" ".join(names[b] for b in source.read_bytes()) + "\n", encoding="ascii")


def find_kenlm() -> dict[str, str]:
    folder = os.environ.get("ERRTAX_KENLM_BIN")
    found = {name: shutil.which(name, path=folder) for name in ("lmplz", "build_binary", "query")}
    return {name: path for name, path in found.items() if path}


def measure_ours(train: Path, test: Path, folder: Path, order: int, runs: int) -> tuple[dict[str, Measured], int]:
    index_path = folder / "ours.ngram"
    text, tested = read_text(train, Unit.BYTE), read_text(test, Unit.BYTE)
    figures = {
        "build, in process": time_function(lambda: NgramIndex.build(text, order), runs),
        "build, whole command": time_process(
            errtax("build-ngram", train, "--order", order, "-o", index_path, "--force"), runs
        ),
    }
    index = NgramIndex.open(index_path)
    figures["score all orders, in process"] = time_function(lambda: index.score(tested.codes), runs)
    command = errtax("score", test, "--ngram", index_path, "-o", folder / "scores.parquet", "--force")
    figures["score all orders, whole command"] = time_process(command, runs)
    return figures, index_path.stat().st_size


def measure_kenlm(
    tools: dict[str, str], train: Path, test: Path, folder: Path, order: int, runs: int
) -> tuple[dict[str, Measured], int]:
    write_tokens(train, folder / "train.tok")
    write_tokens(test, folder / "test.tok")
    arpa, trie = folder / "model.arpa", folder / "model.trie"
    lmplz = [
        tools["lmplz"],
        "-o",
        str(order),
        "--discount_fallback",
        "-S",
        "50%",
        "-T",
        str(folder),
        "--arpa",
        str(arpa),
    ]
    figures = {
        "lmplz": time_process(lmplz, runs, folder / "train.tok", warm_up=False),
        "build_binary trie": time_process([tools["build_binary"], "trie", str(arpa), str(trie)], runs, warm_up=False),
        "query trie, one order": time_process([tools["query"], "-v", "summary", str(trie)], runs, folder / "test.tok"),
    }
    return figures, trie.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--order", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, size = measure_ours(options.train, options.test, folder, options.order, options.runs)
        for label, figure in ours.items():
            print(f"errtax  {label:32} {figure}")
        print(f"errtax  {'index':32} {size / 1e6:.1f} MB")
        tools = find_kenlm()
        if len(tools) < 3:
            print("KenLM: lmplz, build_binary and query were not found on PATH or in ERRTAX_KENLM_BIN; no ratios.")
            return
        theirs, trie = measure_kenlm(tools, options.train, options.test, folder, options.order, options.runs)
    for label, figure in theirs.items():
        print(f"KenLM   {label:32} {figure}")
    print(f"KenLM   {'trie':32} {trie / 1e6:.1f} MB")
    build = theirs["lmplz"].seconds + theirs["build_binary trie"].seconds
    query = theirs["query trie, one order"].seconds
    for where in ("in process", "whole command"):
        print(f"build  ({where}): {build / ours[f'build, {where}'].seconds:.1f} x as fast as lmplz + build_binary")
        print(f"score  ({where}): {query / ours[f'score all orders, {where}'].seconds:.2f} x as fast as query")
    print(f"size: 1/{trie / size:.1f} of the trie")


if __name__ == "__main__":
    main()
