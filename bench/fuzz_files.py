"""The sound files that `fuzz.py` damages, one of each kind, and the commands that read each kind."""

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from fuzz_pool import Worker

TEXT = ("wp/train.txt", "wp/test.txt")
_NGRAM = ["--ngram", "train.ngram"]
_PEEL = ["--preds", "preds.parquet", *_NGRAM, "--ngram-max", "4", "--train-text", "wp/train.txt"]
_SWEEP = ["--text", "wp", "-o", "zoo", "--models", "lstm", "--layers", "1", "--budgets", "64", "--skip", "lstm-*"]
_SWEEP += ["--ngrams", "1,2", "--epochs", "1"]
_TRAIN = ["train", "wp", "-o", "run", "--hidden", "8", "--layers", "1", "--batch", "8", "--unroll", "20"]
_TRAIN += ["--learning-rate", "0.02", "--device", "cpu"]
CONFIGURATION = b"""ngram = "train.ngram"
train-text = "wp/train.txt"
[peel]
preds = "preds.parquet"
ngram-max = 4
layers = ["ngram", "memory", "rare", "word", "punctuation", "boost"]
memory-windows = [100, 500]
boosts = "0.1,0.5"
output = "out"
force = true
[stats]
replicates = 100
seed = 2
[show]
worst = 5
layer = "memory"
"""


