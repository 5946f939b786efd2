"""Files of other tools, as true to their schemas as real ones, from a tiny model whose distributions are known."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import hf_models
from errtax.lm.hf.tokenizer import TextTokenizer

TEXT = (
    "The cat sat on the mat, and the dog sat on the log. naïve café 猫 – quite happy!\n  It was 😀 quite, quite.\n"
) * 2


class Scored(NamedTuple):
    """A text by a model.  `ids`: (n,), a prefix first.  `logprobs`: (n, V), row k given the ids before k; row 0 NaN."""

    text: bytes
    tokenizer: TextTokenizer
    ids: NDArray[np.int64]
    logprobs: NDArray[np.float64]
    folder: Path
    prefix: int

    @property
    def own(self) -> NDArray[np.float64]:
        """(n,): of the text's own tokens; NaN for the first."""
        return self.logprobs[np.arange(len(self.ids)), self.ids]


def scored(folder: Path, made: Any, text: str = TEXT, seed: int = 1) -> Scored:
    """The text by a random Llama with this tokenizer, both saved in `folder`."""
    import torch

    tokenizer = TextTokenizer.of(made)
    ids = np.concatenate([np.array(tokenizer.prepended, np.int64), tokenizer.encode(text.encode()).ids])
    model = hf_models.llama(len(tokenizer.vocabulary), 512, seed)
    with torch.no_grad():
        logits = model(torch.tensor(ids[None])).logits[0].double()
    logprobs = np.full(logits.shape, np.nan)
    logprobs[1:] = torch.log_softmax(logits, 1)[:-1].numpy()
    model.save_pretrained(folder)
    made.save_pretrained(folder)
    return Scored(text.encode(), tokenizer, ids, logprobs, folder, len(tokenizer.prepended))


def vllm_entry(row: NDArray[np.float64], own: int, top: int, backend: Any) -> dict[str, Any]:
    """The prompt's token first, then the `top` most probable; -1: all."""
    order = np.argsort(-row, kind="stable")
    ranks = np.empty(len(row), int)
    ranks[order] = np.arange(1, len(row) + 1)
    chosen = dict.fromkeys([own, *order[: len(row) if top < 0 else top].tolist()])
    return {
        str(k): {"logprob": float(row[k]), "rank": int(ranks[k]), "decoded_token": backend.id_to_token(k)}
        for k in chosen
    }


def vllm_request(of: Scored, top: int = 1) -> dict[str, Any]:
    """A `RequestOutput` of vLLM as `dataclasses.asdict` and `json` have it."""
    backend = of.tokenizer.backend
    entries = [None, *(vllm_entry(of.logprobs[k], int(of.ids[k]), top, backend) for k in range(1, len(of.ids)))]
    return {"request_id": "0", "prompt_token_ids": of.ids.tolist(), "prompt_logprobs": entries, "outputs": []}


def completion(of: Scored, top: int = 3, shift: int = 0) -> dict[str, Any]:
    """An answer to `echo`, without the prefix's ids, as OpenAI's server and llama-cpp-python write it.

    `shift`: 1 gives each token the row of the one after it, as llama-cpp-python does without BOS.
    """
    vocabulary, ids = of.tokenizer.vocabulary, of.ids[of.prefix :].tolist()
    # a piece of a character is written so by OpenAI's server
    pieces = [_openai_piece(vocabulary.piece(k)) for k in range(len(vocabulary))]
    rows = np.roll(of.logprobs, -shift, 0)[of.prefix :]
    tokens: list[str] = []
    scores: list[Any] = []
    best: list[Any] = []
    offsets = [0]
    for row, own in zip(rows, ids, strict=True):
        tokens.append(pieces[own])
        offsets.append(offsets[-1] + len(vocabulary.piece(own).decode(errors="ignore")))
        if np.isnan(row).any():
            scores.append(None)
            best.append(None)
            continue
        scores.append(float(row[own]))
        found = {pieces[k]: float(row[k]) for k in np.argsort(-row)[:top].tolist()}
        best.append(found | {pieces[own]: float(row[own])})
    if not of.prefix or shift:
        scores[0] = best[0] = None
    if shift:
        scores[-1] = best[-1] = None
    logprobs = {"tokens": tokens, "token_logprobs": scores, "text_offset": offsets[:-1], "top_logprobs": best}
    choice = {"text": of.text.decode(), "index": 0, "logprobs": logprobs, "finish_reason": "length"}
    return {"id": "cmpl-1", "object": "text_completion", "model": "tiny", "choices": [choice]}


def _openai_piece(piece: bytes) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)


def write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path
