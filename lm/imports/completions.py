"""OpenAI-style completions with `echo`: `tokens`, `token_logprobs`, `top_logprobs` of each choice.

`text_offset` is not used: it counts characters of pieces that were decoded one by one.  `top_logprobs` is keyed by
text, so that two tokens of the same text leave one entry: such a row says neither what is best nor the rank.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.imports.json_files import read_values
from errtax.lm.imports.records import Block, Ids, Reading, ReadOptions, Source, TokenScores
from errtax.lm.imports.values import number_of

_ID = re.compile(r"token_id:(\d{1,10})")
_LEAST = 20  # rows, before a shift is believed
_FIELDS = ("tokens", "token_logprobs")
_ASK = "ask /v1/completions with echo=true, logprobs=1 and max_tokens=1 (or 0)"


def read(path: Path, options: ReadOptions) -> Reading:
    """One document per choice.  Raises `BadInput` for files without the scores of a prompt."""
    answers = [found for value in read_values(path) for found in (value if isinstance(value, list) else [value])]
    choices = [choice for answer in answers for choice in _choices(path, answer)]
    model = next((str(each["model"]) for each in answers if isinstance(each.get("model"), str)), "")
    remarks: list[str] = []
    return Reading(_blocks(path, choices, remarks), model, remarks)


def _choices(path: Path, answer: Any) -> list[tuple[dict[str, Any], int]]:
    """The choices of an answer, each with the number of tokens at its end that the model wrote itself."""
    if not isinstance(answer, dict) or not isinstance(answer.get("choices"), list) or not answer["choices"]:
        raise BadInput(f"{path} has no choices; the JSON answers of an OpenAI-style server are needed ({_ASK}).")
    usage = answer.get("usage")
    written = usage.get("completion_tokens") if isinstance(usage, dict) and len(answer["choices"]) == 1 else 0
    return [(choice, written if isinstance(written, int) and written > 0 else 0) for choice in answer["choices"]]


def _blocks(path: Path, choices: list[tuple[dict[str, Any], int]], remarks: list[str]) -> Iterator[Block]:
    for number, (choice, written) in enumerate(choices):
        document = number if len(choices) > 1 else None
        name = f"{path}:" if document is None else f"{path}: choice {number},"
        yield _scores(name, document, choice, written, remarks)


def _scores(name: str, document: int | None, choice: Any, written: int, remarks: list[str]) -> TokenScores:
    found = _logprobs_of(name, choice)
    n = len(found["tokens"])
    kept = n - written if written < n else n
    tokens = found["tokens"][:kept]
    if not all(isinstance(token, str) for token in tokens):
        raise BadInput(f"{name} tokens are not all strings.")
    values = [number_of(value, f"{name} token_logprobs[{k}]") for k, value in enumerate(found["token_logprobs"][:kept])]
    logprobs = np.array(values, np.float64)
    best = _best(name, found.get("top_logprobs"), tokens, logprobs)
    if best.collisions:
        remarks.append(
            f"{name} in {best.collisions:,} of {kept:,} rows two tokens have the same text, so that top_logprobs has "
            "lost one; their rank and best token are unknown."
        )
    text, ids = choice.get("text"), _ids(choice, tokens)
    return TokenScores(
        document=document,
        place=lambda k: f"{name} token_logprobs[{k}]",
        logprobs=logprobs,
        pieces=None if _ID.fullmatch(tokens[0]) and ids is not None else tokens,
        ids=ids,
        ranks=best.ranks,
        best_logprobs=best.logprobs,
        best_pieces=best.pieces,
        text=text if isinstance(text, str) and kept == n else None,
    )


def _logprobs_of(name: str, choice: Any) -> dict[str, Any]:
    found = choice.get("logprobs") if isinstance(choice, dict) else None
    if isinstance(found, dict) and "content" in found:
        raise BadInput(f"{name} holds a chat, whose logprobs are those of what the model wrote, not of a text; {_ASK}.")
    if not isinstance(found, dict) or any(not isinstance(found.get(key), list) for key in _FIELDS):
        raise BadInput(f"{name} logprobs with the lists {' and '.join(_FIELDS)} are missing; {_ASK}.")
    n, values = len(found["tokens"]), len(found["token_logprobs"])
    if n != values or not n:
        raise BadInput(f"{name} there are {n:,} tokens and {values:,} token_logprobs; is the file cut off?")
    return found


def _ids(choice: dict[str, Any], tokens: list[str]) -> Ids | None:
    """The ids, where the server wrote `token_id:17` for tokens, as vLLM can be asked to, or both lists of ids."""
    matches = [_ID.fullmatch(token) for token in tokens]
    if all(matches):
        return np.array([int(match[1]) for match in matches if match], np.int64)
    lists = [choice.get("prompt_token_ids") or [], choice.get("token_ids") or []]
    if not all(isinstance(ids, list) and all(type(i) is int for i in ids) for ids in lists):
        return None
    ids = [*lists[0], *lists[1]][: len(tokens)]
    return np.array(ids, np.int64) if lists[0] and len(ids) == len(tokens) else None


class _Best(NamedTuple):
    ranks: NDArray[np.int32] | None
    logprobs: NDArray[np.float64] | None
    pieces: list[str | None] | None
    collisions: int


def _best(name: str, top: Any, tokens: list[str], logprobs: NDArray[np.float64]) -> _Best:
    """Rank and best token from the alternatives; the rank is a lower bound where the token is not among the first k."""
    rows = [_row(f"{name} top_logprobs[{k}]", row) for k, row in enumerate((top or [])[: len(tokens)])]
    if not isinstance(top, list | None) or (top and len(rows) != len(tokens)):
        raise BadInput(f"{name} there are {len(tokens):,} tokens and {len(rows):,} top_logprobs; is the file cut off?")
    asked = max((_asked(row, token) for row, token in zip(rows, tokens, strict=False)), default=0)
    if asked < 1:
        return _Best(None, None, None, 0)
    _require_own(name, rows, tokens, logprobs)
    ranks, best = np.zeros(len(tokens), np.int32), np.full(len(tokens), np.nan)
    pieces: list[str | None] = [None] * len(tokens)
    collisions = 0
    for k, row in enumerate(rows):
        if np.isnan(logprobs[k]):
            continue
        if len(row) < asked:
            collisions += bool(row)
            continue
        pieces[k] = max(row, key=lambda piece: row[piece])
        best[k] = max(row.values())
        ranks[k] = 1 + sum(value > logprobs[k] for value in row.values())
    return _Best(ranks, best, pieces, collisions)


def _require_own(name: str, rows: list[dict[str, float]], tokens: list[str], logprobs: NDArray[np.float64]) -> None:
    """Raise `BadInput` where the value of a token is, in most rows, that of the token beside it in `top_logprobs`."""
    told = [k for k, row in enumerate(rows) if row and not np.isnan(logprobs[k])]

    def strange_at(k: int) -> bool:
        beside = tokens[max(k - 1, 0) : k] + tokens[k + 1 : k + 2]
        return tokens[k] not in rows[k] and any(rows[k].get(piece) == logprobs[k] for piece in beside)

    strange = [k for k in told if strange_at(k)]
    if len(strange) >= _LEAST and 2 * len(strange) > len(told):
        k = strange[0]
        raise BadInput(
            f"{name} is off by one: in {len(strange):,} of {len(told):,} rows top_logprobs has the value of the token "
            f"under the one beside it, first in token_logprobs[{k}]; the first token has no prediction: write null "
            "there, and shift the rest."
        )


def _row(place: str, row: Any) -> dict[str, float]:
    if row is None:
        return {}
    if not isinstance(row, dict):
        raise BadInput(f"{place} is {str(row)[:40]!r}; an object of tokens and log-probabilities is needed.")
    return {piece: number_of(value, place) for piece, value in row.items()}


def _asked(row: dict[str, float], token: str) -> int:
    """How many alternatives were asked for, at least: a token that is not among them is added as the last."""
    added = token in row and all(value > row[token] for piece, value in row.items() if piece != token)
    return len(row) - (added and len(row) > 1)


SOURCE = Source(
    "completions",
    "answers of an OpenAI-style server to `/v1/completions` as JSON (one, a list, or one per line)",
    "`echo: true, logprobs: 1, max_tokens: 1` in the request (the token that the model adds is left out)",
    "token log",
    (
        "the first token has no prediction: null",
        "−9999.0 stands for −∞: rejected",
        "`text_offset` counts characters of decoded pieces: not used, tokens are found in the text byte for byte",
        "`top_logprobs` is keyed by text, so tokens collide: rank and best token of such rows are null; a rank beyond "
        "the alternatives asked for is a lower bound",
        "llama-cpp-python's `echo` is off by one for models without BOS: recognised by `top_logprobs`, rejected",
        "pieces that are parts of a character: `--tokenizer` is needed",
    ),
    read,
)
