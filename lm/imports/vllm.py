"""vLLM: `prompt_logprobs`, from offline `RequestOutput`s dumped as JSON, or in the answers of its server.

Each entry belongs to one token of the prompt: None for the first, else a mapping from ids to `logprob`, `rank` and
`decoded_token`: the prompt's token first, then the most probable ones.  `prompt_logprobs=-1`: the whole vocabulary.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.imports.json_files import read_values
from errtax.lm.imports.records import UNKNOWN_ID, Block, Distributions, Reading, ReadOptions, Source, TokenScores
from errtax.lm.imports.values import number_of
from errtax.lm.vocabulary import Vocabulary

_ROWS = 64  # distributions at a time
_NEEDED = "ids are all that says what its tokens are: decoded_token may be empty, or a part of a character"
_LARGEST = 1 << 31


def read(path: Path, options: ReadOptions) -> Reading:
    """One document per prompt.  Raises `BadInput` for files without prompt_logprobs."""
    if options.vocabulary is None:
        raise UsageError(f"vllm needs --tokenizer: {_NEEDED}.")
    requests = [found for value in read_values(path) for found in _requests(path, value)]
    model = next((str(each["model"]) for each in requests if isinstance(each.get("model"), str)), "")
    return Reading(_blocks(path, requests, options.vocabulary), model)


def _requests(path: Path, value: Any) -> Iterator[dict[str, Any]]:
    """The objects with `prompt_logprobs` in a value: a request, an answer of the server, or a list of them."""
    if isinstance(value, list):
        for each in value:
            yield from _requests(path, each)
        return
    if not isinstance(value, dict):
        raise BadInput(f"{path} holds {type(value).__name__} where a request of vLLM is needed, with prompt_logprobs.")
    if "prompt_logprobs" in value and value["prompt_logprobs"] is not None:
        yield value
    elif isinstance(value.get("choices"), list) and value["choices"]:
        for choice in value["choices"]:
            if isinstance(choice, dict):
                yield from _requests(path, {"model": value.get("model"), **choice})
    else:
        raise BadInput(
            f"{path} has no prompt_logprobs (keys: {', '.join(map(str, list(value)[:8])) or 'none'}); score with "
            "SamplingParams(prompt_logprobs=1), or the request's prompt_logprobs, and dump the whole outputs."
        )


def _tell_best(requests: list[dict[str, Any]]) -> bool:
    """Whether all entries have the token of rank 1; with `prompt_logprobs=0` they have the prompt's own alone."""
    entries = (entry for request in requests for entry in request["prompt_logprobs"] if isinstance(entry, dict))
    return all(any(isinstance(each, dict) and each.get("rank") == 1 for each in entry.values()) for entry in entries)


def _blocks(path: Path, requests: list[dict[str, Any]], vocabulary: Vocabulary) -> Iterator[Block]:
    tell_best = all(isinstance(each["prompt_logprobs"], list) for each in requests) and _tell_best(requests)
    for number, request in enumerate(requests):
        document = number if len(requests) > 1 else None
        name = f"{path}: prompt_logprobs" if document is None else f"{path}: request {number}, prompt_logprobs"
        entries = request["prompt_logprobs"]
        if not isinstance(entries, list):
            raise BadInput(f"{name} is {type(entries).__name__}, not a list.")
        parsed = [_entry(f"{name}[{k}]", entry) for k, entry in enumerate(entries)]
        for block in _request_blocks(name, document, _ids_of(name, request, parsed), parsed, vocabulary):
            without = isinstance(block, TokenScores) and not tell_best
            yield replace(block, best_ids=None, best_logprobs=None) if without else block  # type: ignore[arg-type]


Entry = Mapping[int, dict[str, Any]] | None


def _entry(place: str, entry: Any) -> Entry:
    """An entry with its ids as numbers (keys of JSON are strings)."""
    if entry is None:
        return None
    if not isinstance(entry, dict) or not entry:
        raise BadInput(f"{place} is {str(entry)[:40]!r}; null, or an object of token ids, is needed.")
    try:
        found = {int(key): value for key, value in entry.items()}
    except ValueError:
        raise BadInput(f"{place}: the key {next(iter(entry))!r} is not a token id.") from None
    for key, value in found.items():
        if not 0 <= key < _LARGEST or not isinstance(value, dict) or "logprob" not in value:
            raise BadInput(f"{place}: the token {key} has no logprob.")
    return found


