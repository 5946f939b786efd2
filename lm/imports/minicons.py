"""minicons: `token_score` as JSON, a list of (token, score) or (token, score, rank) per sentence; or as a table.

The first token, which has no prediction, is given the score 0.0, and the rank 0.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from errtax.lm.errors import BadInput
from errtax.lm.imports.json_files import read_values
from errtax.lm.imports.records import Block, Reading, ReadOptions, Source, TokenScores
from errtax.lm.imports.values import natural, number_of

_TABLES = (".csv", ".tsv")


def read(path: Path, options: ReadOptions) -> Reading:
    """One document per sentence.  Raises `BadInput`, with the token, for what is no such list."""
    sentences = _sentences_of_table(path) if path.suffix in _TABLES else _sentences_of_json(path)
    return Reading(_blocks(path, sentences, options.base or "e"))


def _sentences_of_json(path: Path) -> list[Any]:
    values = read_values(path)
    found = values[0] if len(values) == 1 else values  # a list of sentences, or a sentence per line
    if _is_sentence(found):
        return [found]
    if not isinstance(found, list) or not found or not all(map(_is_sentence, found)):
        raise BadInput(f"{path} is not what minicons' token_score returns: a list of [token, score] per sentence.")
    return found


def _is_sentence(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, list) and bool(first) and isinstance(first[0], str)


def _sentences_of_table(path: Path) -> list[Any]:
    """A table with the columns token, score (or logprob), and maybe rank and sentence."""
    from errtax.lm.imports.tables import rows_of_text  # noqa: PLC0415

    names, rows = rows_of_text(path)
    score = next((name for name in ("score", "logprob", "surprisal") if name in names), None)
    if "token" not in names or score is None:
        raise BadInput(f"{path} has the columns {', '.join(names)}; token and score are needed (rank, sentence).")
    sentences: list[Any] = []
    last: Any = None
    for row in rows:
        if not sentences or row.get("sentence") != last:
            sentences.append([])
            last = row.get("sentence")
        value = _number(row[score])
        if score == "surprisal" and isinstance(value, float):
            value = -value
        sentences[-1].append([row["token"], value, *([_number(row["rank"])] if "rank" in names else [])])
    return sentences


def _number(value: Any) -> Any:
    try:
        return float(value) if value not in ("", None) else None
    except ValueError:
        return value


def _blocks(path: Path, sentences: list[Any], base: str) -> Iterator[Block]:
    for number, sentence in enumerate(sentences):
        name = f"{path}: sentence {number}"
        document = number if len(sentences) > 1 else None
        for k, entry in enumerate(sentence):
            if not isinstance(entry, list) or len(entry) not in (2, 3) or not isinstance(entry[0], str):
                raise BadInput(f"{name}, token {k}: {str(entry)[:60]!r} is not [token, score] or [token, score, rank].")
        yield _scores(name, document, sentence, base)


def _scores(name: str, document: int | None, sentence: list[Any], base: str) -> TokenScores:
    values = np.array([number_of(entry[1], f"{name}, token {k}") for k, entry in enumerate(sentence)], np.float64)
    first = 0
    while first < len(values) and values[first] == 0.0 and (first == 0 or _special_before(sentence, first)):
        first += 1
    values[:first] = np.nan
    ranks = None
    if all(len(entry) == 3 for entry in sentence):
        stated = np.array([number_of(entry[2], f"{name}, token {k}") for k, entry in enumerate(sentence)], np.float64)
        ranks = np.where(np.isnan(values) | np.isnan(stated), 0, stated).astype(np.int32)
    return TokenScores(
        document=document,
        place=lambda k: f"{name}, token {k}",
        logprobs=natural(values, base),
        pieces=[entry[0] for entry in sentence],
        ranks=ranks,
    )


def _special_before(sentence: list[Any], k: int) -> bool:
    """Whether an entry without a prediction may follow: ranks of 0 say so."""
    return len(sentence[k]) == 3 and sentence[k][2] == 0


SOURCE = Source(
    "minicons",
    "`scorer.token_score(sentences, rank=True)` as JSON, or as a table with the columns token, score, rank, sentence",
    "`json.dump(scorer.token_score(sentences, rank=True), file)`",
    "token log, a document per sentence",
    (
        "the first token has 0.0, that is p = 1: null",
        "pieces with `Ġ` or `▁`, or stripped of blanks: found in the text; parts of characters need `--tokenizer`",
        "scores may be bits, probabilities or surprisals: `--base 2`, `--base p`",
    ),
    read,
    based=True,
)
