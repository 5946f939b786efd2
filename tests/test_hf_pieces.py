"""Long texts are tokenized in pieces: the tokens are those of the whole text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("transformers")  # tokenizers are not needed without

from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from errtax.lm.hf import pieces
from errtax.lm.hf.pieces import encode_long
from errtax.lm.hf.tokenizer import TextTokenizer

TEXT = (
    "The prince said nothing, and the princess, who had said nothing, said: «Où êtes-vous, mon cher? C'est naïf!»\r\n"
    "In 1805 – no, in 1,812 – there were 600,000 men… 我们说 a little,   and   spaces;\n\n\n    and aaaaaaaaaaa.\n"
)


def byte_level() -> Tokenizer:
    """As GPT-2's."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator([TEXT * 3], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet))
    return made


def sentence_piece() -> Tokenizer:
    """As Llama's: a space is invented before the text, which is then read as one word."""
    made = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokens = [AddedToken(f"<0x{byte:02X}>", special=False, normalized=False) for byte in range(256)]
    words = [word + " " for word in TEXT.split(" ")] * 3
    made.train_from_iterator(words, trainers.BpeTrainer(vocab_size=500, special_tokens=tokens))
    return made


TOKENIZERS = {"byte-level": TextTokenizer.of(byte_level()), "sentence-piece": TextTokenizer.of(sentence_piece())}
WORDS = [*TEXT.split(" "), " ", "\n", "a", "aaaaaaa", "\n\n\n", "é", "我们说我们说", "«Où"]


def both(kind: str, text: str, piece: int, overlap: int) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """The ids in pieces, those of the whole, and how many bytes were read."""
    tokenizer, read = TOKENIZERS[kind], 0

    def encode(part: bytes) -> NDArray[np.int64]:
        nonlocal read
        read += len(part)
        return np.array(tokenizer.backend.encode(part.decode(), add_special_tokens=False).ids, np.int64)

    data = text.encode()
    found = encode_long(data, encode, tokenizer.vocabulary.lengths, piece, overlap)
    return found, np.array(tokenizer.backend.encode(text, add_special_tokens=False).ids, np.int64), read


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(words=st.lists(st.sampled_from(WORDS), max_size=400), piece=st.integers(300, 900))
def test_tokens_in_pieces_are_those_of_the_whole(kind: str, words: list[str], piece: int) -> None:
    found, due, _ = both(kind, " ".join(words), piece, 256)
    assert found.tolist() == due.tolist()


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("letter", ["a", " ", "\n", "é", "我", "a "])
def test_one_long_run_of_a_letter(kind: str, letter: str) -> None:
    """A piece begins inside a run that is longer than what two share."""
    for n in range(2990, 3010):
        for text in (letter * n, TEXT + letter * n + TEXT):
            found, due, _ = both(kind, text, 700, 200)
            assert found.tolist() == due.tolist()


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_piece_at_a_time_is_read(kind: str) -> None:
    text = TEXT * 100
    found, due, read = both(kind, text, 2000, 400)
    assert found.tolist() == due.tolist()
    assert read < 1.4 * len(text.encode())  # pieces of 2,000 share 400 bytes


def test_texts_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    due = TOKENIZERS["byte-level"].encode(TEXT.encode() * 9).ids
    monkeypatch.setattr(pieces.encode_long, "__defaults__", (500, 200))
    asked: list[int] = []
    real = TextTokenizer._ids_of

    def asking(self: TextTokenizer, part: bytes) -> NDArray[np.int64]:
        asked.append(len(part))
        return real(self, part)

    monkeypatch.setattr(TextTokenizer, "_ids_of", asking)
    assert TOKENIZERS["byte-level"].encode(TEXT.encode() * 9).ids.tolist() == due.tolist()
    assert len(asked) > 5 and max(asked) <= 500