def _ids_of(name: str, request: dict[str, Any], entries: list[Entry]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The prompt's ids; without `prompt_token_ids` the first of each entry, which vLLM lets the prompt's token be."""
    stated = request.get("prompt_token_ids")
    if stated is None:
        return np.array([UNKNOWN_ID if entry is None else next(iter(entry)) for entry in entries], np.int64)
    if not isinstance(stated, list) or not all(isinstance(i, int) and 0 <= i < _LARGEST for i in stated):
        raise BadInput(f"{name}: prompt_token_ids is not a list of token ids.")
    if len(stated) != len(entries):
        raise BadInput(
            f"{name}: there are {len(entries):,} entries for {len(stated):,} prompt_token_ids; is it cut off?"
        )
    return np.array(stated, np.int64)


def _request_blocks(
    name: str, document: int | None, ids: Any, entries: list[Entry], vocabulary: Vocabulary
) -> Iterator[Block]:
    later = [k for k in range(1, len(entries)) if entries[k] is None]
    if later:
        raise BadInput(f"{name}[{later[0]}] is null; only the first token of a prompt is without a prediction.")
    for k, entry in enumerate(entries):
        if entry is not None and int(ids[k]) not in entry:
            raise BadInput(f"{name}[{k}] does not have the prompt's own token {ids[k]}.")
    whole = int(np.count_nonzero(~vocabulary.special))
    if len(entries) > 1 and all(entry is None or len(entry) >= whole for entry in entries):
        yield from _distributions(name, document, ids, entries, len(vocabulary))
    else:
        yield _token_scores(name, document, ids, entries)


def _distributions(name: str, document: int | None, ids: Any, entries: list[Entry], size: int) -> Iterator[Block]:
    width = max(size, 1 + max(max(entry) for entry in entries if entry is not None))
    if width > 4 * size:
        raise BadInput(f"{name} has the token {width - 1}, far beyond the tokenizer's {size:,}.")
    for start in range(0, len(entries), _ROWS):
        part = entries[start : start + _ROWS]
        scores = np.full((len(part), width), -np.inf)
        for row, entry in enumerate(part):
            if entry is not None:
                values = [number_of(value["logprob"], f"{name}[{start + row}]") for value in entry.values()]
                scores[row, list(entry)] = values  # exp(-9999) is 0, too
        yield Distributions(
            document=document,
            place=_places(name, start),
            ids=ids[start : start + _ROWS],
            scores=scores,
            predicted=np.array([entry is not None for entry in part], bool),
        )


def _token_scores(name: str, document: int | None, ids: Any, entries: list[Entry]) -> TokenScores:
    n = len(entries)
    logprobs, best = np.full(n, np.nan), np.full(n, np.nan)
    ranks, best_ids = np.zeros(n, np.int32), np.full(n, UNKNOWN_ID)
    for k, entry in enumerate(entries):
        if entry is None:
            continue
        own = entry[int(ids[k])]
        logprobs[k], ranks[k] = number_of(own["logprob"], f"{name}[{k}]"), _rank(own.get("rank"), f"{name}[{k}]")
        for token, value in entry.items():
            if value.get("rank") == 1:
                best_ids[k], best[k] = token, number_of(value["logprob"], f"{name}[{k}]")
    return TokenScores(
        document=document,
        place=_places(name, 0),
        logprobs=logprobs,
        ids=ids,
        ranks=ranks,
        best_ids=best_ids,
        best_logprobs=best,
    )


def _rank(value: Any, place: str) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < _LARGEST:
        raise BadInput(f"{place}: the rank {str(value)[:20]!r} is not a whole number from 1 on.")
    return value


def _places(name: str, start: int) -> Any:
    return lambda i: f"{name}[{start + i}]"


SOURCE = Source(
    "vllm",
    "`RequestOutput`s of vLLM as JSON (a list, an object, or one per line), or its server's answers",
    '`SamplingParams(prompt_logprobs=1, max_tokens=1)`; or `"prompt_logprobs": 1` in a request to the server; `-1` for '
    "the whole vocabulary",
    "token log; byte log if the entries hold the whole vocabulary",
    (
        "the first token has no prediction: null",
        "`decoded_token` may be empty, `Ġ…` or a part of a character: ids alone are used",
        "a server writes −9999.0 for −∞: rejected for a token of the text, p = 0 for others",
        "a token that looks special in the text (`<|endoftext|>`) is read as one: rejected",
    ),
    read,
    tokenizer=_NEEDED,
)