ORACLES = """from errtax.oracle.custom import oracle


@oracle("vowels", rule="the correct symbol is a vowel")
def vowels(view):
    return [character in "aeiou" for character in view.string]


@oracle("seen", rule="the same symbol stands so far back", limits=(1, 5, 20))
def seen(view):
    return [i - view.string.rfind(c, 0, i) if c in view.string[:i] else -1 for i, c in enumerate(view.string)]
"""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    `file`: the sound one.  `how`: which mutations know its insides.  `lines`: commands that read it, `out` being what
    they write.  `restored`: folders that they change.  `sealed`: whether damage must be found; what people may edit
    is not sealed.
    """

    file: str
    how: str
    lines: tuple[list[str], ...]
    restored: tuple[str, ...] = ()
    sealed: bool = True


def _split(*lines: str) -> tuple[list[str], ...]:
    return tuple(line.split() for line in lines)


def _table(file: str) -> Kind:
    return Kind(file, "table", _split(f"validate {file}"))


_MODEL = ["predict run --text wp/test.txt -o out --device cpu --force", "validate run/run.json"]
KINDS = {
    "log": Kind(
        "preds.parquet",
        "table",
        (
            *_split("validate preds.parquet"),
            ["peel", *_PEEL, "-o", "out", "--force"],
            ["peel", "--preds", "preds.parquet", "-o", "out", "--force"],
            ["distance", "--preds", "preds.parquet", *_NGRAM, "--orders", "3", "--pair", '""', "-o", "out", "--force"],
            ["overlap", "preds.parquet", *_NGRAM, "--orders", "3", "-o", "out", "--force"],
        ),
    ),
    "peel": Kind(
        "a.peel.parquet",
        "table",
        _split(
            "validate a.peel.parquet",
            "repeel a.peel.parquet --layers rare,ngram,memory --ngram-max 2 -o out --force",
            "stats a.peel.parquet --replicates 100",
            "report a.peel.parquet -o out --force",
            "show a.peel.parquet --worst 20",
            "compare a.peel.parquet b.peel.parquet -o out --force",
            "compare b.peel.parquet a.peel.parquet",
            "calibration a.peel.parquet",
            "check a.peel.parquet --baseline b.peel.parquet --max errors:+99pp",
        ),
    ),
    "own oracles": Kind(
        "c.peel.parquet",
        "table",
        _split(
            "validate c.peel.parquet",
            "repeel c.peel.parquet --layers seen,memory,word -o out --force",
            "stats c.peel.parquet --replicates 100",
            "report c.peel.parquet -o out --force",
            "show c.peel.parquet --worst 20",
        ),
    ),
    "scores": _table("scores.parquet"),
    "distance": _table("distance.parquet"),
    "overlap": _table("overlap.parquet"),
    "cells": _table("cells.parquet"),
    "gates": _table("gates.parquet"),
    "divergence": _table("dynamics/divergence.parquet"),
    "classes": _table("dynamics/classes.parquet"),
    "sweep": _table("zoo/results.parquet"),
    "best.pt": Kind("run/best.pt", "weights", _split(*_MODEL)),
    "last.pt": Kind("run/last.pt", "weights", ([*_TRAIN, "--epochs", "3", "--resume"],), ("run",)),
    "run.json": Kind(
        "run/run.json", "json", (*_split(*_MODEL), [*_TRAIN, "--epochs", "3", "--resume"]), ("run",), False
    ),
    "split.json": Kind(
        "wp/split.json",
        "json",
        (
            *_split("validate wp/split.json", _MODEL[0]),
            ["peel", "--preds", "preds.parquet", "--text", "wp/test.txt", "-o", "out", "--force"],
        ),
        sealed=False,
    ),
    "sweep.json": Kind("zoo/sweep.json", "json", (["sweep", *_SWEEP],), ("zoo",), False),
    "index": Kind(
        "train.ngram",
        "index",
        (
            *_split("validate train.ngram", "score wp/test.txt --ngram train.ngram -o out --force"),
            ["peel", *_PEEL, "-o", "out", "--force"],
            ["distance", "--preds", "preds.parquet", *_NGRAM, "--orders", "3", "--pair", '""', "-o", "out", "--force"],
        ),
    ),
    "errtax.toml": Kind(
        "errtax.toml",
        "toml",
        (["peel"], *_split("stats a.peel.parquet", "show a.peel.parquet", "repeel a.peel.parquet")),
        sealed=False,
    ),
}


def make(folder: Path, root: Path) -> None:
    """Let the errtax below `root` write a sound file of every kind into an empty folder."""
    folder.mkdir(parents=True)
    draw = random.Random(1)
    words = ["the", "cat", "sat", "on", '"a', 'mat".\n', "houses,", "rarely"]
    (folder / "all.txt").write_text(" ".join(draw.choice(words) for _ in range(3000)))
    (folder / "own.py").write_text(ORACLES)
    worker = Worker(folder, folder, root, 600)
    try:
        for line in _recipe():
            done = worker.run([*line, "-q"], [])
            if done.code != 0:
                raise SystemExit(f"errtax {' '.join(line)}: {done.what or done.code} {done.err}")
    finally:
        worker.stop()
    shutil.rmtree(folder / "run" / "checkpoints")


def _recipe() -> list[list[str]]:
    plain = _split(
        "split all.txt -o wp --scheme streams --streams 4 --steps 10",
        "build-ngram wp/train.txt --order 5 -o train.ngram",
        "predict run --text wp/test.txt -o preds.parquet --device cpu",
        "gates run --text wp/test.txt -o gates.parquet --figure gates.png --device cpu",
        "cells run --text wp/test.txt -o cells.html --table cells.parquet --device cpu",
        "dynamics run --text wp/test.txt --ngram train.ngram --train-text wp/train.txt -o dynamics",
        "score wp/test.txt --ngram train.ngram -o scores.parquet",
    )
    train = [*_TRAIN, "--epochs", "2", "--checkpoint-every", "epoch"]
    files = ["--preds", "preds.parquet"]
    return [
        *plain[:2],
        train,
        *plain[2:],
        ["sweep", *_SWEEP],
        ["peel", *_PEEL, "-o", "a.peel.parquet"],
        ["peel", "--preds", "zoo/2-gram/preds.parquet", *_PEEL[2:], "-o", "b.peel.parquet"],
        ["peel", *files, "--oracles", "own.py", "-o", "c.peel.parquet"],
        ["distance", *files, *_NGRAM, "--orders", "3", "--pair", '""', "-o", "distance.parquet"],
        ["overlap", "preds.parquet", *_NGRAM, "--orders", "3", "-o", "overlap.parquet"],
    ]
