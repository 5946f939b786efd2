"""Scores against models that KenLM itself made (golden/README.md)."""

import math
from pathlib import Path

import numpy as np
import pytest

from arpa import read_arpa, score
from errtax.lm.ngram_index import NgramIndex
from errtax.lm.text import Unit, text_of_bytes

GOLDEN = Path(__file__).parent / "golden"
MODELS = sorted(GOLDEN.glob("*.arpa*"))
NAMES = {" ": "<sp>", "\n": "<nl>", "\t": "<tab>", "\r": "<cr>", "\u3000": "<isp>"}


def held_out(text: str) -> str:
    """Known stretches, unknown order, unseen symbols."""
    return text[:40] + "☃" + text[::-1][:300] + "☃☃" + text[50:350] + text[::3] + text[-60:]


def largest_difference(path: Path, kenlm_compat: bool) -> float:
    name, order = path.name.split(".")[0], int(path.name.split(".")[1])
    text = (GOLDEN / f"{name}.txt").read_bytes()
    tokens = [NAMES.get(c, c) for c in held_out(text.decode())]
    golden = np.array(score(read_arpa(path), tokens, order))
    index = NgramIndex.build(text_of_bytes(text, Unit.CHAR), order, kenlm_compat=kenlm_compat)
    found = index.score(text_of_bytes(held_out(text.decode()).encode(), Unit.CHAR).codes)[:, order - 1]
    return float(np.abs(found / math.log(10) - golden).max())


def test_the_models_are_there() -> None:
    assert len(MODELS) >= 15
    assert sum(path.stat().st_size for path in MODELS) < 1_000_000


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
def test_scores_are_kenlms(path: Path) -> None:
    assert largest_difference(path, kenlm_compat=True) <= 1e-5


def test_without_compatibility_the_scores_differ() -> None:
    """So that the test above can fail: the final flush is what the corrected statistic leaves out."""
    assert max(largest_difference(path, kenlm_compat=False) for path in MODELS if "code" in path.name) > 1e-2


@pytest.mark.parametrize("order", [2, 5])
def test_the_distribution_is_kenlms(order: int) -> None:
    model = read_arpa(next(path for path in MODELS if path.name.startswith(f"prose.{order}.")))
    text = (GOLDEN / "prose.txt").read_bytes()
    index = NgramIndex.build(text_of_bytes(text, Unit.CHAR), order)
    for context in ("", "the mill", "wheel☃", "☃", "qq"):
        p = index.distribution([ord(c) for c in context])[order - 1]
        tokens = [NAMES.get(c, c) for c in context]
        for code, probability in zip(index.alphabet.codes, p[3:], strict=True):
            word = NAMES.get(chr(code), chr(code))
            golden = score(model, [*tokens, word], order)[-1]
            assert math.log10(probability) == pytest.approx(golden, abs=1e-5)
        assert math.log10(p[2]) == pytest.approx(score(model, [*tokens, "</s>"], order)[-1], abs=1e-5)
