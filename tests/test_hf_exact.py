"""Predictions that sum over tokenizations (`predict --hf --bytes exact`), window by window, beside `beam_rows`."""

import math
from pathlib import Path
from typing import Any

import pytest

from errtax.lm.byte_beam import beam_rows

torch = pytest.importorskip("torch")
pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")

from errtax.lm.hf.exact import WARM  # noqa: E402
from errtax.lm.hf.windows import WindowPlan  # noqa: E402
from test_hf_prediction import TOKENIZERS, log_of, naive_logprobs  # noqa: E402


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_beam_of_one_is_the_tokenizers_own_tokenization_or_better(tmp_path: Path, name: str) -> None:
    """Text of one window: Σ log p of all tokenizations that are kept is at least that of the tokenizer's own.

    That of one with all hypotheses equals `beam_rows` on the whole text.
    """
    text = "The cat sat"
    own, _ = log_of(tmp_path, name, text, window=32, prefix="7")
    beam, _ = log_of(tmp_path, name, text, window=32, prefix="7", bytes="exact,beam=64")
    tokens = TOKENIZERS[name].encode(text.encode())

    def after(ids: tuple[int, ...]) -> Any:
        return naive_logprobs(name, list(ids)).numpy()

    data = tokens.invented + text.encode()
    expected = beam_rows(after, TOKENIZERS[name].vocabulary, data, 64, start=(7,), ids=tokens.ids)
    assert beam["logprob"] == pytest.approx(expected.logprob[len(tokens.invented) :].tolist(), abs=1e-4)
    assert beam["argmax"] == [bytes([code]) for code in expected.argmax[len(tokens.invented) :]]
    assert math.fsum(beam["logprob"]) > math.fsum(own["logprob"])


def test_windows_of_a_beam(tmp_path: Path) -> None:
    """Each begins some tokens earlier than its rows, so that other tokenizations may reach over the border."""
    text = "The cat sat on the mat, and the naïve dog: it was quite happy!"
    cut, _ = log_of(tmp_path, "bytes", text, window=14, stride=3, prefix="none", bytes="exact,beam=4")
    tokenizer = TOKENIZERS["bytes"]
    ids = tokenizer.encode(text.encode()).ids
    window = list(WindowPlan(14, 3).windows(len(ids)))[-1]
    begin = max(window.first - WARM, window.start + 1)
    read, spelt = ids[window.start : begin].tolist(), ids[begin:]

    def after(tokens: tuple[int, ...]) -> Any:
        return naive_logprobs("bytes", list(tokens[-14:])).numpy()

    data = tokenizer.vocabulary.bytes_of(spelt)
    expected = beam_rows(after, tokenizer.vocabulary, data, 4, start=read, ids=spelt).logprob
    n = len(tokenizer.vocabulary.bytes_of(ids[window.first :]))
    assert cut["logprob"][-n:] == pytest.approx(expected[-n:].tolist(), abs=1e-4)
    assert cut["context"][-1] == len(ids) - 1 - window.start
    assert cut["logprob"].count(None) == len(tokenizer.vocabulary.piece(int(ids[0])))
