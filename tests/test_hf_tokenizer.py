"""Tokens as bytes, and texts as tokens whose bytes are the text."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput

pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers

import hf_models
from errtax.lm.hf.tokenizer import TextTokenizer, load_tokenizer, vocabulary_of

BYTE_LEVEL, METASPACE = TextTokenizer.of(hf_models.byte_level()), TextTokenizer.of(hf_models.metaspace())


@pytest.mark.parametrize(("tokenizer", "invented"), [(BYTE_LEVEL, b""), (METASPACE, b" ")], ids=["bytes", "metaspace"])
@pytest.mark.parametrize("text", [hf_models.TEXT, hf_models.TEXT.strip(), "\r\n x", "é", "<|endoftext|>", "<s>x</s>"])
def test_the_bytes_of_the_tokens_are_the_text(tokenizer: TextTokenizer, invented: bytes, text: str) -> None:
    tokens = tokenizer.encode(text.encode())
    assert tokenizer.vocabulary.bytes_of(tokens.ids) == tokens.invented + text.encode()
    assert tokens.invented in ({invented} if text[0] != " " else {b"", b" "})
    assert not tokenizer.vocabulary.special[tokens.ids].any()


@given(st.text())
def test_any_text_is_kept_or_refused_only_for_the_sign_that_stands_for_a_space(text: str) -> None:
    for tokenizer in (BYTE_LEVEL, METASPACE):
        if tokenizer is METASPACE and "▁" in text:
            continue
        tokens = tokenizer.encode(text.encode())
        assert tokenizer.vocabulary.bytes_of(tokens.ids) == tokens.invented + text.encode()


def test_bytes_equal_what_the_tokenizer_itself_decodes() -> None:
    """Of the tokens that are valid UTF-8 by themselves; two bytes before each keep what a decoder strips."""
    for made in (hf_models.byte_level(), hf_models.metaspace()):
        vocabulary, backend = vocabulary_of(made), made.backend_tokenizer
        before = backend.encode("ab", add_special_tokens=False).ids
        for k in range(len(vocabulary)):
            piece = vocabulary.piece(k)
            if not vocabulary.special[k] and not any(byte > 127 for byte in piece):
                assert backend.decode([*before, k], skip_special_tokens=False).encode().endswith(b"ab" + piece)


def test_each_byte_has_a_token_and_special_tokens_are_special() -> None:
    for tokenizer, special in ((BYTE_LEVEL, [0]), (METASPACE, [0, 1, 2])):
        vocabulary = tokenizer.vocabulary
        single = {vocabulary.piece(k) for k in range(len(vocabulary)) if vocabulary.lengths[k] == 1}
        assert len(single) == 256
        assert vocabulary.special.nonzero()[0].tolist() == special


def test_what_a_tokenizer_puts_before_a_text() -> None:
    assert BYTE_LEVEL.prepended == ()
    assert METASPACE.prepended == (1,)


def test_the_tokenizer_that_was_given_stays_as_it_was() -> None:
    made = hf_models.byte_level()
    made("x " * 50, truncation=True, max_length=4)
    assert len(TextTokenizer.of(made).encode(b"x " * 50).ids) >= 50
    assert made.backend_tokenizer.truncation is not None
    assert made.backend_tokenizer.encode("<|endoftext|>").ids == [0]


def test_the_digest_is_that_of_what_makes_the_ids() -> None:
    made = hf_models.byte_level()
    before = TextTokenizer.of(made).sha256
    made("x " * 50, truncation=True, max_length=4)
    assert TextTokenizer.of(made).sha256 == before == BYTE_LEVEL.sha256 != METASPACE.sha256
    assert TextTokenizer.of(hf_models.byte_level(290)).sha256 != before


def test_a_folder_and_a_file_give_the_same_tokenizer(tmp_path: Path) -> None:
    hf_models.metaspace().save_pretrained(tmp_path)
    for source in (tmp_path, tmp_path / "tokenizer.json"):
        loaded = load_tokenizer(str(source))
        assert loaded.sha256 == METASPACE.sha256
        assert loaded.vocabulary.data.tobytes() == METASPACE.vocabulary.data.tobytes()


def test_added_tokens_that_are_not_special_are_their_text() -> None:
    made = hf_models.byte_level()
    made.add_tokens([AddedToken("  \t", special=False), AddedToken("Ġx", special=False)])
    tokenizer = TextTokenizer.of(made)
    tokens = tokenizer.encode("a  \tb Ġx Ġ".encode())
    assert {len(tokenizer.vocabulary) - 1, len(tokenizer.vocabulary) - 2} <= set(tokens.ids.tolist())


def changed(change: Any, tokenizer: Any = None) -> TextTokenizer:
    made = tokenizer or hf_models.byte_level()
    change(made.backend_tokenizer)
    return TextTokenizer.of(made)


def test_what_a_tokenizer_changes_is_refused_with_the_first_difference() -> None:
    lower = changed(lambda backend: setattr(backend, "normalizer", normalizers.Lowercase()))
    with pytest.raises(BadInput, match=r"at byte 4 the text has 'Cat', its tokens 'cat'"):
        lower.encode(b"the Cat")
    strip = changed(lambda backend: setattr(backend, "normalizer", normalizers.Strip()))
    with pytest.raises(BadInput, match=r"at byte 1 the text has ' ', its tokens nothing"):
        strip.encode(b"a ")
    with pytest.raises(BadInput, match=r"at byte 2 the text has '▁', its tokens ' '"):
        METASPACE.encode("a ▁".encode())
    blank = changed(lambda backend: setattr(backend, "pre_tokenizer", pre_tokenizers.Whitespace()))
    with pytest.raises(BadInput, match=r"not keep t.txt: at byte"):
        blank.encode(b"the cat", "t.txt")


def test_bytes_that_are_not_utf8_are_refused_with_their_place() -> None:
    with pytest.raises(BadInput, match=r"t.txt is not UTF-8 at byte 3 \(E9\).*iconv"):
        BYTE_LEVEL.encode(b"caf\xe9 x", "t.txt")


def test_tokenizers_that_lose_spaces_are_refused() -> None:
    pieces = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2}, unk_token="[UNK]"))
    with pytest.raises(BadInput, match="WordPiece tokenizer, which loses"):
        vocabulary_of(pieces)
    ends = Tokenizer(models.BPE({"a</w>": 0}, [], end_of_word_suffix="</w>"))
    with pytest.raises(BadInput, match="marks words by '</w>'"):
        vocabulary_of(ends)


def test_a_unigram_without_byte_fallback_refuses_what_it_does_not_know() -> None:
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, unk_token="<unk>", special_tokens=["<unk>"])
    made.train_from_iterator(hf_models.CORPUS[:1] * 5, trainer)
    tokenizer = TextTokenizer.of(made)
    tokens = tokenizer.encode(b"The cat sat")
    assert tokenizer.vocabulary.bytes_of(tokens.ids) == b" The cat sat"
    with pytest.raises(BadInput, match=r"at byte 8 the text has '猫', its tokens '<unk>'"):
        tokenizer.encode("The cat 猫".encode())


def test_a_tokenizer_without_a_fast_backend_is_refused() -> None:
    class Slow:
        name_or_path = "models/slow"

        def __call__(self, text: str) -> None: ...

    with pytest.raises(BadInput, match=r"slow is a Slow without a fast backend.*tokenizer.json"):
        TextTokenizer.of(Slow())


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BadInput, match="is not a tokenizer"):
        load_tokenizer(str(tmp_path / "tokenizer.json"))
    with pytest.raises(BadInput, match="does not exist"):
        load_tokenizer(str(tmp_path / "none.gguf"))
    with pytest.raises(BadInput, match=r"tokenizer of .* cannot be loaded"):
        load_tokenizer(str(tmp_path))
    with pytest.raises(BadInput, match=r"the tokenizer of nobody/nothing cannot be loaded.*check the name"):
        load_tokenizer("nobody/nothing")
