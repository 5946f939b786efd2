"""What scoring and the oracles need of an n-gram model, whichever engine made it."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.text import Codes, Sentences, Text, Unit


class NgramModel(Protocol):
    """Models of the orders 1..`order`; `order` has KenLM's meaning: n - 1 symbols of context."""

    @property
    def unit(self) -> Unit:
        """What one symbol is."""

    @property
    def sentences(self) -> Sentences:
        """Whether a text is one sentence or each of its lines is."""

    @property
    def order(self) -> int:
        """The highest order."""

    @property
    def text_sha256(self) -> str:
        """Of the training text's bytes; empty where the model does not say."""

    @property
    def description(self) -> str:
        """What a signature says of the model, for example `mkn,order=21,compat`."""

    def codes_of(self, text: Text) -> Codes:
        """The codes of a text in the model's own numbering; raises `BadInput` when the text has another unit."""

    def knows(self, codes: Codes) -> NDArray[np.bool_]:
        """Which symbols the model knows; it takes the others for `<unk>`."""

    def score_blocks(
        self, codes: Codes, unknown: NDArray[np.int64] | None = None, block: int = 1 << 18
    ) -> Iterator[NDArray[np.float32]]:
        """`logp[i, n - 1]`: natural log-probability of symbol i by order n, at most `block` positions at a time.

        A text begins with `<s>`.  With `Sentences.LINES` the code that ends a line is scored as `</s>`, and the next
        symbol follows a new `<s>`.  `unknown`: positions to take as `<unk>` whatever stands there, so that no
        context reaches across them.
        """


def require_unit(model: NgramModel, unit: Unit, name: str) -> None:
    """Raise `BadInput` when the model counts other units than a text or log does."""
    if model.unit != unit:
        raise BadInput(
            f"{name} is in units of {unit}, the model in units of {model.unit}; "
            f"build one with errtax build-ngram --unit {unit}."
        )
