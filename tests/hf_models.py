"""Tiny tokenizers and transformers, made on the spot: nothing is downloaded."""

import json
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CORPUS = ["The cat sat on the mat, and the dog sat on the log. ", "It was happy: quite, quite happy!\n"]
CORPUS += ["naïve café 猫\r\n"]
TEXT = "  The cat sat\r\non the <|endoftext|> mat 😀, naïve – or 猫?\r\n\n<s> It was quite </s> happy! <unk> dog\n" * 3
"""With special tokens as text, characters that tokens split, leading spaces, CR LF."""


def byte_level(size: int = 320) -> Any:
    """A byte-level BPE like GPT-2's: no prefix, 256 bytes and merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(CORPUS * 5, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


def metaspace(size: int = 380) -> Any:
    """A BPE like Llama's: `▁`, byte fallback, an invented leading space, and `<s>` before each text."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    trained.train_from_iterator([CORPUS[0], CORPUS[1]] * 5, trainers.BpeTrainer(vocab_size=size - 259))
    found = sorted(trained.get_vocab().items(), key=lambda pair: pair[1])
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *(piece for piece, _ in found)]
    vocabulary = {piece: k for k, piece in enumerate(pieces)}
    model = models.BPE(vocabulary, _merges(trained), unk_token="<unk>", byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def _merges(tokenizer: Any) -> list[tuple[str, str]]:
    return [tuple(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]


def llama(vocabulary: int, positions: int = 64, seed: int = 1) -> Any:
    """A Llama of one layer, with random weights that make its distributions peaked."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=positions,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(config).eval()


def gpt2(vocabulary: int, positions: int = 64) -> Any:
    """A GPT-2 of one layer: its positions are learnt."""
    torch.manual_seed(2)
    config = GPT2Config(
        vocab_size=vocabulary, n_embd=16, n_layer=1, n_head=2, n_positions=positions, initializer_range=0.5
    )
    return GPT2LMHeadModel(config).eval()
