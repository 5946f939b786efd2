"""The file of llama.cpp's own `llama-perplexity` as a byte log, and damaged ones."""

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from commands import Errtax, refused

pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")
pytest.importorskip("gguf", reason="reading .gguf needs gguf: pip install gguf accelerate")
pytest.importorskip("accelerate", reason="reading .gguf needs accelerate: pip install gguf accelerate")

import hf_models
from errtax.lm.byte_log import ByteProjector
from errtax.lm.errors import BadInput
from errtax.lm.hf.tokenizer import TextTokenizer, load_tokenizer
from errtax.lm.imports import llama
from errtax.lm.imports.records import Distributions, ReadOptions

GOLDEN = Path(__file__).parent / "golden"
FILE, TEXT, MODEL = GOLDEN / "llama.kld", GOLDEN / "llama.txt", GOLDEN / "llama.gguf"
N_CTX, N_VOCAB, N_CHUNK = 16, 305, 5


@pytest.fixture(scope="module")
def logits() -> Any:
    """transformers' own, from the same .gguf: (chunks, n_ctx, V)."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(GOLDEN, gguf_file=MODEL.name)
    with torch.no_grad():
        return model(torch.tensor(ids())).logits.double().numpy()


def ids() -> Any:
    found = load_tokenizer(str(MODEL)).encode(TEXT.read_bytes()).ids
    return found[: N_CHUNK * N_CTX].reshape(N_CHUNK, N_CTX)


def test_a_real_file_equals_transformers(errtax_alone: Errtax, logits: Any) -> None:
    """To half a step of its 16 bits, 1e-4; the rows of each chunk's second half, and nulls for the rest."""
    done = errtax_alone("import", "llama", FILE, "--text", TEXT, "--tokenizer", MODEL)
    assert done.code == 0, done.err
    log = pd.read_parquet("preds.parquet")
    text = TEXT.read_bytes()
    assert b"".join(log["symbol"]) == text
    projector = ByteProjector(load_tokenizer(str(MODEL)).vocabulary)
    predicted = np.tile(np.arange(N_CTX) > N_CTX // 2, N_CHUNK)
    shifted = np.roll(logits.reshape(-1, N_VOCAB), 1, axis=0)
    expected = projector.add(ids().ravel(), shifted, predicted)
    n = len(expected.logprob)
    np.testing.assert_allclose(log["logprob"][:n], expected.logprob, atol=1e-3)
    assert log["logprob"][n:].isna().all() and n < len(text)
    known = log["logprob"][:n].notna().to_numpy()
    assert (log["argmax"][:n][known] == [bytes([b]) for b in expected.argmax[known]]).all()
    assert (log["rank"][:n][known] == expected.rank[known]).mean() > 0.98  # ties of 16 bits
    assert 0.3 < known.mean() < 0.5
    assert errtax_alone("validate", "preds.parquet").code == 0


def test_the_values_of_the_file_are_log_softmax(logits: Any) -> None:
    """What lies less than 16 nats below the best, to 1.1e-4."""
    options = ReadOptions(vocabulary=load_tokenizer(str(MODEL)).vocabulary)
    blocks = [block for block in llama.read(FILE, options).blocks if isinstance(block, Distributions)]
    found = np.concatenate([block.scores[block.predicted] for block in blocks])
    top = logits.max(2, keepdims=True)
    sums = np.log(np.exp(logits - top).sum(2, keepdims=True)) + top
    expected = (logits - sums)[:, N_CTX // 2 : -1].reshape(-1, N_VOCAB)
    inside = expected > expected.max(1, keepdims=True) - 15.99
    assert found.shape == (N_CHUNK * (N_CTX // 2 - 1), N_VOCAB)
    assert np.abs(found - expected)[inside].max() < 1.1e-4


def damaged(path: Path, change: Any) -> Path:
    content = bytearray(FILE.read_bytes())
    path.write_bytes(bytes(change(content) or content))
    return path


def header(n_ctx: int, n_vocab: int, n_chunk: int) -> bytes:
    return b"_logits_" + struct.pack("<3i", n_ctx, n_vocab, n_chunk)


def put(content: bytearray, at: int, value: bytes) -> None:
    content[at : at + len(value)] = value


ROWS = 20 + 4 * N_CTX * N_CHUNK
WIDTH = 2 * (4 + N_VOCAB + 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c[:-1], ["cut off in row 34 of the 35"]),
        (lambda c: c[:ROWS], ["cut off in row 0"]),
        (lambda c: c[:15], ["cut off after 15 bytes"]),
        (lambda c: c[:5], ["_logits_"]),
        (lambda c: b"GGUF" + c[4:], ["_logits_", "--kl-divergence-base"]),
        (lambda c: c + b"x", ["longer than"]),
        (lambda c: header(2**31 - 1, 2**31 - 1, 2**31 - 1) + c[20:], ["cut off", "promises"]),
        (lambda c: header(-16, 305, 5) + c[20:], ["n_ctx -16"]),
        (lambda c: header(16, 305, 0) + c[20:], ["n_chunk 0"]),
        (lambda c: put(c, ROWS + 2 * WIDTH, struct.pack("<f", np.nan)), ["row 2 has scale nan"]),
        (lambda c: put(c, ROWS + WIDTH + 4, struct.pack("<f", 3.0)), ["row 1 has", "least log-probability 3"]),
        (lambda c: put(c, 20 + 4 * 20, struct.pack("<i", 9999)), ["chunk 1, token 4", "token 9999", "305"]),
        (lambda c: put(c, 20 + 4 * 20, struct.pack("<i", -7)), ["chunk 1, token 4", "token -7"]),
        (lambda c: put(c, 20 + 4 * 20, struct.pack("<i", 290)), ["chunk 1, token 4", "another text"]),
    ],
)
def test_damaged_files_are_refused(errtax_alone: Errtax, change: Any, words: list[str]) -> None:
    damaged(Path("f.kld"), change)
    refused(errtax_alone("import", "llama", "f.kld", "--text", TEXT, "--tokenizer", MODEL), 3, *words)
    assert not Path("preds.parquet").exists()


def test_a_header_cannot_make_it_allocate(tmp_path: Path) -> None:
    path = damaged(tmp_path / "f", lambda c: header(2**31 - 1, 2**31 - 1, 1) + c[20:])
    vocabulary = TextTokenizer.of(hf_models.byte_level()).vocabulary
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match="cut off"):
            llama.read(path, ReadOptions(vocabulary=vocabulary))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_another_text_and_another_tokenizer(errtax_alone: Errtax, tmp_path: Path) -> None:
    Path("other.txt").write_bytes(TEXT.read_bytes().replace(b"mat", b"map"))
    refused(
        errtax_alone("import", "llama", FILE, "--text", "other.txt", "--tokenizer", MODEL),
        3,
        "chunk 0, token",
        "another text, or another tokenizer",
    )
    hf_models.byte_level(290).save_pretrained(tmp_path / "small")
    refused(errtax_alone("import", "llama", FILE, "--text", TEXT, "--tokenizer", tmp_path / "small"), 3, "tokenizer")
    refused(errtax_alone("import", "llama", FILE, "--text", TEXT), 2, "--tokenizer")
