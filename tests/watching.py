"""A text, an index and small models whose training is watched."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

import hf_models
from errtax.lm.hf.tokenizer import TextTokenizer
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, text_of_bytes, text_of_tokens

WORDS = ("the", "cat", "sat", "on", "mat,", "and", "dog", "log.", "happy:", "quite", "It", "was", "naïve", "café", "\n")
SETTINGS: dict[str, Any] = {"window": 32, "windows": 6, "share": 1.0}


def sentences(n: int, seed: int) -> str:
    """n words in which the next one depends on the one before."""
    rng = np.random.default_rng(seed)
    words = [0]
    for _ in range(n):
        words.append(int((words[-1] * 7 + rng.integers(4)) % len(WORDS)))
    return " ".join(WORDS[k] for k in words)


def ids_of(text: str, tokenizer: Any) -> torch.Tensor:
    return torch.from_numpy(TextTokenizer.of(tokenizer).encode(text.encode()).ids)


def index_of(text: str, tokenizer: Any, order: int = 5) -> NgramIndex:
    """The index of a text's tokens."""
    made = TextTokenizer.of(tokenizer)
    data = text_of_bytes(text.encode(), Unit.BYTE)
    return NgramIndex.build(text_of_tokens(data, made.encode(text.encode()).ids, made.sha256), order)


def make_files(folder: Path) -> Path:
    """`train.txt`, `val.txt`, and the index of the first in tokens, `train.ngram`."""
    (folder / "train.txt").write_bytes(sentences(4000, 1).encode())
    (folder / "val.txt").write_bytes(sentences(900, 2).encode())
    index_of((folder / "train.txt").read_text(), hf_models.byte_level()).save(folder / "train.ngram")
    return folder


def small_gpt2() -> Any:
    """With dropout, so that it uses random numbers while it is trained."""
    tokenizer = hf_models.byte_level()
    model = hf_models.gpt2(len(tokenizer)).train()
    model.transformer.h[0].attn.eval()  # one module in another mode than the others
    return model, tokenizer


def training(model: Any, ids: torch.Tensor, steps: int, seed: int = 3) -> Any:
    """A loop of one's own: the numbers of the steps, each after its update."""
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in islice(range(1, steps + 1), steps):
        begin = torch.randint(len(ids) - 25, (4, 1))
        batch = ids[begin + torch.arange(24)]
        optimizer.zero_grad()
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        yield step
