"""Train a small Llama over subword tokens on one text: the transformers of the study in docs/transformers.md.

python bench/train_transformer.py wp/train.txt -o llama-128 --hidden 128 --layers 2 --steps 2000

The folder is what `errtax predict --hf` reads, and with `--keep 10,100` so are its folders `step10` and `step100`.
Seeded; the same machine and threads give the same weights.
"""

import argparse
import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT = 256  # tokens
BATCH = 8  # sequences of CONTEXT tokens in a step
RATE = 3e-3  # at its highest: linear warm-up for 5 % of the steps, then a cosine to a tenth


def byte_level(text: str, size: int) -> Tokenizer:
    """Byte-level BPE of `size` tokens, as GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet))
    return tokenizer


def metaspace(text: str, size: int) -> Tokenizer:
    """BPE of `size` tokens with `▁` for spaces and a token for each byte, as Llama's and Gemma's by SentencePiece."""
    letters = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokens = [AddedToken(letter, special=False, normalized=False) for letter in letters]
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(vocab_size=size, special_tokens=tokens))
    return tokenizer


def batches(ids: torch.Tensor, seed: int) -> Iterator[torch.Tensor]:
    """Sequences of CONTEXT + 1 tokens that begin anywhere in the text, without end."""
    generator = torch.Generator().manual_seed(seed)
    for _ in itertools.count():
        starts = torch.randint(len(ids) - CONTEXT - 1, (BATCH, 1), generator=generator)
        yield ids[starts + torch.arange(CONTEXT + 1)]


def rate(step: int, steps: int) -> float:
    """The learning rate of a step, as a share of RATE."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def update(model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> float:
    """Make one step on sequences of tokens; the loss before it, in nats a token."""
    logits = model(batch[:, :-1]).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def train(model: LlamaForCausalLM, ids: torch.Tensor, steps: int, seed: int) -> Iterator[int]:
    """Train, and give the number of each step that was made."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    begun, losses = time.perf_counter(), []
    for step, batch in enumerate(itertools.islice(batches(ids, seed), steps), 1):
        losses.append(update(model, optimizer, batch))
        schedule.step()
        if step % 100 == 0 or step == steps:
            mean, seconds = sum(losses) / len(losses), time.perf_counter() - begun
            print(f"step {step:,} of {steps:,}: {mean:.3f} nats a token, {seconds:.0f} s", flush=True)
            losses.clear()
        yield step


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("text", type=Path)
    arguments.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    arguments.add_argument("--tokenizer", choices=["byte-level", "metaspace"], default="byte-level")
    arguments.add_argument("--vocabulary", type=int, default=2048)
    arguments.add_argument("--hidden", type=int, default=128)
    arguments.add_argument("--layers", type=int, default=2)
    arguments.add_argument("--steps", type=int, default=2000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--keep", type=lambda steps: [int(step) for step in steps.split(",")], default=[])
    options = arguments.parse_args()

    torch.manual_seed(options.seed)
    text = options.text.read_bytes().decode()
    build = byte_level if options.tokenizer == "byte-level" else metaspace
    tokenizer = build(text, options.vocabulary)
    ids = torch.tensor(tokenizer.encode(text).ids)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=options.hidden,
        intermediate_size=4 * options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=max(1, options.hidden // 32),
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters:,} parameters, {len(ids):,} tokens of {len(text.encode()) / len(ids):.2f} bytes", flush=True)
    tokens = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    for step in train(model, ids, options.steps, options.seed):
        if step in options.keep or step == options.steps:
            folder = options.output if step == options.steps else options.output / f"step{step}"
            model.save_pretrained(folder)
            tokens.save_pretrained(folder)


if __name__ == "__main__":
    main()
