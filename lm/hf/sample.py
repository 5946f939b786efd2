"""A fixed sample of a held-out text, which a model in training is asked about again and again.

Whole windows from evenly spaced places of the text; of each window the second half is predicted, so that every
prediction has seen half a window at least.  The first half is read, and stands in the log without predictions: what the
model could have copied, the oracles see, too.
"""

import json
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.hf.documents import Document, Documents, end_of_characters
from errtax.lm.hf.model import LanguageModel
from errtax.lm.hf.prediction import HfOptions, predict_text
from errtax.lm.hf.tokenizer import TextTokenizer
from errtax.lm.neural.undisturbed import is_sharded, plain_module

WINDOW, WINDOWS = 512, 32
"""Tokens of a window, and windows, where nothing else is said: 8,192 predictions."""
Forward = Callable[[Any, Tensor], Tensor]
_NEAR = 64  # bytes
_TOKEN = 32  # bytes of a text that are read for each token of a window at first


@dataclass(frozen=True, eq=False)
class Sample:
    """Windows as documents, and how they are read; `name`: of the model, None: what it calls itself.

    `forward(network, ids)`: the logits (B, T, V) of a network without the interface of transformers.
    """

    documents: Documents
    tokenizer: TextTokenizer
    options: HfOptions
    name: str | None = None
    forward: Forward | None = None

    def predict(self, network: Any, step: int, path: Path) -> None:
        """Write the log of a network after so many steps: that of `errtax predict --hf` on the same documents."""
        if is_sharded(network):
            raise UsageError("the weights are divided among processes; watch the checkpoints instead")
        model = replace(self.model_of(network), step=step)
        predict_text(model, self.tokenizer, self.documents, path, self.options, force=True)

    def model_of(self, network: Any) -> LanguageModel:
        """A network, or what is inside of what trains it, as a model.  Raises `UsageError` for what is none."""
        plain = plain_module(network)
        if self.forward is None or isinstance(plain, _Uniform):
            found = LanguageModel.of(plain, self.name)
            if not found.takes_ids:
                takes = f"{type(plain).__name__} does not take ids as transformers' models do"
                raise UsageError(
                    f"{takes}; give forward=, a function of it and of ids (B, T) that gives logits (B, T, V)."
                )
            return found
        return LanguageModel.of(_Called(plain, self.forward), self.name or type(plain).__name__)

    def try_out(self, path: Path) -> None:
        """Write the log of a network that gives all tokens the same probability, on the first two windows."""
        few = replace(self.documents, parts=self.documents.parts[:2])
        replace(self, documents=few).predict(_Uniform(len(self.tokenizer.vocabulary)), 1, path)

    @property
    def content(self) -> str:
        """The documents as JSON lines."""
        texts = (part.text.decode() for part in self.documents.parts)
        return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)


class _Called(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
    """A network with the interface of transformers, whose logits a function gives."""

    def __init__(self, network: Any, forward: Forward) -> None:
        super().__init__()
        self.network, self._forward = network, forward

    def forward(self, input_ids: Tensor) -> Any:
        return SimpleNamespace(logits=self._forward(self.network, input_ids))


class _Uniform(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
    """A language model that gives all tokens the same probability."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(tokens))

    def forward(self, input_ids: Tensor, logits_to_keep: int) -> Any:
        return SimpleNamespace(logits=self.bias.expand(len(input_ids), logits_to_keep, -1))


def take_sample(
    held_out: Documents,
    tokenizer: TextTokenizer,
    unit: str = "token",
    window: int = WINDOW,
    windows: int = WINDOWS,
    prefix: str = "auto",
    batch: int = 1,
) -> Sample:
    """The sample of a held-out text: `windows` of `window` tokens, the prefix among them; fewer of a short text.

    Raises `UsageError` for a window or a number of them that cannot be, `BadInput` for a text without a whole window.
    """
    if window < 4 or windows < 1:
        raise UsageError(f"a sample has at least one window of at least 4 tokens; got {windows} of {window}.")
    room = window - len(HfOptions(unit, window, prefix=prefix).prefix_ids(tokenizer))
    least = room // 2
    options = HfOptions(unit, window, room - least, prefix, batch, least_context=least)
    parts = tuple(Document(text) for text in _windows_of(held_out, tokenizer, room, windows))
    if not parts:
        raise BadInput(
            f"{held_out.name} has no {room} tokens in one document; give a longer text, or window=N, smaller."
        )
    return Sample(Documents(held_out.name, parts, separate=True), tokenizer, options)


def _windows_of(held_out: Documents, tokenizer: TextTokenizer, room: int, windows: int) -> Iterator[bytes]:
    """The texts of the windows: of the places that are evenly spaced, those at which a document has one."""
    texts = [part.text[slice(*part.whole)] if part.cut else part.text for part in held_out.parts]
    starts = list(accumulate(map(len, texts), initial=0))
    end = 0  # of the latest window
    for k in range(windows):
        place = max(starts[-1] * k // windows, end)
        number = bisect(starts, place) - 1
        if number < len(texts):
            begin = _begin(texts[number], place - starts[number])
            if found := _one_window(texts[number], begin, tokenizer, room):
                end = starts[number] + begin + len(found)
                yield found


def _begin(text: bytes, place: int) -> int:
    """Where a word begins near a place, or a character where no white space is near."""
    if place == 0:
        return 0
    near = text[place : place + _NEAR]
    spaces = [at for at in (near.find(b" "), near.find(b"\n")) if at >= 0]
    if spaces:
        return place + min(spaces) + 1
    while place < len(text) and text[place] & 0xC0 == 0x80:
        place += 1
    return place


def _one_window(text: bytes, begin: int, tokenizer: TextTokenizer, room: int) -> bytes:
    """The text of `room` tokens from a place on; nothing where so many are not left."""
    lengths, size = tokenizer.vocabulary.lengths, _TOKEN * room
    while True:
        piece = text[begin : begin + size]
        piece = piece[: end_of_characters(piece)]
        ids = tokenizer.encode(piece, "the held-out text").ids
        if len(ids) > room or begin + size >= len(text):
            break
        size *= 2
    if len(ids) < room:
        return b""
    cut = int(lengths[ids[:room]].sum())
    while cut:  # what is cut off by itself may have other tokens, and more of them
        found = piece[: end_of_characters(piece[:cut])]
        if len(tokenizer.encode(found, "the held-out text").ids) <= room:
            return found
        cut -= 1
    return b""
