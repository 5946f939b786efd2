"""KenLM: what `query` prints, a line per sentence: `word=id length log10p` between tabs, then `Total: t OOV: n`.

Words may hold `=`: a field is split from the right.  The words are those between the blanks of the text; the blanks
before a word count to it, and `</s>` is the line end.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from errtax.lm.errors import BadInput
from errtax.lm.files import require_input
from errtax.lm.imports.records import Block, Reading, ReadOptions, Source, TokenScores
from errtax.lm.imports.values import natural, number_of

_TOTAL, _SUMMARY = "Total:", "Perplexity including OOVs:"
_END = "</s>"
_CLOSE = 2e-3  # `query` prints sums of float32 in 6 digits


def read(path: Path, options: ReadOptions) -> Reading:
    """One document per line of the text; streamed.  Raises `BadInput`, with the line, for what is no such output."""
    remarks: list[str] = []
    return Reading(_blocks(path, remarks), "KenLM", remarks)


def _blocks(path: Path, remarks: list[str]) -> Iterator[Block]:
    document, unknown, words, ended = 0, 0, 0, False
    with require_input(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            fields = line.rstrip(b"\n").decode("utf-8", "surrogateescape").split("\t")
            place = f"{path}: line {number}"
            if ended or fields[0].startswith(_SUMMARY):
                ended = True
                continue
            ended = fields[-1 if len(fields) < 2 else -2].startswith(_SUMMARY)
            block, oov = _sentence(place, fields[:-2] if ended else fields, document, whole=not ended)
            unknown, words, document = unknown + oov, words + len(block), document + 1
            if len(block):
                yield block
    if not words:
        raise BadInput(
            f"{path} has no words in it; KenLM's `query MODEL < test.txt` prints them (not with -v summary)."
        )
    if unknown:
        remarks.append(f"{unknown:,} of {words:,} words are unknown to the model: each has the probability of <unk>.")


def _sentence(place: str, fields: list[str], document: int, whole: bool) -> tuple[TokenScores, int]:
    """The words of a line, and how many the model does not know; a last line without a line end has no total."""
    words, ids, logs = [], [], []
    for field in fields[:-1] if whole else fields:
        word, word_id, log10 = _word(place, field)
        words.append(word)
        ids.append(word_id)
        logs.append(log10)
    values = np.array(logs, np.float64)
    if whole:
        _require_total(place, fields[-1], float(values.sum()))
    if whole and words and words[-1] == _END:
        words[-1] = "\n"
    n_words = len(words)
    return (
        TokenScores(
            document=document,
            place=lambda i: f"{place}, word {i + 1} of {n_words}",
            logprobs=natural(values, "10"),
            pieces=words,
            spaced=True,
        ),
        ids.count(0),
    )


def _word(place: str, field: str) -> tuple[str, int, float]:
    try:
        named, length, log10 = field.rsplit(" ", 2)
        word, equals, number = named.rpartition("=")
        if not equals or not word or int(length) < 0 or int(number) < 0:
            raise ValueError
        value = float(log10)
    except ValueError:
        raise BadInput(f"{place}: {field[:60]!r} is not `word=id length log10p` as KenLM's query prints it.") from None
    return word, int(number), number_of(value, f"{place}, {word[:60]!r}")


def _require_total(place: str, field: str, total: float) -> None:
    """Raise `BadInput` unless a line ends in the sum of its words."""
    parts = field.split()
    if len(parts) != 4 or parts[0] != _TOTAL or parts[2] != "OOV:":
        raise BadInput(
            f"{place} does not end in 'Total: … OOV: …' but in {field[:40]!r}; is the file cut off, or made without "
            "-v word -v sentence?"
        )
    try:
        stated = float(parts[1])
    except ValueError:
        raise BadInput(f"{place}: the total {parts[1]!r} is not a number.") from None
    if math.isfinite(total) and not abs(stated - total) <= _CLOSE + 1e-5 * abs(total):
        raise BadInput(f"{place}: its words sum to {total:g}, its total is {stated:g}; is a field missing?")


SOURCE = Source(
    "kenlm",
    "what KenLM's `query` prints",
    "`query MODEL.binary < test.txt > FILE` (without `-v`, or with `-v word -v sentence`)",
    "token log of words (the blanks before a word count to it; `</s>` is the line end), a document per line",
    (
        "logs to base 10: converted",
        "words may contain `=`: split from the right",
        "`</s>` is a prediction, too: that of the line end",
        "unknown words all have the probability of `<unk>`: counted and said",
    ),
    read,
)
