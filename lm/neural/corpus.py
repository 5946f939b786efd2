"""What a model is trained on: a training text, a validation text, and the symbols that its softmax knows."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from errtax.lm.errors import BadInput
from errtax.lm.split import read_split
from errtax.lm.text import Alphabet, Codes, Text, Unit, read_text

logger = logging.getLogger("errtax")


@dataclass(frozen=True, eq=False)
class Corpus:
    """`alphabet[id]`: the code of symbol `id`."""

    unit: Unit
    train: Codes
    val: Codes
    train_sha256: str
    val_sha256: str
    alphabet: list[int]


def read_corpus(text: Path, val: Path | None = None, unit: Unit = Unit.BYTE) -> Corpus:
    """The texts to train on: a training text, or a folder with `train.txt` and `val.txt`.

    Without a validation text the last 5 % of the training text are held out.
    """
    source = text / "train.txt" if text.is_dir() else text
    if text.is_dir() and not source.is_file():
        raise BadInput(f"{text} has no train.txt; make it with errtax split TEXT -o {text}.")
    train = read_text(source, unit)
    alphabet = _alphabet(source, train)
    if val is None and text.is_dir():
        val = text / "val.txt"
    if val is not None:
        held_out = read_text(val, unit)
        return Corpus(unit, train.codes, held_out.codes, train.sha256, held_out.sha256, alphabet)
    cut = len(train) - max(len(train) // 20, 1)
    held_sha256 = hashlib.sha256(train.codes[cut:].tobytes()).hexdigest()
    logger.info("No validation text: the last %s symbols of %s are held out.", f"{len(train) - cut:,}", source)
    return Corpus(unit, train.codes[:cut], train.codes[cut:], train.sha256, held_sha256, alphabet)


def _alphabet(source: Path, train: Text) -> list[int]:
    """The symbols of the whole text that was split, as in the paper; else those of the training text."""
    split = read_split(source.parent)
    if split is not None and train.unit is Unit.BYTE and split.is_part("train", train.sha256):
        return split.alphabet
    codes: list[int] = Alphabet.sorted(train.codes).codes.tolist()
    return codes
