"""An invented text, what a good model says of it, and a reference: for tests of the doctor."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, text_of_bytes

SYLLABLES = ["ka", "to", "mi", "re", "shu", "ol", "en", "vir", "da", "pe", "lus", "ga"]
Floats = NDArray[np.float64]


def invented(n: int, seed: int, syllables: list[str] | None = None) -> bytes:
    """A text of words that follow each other by habit."""
    rng = np.random.default_rng(seed)
    shape = np.random.default_rng(0)  # the same language whatever the seed
    pieces = syllables or SYLLABLES
    words = ["".join(shape.choice(pieces, shape.integers(1, 5))) for _ in range(400)]
    after = shape.integers(0, len(words), (len(words), 5))
    k, parts = 0, []
    for _ in range(n // 4):
        k = int(after[k, rng.integers(5)]) if rng.random() < 0.7 else int(len(words) * rng.random() ** 2)
        parts.append(words[k] + (". " if rng.random() < 0.1 else " "))
    return "".join(parts).encode()[:n]


@pytest.fixture(scope="module")
def made() -> tuple[NDArray[Any], Floats, NDArray[np.float32], NDArray[np.bool_]]:
    """A text's symbols, the values of a good model, and the reference's."""
    test = np.frombuffer(invented(4000, 2), np.uint8)
    model = NgramIndex.build(text_of_bytes(invented(60_000, 3), Unit.BYTE), 7)
    reference = NgramIndex.build(text_of_bytes(invented(30_000, 4), Unit.BYTE), 8)
    x = np.concatenate([block[:, -1].copy() for block in model.score_blocks(test)]).astype(np.float64)
    return test, x, np.concatenate([block.copy() for block in reference.score_blocks(test)]), reference.knows(test)


Made = tuple[NDArray[Any], Floats, NDArray[np.float32], NDArray[np.bool_]]
