"""A causal language model of transformers: its distributions for the tokens of some windows."""

import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.hf.sources import DTYPES, Source, loading
from errtax.lm.neural.run import choose_device
from errtax.lm.visible import shown_name

_SAMPLED = 16  # weights of each parameter that tell a model from others


@dataclass(frozen=True, eq=False)
class Asked:
    """What a model reads, `ids`, and of how many of its last positions it is asked what comes next."""

    ids: Sequence[int]
    count: int


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """`network`: any object with the interface of transformers' causal language models.

    `name`: what it is called.  `revision`, `step`: which version of it, None where that is not known.
    """

    network: Any
    name: str
    revision: str | None = None
    step: int | None = None

    @classmethod
    def of(cls, network: Any, name: str | None = None) -> "LanguageModel":
        """A model at hand.  Raises `UsageError` for what is none."""
        if not callable(network) or not callable(getattr(network, "parameters", None)):
            raise UsageError(f"a causal language model of transformers is needed, got {type(network).__name__}.")
        found = str(getattr(network, "name_or_path", "") or "") or type(network).__name__
        if name is None and Path(found).is_dir():  # a log says nothing of where files lie
            found = Path(found).resolve().name
        return cls(network, shown_name(name or found))

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        count = getattr(self.network, "num_parameters", None)
        return int(count()) if callable(count) else sum(each.numel() for each in self.network.parameters())

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        found: torch.device = next(self.network.parameters()).device
        return found

    @property
    def dtype(self) -> str:
        """The type of its weights, such as `float32`."""
        return str(next(self.network.parameters()).dtype).removeprefix("torch.")

    @property
    def longest(self) -> int | None:
        """The most tokens that it reads at a time, None where nothing is said."""
        config: Any = getattr(self.network, "config", None)
        if callable(getattr(config, "get_text_config", None)):
            config = config.get_text_config()
        found = getattr(config, "max_position_embeddings", None)
        return found if isinstance(found, int) and found > 0 else None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the names and shapes of its weights, and of some of their values: another model has another."""
        digest = hashlib.sha256()
        for name, weights in self.network.named_parameters():
            flat = weights.detach().reshape(-1)
            step = max(len(flat) // _SAMPLED, 1)
            digest.update(f"{name} {tuple(weights.shape)}".encode() + flat[::step].double().cpu().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()  # what a model keeps of inference mode, such as tables of angles, cannot be trained through
    def scores(self, asked: Sequence[Asked]) -> list[Tensor]:
        """The logits of what follows each position asked about; float32 (count, V), one for each window.

        Windows are read side by side; shorter ones are filled up behind their end, which no position before sees.
        """
        longest = max(len(each.ids) for each in asked)
        kept = max(longest - (len(each.ids) - each.count) for each in asked)
        ids = torch.zeros((len(asked), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for k, each in enumerate(asked):
            ids[k, : len(each.ids)] = torch.as_tensor(np.asarray(each.ids, np.int64))
            mask[k, : len(each.ids)] = 1
        given: dict[str, Any] = {"use_cache": False} if "use_cache" in self._accepted else {}
        if "logits_to_keep" in self._accepted:  # the head is computed for these positions alone
            given["logits_to_keep"] = kept
        if not bool(mask.all()):
            given["attention_mask"] = mask.to(self.device)
        logits = self.network(input_ids=ids.to(self.device), **given).logits
        offset = longest - logits.shape[1]
        ends = [len(each.ids) - offset for each in asked]
        return [
            logits[k, end - each.count : end].float() for k, (each, end) in enumerate(zip(asked, ends, strict=True))
        ]

    @property
    def takes_ids(self) -> bool:
        """Whether it is called with `input_ids=`, or with anything."""
        return bool(self._accepted & {"input_ids", "kwargs"})

    @cached_property
    def _accepted(self) -> frozenset[str]:
        forward = getattr(self.network, "forward", self.network)
        return frozenset(inspect.signature(forward).parameters)

    def require_causal(self, ids: Sequence[int]) -> None:
        """Raise `BadInput` where the last of some ids changes what is predicted from those before it."""
        if len(ids) < 2:
            return
        first = list(ids)
        other = [*first[:-1], first[0] if first[0] != first[-1] else int(first[-1] == 0)]
        one, two = (self.scores([Asked(each, len(first))])[0][:-1] for each in (first, other))
        if bool((one - two).abs().max() > 1e-3 * one.abs().max()):  # not so where they are not numbers
            raise BadInput(
                f"{self.name} is not a causal language model: a token changes the predictions before it; give one that "
                "predicts the next token."
            )


def load_model(place: Source, dtype: str = "float32", device: str = "auto") -> LanguageModel:
    """A model from a folder, a `.gguf` file or the hub, on a device.  No code that comes with a model is run."""
    from transformers import AutoModelForCausalLM  # noqa: PLC0415  # takes seconds to import

    if dtype not in DTYPES:
        raise UsageError(f"--dtype must be one of {', '.join(DTYPES)}, got {dtype}.")
    target = choose_device(device)
    with loading(place, "model"):
        network = AutoModelForCausalLM.from_pretrained(
            place.name, dtype=getattr(torch, dtype), trust_remote_code=False, **place.arguments
        )
    return LanguageModel(network.to(target), place.shown, place.revision, place.step)
