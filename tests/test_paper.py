"""The paper's own numbers, and the peel of its own text."""

import math
import re
from collections import Counter

import numpy as np
import pytest

import naive
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.taxonomy.peel import peel_log
from errtax.taxonomy.settings import PRESETS

Parts = tuple[bytes, bytes, bytes]

TABLE_2 = {1: 2.399, 2: 1.928, 3: 1.521, 4: 1.314, 5: 1.232, 6: 1.203, 7: 1.194, 8: 1.194, 9: 1.194, 20: 1.195}
"""Karpathy et al. 2015, Table 2, War and Peace, n-gram: test cross-entropy in nats by symbols of context."""


@pytest.fixture(scope="module")
def index(warpeace_parts: Parts) -> NgramIndex:
    return NgramIndex.build(text_of_bytes(warpeace_parts[0], Unit.BYTE), order=21)


@pytest.fixture(scope="module")
def scores(index: NgramIndex, warpeace_parts: Parts) -> np.typing.NDArray[np.float32]:
    return index.score(text_of_bytes(warpeace_parts[2], Unit.BYTE).codes)


@pytest.mark.parametrize("n", TABLE_2)
def test_table_2(scores: np.typing.NDArray[np.float32], n: int) -> None:
    assert len(scores) == 330_000
    assert round(-float(scores[:, n].mean(dtype=np.float64)), 3) == TABLE_2[n]


@pytest.mark.parametrize("preset", ["paper", "text"])
def test_the_peel_is_the_naive_one_row_by_row(
    preset: str, index: NgramIndex, scores: np.typing.NDArray[np.float32], warpeace_parts: Parts
) -> None:
    n = 20_000
    train, _, test = warpeace_parts
    codes = text_of_bytes(test[:n], Unit.BYTE).codes
    noise = np.random.default_rng(6).random(n)
    logprobs = np.log(0.5 * np.exp(scores[:n, 4].astype(np.float64)) + 0.5 * noise)
    logprobs[0] = math.nan
    log = PredictionLog("synthetic", Unit.BYTE, np.arange(n), codes, logprobs)
    words = count_words(text_of_bytes(train, Unit.BYTE))
    peel = peel_log(log, collect_evidence(TextView.of_log(log), index, words), PRESETS[preset])

    training = Counter[str](re.findall(r"\w+", train.decode("utf-8", "surrogateescape")))
    rules = naive.Rules() if preset == "paper" else naive.Rules(min_length=1, reach=1)
    facts = naive.facts_of(naive.track_of(range(n), codes.tolist()), as_bytes=True)
    seen = Counter[str]()
    for row in range(n):
        p = None if row == 0 else float(logprobs[row])
        due = naive.peel_position(facts[row], naive.smallest_context(scores[row].tolist()), training, p, False, rules)
        assert (bool(peel.error[row]), int(peel.claims[row])) == (due.error, due.claims), row
        if due.layer is None or due.slice is None:
            assert peel.layer[row] == -1
        else:
            assert peel.layer_names[peel.layer[row]] == due.layer, row
            assert peel.slice_names(due.layer)[peel.slice[row]] == due.slice, row
            seen[due.slice] += 1
    assert len(seen) >= 9 + 4 + 6 + 2 + 1 + 4  # every slice but perhaps the last boost
